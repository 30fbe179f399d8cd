package report

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// A table is figures as both Markdown and the page write them. The first column names its rows, the others are figures
// unless they are words.
type table struct {
	title string
	head  []string
	words map[int]bool // columns that are read, not compared
	rows  [][]cell
	note  string
}

// A cell is text, with the color of a server or of a verdict where it names one.
type cell struct {
	text  string
	paint string
}

func plain(s string) cell { return cell{text: s} }

func laneCell(l *result.Lane) cell { return cell{text: named(l), paint: paintOf(serverOf(l)).name} }

// row adds a row.
func (t *table) row(first cell, figures ...string) {
	cells := []cell{first}
	for _, f := range figures {
		cells = append(cells, plain(f))
	}
	t.rows = append(t.rows, cells)
}

// known is a figure, or none where it is 0 because it was not measured.
func known(v float64, write func(float64) string) string {
	if v == 0 || !finite(v) {
		return none
	}
	return write(v)
}

func interval(e estimate) string {
	if !e.interval() {
		return none
	}
	return number(e.low) + " to " + number(e.high)
}

// trimmed leaves out columns in which no row has a figure.
func (t table) trimmed() table {
	out := table{title: t.title, note: t.note, words: map[int]bool{}, rows: make([][]cell, len(t.rows))}
	for i, h := range t.head {
		if i > 0 && !slices.ContainsFunc(t.rows, func(r []cell) bool { return r[i].text != none }) {
			continue
		}
		if t.words[i] {
			out.words[len(out.head)] = true
		}
		out.head = append(out.head, h)
		for j, r := range t.rows {
			out.rows[j] = append(out.rows[j], r[i])
		}
	}
	return out
}

// limitTable is the table of limits.
func limitTable(r *result.Result) table {
	t := table{
		title: "Limits",
		head:  []string{"Goal", "What", "Value (95% interval)", "Limit", "Stretch", "Verdict"},
		words: map[int]bool{1: true, 5: true},
	}
	for _, j := range r.Judgements {
		stretch := none
		if j.Stretch > 0 {
			stretch = "≤\u00a0" + bound(j.Stretch, j.Unit)
		}
		name := j.Goal
		if name == "" {
			name = none
		}
		limit := none
		if j.AtMost > 0 {
			limit = "≤\u00a0" + bound(j.AtMost, j.Unit)
		}
		what := about(j)
		if j.Note != "" {
			what += " (" + j.Note + ")"
		}
		t.row(plain(name), what, valueOf(j), limit, stretch)
		last := len(t.rows) - 1
		t.rows[last] = append(t.rows[last], cell{text: outcome(r, j), paint: verdictPaint(verdictOf(r, j)).name})
	}
	return t
}

// costTable has what a delivery and a record cost.
func costTable(r *result.Result) table {
	t := table{
		title: "CPU time of the whole process",
		head:  []string{"Server", "µs a delivery", "95% interval", "× the floor", "95% interval", "µs a record", "95% interval", "allocations a delivery", "slices"},
	}
	if r.Capacity != nil {
		return t // its slices are of different loads
	}
	for _, l := range ordered(r) {
		e, ratio, record := aDelivery.cost(l), overFloor(r, l), recordCost(r, l)
		if !e.ok() && !record.ok() {
			continue
		}
		allocs, counted := known(l.Totals.AllocsPerDelivery, number), none
		if len(l.Slices) > 0 {
			counted = count(len(l.Slices))
			if e.ok() {
				allocs = number(l.Totals.AllocsPerDelivery)
			}
			if n := disturbed(l); n > 0 {
				counted += ", " + count(n) + " of them disturbed"
			}
		}
		t.row(laneCell(l), value(e), interval(e), value(ratio), interval(ratio), value(record), interval(record), allocs, counted)
	}
	return t.trimmed()
}

func value(e estimate) string {
	if !e.ok() {
		return none
	}
	return number(e.value)
}

func disturbed(l *result.Lane) int {
	n := 0
	for _, s := range l.Slices {
		if s.Disturbed != "" {
			n++
		}
	}
	return n
}

// latencyTable has the percentiles.
func latencyTable(r *result.Result) table {
	t := table{
		title: "Latency, ms",
		head:  []string{"Server", "p50", "p90", "p99", "p99.9", "p99.99", "max", "messages", "last subscriber, p99"},
	}
	if r.Capacity != nil {
		return t // its slices are of different loads
	}
	for _, l := range ordered(r) {
		d := l.Latency
		if d == nil {
			d = &result.Distribution{}
		}
		if d.Count == 0 && l.LastP99MS == 0 {
			continue
		}
		p9999 := none
		if h := histogram(d); h != nil && h.TotalCount() >= 10_000 {
			p9999 = number(float64(h.ValueAtPercentile(99.99)) / 1e3)
		}
		t.row(laneCell(l), known(d.P50MS, number), known(d.P90MS, number), known(d.P99MS, number), known(d.P999MS, number), p9999,
			known(d.MaxMS, number), known(float64(d.Count), whole), known(l.LastP99MS, number))
	}
	return t.trimmed()
}

