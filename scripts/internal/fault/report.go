package fault

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WritePage writes the record as a page of Markdown, for someone who trusts nothing: what was done, what was seen, and how
// to see it again.
func WritePage(w io.Writer, faults []Fault, variants []string, r Record) error {
	p := &page{variants: variants, record: r}
	p.head(faults)
	for _, f := range faults {
		p.fault(f)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

type page struct {
	strings.Builder
	variants []string
	record   Record
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) head(faults []Fault) {
	p.line("# What was done to the servers, and what came of it")
	p.line("")
	p.line("Made by `scripts/faults`, which makes it again: `scripts/faults NAME` does one fault, to both variants; `--help` says more.")
	p.line("Each fault is real: a real broker, real TCP, the kernel's packet filter, a proxy between. A figure in bold broke its limit.")
	host := p.record.Host
	p.line("Machine: %s, %d cores, %d GiB, Linux %s; Kafka %s. Clients, broker and servers share it.",
		host.CPU, host.CPUs, host.MemoryBytes>>30, host.Kernel, p.record.Kafka)
	p.line("")
	p.line("| fault | %s |", strings.Join(p.variants, " | "))
	p.line("|---|%s", strings.Repeat("---|", len(p.variants)))
	for _, f := range faults {
		cells := make([]string, len(p.variants))
		for i, v := range p.variants {
			cells[i] = verdict(p.record.of(f.Name, v))
		}
		did, _ := p.record.words(f)
		p.line("| [%s](#%s) | %s |", did, f.Name, strings.Join(cells, " | "))
	}
	p.line("")
}

func verdict(m *Made) string {
	switch {
	case m == nil:
		return "not made yet"
	case m.NotRun != "":
		return "not run"
	case m.Passed:
		return "held"
	default:
		return "**broken**"
	}
}

func (p *page) fault(f Fault) {
	p.line("## %s", f.Name)
	p.line("")
	did, under := p.record.words(f)
	p.line("Done: %s. Load: %s.", did, under)
	p.line("")
	var made []*Made
	var names []string
	for _, v := range p.variants {
		m := p.record.of(f.Name, v)
		made = append(made, m)
		if m == nil {
			continue
		}
		for _, fig := range m.Figures {
			if !slices.Contains(names, fig.What) {
				names = append(names, fig.What)
			}
		}
	}
	if len(names) > 0 {
		p.line("| | %s | limit |", strings.Join(p.variants, " | "))
		p.line("|---|%s---|", strings.Repeat("---|", len(p.variants)))
		for _, name := range names {
			cells := make([]string, 0, len(made)+1)
			limit := ""
			for _, m := range made {
				cell, bound := figureCell(m, name)
				cells = append(cells, cell)
				if bound != "" {
					limit = bound
				}
			}
			p.line("| %s | %s | %s |", name, strings.Join(cells, " | "), limit)
		}
		p.line("")
	}
	for i, m := range made {
		if m == nil {
			continue
		}
		said := slices.Concat(m.Saw)
		if m.NotRun != "" {
			said = append(said, "not run: "+m.NotRun)
		}
		for _, why := range m.Why {
			first, _, _ := strings.Cut(why, "\n")
			said = append(said, "**broken**: "+first)
		}
		p.line("%s, %s, %s s, commit `%s`: %s.", p.variants[i], m.At.Format(time.DateOnly), number(math.Round(m.Seconds)), m.Commit, strings.Join(append(said, verdict(m)), "; "))
		p.line("")
	}
}

// tally is a count by reason in words.
func tally[K cmp.Ordered](counts map[K]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var all []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%d × %v", counts[reason], reason))
	}
	return strings.Join(all, ", ")
}

// figureCell is a variant's figure and its limit.
func figureCell(m *Made, name string) (cell, limit string) {
	if m == nil {
		return "", ""
	}
	for _, f := range m.Figures {
		if f.What != name {
			continue
		}
		cell = strings.TrimSpace(number(f.Got) + " " + f.Unit)
		if !f.Held {
			cell = "**" + cell + "**"
		}
		limit = strings.TrimSpace("≤ " + number(f.Most) + " " + f.Unit)
		switch {
		case f.Least:
			limit = strings.TrimSpace("≥ " + number(f.Most) + " " + f.Unit)
		case f.Most == 0:
			limit = "0"
		}
		return cell, limit
	}
	return "–", ""
}

// number is x with three digits that count, of ratios about 1 with those after the point: limits there are percents.
func number(x float64) string {
	switch {
	case x == math.Trunc(x) || math.Abs(x) >= 1000:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x > 0.9 && x < 1.1:
		return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(x, 'f', 3, 64), "0"), ".")
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// String is the figure and its limit in a line.
func (f Figure) String() string {
	bound := "at most"
	if f.Least {
		bound = "at least"
	}
	return fmt.Sprintf("%s: %s, %s %s", f.What, strings.TrimSpace(number(f.Got)+" "+f.Unit), bound, number(f.Most))
}
