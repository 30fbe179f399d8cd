package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/adred-codev/ws_poc/scripts/internal/report"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

const reportExample = `  scripts/bench report                                  # the newest result of each scenario, into report.html and report.md
  scripts/bench report results/*.json --html page.html --markdown pr.md`

func reportCommand(args []string, stdout io.Writer) (int, error) {
	var o options
	f := newFlags("report", "report [FILE ...] [options]", reportExample, stdout)
	f.StringVar(&o.out, "results", "", "`folder` to take the newest result of each scenario from (default scripts/.cache/bench)")
	page := f.String("html", "report.html", "`file` for the page")
	table := f.String("markdown", "report.md", "`file` for the table")
	pictures := f.String("pictures", "", "`folder` for each picture as an SVG file")
	files, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		if files, err = newest(&o); err != nil {
			return 0, err
		}
	}
	var results []*result.Result
	for _, file := range files {
		r, err := result.Read(inCallersFolder(file))
		if err != nil {
			return 0, err
		}
		results = append(results, r)
	}
	if err := write(inCallersFolder(*page), func(w io.Writer) error { return report.HTML(w, results) }); err != nil {
		return 0, err
	}
	if err := write(inCallersFolder(*table), func(w io.Writer) error { return report.Markdown(w, results) }); err != nil {
		return 0, err
	}
	fmt.Fprintf(stdout, "%s and %s, of %d results\n", *page, *table, len(results))
	if *pictures != "" {
		return exitHolds, draw(inCallersFolder(*pictures), results)
	}
	return exitHolds, nil
}

// newest are the last result of each scenario in a folder, in the scenarios' order of age.
func newest(o *options) ([]string, error) {
	folder, err := o.folder()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("look for results: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: no results in %s: measure something first, such as: bench run broadcast", errUsage, folder)
	}
	slices.Sort(files) // the names begin with the time
	last := map[string]string{}
	for _, file := range files {
		r, err := result.Read(file)
		if err != nil {
			return nil, err
		}
		kind := ""
		if len(r.Command) > 1 {
			kind = r.Command[1] // a comparison of one scenario does not take the place of a run
		}
		last[kind+" "+r.Scenario.Name] = file
	}
	return slices.DeleteFunc(files, func(file string) bool {
		for _, l := range last {
			if l == file {
				return false
			}
		}
		return true
	}), nil
}

func write(path string, content func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make a folder for %s: %w", path, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := content(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}

// draw writes each picture there is something for.
func draw(folder string, results []*result.Result) error {
	for _, name := range report.Kinds() {
		svg, err := report.Picture(name, results)
		if err != nil {
			return fmt.Errorf("draw %s: %w", name, err)
		}
		if len(svg) == 0 {
			continue
		}
		path := filepath.Join(folder, name+".svg")
		if err := write(path, func(w io.Writer) error { _, err := w.Write(svg); return err }); err != nil {
			return err
		}
	}
	return nil
}
