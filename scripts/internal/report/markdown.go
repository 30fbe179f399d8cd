package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// Markdown writes results for a pull request: the verdict first, then the limits, the figures of each lane, and what is
// needed to believe them and to measure again. Results that are nil are passed over. With a model, which may be nil, it says too
// which variant is cheaper for loads that were not measured.
func Markdown(w io.Writer, results []*result.Result, m *model.Model) error {
	results = present(results)
	var b strings.Builder
	switch len(results) {
	case 0:
		b.WriteString("Nothing was measured.\n")
	case 1:
		markdownOne(&b, results[0], "##", title(results[0]))
	default:
		b.WriteString("## Measurements\n\n")
		fmt.Fprintf(&b, "%s.\n\n", tally(results))
		writeMarkdown(&b, overviewTable(results))
		for _, family := range families(results) {
			fmt.Fprintf(&b, "### %s, with several numbers of connections\n\n", md(title(family[0])))
			writeMarkdown(&b, scalingTable(family))
		}
		for i, name := range titles(results) {
			markdownOne(&b, results[i], "###", name)
		}
	}
	if c := newCrossing(m); c != nil {
		c.markdown(&b, "###", true)
	}
	if len(results) > 0 {
		b.WriteString(reading)
	}
	if _, err := io.WriteString(w, clean(b.String())); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// reading says how to read the tables.
const reading = `<sub>CPU is that of the whole server process, for each message that arrived. The floor is one prepared frame and one send(2) a
connection: what the kernel alone asks for. Latency counts from when a message was meant to be sent, on a schedule that waits for nobody, to the
client's read. Servers take turns in slices, ratios are of slices of one round, and intervals are 95%: a limit holds when all of the interval is
within, and is undecided when it lies inside.</sub>
`

func markdownOne(b *strings.Builder, r *result.Result, level, heading string) {
	fmt.Fprintf(b, "%s %s\n\n", level, md(heading))
	fmt.Fprintf(b, "**%s**: %s.\n\n", word(r), md(summary(r)))
	if words := load(r.Scenario); words != "" {
		fmt.Fprintf(b, "Load: %s.\n\n", md(words))
	}
	if len(r.Refusals) > 0 {
		for _, f := range r.Refusals {
			name := "**" + md(reason(f.Code)) + "**"
			if _, ok := reasons[f.Code]; ok {
				name += " (`" + f.Code + "`)"
			}
			fmt.Fprintf(b, "- %s: %s\n", name, md(sentence(f.Text)))
		}
		b.WriteString("\n")
	}
	writeMarkdown(b, limitTable(r))
	writeMarkdown(b, laneTable(r))
	if c := r.Capacity; c != nil {
		writeMarkdown(b, capacityTable(r))
		if lines := settings(c.Settings); len(lines) > 0 {
			fenced(b, "sh", strings.Join(lines, "\n"))
		}
	}
	for _, fact := range facts(r) {
		fmt.Fprintf(b, "- %s: %s\n", fact[0], md(fact[1]))
	}
	if len(facts(r)) > 0 {
		b.WriteString("\n")
	}
	if c := command(r); c != "" {
		fenced(b, "sh", c)
	}
}

// fenced writes a block of code with a fence that the code does not have.
func fenced(b *strings.Builder, language, text string) {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	fmt.Fprintf(b, "%s%s\n%s\n%s\n\n", fence, language, text, fence)
}

// writeMarkdown writes a table; one without rows is left out.
func writeMarkdown(b *strings.Builder, t table) {
	if len(t.rows) == 0 {
		return
	}
	for i, h := range t.head {
		if i == 0 {
			b.WriteString("|")
		}
		b.WriteString(" " + md(h) + " |")
	}
	b.WriteString("\n|")
	for i := range t.head {
		if i == 0 || t.words[i] {
			b.WriteString("---|")
		} else {
			b.WriteString("--:|")
		}
	}
	b.WriteString("\n")
	for _, row := range t.rows {
		b.WriteString("|")
		for _, c := range row {
			b.WriteString(" " + md(c.text) + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// md is text that Markdown shows as it is, on one line.
func md(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '\\', '`', '*', '|', '[', ']', '~':
			b.WriteByte('\\')
		case '_': // within a word, as in WS_ADDR, it is not taken for emphasis
			if i == 0 || i == len(s)-1 || !wordly(s[i-1]) || !wordly(s[i+1]) {
				b.WriteByte('\\')
			}
		case '<':
			b.WriteString("&lt;")
			continue
		case '&':
			b.WriteString("&amp;")
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func wordly(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// settings are lines that --config takes.
func settings(all map[string]string) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		lines = append(lines, name+"="+all[name])
	}
	return lines
}

// facts are what one has to know about a run to judge its figures: name and words.
func facts(r *result.Result) [][2]string {
	var all [][2]string
	add := func(name, words string) {
		if words != "" {
			all = append(all, [2]string{name, words})
		}
	}
	h := r.Host
	var machine []string
	if h.CPU != "" {
		machine = append(machine, h.CPU)
	}
	if h.CPUs > 0 {
		machine = append(machine, plural(h.CPUs, "core", "cores"))
	}
	if h.MemoryBytes > 0 {
		machine = append(machine, amount(float64(h.MemoryBytes))+" of memory")
	}
	if h.Kernel != "" {
		machine = append(machine, "Linux "+h.Kernel)
	}
	if h.Somaxconn > 0 {
		machine = append(machine, "somaxconn "+strconv.Itoa(h.Somaxconn))
	}
	add("Machine", strings.Join(machine, ", "))
	if len(r.Cores.Server)+len(r.Cores.Load) > 0 {
		words := fmt.Sprintf("servers on %s; generator, publisher and broker on %s", numbers(r.Cores.Server), numbers(r.Cores.Load))
		for _, l := range ordered(r) {
			if len(l.Shared) > 0 {
				words += fmt.Sprintf("; %s on %s too, so that it shares %s with the load", named(l), numbers(l.Cores), numbers(l.Shared))
			}
		}
		add("Cores", words)
	} else if len(r.Lanes) > 0 {
		add("Cores", "servers and load were not kept apart")
	}
	if f := r.Floor; f.CPUMicros > 0 {
		words := number(f.CPUMicros) + " µs a delivery"
		if f.First > 0 && f.Second > 0 {
			words += fmt.Sprintf(" (first half of the run %s, second half %s)", number(f.First), number(f.Second))
		}
		add("Floor", words)
	}
	if p := r.Proof; p.FramesPerSecond > 0 {
		add("Generator's proof", fmt.Sprintf("it read and checked %s frames/s from the floor on %s, with %s of its core",
			number(math3(p.FramesPerSecond)), plural(p.Connections, "connection", "connections"), percent(p.LoadBusy)))
	}
	commit := r.Commit
	if len(commit) > 12 {
		commit = commit[:12]
	}
	if r.Dirty {
		commit = strings.TrimSpace(commit + " and changes that are in no commit")
	}
	add("Commit", commit)
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		versions = append(versions, name+" "+r.Versions[name])
	}
	add("Versions", strings.Join(versions, ", "))
	add("Settings", strings.Join(changed(r), ", "))
	if !r.Started.IsZero() {
		add("Measured", r.Started.UTC().Format(time.DateOnly+" 15:04")+" UTC, for "+seconds(r.Seconds))
	}
	return all
}

// math3 rounds to three digits: what a proof took is not known better.
func math3(v float64) float64 {
	n, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return v
	}
	return n
}

// numbers names cores: 0, 2 and 3.
func numbers(cores []int) string {
	if len(cores) == 0 {
		return "any"
	}
	parts := make([]string, len(cores))
	for i, c := range cores {
		parts[i] = strconv.Itoa(c)
	}
	return "core " + list(parts)
}

// changed are the settings of the servers under test, those of a single lane with its name.
func changed(r *result.Result) []string {
	holders := map[string][]string{}
	under := 0
	for _, l := range ordered(r) {
		if l.Baseline {
			continue
		}
		under++
		for _, line := range settings(l.Settings) {
			holders[line] = append(holders[line], named(l))
		}
	}
	if len(holders) == 0 {
		return settings(r.Scenario.Settings)
	}
	var all []string
	for _, line := range slices.Sorted(maps.Keys(holders)) {
		if len(holders[line]) < under {
			line += " (" + list(holders[line]) + ")"
		}
		all = append(all, line)
	}
	return all
}