func whole(v float64) string { return count(int64(v)) }

// arrivedTable says what became of the messages.
func arrivedTable(r *result.Result) table {
	t := table{
		title: "What arrived",
		head:  []string{"Server", "connections", "expected", "reach", "lost", "doubled", "reordered", "bytes a frame", "frames a read", "longest turn of the loop, ms"},
	}
	for _, l := range ordered(r) {
		sum := arrived(l)
		if sum.Expected == 0 && sum.Received == 0 {
			continue
		}
		turn := 0.0
		for _, s := range l.Slices {
			turn = max(turn, s.TurnMaxMS)
		}
		connections := count(l.Connections)
		if l.Stalled > 0 {
			connections += ", " + count(l.Stalled) + " of them stalled"
		}
		t.row(laneCell(l), connections, count(sum.Expected), reach(sum), count(sum.Lost), count(sum.Doubled), count(sum.Reordered),
			known(sum.FrameBytes, number), known(sum.FramesPerRead, number), known(turn, number))
	}
	return t.trimmed()
}

func reach(t result.Totals) string {
	if t.Expected == 0 {
		return none
	}
	return percent(float64(t.Received) / float64(t.Expected))
}

// arrived is the lane's totals; what they do not have is summed up from the slices.
func arrived(l *result.Lane) result.Totals {
	t := l.Totals
	var s result.Totals
	var bytes, reads int64
	for _, slice := range l.Slices {
		s.Records += slice.Records
		s.Expected += slice.Expected
		s.Received += slice.Received
		s.Lost += slice.Lost
		s.Doubled += slice.Doubled
		s.Reordered += slice.Reordered
		bytes += slice.Bytes
		reads += slice.Reads
	}
	if t.Expected == 0 && t.Received == 0 {
		t.Records, t.Expected, t.Received = s.Records, s.Expected, s.Received
		t.Lost, t.Doubled, t.Reordered = s.Lost, s.Doubled, s.Reordered
	}
	if t.FrameBytes == 0 && s.Received > 0 {
		t.FrameBytes = float64(bytes) / float64(s.Received)
	}
	if t.FramesPerRead == 0 && reads > 0 {
		t.FramesPerRead = float64(s.Received) / float64(reads)
	}
	return t
}

// memoryTable has the readings of the steps, and what a connection adds.
func memoryTable(r *result.Result) table {
	t := table{title: "Memory"}
	numbers := map[int]bool{}
	for _, l := range ordered(r) {
		for _, m := range l.Memory {
			numbers[m.Connections] = true
		}
	}
	at := slices.Sorted(maps.Keys(numbers))
	t.head = []string{"Server", "process, a connection", "kernel's sockets, a connection", "idle CPU of a connection, µs/s"}
	for _, n := range at {
		t.head = append(t.head, "process at "+count(n))
	}
	for _, l := range ordered(r) {
		o := l.Totals
		if len(l.Memory) == 0 && o.RSSPerConnection == 0 && o.SocketsPerConn == 0 && o.IdleCPU == 0 {
			continue
		}
		row := []string{known(o.RSSPerConnection, amount), known(o.SocketsPerConn, amount), known(o.IdleCPU, number)}
		for _, n := range at {
			i := slices.IndexFunc(l.Memory, func(m result.Memory) bool { return m.Connections == n })
			if i < 0 {
				row = append(row, none)
				continue
			}
			row = append(row, known(float64(l.Memory[i].RSS), amount))
		}
		t.row(laneCell(l), row...)
	}
	return t.trimmed()
}

// connectTable says how the connections came to be.
func connectTable(r *result.Result) table {
	t := table{
		title: "Connecting",
		head:  []string{"Server", "connections", "seconds for all", "handshakes/s", "p50, ms", "p99, ms", "max, ms", "CPU of a handshake, µs", "refused, and tried again"},
		words: map[int]bool{8: true},
	}
	for _, l := range ordered(r) {
		c := l.Connect
		if c == nil {
			continue
		}
		var refused []string
		for _, why := range slices.Sorted(maps.Keys(c.Refused)) {
			refused = append(refused, count(c.Refused[why])+" with "+why)
		}
		if len(refused) == 0 {
			refused = []string{"0"}
		}
		t.row(laneCell(l), count(l.Connections), number(c.Seconds), number(math.Round(c.PerSecond)), known(c.P50MS, number), known(c.P99MS, number),
			known(c.MaxMS, number), known(c.CPUMicros, number), strings.Join(refused, ", "))
	}
	return t.trimmed()
}

// stormTable has every cut.
func stormTable(r *result.Result) table {
	t := table{
		title: "Cuts",
		head:  []string{"Server", "cut", "last one connected, s", "last one caught up, s", "replayed", "expected", "lost", "doubled", "refused", "CPU of a connection, µs"},
	}
	for _, l := range ordered(r) {
		for i, s := range l.Storms {
			t.row(laneCell(l), count(i+1), number(s.Connected), number(s.CaughtUp), count(s.Replayed), count(s.Expected), count(s.Lost), count(s.Doubled),
				count(s.Refused), known(s.CPUMicros, number))
		}
	}
	return t.trimmed()
}
