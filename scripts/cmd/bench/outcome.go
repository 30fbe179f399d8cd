package main

import (
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// keep writes a result into a file named after when and what.
func keep(o *options, res *result.Result) (string, error) {
	folder, err := o.folder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, res.Started.Format("20060102-150405")+"-"+res.Scenario.Name+".json")
	return path, res.Write(path)
}

// printOutcome says what came out, for a terminal.
func printOutcome(out io.Writer, res *result.Result, path string) {
	fmt.Fprintf(out, "\n%s: %s\n\n", res.Scenario.Name, res.Scenario.Title)
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "lane\tclients\tdeliveries\tus/delivery\tus/record\tp50 ms\tp99 ms\tmax ms\tallocs\tB/client\tidle us/s\t")
	for _, l := range res.Lanes {
		t := l.Totals
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t", l.Name, l.Connections, t.Received, figure(t.CPUPerDelivery), figure(t.CPUPerRecord))
		if d := l.Latency; d != nil {
			fmt.Fprintf(w, "%s\t%s\t%s\t", figure(d.P50MS), figure(d.P99MS), figure(d.MaxMS))
		} else {
			fmt.Fprint(w, "\t\t\t")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", figure(t.AllocsPerDelivery), figure(t.RSSPerConnection), figure(t.IdleCPU))
	}
	_ = w.Flush() // a terminal that is gone needs no table
	for _, l := range res.Lanes {
		for i, s := range l.Storms {
			fmt.Fprintf(out, "%s, storm %d: all connected after %.2f s, all caught up after %.2f s, %d replayed, %d lost, %.0f us of CPU a client\n",
				l.Name, i+1, s.Connected, s.CaughtUp, s.Replayed, s.Lost, s.CPUMicros)
		}
	}
	fmt.Fprintln(out)
	for _, j := range res.Judgements {
		fmt.Fprintf(out, "%-9s  %s\n", j.Verdict, measure.Explain(j))
		if j.Verdict == result.Undecided && j.Needed > 0 {
			fmt.Fprintf(out, "           about %d more rounds may decide it (--rounds %d)\n", j.Needed, j.Needed+j.Pairs)
		}
	}
	for _, r := range res.Refusals {
		fmt.Fprintf(out, "refused    %s\n", r.Text)
	}
	fmt.Fprintf(out, "\n%s; kept in %s\n", res.Verdict, path)
}

// figure is short: three digits that matter, nothing for what was not measured.
func figure(v float64) string {
	switch {
	case v == 0:
		return ""
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// exitCode is the worst of several results.
func exitCode(all []*result.Result) int {
	seen := map[result.Verdict]bool{}
	for _, r := range all {
		seen[r.Verdict] = true
	}
	switch {
	case seen[result.Worse]:
		return exitWorse
	case seen[result.Refused]:
		return exitRefused
	case seen[result.Undecided]:
		return exitUndecided
	}
	return exitHolds
}
