package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// runTable sums the timeline up: a row for each phase and lane.
func runTable(r *result.Result) table {
	t := table{
		title: "The run, by phase and lane",
		head:  []string{"Server", "phase", "from, s", "to, s", "deliveries/s", "CPU of its core", "loop busy", "connections", "memory"},
		words: map[int]bool{1: true},
	}
	lanes := map[string]*result.Lane{}
	for i := range r.Lanes {
		lanes[r.Lanes[i].Name] = &r.Lanes[i]
	}
	for _, s := range byTurn(stretches(r, 0)) {
		first := plain("none")
		if l := lanes[s.lane]; l != nil {
			first = laneCell(l)
		} else if s.lane != "" {
			first = plain(s.lane)
		}
		phase := s.phase
		if phase == "" {
			phase = none
		}
		t.row(first, phase, tenths(s.from), tenths(s.to), known(math.Round(s.perSecond), number), known(s.cpu, percent), known(s.busy, percent),
			known(float64(s.connections), whole), known(float64(s.rss), amount))
	}
	return t.trimmed()
}

func tenths(v float64) string { return grouped(strconv.FormatFloat(v, 'f', 1, 64)) }

// capacityTable has the rates that were tried.
func capacityTable(r *result.Result) table {
	t := table{
		title: "Rates that were tried",
		head:  []string{"Records/s", "p99, ms", "reach", "CPU of its core", "held"},
		words: map[int]bool{4: true},
	}
	if r.Capacity == nil {
		return t
	}
	for _, trial := range r.Capacity.Trials {
		held, paint := "yes", good
		if !trial.Held {
			held, paint = "no", bad
			if trial.Why != "" {
				held += ": " + trial.Why
			}
		}
		t.row(plain(number(trial.Rate)), number(trial.P99MS), percent(trial.Reach), percent(trial.CPU))
		last := len(t.rows) - 1
		t.rows[last] = append(t.rows[last], cell{text: held, paint: paint.name})
	}
	return t
}

// byTurn joins all stretches of one phase and lane.
func byTurn(all []stretch) []stretch {
	var turns []stretch
	for _, s := range all {
		i := slices.IndexFunc(turns, func(t stretch) bool { return t.lane == s.lane && t.phase == s.phase })
		if i < 0 {
			turns = append(turns, s)
			continue
		}
		t := &turns[i]
		n, m := float64(t.moments), float64(s.moments)
		t.perSecond = (t.perSecond*n + s.perSecond*m) / (n + m)
		t.cpu = (t.cpu*n + s.cpu*m) / (n + m)
		t.busy = (t.busy*n + s.busy*m) / (n + m)
		t.moments += s.moments
		t.to, t.connections, t.rss = max(t.to, s.to), max(t.connections, s.connections), max(t.rss, s.rss)
	}
	return turns
}

// scalingTable has what a delivery costs in runs with several numbers of connections.
func scalingTable(family []*result.Result) table {
	t := table{
		title: "Cost against connections",
		head:  []string{"Server", "connections", "µs a delivery", "95% interval", "× the floor", "p99, ms", "memory of the process"},
	}
	for _, r := range family {
		for _, l := range ordered(r) {
			e, ratio := aDelivery.cost(l), overFloor(r, l)
			if !e.ok() {
				continue
			}
			times, p99, rss := none, none, int64(0)
			if ratio.ok() {
				times = number(ratio.value)
			}
			if l.Latency != nil {
				p99 = known(l.Latency.P99MS, number)
			}
			for _, s := range l.Slices {
				rss = max(rss, s.RSS)
			}
			t.row(laneCell(l), count(l.Connections), number(e.value), interval(e), times, p99, known(float64(rss), amount))
		}
	}
	first := map[string]int{} // rows of one lane stand together
	for i := range t.rows {
		if _, ok := first[t.rows[i][0].text]; !ok {
			first[t.rows[i][0].text] = i
		}
	}
	slices.SortStableFunc(t.rows, func(a, b []cell) int { return first[a[0].text] - first[b[0].text] })
	return t.trimmed()
}

// overviewTable has a row for each result.
func overviewTable(results []*result.Result) table {
	t := table{
		head:  []string{"Scenario", "Verdict", "What came out", "Main figures"},
		words: map[int]bool{1: true, 2: true, 3: true},
	}
	for i, name := range titles(results) {
		r := results[i]
		t.row(plain(name))
		last := len(t.rows) - 1
		t.rows[last] = append(t.rows[last], cell{text: word(r), paint: verdictPaint(r.Verdict).name}, plain(summary(r)), plain(essence(r)))
	}
	return t
}

