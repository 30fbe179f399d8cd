package parity

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Markdown writes the page: the outcome, what was compared, and what differs.
func (r *Report) Markdown(w io.Writer) {
	p := &page{Report: r, w: w}
	p.head()
	p.compared()
	p.clients()
	p.differences()
	p.channels()
}

type page struct {
	*Report
	w io.Writer
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *page) head() {
	a, b := p.Variants[0], p.Variants[1]
	p.line("# Parity of %s and %s", a.Name, b.Name)
	p.line("")
	if p.Passed {
		p.line("**Alike**: on every channel both gave the same messages in the same order over the same offsets: those that Kafka has.")
	} else {
		p.line("**Not alike**:")
		p.line("")
		for _, why := range p.Why {
			p.line("- %s", cell(why))
		}
	}
	for _, v := range p.Variants {
		if v.Tree == "" {
			p.line("")
			p.line("**No evidence for a promotion**: what %s was built from is not known.", v.Name)
		}
	}
	p.line("")
	p.line("%s, %.0f s, Kafka %s, on %s. Again:", p.Started.UTC().Format(time.RFC3339), p.Seconds, orNone(p.Kafka), orNone(p.Host))
	p.line("")
	p.line("    %s", p.Command)
	p.line("")
	p.line("| | %s | %s |", a.Name, b.Name)
	p.line("|---|---|---|")
	p.row("tree, without VERSION", func(v Variant) string {
		if v.Tree == "" {
			return "not known: " + cell(v.NoTree)
		}
		return "`" + v.Tree + "`"
	})
	p.row("commit", func(v Variant) string { return "`" + orNone(v.Commit) + "`" })
	p.row("version", func(v Variant) string { return orNone(v.Version) })
	p.row("server", func(v Variant) string {
		if v.URL == "" {
			return "built and started for this"
		}
		return "ran before, at " + v.URL
	})
	for _, k := range Kinds {
		p.row(string(k), func(v Variant) string {
			if v.Counts[k] > 0 {
				return fmt.Sprintf("**%d**", v.Counts[k])
			}
			return "0"
		})
	}
	p.row("brought first by the other, and later here: p50, p99, max", func(v Variant) string {
		return fmt.Sprintf("%d records: %s, %s, %s ms", v.Later.Records, ms(v.Later.P50), ms(v.Later.P99), ms(v.Later.Max))
	})
	p.row("digest of all channels", func(v Variant) string { return "`" + short(v.Digest) + "`" })
	p.line("")
	limit := "nothing counts as late"
	if p.Limits.LateMS > 0 {
		limit = fmt.Sprintf("late is what comes %s ms after the other variant", ms(p.Limits.LateMS))
	}
	p.line("The log's own digest is `%s`. Missing is what the log has and a client did not get; double, what came again; reordered, what came after", short(p.Digest))
	p.line("a later one of its partition; changed, what is not as the log has it; unknown, what the log does not have or nobody asked for; %s.", limit)
	p.line("")
}

func (p *page) row(what string, of func(Variant) string) {
	p.line("| %s | %s | %s |", what, of(p.Variants[0]), of(p.Variants[1]))
}

func (p *page) compared() {
	p.line("## What was compared")
	p.line("")
	p.line("%d records of %d channels, which made %d messages to %d clients.", p.Records, len(p.Channels), p.Messages, len(p.Clients))
	if p.Load.Rate > 0 {
		p.line("They were published at %.0f a second for %.0f s, seed %d: %s.", p.Load.Rate, p.Load.Seconds, p.Load.Seed, kinds(p.Load.Kinds))
	} else {
		p.line("Others published them, for %.0f s.", p.Load.Seconds)
	}
	p.line("")
	p.line("| topic | event | log | partition: offsets | records |")
	p.line("|---|---|---|---|--:|")
	for _, t := range p.Topics {
		var ranges []string
		records := int64(0)
		for _, part := range t.Partitions {
			if part.Until > part.From {
				ranges = append(ranges, fmt.Sprintf("%d: %d–%d", part.Partition, part.From, part.Until-1))
			} else {
				ranges = append(ranges, fmt.Sprintf("%d: none", part.Partition))
			}
			records += part.Records
		}
		p.line("| %s | %s | `%s` | %s | %d |", t.Topic, t.Event, t.Log, strings.Join(ranges, ", "), records)
	}
	p.line("")
}

func (p *page) clients() {
	p.line("## Clients")
	p.line("")
	p.line("| client | patterns | messages | connections | cut | left | moved | closed | differences | digests |")
	p.line("|---|--:|--:|--:|--:|--:|--:|--:|--:|---|")
	for _, c := range p.Clients {
		alike := "the log's"
		if !c.Alike {
			alike = "**others**"
		}
		if !c.Came {
			alike += ", **not at the end**"
		}
		p.line("| %s | %d | %d | %d | %d | %d | %d | %d | %d | %s |", cell(c.Name), c.Patterns, c.Messages,
			c.Connections, c.Cuts, c.Leaves, c.Moves, c.Closed, c.Differences, alike)
	}
	p.line("")
}

func (p *page) differences() {
	if len(p.Differences) == 0 {
		return
	}
	p.line("## Differences")
	p.line("")
	p.line("The first %d of each kind and variant.", mostExamples)
	p.line("")
	p.line("| | on | channel | pos | client | |")
	p.line("|---|---|---|---|---|---|")
	for _, d := range p.Report.Differences {
		p.line("| %s | %s | %s | %s | %s | %s |", d.Kind, d.On, cell(d.Channel), cell(d.Pos), cell(d.Client), cell(d.Detail))
	}
	p.line("")
}

// channels are told one by one only where they differ: the JSON has them all.
func (p *page) channels() {
	const most = 20
	var unlike []Channel
	for _, c := range p.Report.Channels {
		if !c.Alike {
			unlike = append(unlike, c)
		}
	}
	if len(unlike) == 0 {
		return
	}
	p.line("## Channels that differ")
	p.line("")
	p.line("Digests of steady clients: where both are the log's, a client that moves has another.")
	p.line("")
	p.line("| channel | records | the log | %s | %s |", p.Variants[0].Name, p.Variants[1].Name)
	p.line("|---|--:|---|---|---|")
	for _, c := range unlike[:min(len(unlike), most)] {
		p.line("| %s | %d | `%s` | `%s` | `%s` |", cell(c.Channel), c.Records, short(c.Log),
			short(c.Digests[p.Variants[0].Name]), short(c.Digests[p.Variants[1].Name]))
	}
	if len(unlike) > most {
		p.line("")
		p.line("And %d more.", len(unlike)-most)
	}
	p.line("")
}

func kinds(counts map[string]int64) string {
	var all []string
	for _, kind := range sortedKeys(counts) {
		all = append(all, fmt.Sprintf("%d %s", counts[kind], kind))
	}
	return strings.Join(all, ", ")
}

func ms(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// short is a digest that people compare; the JSON has all of it.
func short(digest string) string {
	if digest == "" {
		return "none"
	}
	return digest[:min(len(digest), 16)]
}

func orNone(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// cell keeps a text in its cell.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "*", `\*`, "<", "&lt;", "`", "'").Replace(text)
}

func sortedKeys(m map[string]int64) []string { return slices.Sorted(maps.Keys(m)) }
