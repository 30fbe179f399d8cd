package main

import (
	"fmt"
	"io"

	"github.com/adred-codev/ws_poc/scripts/internal/report"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const mapExample = `  scripts/bench map
  scripts/bench map --svg crossover.svg`

func mapCommand(args []string, stdout io.Writer) (int, error) {
	var o options
	f := newFlags("map", "map [options]", mapExample, stdout)
	file := f.String("model", "", "`file` of a model (default: the newest that was fitted)")
	f.StringVar(&o.out, "results", "", "`folder` of results, beside which models are (default scripts/.cache/bench)")
	picture := f.String("svg", "", "`file` for the map as a picture")
	rest, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	if len(rest) > 0 {
		return 0, fmt.Errorf("%w: map takes no names, but options: %s is none", errUsage, rest[0])
	}
	m, err := o.modelOf(*file)
	if err != nil {
		return 0, err
	}
	for _, name := range scenario.Variants() {
		if m.Find(name) == nil {
			return 0, fmt.Errorf("%w: the model has no costs of %s, and a map is about both: measure it with bench fit", errUsage, name)
		}
	}
	if err := report.MarkdownMap(stdout, m); err != nil {
		return 0, err
	}
	if *picture == "" {
		return exitHolds, nil
	}
	svg, err := report.MapPicture(m)
	if err != nil {
		return 0, err
	}
	return exitHolds, write(inCallersFolder(*picture), func(w io.Writer) error { _, err := w.Write(svg); return err })
}
