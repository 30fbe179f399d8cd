package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/report"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

const reportExample = `  scripts/bench report                                  # the newest result of each scenario, into report.html and report.md
  scripts/bench report results/*.json --html page.html --markdown pr.md`

func reportCommand(args []string, stdout, stderr io.Writer) (int, error) {
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
	var results []*result.Result
	if len(files) == 0 {
		if results, err = newest(&o, stderr); err != nil {
			return 0, err
		}
	}
	if len(files) > 0 {
		if results, err = readAll(files); err != nil {
			return 0, err
		}
	}
	m, err := o.newestModel()
	if err != nil && !errors.Is(err, model.ErrNone) { // without one there is no map
		fmt.Fprintf(stderr, "bench: left out: the map: %v\n", err)
	}
	if err := write(inCallersFolder(*page), func(w io.Writer) error { return report.HTML(w, results, m) }); err != nil {
		return 0, err
	}
	if err := write(inCallersFolder(*table), func(w io.Writer) error { return report.Markdown(w, results, m) }); err != nil {
		return 0, err
	}
	many := "s"
	if len(results) == 1 {
		many = ""
	}
	fmt.Fprintf(stdout, "%s and %s, of %d result%s\n", *page, *table, len(results), many)
	if *pictures != "" {
		return exitHolds, draw(inCallersFolder(*pictures), results, m)
	}
	return exitHolds, nil
}

// newest are the last result of each scenario in a folder, the oldest first. One that broke off does not take the place of
// one that is whole. A file that cannot be read, such as an older bench's, is told and left out: nobody asked for it.
func newest(o *options, stderr io.Writer) ([]*result.Result, error) {
	folder, err := o.folder()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("look for results: %w", err)
	}
	slices.Sort(files) // the names begin with the time
	last := map[string]*result.Result{}
	for _, file := range files {
		r, err := result.Read(file)
		if err != nil {
			fmt.Fprintf(stderr, "bench: left out: %s\n", briefly(err))
			continue
		}
		kind := ""
		if len(r.Command) > 1 {
			kind = r.Command[1] // a comparison of one scenario does not take the place of a run
		}
		// Runs of one scenario with several numbers of connections are drawn together; those of other servers are others.
		key := fmt.Sprint(kind, " ", r.Scenario.Name, r.Scenario.Connections, r.Servers)
		if before := last[key]; before == nil || whole(r) || !whole(before) {
			last[key] = r
		}
	}
	if len(last) == 0 {
		return nil, fmt.Errorf("%w: no results in %s: measure something first, such as: bench run broadcast", errUsage, folder)
	}
	return slices.SortedFunc(maps.Values(last), func(a, b *result.Result) int { return a.Started.Compare(b.Started) }), nil
}

// briefly is an error's first two lines in one: what does not fit the schema is told place by place.
func briefly(err error) string {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) <= 2 {
		return strings.Join(lines, " ")
	}
	return fmt.Sprintf("%s %s (and %d lines more: bench report FILE shows them)", lines[0], lines[1], len(lines)-2)
}

// whole says that a run went on to its end.
func whole(r *result.Result) bool {
	return !r.Interrupted && !slices.ContainsFunc(r.Refusals, func(f result.Refusal) bool { return f.Code == result.Incomplete })
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
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// draw writes each picture there is something for.
func draw(folder string, results []*result.Result, m *model.Model) error {
	svg, err := report.MapPicture(m)
	if err != nil {
		return err
	}
	if len(svg) > 0 {
		if err := write(filepath.Join(folder, "map.svg"), func(w io.Writer) error { _, err := w.Write(svg); return err }); err != nil {
			return err
		}
	}
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
