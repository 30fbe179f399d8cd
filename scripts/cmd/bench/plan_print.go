package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
)

// english writes numbers with commas.
func english() *message.Printer { return message.NewPrinter(language.English) }

// printPlan says how many instances of each variant it takes, and what breaks first. The exit code is 1 where none holds it.
func printPlan(out io.Writer, m *model.Model, a ask) int {
	p := english()
	d := a.demand(a.records)
	site := model.Site{Cores: a.cores, Memory: a.memory, Files: a.files, Network: a.network, CPU: model.OpenShare, Spare: a.spare}
	p.Fprintf(out, "%s with %s/s each: %s/s of %d bytes, from %s/s for %s each\n", counted(p, a.connections, "connection"), model.Things(a.rate, "message"),
		model.Things(d.Deliveries(), "message"), a.bytes, model.Things(d.Wanted(), "record"), model.Things(d.Reach, "connection"))
	if unwanted := d.Records - d.Wanted(); unwanted > 1e-6*d.Records {
		fmt.Fprintf(out, "and %s/s that nobody wants, which each instance reads and keeps all the same\n", model.Things(unwanted, "record"))
	}
	fmt.Fprintf(out, "on machines of %s, %s and %s. Planned to %.0f%% of CPU, below which servers let newcomers in again", counted(p, a.cores, "core"), model.Size(a.memory), bits(a.network), 100*model.OpenShare)
	if a.spare > 0 {
		fmt.Fprintf(out, ",\nand to %.0f%%, from which they refuse, with %s lost (--spare)", 100*model.RejectShare, counted(p, a.spare, "machine"))
	}
	fmt.Fprintln(out)
	fmt.Fprintf(out, "by costs fitted %s on %s, where a bare send takes %.3g us; another machine has others\n", m.Fitted.Format(time.DateOnly), m.Host.CPU, m.Floor)
	made := madeFor()
	var options []*model.Option
	for i := range m.Variants {
		v := &m.Variants[i]
		if len(a.variants) > 0 && !slices.Contains(a.variants, v.Name) {
			continue
		}
		fmt.Fprintln(out)
		o, err := v.Plan(d, site)
		if err != nil {
			wrap(out, v.Name+": ", err.Error())
			continue
		}
		options = append(options, o)
		optionPrinter{out, p, v, o, site, made[v.Name]}.print()
	}
	fmt.Fprintln(out)
	if len(options) == 0 {
		fmt.Fprintln(out, "nothing holds this load")
		return exitWorse
	}
	recommend(out, p, m, model.Cheaper(options))
	wrap(out, "by defaults: ", fmt.Sprintf("WS_HISTORY_WINDOW=5m, WS_HISTORY_BYTES=256MiB, WS_HANDSHAKES_PER_S=%d, WS_DRAIN_SPREAD=%ds", model.HandshakesPerS, model.DrainSeconds))
	wrap(out, "not in this plan: ", "CPU time of handshakes and resumes; the proxy and TLS in front; conntrack; the brokers' own limits")
	return exitHolds
}

// recommend names the cheapest option, or two that the model cannot tell apart.
func recommend(out io.Writer, p *message.Printer, m *model.Model, sorted []*model.Option) {
	first := sorted[0]
	if len(sorted) == 1 {
		wrap(out, "recommended: ", inWords(p, first))
		return
	}
	second := sorted[1]
	if m.TooClose(first, second) {
		wrap(out, "the model cannot tell: ", fmt.Sprintf("%s; or %s, which takes %s. It can tell CPU times %.0f%% apart",
			inWords(p, first), inWords(p, second), difference(first, second), 100*m.DoubtOf(first, second)))
		return
	}
	wrap(out, "recommended: ", fmt.Sprintf("%s; the other, %s, takes %s", inWords(p, first), second.Variant, difference(first, second)))
}

func inWords(p *message.Printer, o *model.Option) string {
	return p.Sprintf("%s, %s of %s on %s", o.Variant, counted(p, o.Instances, "instance"), counted(p, o.Cores, "core"), counted(p, o.Machines, "machine"))
}

func counted(p *message.Printer, n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return p.Sprintf("%d %ss", n, what)
}

