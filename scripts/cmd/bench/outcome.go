package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// keep writes a result into a file named after when and what. The path is "" when there is no such file then: one that
// has something wrong in it is there all the same.
func keep(o *options, res *result.Result) (string, error) {
	folder, err := o.folder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, res.Started.Format("20060102-150405")+"-"+res.Scenario.Name+".json")
	if err = res.Write(path); err != nil {
		if _, gone := os.Stat(path); gone != nil {
			path = ""
		}
	}
	return path, err
}

// printOutcome says what came out, for a terminal. Without a path the result was not kept.
func printOutcome(out io.Writer, res *result.Result, path string) {
	fmt.Fprintf(out, "\n%s: %s\n\n", res.Scenario.Name, res.Scenario.Title)
	printTable(out, res.Lanes)
	fmt.Fprintln(out)
	printConnects(out, res.Lanes)
	printNotes(out, res.Lanes)
	for _, l := range res.Lanes {
		for i, s := range l.Storms {
			fmt.Fprintf(out, "%s, storm %d: all connected after %.2f s, all caught up after %.2f s, %d replayed, %d lost, %.0f us of CPU a client\n",
				l.Name, i+1, s.Connected, s.CaughtUp, s.Replayed, s.Lost, s.CPUMicros)
		}
	}
	if len(res.Judgements)+len(res.Refusals) > 0 {
		fmt.Fprintln(out)
	}
	for _, j := range res.Judgements {
		if res.Verdict == result.Refused { // whatever its figure is, it was not judged
			fmt.Fprintf(out, "%-9s  %s\n", "unjudged", measure.Explain(j))
			continue
		}
		fmt.Fprintf(out, "%-9s  %s\n", j.Verdict, measure.Explain(j))
		if j.Verdict == result.Undecided && j.Needed > 0 {
			fmt.Fprintf(out, "           about %d more rounds may decide it (--rounds %d)\n", j.Needed, j.Needed+j.Pairs)
		}
	}
	for _, r := range res.Refusals {
		fmt.Fprintf(out, "refused    %s\n", r.Text)
	}
	where := "not kept"
	if path != "" {
		where = "kept in " + path
	}
	fmt.Fprintf(out, "\n%s; %s\n", verdict(res), where)
}

// verdict is a run's in words.
func verdict(res *result.Result) string {
	switch c := res.Capacity; {
	case res.Verdict != result.Holds || slices.ContainsFunc(res.Judgements, func(j result.Judgement) bool { return j.Verdict != result.Stated }):
		return string(res.Verdict)
	case c != nil:
		return fmt.Sprintf("holds %s records/s, %s deliveries/s, with p99 below %s ms", digits(c.Rate), digits(c.Deliveries), digits(c.BoundMS))
	}
	return "measured; no limit to hold"
}

// columns are the table's; scripts/scenarios/README.md says what they are.
var columns = []struct {
	head string
	of   func(l *result.Lane) string
}{
	{"lane", func(l *result.Lane) string { return l.Name }},
	{"clients", func(l *result.Lane) string { return strconv.Itoa(l.Connections) }},
	{"deliveries", func(l *result.Lane) string {
		if l.Totals.Expected+l.Totals.Received == 0 {
			return ""
		}
		return strconv.FormatInt(l.Totals.Received, 10)
	}},
	{"reach", func(l *result.Lane) string {
		if l.Totals.Expected == 0 || l.Totals.Received == l.Totals.Expected {
			return ""
		}
		return percent(float64(l.Totals.Received) / float64(l.Totals.Expected))
	}},
	{"us/delivery", func(l *result.Lane) string { return figure(l.Totals.CPUPerDelivery) }},
	{"us/record", func(l *result.Lane) string { return figure(l.Totals.CPUPerRecord) }},
	{"p50 ms", func(l *result.Lane) string { return figure(latency(l).P50MS) }},
	{"p99 ms", func(l *result.Lane) string { return figure(latency(l).P99MS) }},
	{"max ms", func(l *result.Lane) string { return figure(latency(l).MaxMS) }},
	{"allocs", func(l *result.Lane) string { return figure(l.Totals.AllocsPerDelivery) }},
	{"B/client", func(l *result.Lane) string { return figure(l.Totals.RSSPerConnection) }},
	{"sockets B/client", func(l *result.Lane) string { return figure(l.Totals.SocketsPerConn) }},
	{"idle us/s", func(l *result.Lane) string { return figure(l.Totals.IdleCPU) }},
}