// laneTable has a column for each lane and a row for each figure that one of them has.
func laneTable(r *result.Result) table {
	lanes := ordered(r)
	t := table{title: "Figures of each lane", head: []string{"Figure"}}
	for _, l := range lanes {
		t.head = append(t.head, named(l))
	}
	add := func(name string, of func(l *result.Lane) string) {
		figures := make([]string, len(lanes))
		some := false
		for i, l := range lanes {
			figures[i] = of(l)
			some = some || figures[i] != none
		}
		if some {
			t.row(plain(name), figures...)
		}
	}
	ranged := func(e estimate) string {
		s := value(e)
		if e.ok() && e.interval() {
			s += " (" + interval(e) + ")"
		}
		return s
	}
	latency := func(of func(*result.Distribution) float64) func(l *result.Lane) string {
		return func(l *result.Lane) string {
			if l.Latency == nil {
				return none
			}
			return known(of(l.Latency), number)
		}
	}
	total := func(of func(result.Totals) float64, write func(float64) string) func(l *result.Lane) string {
		return func(l *result.Lane) string { return known(of(arrived(l)), write) }
	}
	sent := func(of func(result.Totals) string) func(l *result.Lane) string {
		return func(l *result.Lane) string {
			a := arrived(l)
			if a.Expected == 0 && a.Received == 0 {
				return none
			}
			return of(a)
		}
	}
	add("connections", func(l *result.Lane) string {
		s := known(float64(l.Connections), whole)
		if l.Stalled > 0 {
			s += ", " + count(l.Stalled) + " stalled"
		}
		return s
	})
	add("where it ran", func(l *result.Lane) string {
		if s := ran(l); s != "" {
			return s
		}
		return none
	})
	add("CPU a delivery, µs (95% interval)", func(l *result.Lane) string { return ranged(aDelivery.cost(l)) })
	add("over the floor, × (95% interval)", func(l *result.Lane) string { return ranged(overFloor(r, l)) })
	add("CPU a record, µs (95% interval)", func(l *result.Lane) string { return ranged(recordCost(r, l)) })
	add("heap allocations a delivery", func(l *result.Lane) string {
		if len(l.Slices) > 0 && arrived(l).Received > 0 {
			return number(l.Totals.AllocsPerDelivery)
		}
		return known(l.Totals.AllocsPerDelivery, number)
	})
	add("latency p50, ms", latency(func(d *result.Distribution) float64 { return d.P50MS }))
	add("p99, ms", latency(func(d *result.Distribution) float64 { return d.P99MS }))
	add("p99.9, ms", latency(func(d *result.Distribution) float64 { return d.P999MS }))
	add("max, ms", latency(func(d *result.Distribution) float64 { return d.MaxMS }))
	add("last subscriber p99, less Kafka's share, ms", func(l *result.Lane) string { return known(l.LastP99MS, number) })
	add("reach", sent(reach))
	add("lost / doubled / reordered", sent(func(a result.Totals) string {
		return count(a.Lost) + " / " + count(a.Doubled) + " / " + count(a.Reordered)
	}))
	add("frames a read", total(func(a result.Totals) float64 { return a.FramesPerRead }, number))
	add("bytes a frame", total(func(a result.Totals) float64 { return a.FrameBytes }, number))
	add("memory of the process, a connection", total(func(a result.Totals) float64 { return a.RSSPerConnection }, amount))
	add("kernel memory of sockets, a connection", total(func(a result.Totals) float64 { return a.SocketsPerConn }, amount))
	add("idle CPU a connection, µs/s", total(func(a result.Totals) float64 { return a.IdleCPU }, number))
	add("handshakes/s", func(l *result.Lane) string {
		if l.Connect == nil {
			return none
		}
		return known(l.Connect.PerSecond, func(v float64) string { return number(math.Round(v)) })
	})
	add("seconds to connect all", func(l *result.Lane) string {
		if l.Connect == nil {
			return none
		}
		return known(l.Connect.Seconds, number)
	})
	add("seconds from a cut until all are caught up", func(l *result.Lane) string {
		var caught []float64
		for _, s := range l.Storms {
			caught = append(caught, s.CaughtUp)
		}
		s := known(caughtUp(l), number)
		if len(caught) > 1 {
			s += " (" + number(slices.Min(caught)) + " to " + number(slices.Max(caught)) + ")"
		}
		return s
	})
	add("goroutines with all connections at rest", func(l *result.Lane) string {
		if len(l.Memory) == 0 {
			return none
		}
		return known(float64(steps(l)[len(l.Memory)-1].Goroutines), whole)
	})
	add("resumed in each slice", func(l *result.Lane) string {
		if s := resumedInWords(l); s != "" {
			return s
		}
		return none
	})
	add("slices, of them disturbed", func(l *result.Lane) string {
		if len(l.Slices) == 0 {
			return none
		}
		return count(len(l.Slices)) + ", " + count(disturbed(l))
	})
	return t
}

// ran says what of a lane's server is unlike others': shards, processes, and cores that the load has too.
func ran(l *result.Lane) string {
	var parts []string
	if l.Shards > 1 {
		parts = append(parts, plural(l.Shards, "shard", "shards"))
	}
	if l.Processes > 1 {
		parts = append(parts, plural(l.Processes, "process", "processes")+" on one port: descriptors and memory, not shards")
	}
	if len(l.Shared) > 0 {
		parts = append(parts, numbers(l.Cores)+", of which "+numbers(l.Shared)+" is the load's too: its latency is not its own")
	}
	return strings.Join(parts, "; ")
}

// resumedInWords says how long it took those who resumed to have what they had missed.
func resumedInWords(l *result.Lane) string {
	var took []float64
	clients, each := 0, int64(0)
	for _, s := range l.Slices {
		if r := s.Resume; r != nil {
			took, clients = append(took, r.Seconds), r.Clients
			each = r.Expected / int64(max(r.Clients, 1))
		}
	}
	if len(took) == 0 {
		return ""
	}
	return fmt.Sprintf("%s with %s each, in %s s", plural(clients, "client", "clients"), plural(each, "message", "messages"), number(median(took)))
}