// difference is what the second takes more than the first, or less.
func difference(first, second *model.Option) string {
	more := func(a, b float64, what string) string {
		switch share := b/a - 1; {
		case math.Abs(share) < 0.005:
			return "as much " + what
		case share > 0:
			return fmt.Sprintf("%.0f%% more %s", 100*share, what)
		default:
			return fmt.Sprintf("%.0f%% less %s", -100*share, what)
		}
	}
	parts := []string{more(first.CPU, second.CPU, "CPU time")}
	if first.HasMemory && second.HasMemory {
		parts = append(parts, more(first.Memory(), second.Memory(), "memory"))
	}
	parts = append(parts, more(first.Kafka, second.Kafka, "out of Kafka"))
	return strings.Join(parts, ", ")
}

const (
	width  = 120 // of a line, in characters
	indent = 17  // of what a line of an option says
)

// wrap writes a text behind its head, in lines that fit a terminal.
func wrap(out io.Writer, head, text string) {
	line, words := head, strings.Fields(text)
	for i, word := range words {
		if i > 0 && len(line)+1+len(word) > width {
			fmt.Fprintln(out, line)
			line = strings.Repeat(" ", indent) + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(out, line)
}

// optionPrinter writes what an option takes.
type optionPrinter struct {
	out  io.Writer
	p    *message.Printer
	v    *model.Variant
	o    *model.Option
	site model.Site
	made int // connections that the variant is made for; 0: not known
}

func (w optionPrinter) line(name, format string, args ...any) {
	wrap(w.out, fmt.Sprintf("  %-14s ", name), w.p.Sprintf(format, args...))
}

func (w optionPrinter) print() {
	head := inWords(w.p, w.o)
	if w.o.Each > 1 {
		head += fmt.Sprintf(", up to %d on each", w.o.Each)
	}
	fmt.Fprintln(w.out, head)
	w.needs()
	w.ends()
	w.changes()
	w.trust()
}

// needs are what it takes while nothing happens.
func (w optionPrinter) needs() {
	o, n := w.o, float64(w.o.Instances)
	instance := fmt.Sprintf("%s, %s/s, all %s/s", counted(w.p, ceil(o.Load.Connections), "connection"), model.Things(o.Load.Deliveries(), "message"), model.Things(o.Load.Records, "record"))
	cpu := fmt.Sprintf("%s cores' worth in all, %s an instance of %s", digits(o.CPU), digits(o.CPU/n), digits(model.OpenShare*float64(o.Cores)))
	if o.Lost != nil {
		lost := counted(w.p, o.Lost.Machines, "machine")
		instance += w.p.Sprintf("; with %s lost %d connections", lost, ceil(o.Lost.Connections))
		cpu += fmt.Sprintf("; with %s lost %s of %s", lost, digits(o.Lost.CPU), digits(model.RejectShare*float64(o.Cores)))
	}
	w.line("an instance", "%s", instance)
	w.line("CPU", "%s", cpu)
	if o.HasMemory {
		w.line("memory", "%s a process (%s history, its heap may grow by %s), %s kernel; %s in all",
			model.Size(o.Process), model.Size(o.History), model.Size(o.Growth), model.Size(o.Kernel), model.Size(o.Memory()))
	} else {
		w.line("memory", "not measured: run idle, then fit again")
	}
	w.line("out of Kafka", "%s/s to each instance, which reads the whole log; %s/s in all", model.Size(o.Kafka/n), model.Size(o.Kafka))
	w.line("to clients", "%s in all; the fullest machine %s, %s/s out and up to as many ACKs in", bits(o.Network), bits(o.MachineNetwork()), model.Things(o.Packets, "packet"))
	if o.Last > 0.001 {
		w.line("the last one", "of an instance's clients of a record has it %s after the first", took(o.Last))
	}
}

// ends are what breaks first, and what is to be set so that nothing else does.
func (w optionPrinter) ends() {
	o := w.o
	holds, first, next := w.v.Holds(o, w.site)
	words := fmt.Sprintf("%s, at %s", first.Name, model.Things(holds, "connection"))
	if next.Name != "" {
		words += fmt.Sprintf(" (%s at %.0f%% then)", next.Name, 100*next.Share)
	}
	now := o.Strains[0]
	words += "; now "
	if now.Name != first.Name {
		words += now.Name + " "
	}
	w.line("breaks first", "%sat %.0f%%: %s", words, 100*now.Share, now.Words)
	byHeap := slices.ContainsFunc(append([]model.Strain{first, next}, o.Strains...), func(s model.Strain) bool { return s.Grown && s.Share > 0.5 })
	w.line("settings", "%s", settingsOf(o, w.site, w.made, byHeap))
	if ports := ceil(o.Most() / model.PortsOfProxy); ports > 1 {
		w.line("proxy", "%d addresses or ports an instance: %d connections reach one port from one address", ports, model.PortsOfProxy)
	}
}

// changes are what happens when an instance or a machine goes, and when one comes.
func (w optionPrinter) changes() {
	o := w.o
	gone, clients, left := "an instance", o.Load.Connections, o.Instances-1
	if o.Lost != nil {
		gone, clients, left = counted(w.p, o.Lost.Machines, "machine"), o.Lost.Back, o.Lost.Instances
	}
	drained := fmt.Sprintf("a drain: %s/s, %ds", model.Things(o.Load.Connections/model.DrainSeconds, "client"), model.DrainSeconds)
	if left > 0 {
		w.line("when one goes", "%s: %s come back to %s, %s of handshakes; %s", gone, counted(w.p, ceil(clients), "client"), counted(w.p, left, "instance"),
			took(clients/float64(left)/model.HandshakesPerS), drained)
	} else {
		w.line("when it goes", "nobody takes its %s; %s", counted(w.p, ceil(clients), "client"), drained)
	}
	bytes, seconds := w.v.Reread(o.Load)
	reading := took(seconds) + " of a core"
	if seconds == 0 { // in no load of the fit it weighed enough to show
		reading = "at a cost that was not seen"
	}
	w.line("at a start", "an instance reads %s of the log first, %s; then its clients come, %s of handshakes", model.Size(bytes), reading, took(o.Load.Connections/model.HandshakesPerS))
}

// trust is how sure all that is.
func (w optionPrinter) trust() {
	o, e := w.o, w.v.Error
	beyond := slices.Clone(o.Projection)
	if w.made > 0 && ceil(o.Most()) > w.made {
		beyond = append(beyond, w.p.Sprintf("%d connections each at most (VERSION: made for %d)", ceil(o.Most()), w.made))
	}
	where := "within what was measured: "
	if len(beyond) > 0 {
		w.line("PROJECTION", "%s", strings.Join(beyond, "; "))
		where = ""
	}
	off := fmt.Sprintf("CPU %s off on %d loads left out of fits", offBy(e.Median, e.Max), e.Loads)
	if e.Loads == 0 {
		off = "of CPU not known: no load was left out of a fit"
	}
	if b := e.Beyond; b != nil && len(beyond) > 0 {
		off += fmt.Sprintf(", %s on larger ones", offBy(b.Median, b.Max))
	}
	if s := e.Shards; s != nil && o.Cores > 1 {
		off += fmt.Sprintf(", %s on several shards", offBy(s.Median, s.Max))
	}
	if m := e.Memory; m != nil && o.HasMemory {
		off += fmt.Sprintf("; memory %s", offBy(m.Median, m.Max))
	}
	w.line("error", "%s%s", where, off)
	if o.Or != nil {
		w.line("or as good", "%s: %s", inWords(w.p, o.Or), difference(o, o.Or))
	}
}

func offBy(median, largest float64) string {
	return fmt.Sprintf("%.0f%% (most %.0f%%)", 100*median, 100*largest)
}

// ceil is the next whole number, but for what floating point makes of one.
func ceil(v float64) int { return int(math.Ceil(v - 1e-6)) }

// bits are a second.
func bits(v float64) string {
	switch {
	case v >= 1e9:
		return digits(v/1e9) + " Gbit/s"
	case v >= 1e6:
		return digits(v/1e6) + " Mbit/s"
	}
	return digits(v/1e3) + " kbit/s"
}

// took is seconds in words.
func took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Millisecond:
		return "less than 1ms"
	}
	return d.Round(time.Millisecond).String()
}
