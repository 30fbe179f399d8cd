package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// printModel says what was fitted and what it is worth.
func printModel(out io.Writer, m *model.Model) {
	fmt.Fprintf(out, "\ncosts on %s, where the floor's send takes %.3g us; of %d results\n", m.Host.CPU, m.Floor, len(m.Sources))
	if len(m.Others) > 0 {
		fmt.Fprintf(out, "those of commit %.10s are too few: also of %s\n", m.Commit, strings.Join(m.Others, ", "))
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	row := func(name string, of func(v *model.Variant) string) {
		cells := []string{name}
		for i := range m.Variants {
			cells = append(cells, of(&m.Variants[i]))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
	}
	cost := func(of func(model.Costs) float64) func(v *model.Variant) string {
		return func(v *model.Variant) string { return digits(of(v.Costs)) }
	}
	memory := func(of func(*model.Memory) float64) func(v *model.Variant) string {
		return func(v *model.Variant) string {
			if v.Memory == nil {
				return "not measured"
			}
			return model.Size(of(v.Memory))
		}
	}
	row("", func(v *model.Variant) string { return v.Name })
	row("us a send", cost(func(c model.Costs) float64 { return c.Send }))
	row("us a message of it", cost(func(c model.Costs) float64 { return c.Message }))
	row("us a record", cost(func(c model.Costs) float64 { return c.Record }))
	row("us a wake-up, each shard", cost(func(c model.Costs) float64 { return c.Wake }))
	row("us/s an idle connection", cost(func(c model.Costs) float64 { return c.Idle }))
	row("us/s a process", cost(func(c model.Costs) float64 { return c.Base }))
	row("us a record, each shard but one", func(v *model.Variant) string {
		if v.Doubling == nil || !v.Doubling.Walk {
			return "not measured"
		}
		return digits(v.Costs.Walk)
	})
	row("twice the shards, besides", func(v *model.Variant) string {
		if v.Doubling == nil {
			return "not measured"
		}
		return digits(v.Doubling.Ratio) + " x"
	})
	row("memory of a process", memory(func(m *model.Memory) float64 { return m.Base }))
	row("a connection", memory(func(m *model.Memory) float64 { return m.Connection }))
	row("the kernel's, its end", memory(func(m *model.Memory) float64 { return m.Kernel }))
	_ = w.Flush() // a terminal that is gone needs no table
	fmt.Fprintln(out)
	for _, v := range m.Variants {
		if d := v.Doubling; d != nil {
			fmt.Fprintf(out, "%s: %s\n", v.Name, doublingInWords(d))
		}
	}
	for _, v := range m.Variants {
		for _, words := range errorInWords(&v) {
			fmt.Fprintf(out, "%s: %s\n", v.Name, words)
		}
	}
	fmt.Fprintln(out)
	w = tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "measured load\tcores' worth\tfitted\tpredicted by the others\toff by")
	for _, v := range m.Variants {
		for _, p := range v.Points {
			held, off := "", ""
			if share, tried := p.Error(); tried {
				held, off = fmt.Sprintf("%.3f", *p.HeldOut/1e6), fmt.Sprintf("%+.0f%%", 100*share)
			}
			fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%s\t%s\n", p.Describe(), p.CPU/1e6, p.Fitted/1e6, held, off)
		}
	}
	_ = w.Flush()
}

// doublingInWords says what twice the shards come to, of how many loads, and what that is worth.
func doublingInWords(d *model.Doubling) string {
	words := fmt.Sprintf("twice the shards take %s times the CPU time, ", digits(d.Ratio))
	if d.Loads == 1 {
		words += "of 1 load: nothing says how far that is off for another"
	} else {
		words += fmt.Sprintf("of %d loads, %s to %s", d.Loads, digits(d.Low), digits(d.High))
	}
	if d.Ratio < 1 {
		words += "; predictions take 1"
	}
	return words
}

// errorInWords says how far predictions were off of what they were not fitted to, and what of it was not tried.
func errorInWords(v *model.Variant) []string {
	off := func(o model.Off) string {
		return fmt.Sprintf("off by %.0f%% (median), %.0f%% (largest)", 100*o.Median, 100*o.Max)
	}
	e := v.Error
	var all []string
	if e.Loads > 0 {
		all = append(all, fmt.Sprintf("CPU time on one shard, each of %d loads predicted by a fit to the others: %s", e.Loads, off(model.Off{Median: e.Median, Max: e.Max})))
	} else {
		all = append(all, "CPU time on one shard: how far off it is was not tried")
	}
	switch {
	case e.Shards != nil:
		all = append(all, fmt.Sprintf("CPU time on several shards, each of %d loads predicted by a fit to the others: %s", e.Shards.Loads, off(*e.Shards)))
	case v.Name == scenario.Multi:
		all = append(all, "CPU time on several shards: how far off it is was not tried: with one of the loads left out the others must tell the same costs as all do")
	}
	if b := e.Beyond; b != nil {
		all = append(all, fmt.Sprintf("CPU time of %d loads of %s connections and more, predicted by a fit to those of up to %s: %s", b.Loads, model.Short(b.To), model.Short(b.From), off(b.Off)))
	} else {
		all = append(all, "CPU time of more connections than it was fitted to: how far off it is was not tried: without the largest loads there are too few")
	}
	if e.Memory != nil {
		all = append(all, fmt.Sprintf("memory at rest, each of %d numbers of connections predicted by a fit to the others: %s", e.Memory.Loads, off(*e.Memory)))
	} else {
		all = append(all, "memory at rest: how far off it is was not tried: that takes readings at three numbers of connections")
	}
	return all
}
