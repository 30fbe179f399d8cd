package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report tells of an image what it is and what was found.
func (i *image) report(w io.Writer) {
	fmt.Fprintf(w, "\n%s, built in %v\n", i.name, i.built.Round(time.Second))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(what, form string, args ...any) { fmt.Fprintf(t, "  %s\t%s\n", what, fmt.Sprintf(form, args...)) }
	c := i.is.Config
	line("id", "%.12s", i.is.ID)
	line("user", "%s", c.User)
	base := i.bases[len(i.bases)-1]
	if c.Labels[madeHere] != "" {
		base += ", made here by " + c.Labels[madeHere]
	}
	if n := len(i.is.Layers); n > 0 {
		var all, own int64
		for k, size := range i.is.Layers {
			all += size
			if k > 0 {
				own += size
			}
		}
		line("size", "%s in %d layers: %s of %s, %s of its own", megabytes(all), n, megabytes(all-own), base, megabytes(own))
	}
	line("starts", "%s", strings.Join(i.is.program(), " "))
	if ports := slices.Sorted(maps.Keys(c.ExposedPorts)); len(ports) > 0 {
		line("listens", "%s", strings.Join(ports, ", "))
	}
	for _, f := range i.found {
		line(f.what, "%s", f.is)
	}
	_ = t.Flush() // a terminal that is gone hears nothing
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
