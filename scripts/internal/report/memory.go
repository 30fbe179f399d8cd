package report

import (
	"cmp"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// memory draws the server's memory and the kernel's for its sockets against the number of connections.
func memory(r *result.Result, f format) ([]byte, error) {
	process, kernel := against{title: "MB of the server's process (RSS)"}, against{title: "MB of the kernel for sockets, both ends of each"}
	lanes := ordered(r)
	for _, l := range lanes {
		for _, m := range steps(l) {
			process.add(lanes, l, m.Connections, estimate{value: float64(m.RSS) / (1 << 20), n: 1})
			kernel.add(lanes, l, m.Connections, estimate{value: float64(m.Sockets) / (1 << 20), n: 1})
		}
		process.note(l, l.Totals.RSSPerConnection)
		kernel.note(l, l.Totals.SocketsPerConn)
	}
	return connections(f, "Memory against the number of connections", []against{process, kernel})
}

// steps returns a lane's readings in the order of their connections.
func steps(l *result.Lane) []result.Memory {
	sorted := slices.Clone(l.Memory)
	slices.SortStableFunc(sorted, func(a, b result.Memory) int { return cmp.Compare(a.Connections, b.Connections) })
	return sorted
}

// scaling draws what a delivery costs, and how much memory the servers have, against the number of connections: from
// several runs of one scenario.
func scaling(results []*result.Result, f format) ([]byte, error) {
	cpu, process := against{title: "µs of CPU a delivery, with its 95% interval"}, against{title: "MB of the server's process (RSS) under the load"}
	for _, r := range bySize(results) {
		lanes := ordered(r)
		for _, l := range lanes {
			if e := aDelivery.cost(l); e.ok() {
				cpu.add(lanes, l, l.Connections, e)
			}
			var rss []float64
			for _, s := range l.Slices {
				rss = append(rss, float64(s.RSS)/(1<<20))
			}
			process.add(lanes, l, l.Connections, estimate{value: median(rss), n: 1})
		}
	}
	return connections(f, "What servers cost against the number of connections", []against{cpu, process})
}

// bySize sorts results by their connections.
func bySize(results []*result.Result) []*result.Result {
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(a, b *result.Result) int {
		return cmp.Compare(a.Scenario.Connections, b.Scenario.Connections)
	})
	return sorted
}

// families returns the results that are of one scenario with several numbers of connections.
func families(results []*result.Result) [][]*result.Result {
	var names []string
	members := map[string][]*result.Result{}
	for _, r := range results {
		if r.Capacity != nil {
			continue // its slices are of different loads
		}
		if members[r.Scenario.Name] == nil {
			names = append(names, r.Scenario.Name)
		}
		members[r.Scenario.Name] = append(members[r.Scenario.Name], r)
	}
	var all [][]*result.Result
	for _, name := range names {
		sizes := map[int]bool{}
		for _, r := range members[name] {
			sizes[r.Scenario.Connections] = true
		}
		if len(sizes) > 1 {
			all = append(all, bySize(members[name]))
		}
	}
	return all
}

// An against is a figure of all lanes against the number of connections.
type against struct {
	title  string
	curves []curve
	high   float64
	most   int
}

// add adds a point to the lane's curve; what is no figure is left out.
func (a *against) add(lanes []*result.Lane, l *result.Lane, connections int, e estimate) {
	if !finite(e.value) || e.value <= 0 || connections <= 0 {
		return
	}
	i := slices.IndexFunc(a.curves, func(k curve) bool { return k.name == named(l) })
	if i < 0 {
		i = len(a.curves)
		a.curves = append(a.curves, curve{name: named(l), paint: paintOf(serverOf(l)), dashes: dashOf(lanes, l), marked: true})
	}
	k := &a.curves[i]
	k.points = append(k.points, plotter.XY{X: float64(connections), Y: e.value})
	k.bars = append(k.bars, e)
	a.high, a.most = max(a.high, e.value), max(a.most, connections)
	if e.interval() {
		a.high = max(a.high, e.high)
	}
}

// note says how much a connection adds.
func (a *against) note(l *result.Lane, slope float64) {
	i := slices.IndexFunc(a.curves, func(k curve) bool { return k.name == named(l) })
	if i >= 0 && slope > 0 && finite(slope) {
		a.curves[i].note = amount(slope) + " a connection"
	}
}

// connections draws figures below each other, over one axis of connections.
func connections(f format, label string, parts []against) ([]byte, error) {
	parts = slices.DeleteFunc(parts, func(a against) bool { return len(a.curves) == 0 })
	if len(parts) == 0 {
		return nil, errNothing
	}
	const height = 250
	ticks, most := 6, 0
	if f.narrow {
		ticks = 4
	}
	total := vg.Length(0)
	for _, a := range parts {
		total += height
		if f.narrow {
			total += keyHeight(a.curves, f.inner())
		}
		most = max(most, a.most)
	}
	s := newSheet(f, total)
	x := stepped(float64(most), ticks, number, "").until(float64(most))
	var right, left vg.Length // all begin and end where the ones with the longest words do
	ys := make([]axis, len(parts))
	for i, a := range parts {
		ys[i] = stepped(a.high, 4, number, a.title)
		right = max(right, s.margin(a.curves))
		left = max(left, newPlot(x, ys[i]).DataCanvas(s.Canvas).Min.X-s.Min.X)
	}
	c := s.Canvas
	for i, a := range parts {
		if f.narrow {
			s.key(c, a.curves)
			c.Max.Y -= keyHeight(a.curves, f.inner())
		}
		part := c
		part.Min.Y = c.Max.Y - height
		x.title = "connections"
		if i < len(parts)-1 {
			part.Min.Y += 16
		}
		s.panel(part, x, ys[i], a.curves, left, right)
		c.Max.Y -= height
	}
	return s.picture(label)
}