func latency(l *result.Lane) result.Distribution {
	if l.Latency == nil {
		return result.Distribution{}
	}
	return *l.Latency
}

// printTable shows the lanes. A column that none has anything in is left out, so that the rest fits a terminal.
func printTable(out io.Writer, lanes []result.Lane) {
	rows := make([]strings.Builder, 1+len(lanes))
	for _, c := range columns {
		cells := make([]string, len(lanes))
		for i := range lanes {
			cells[i] = c.of(&lanes[i])
		}
		if !slices.ContainsFunc(cells, func(cell string) bool { return cell != "" }) {
			continue
		}
		for i, cell := range slices.Insert(cells, 0, c.head) {
			rows[i].WriteString(cell + "\t")
		}
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	for i := range rows {
		fmt.Fprintln(w, rows[i].String())
	}
	_ = w.Flush() // a terminal that is gone needs no table
}

// printConnects says how the clients came, a line for each server: lanes that share one have theirs in common.
func printConnects(out io.Writer, lanes []result.Lane) {
	for i, l := range lanes {
		c := l.Connect
		same := func(other result.Lane) bool { return other.Server == l.Server && reflect.DeepEqual(other.Connect, c) }
		if c == nil || slices.ContainsFunc(lanes[:i], same) {
			continue
		}
		var names []string
		for _, other := range lanes[i:] {
			if same(other) {
				names = append(names, other.Name)
			}
		}
		fmt.Fprintf(out, "%s: %s handshakes/s for %s s; time to connect p50 %s ms, p99 %s ms, max %s ms",
			strings.Join(names, " and "), digits(c.PerSecond), digits(c.Seconds), digits(c.P50MS), digits(c.P99MS), digits(c.MaxMS))
		refused := 0
		for _, n := range c.Refused {
			refused += n
		}
		if refused > 0 {
			fmt.Fprintf(out, "; %d turned away and tried again", refused)
		}
		fmt.Fprintln(out)
	}
}

// printNotes says what of a lane is unlike others': what it ran on, and who resumed meanwhile.
func printNotes(out io.Writer, lanes []result.Lane) {
	for _, l := range lanes {
		if l.Processes > 1 {
			fmt.Fprintf(out, "%s: %d processes on one port: it shows descriptors and memory, not shards\n", l.Name, l.Processes)
		}
		if len(l.Shared) > 0 {
			fmt.Fprintf(out, "%s: %d shards on cores %v, of which the load has %v too: its CPU time is its own, how late it is is not\n", l.Name, max(l.Shards, 1), l.Cores, l.Shared)
		}
		var took []float64
		var clients int
		var replayed int64
		for _, s := range l.Slices {
			if r := s.Resume; r != nil {
				took, clients, replayed = append(took, r.Seconds), r.Clients, r.Replayed
			}
		}
		if len(took) > 0 {
			slices.Sort(took)
			fmt.Fprintf(out, "%s: in each slice %d others came back with %d messages that they had missed, in %s s (%s to %s); their cost is in the lane's\n",
				l.Name, clients, replayed, digits(took[len(took)/2]), digits(took[0]), digits(took[len(took)-1]))
		}
	}
}

// figure is nothing for what was not measured.
func figure(v float64) string {
	if v == 0 {
		return ""
	}
	return digits(v)
}

// digits are the three that matter, or all of a larger number.
func digits(v float64) string {
	if v >= 100 || v <= -100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// percent is never rounded to 100: it is looked at for the one message in a million that did not come.
func percent(share float64) string {
	const nearly = 1e-9 // what floating point makes of a round number
	p := math.Floor(1e4*share + nearly)
	if share > 1 {
		p = math.Ceil(1e4*share - nearly)
	}
	return strconv.FormatFloat(p/100, 'f', -1, 64) + "%"
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
