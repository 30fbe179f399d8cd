package report

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// A stretch is a part of the timeline in which one lane had its turn.
type stretch struct {
	from, to             float64
	phase, lane          string
	connections          int
	perSecond, cpu, busy float64
	rss                  int64
	moments              int
}

// stretches joins moments of one lane and phase that follow each other until they are as long as what can be seen.
func stretches(r *result.Result, shortest float64) []stretch {
	moments := slices.DeleteFunc(slices.Clone(r.Timeline), func(m result.Moment) bool {
		return !finite(m.At) || m.At < 0 || !finite(m.PerSecond) || !finite(m.CPU) || !finite(m.Busy)
	})
	slices.SortStableFunc(moments, func(a, b result.Moment) int { return cmp.Compare(a.At, b.At) })
	var all []stretch
	for i, m := range moments {
		// A moment tells of the time since the one before, as far as that is known.
		from := 0.0
		if i > 0 {
			from = moments[i-1].At
		}
		if n := len(all); n > 0 && all[n-1].lane == m.Lane && all[n-1].phase == m.Phase && all[n-1].to-all[n-1].from < shortest {
			s := &all[n-1]
			s.to = m.At
			s.connections = max(s.connections, m.Connections)
			s.perSecond += m.PerSecond
			s.cpu += m.CPU
			s.busy += m.Busy
			s.rss = max(s.rss, m.RSS)
			s.moments++
			continue
		}
		all = append(all, stretch{from: from, to: m.At, phase: m.Phase, lane: m.Lane, connections: m.Connections, perSecond: m.PerSecond, cpu: m.CPU, busy: m.Busy, rss: m.RSS, moments: 1})
	}
	for i := range all {
		n := float64(all[i].moments)
		all[i].perSecond /= n
		all[i].cpu /= n
		all[i].busy /= n
	}
	return all
}

// lasted is how long the run's timeline is.
func lasted(r *result.Result) float64 {
	last := 0.0
	for _, m := range r.Timeline {
		if finite(m.At) {
			last = max(last, m.At)
		}
	}
	return last
}

// A band is one figure over the run.
type band struct {
	title string
	of    func(stretch) float64
	label func(float64) string
	least float64 // the axis goes at least so far
	lines bool    // one for each lane: all lanes have it all the time
	cut   bool    // what is far higher before the measurement is cut off
	busy  bool    // from the slices, where the moments do not have it
	all   []stretch
	y     axis
}

var bands = []band{
	{title: "deliveries a second", of: func(s stretch) float64 { return s.perSecond }, label: brief, cut: true},
	{title: "CPU of the lane's server, share of a core", of: func(s stretch) float64 { return s.cpu }, label: percents, least: 0.5},
	{title: "share of the time in which its event loop was busy", of: func(s stretch) float64 { return s.busy }, label: percents, least: 0.5, busy: true},
	{title: "connections of each lane", of: func(s stretch) float64 { return float64(s.connections) }, label: brief, lines: true},
}

// shown returns the bands that have figures, with their axes. Deliveries before the first slice may be far more, as in
// the generator's proof, and would press all else to the ground: they are cut off, and the title says so.
func shown(all, busy []stretch, measured float64) []band {
	var some []band
	for _, b := range bands {
		b.all = all
		if b.busy && !slices.ContainsFunc(all, func(s stretch) bool { return s.busy > 0 }) {
			b.all = busy
		}
		high, highest := 0.0, 0.0
		for _, s := range b.all {
			highest = max(highest, b.of(s))
			if s.to > measured {
				high = max(high, b.of(s))
			}
		}
		if highest <= 0 {
			continue
		}
		if !b.cut || high <= 0 || highest < 2*high {
			high = highest
		} else {
			b.title += " (before the measurement up to " + number(math3(highest)) + ")"
		}
		b.y = stepped(max(high, b.least), 3, b.label, b.title)
		some = append(some, b)
	}
	return some
}

// timeline draws the run from its start to its end, each stretch in the color of the lane whose turn it was.
func timeline(r *result.Result, f format) ([]byte, error) {
	end := lasted(r)
	all := stretches(r, end/float64(f.inner()-60)*2)
	some := shown(all, worked(r), firstSlice(r))
	if len(some) == 0 || end <= 0 {
		return nil, errNothing
	}
	curves := laneKey(r, all)
	const height = 108
	top := keyHeight(curves, f.inner())
	s := newSheet(f, top+line+height*vg.Length(len(some))+2*line)
	s.key(s.Canvas, curves)
	ticks := 10
	if f.narrow {
		ticks = 5
	}
	x := stepped(end, ticks, number, "").until(end)
	var left, right vg.Length // all bands begin and end where the ones with the longest labels do
	for _, b := range some {
		data := newPlot(x, b.y).DataCanvas(s.Canvas)
		left, right = max(left, data.Min.X-s.Min.X), max(right, s.Max.X-data.Max.X)
	}
	c := s.Canvas
	c.Max.Y -= top + line
	s.phases(c, begins(all), left, right, end)
	for i, b := range some {
		part := c
		part.Min.Y = c.Max.Y - height + 8
		if i == len(some)-1 {
			part.Min.Y = c.Min.Y
			x.title = "seconds since the start"
		}
		s.band(part, x, b, left, right, curves, begins(all))
		c.Max.Y -= height
	}
	return s.picture("The run from its start to its end")
}

// worked are the slices with the share of the time in which the server's loop worked, as it says itself at their ends.
func worked(r *result.Result) []stretch {
	var all []stretch
	for _, l := range r.Lanes {
		for _, s := range l.Slices {
			if finite(s.Busy) && finite(s.At) && finite(s.Seconds) && s.Busy > 0 {
				all = append(all, stretch{from: s.At, to: s.At + s.Seconds, lane: l.Name, busy: s.Busy, moments: 1})
			}
		}
	}
	return all
}

// firstSlice is when the measurement began.
func firstSlice(r *result.Result) float64 {
	first := math.Inf(1)
	for _, l := range r.Lanes {
		for _, s := range l.Slices {
			first = min(first, s.At)
		}
	}
	if !finite(first) {
		return 0
	}
	return first
}

// begins are the stretches with which the run's phases begin; none where they are too many to be told apart.
func begins(all []stretch) []stretch {
	var first []stretch
	for _, t := range all {
		if len(first) == 0 || first[len(first)-1].phase != t.phase {
			first = append(first, t)
		}
	}
	if len(first) > 12 {
		return nil
	}
	return first
}

// phases writes the names of phases where they begin, as far as there is room for them.
func (s *sheet) phases(c draw.Canvas, first []stretch, left, right vg.Length, end float64) {
	style := written(muted, small, draw.XLeft, draw.YBottom)
	x := func(at float64) vg.Length { return c.Min.X + left + (c.Max.X-c.Min.X-left-right)*vg.Length(at/end) }
	for i, t := range first {
		next := end
		if i+1 < len(first) {
			next = first[i+1].from
		}
		if room(style, t.phase)+6 < x(next)-x(t.from) {
			s.FillText(style, vg.Point{X: x(t.from), Y: c.Max.Y + 4}, t.phase)
		}
	}
}

// strengths tell lanes of one server apart where dashes would not be seen.
var strengths = []float64{0.85, 0.5, 0.3}

// laneKey are the lanes that the timeline shows, for the key above it.
func laneKey(r *result.Result, all []stretch) []curve {
	var curves []curve
	idle := false
	lanes := ordered(r)
	for _, l := range lanes {
		if slices.ContainsFunc(all, func(s stretch) bool { return s.lane == l.Name }) {
			curves = append(curves, curve{name: named(l), lane: l.Name, paint: paintOf(serverOf(l)), strength: strengths[placeOf(lanes, l)%len(strengths)]})
		}
	}
	for _, s := range all {
		idle = idle || s.lane == "" && s.perSecond+s.cpu+s.busy+float64(s.connections) > 0
	}
	if idle {
		curves = append(curves, curve{name: "no lane's turn", paint: muted, strength: strengths[0]})
	}
	return curves
}

// band draws one figure over the run. Only the last, whose axis has a title, has the labels of the time.
func (s *sheet) band(c draw.Canvas, x axis, b band, left, right vg.Length, lanes []curve, phases []stretch) {
	c = s.heading(c, x, b.y)
	if x.title == "" {
		x.ticks = nil
	}
	p := newPlot(x, b.y)
	own := p.DataCanvas(c)
	c.Min.X += left - (own.Min.X - c.Min.X)
	c.Max.X -= right - (c.Max.X - own.Max.X)
	p.Draw(c)
	data := p.DataCanvas(c)
	atX, atY := p.Transforms(&data)
	for _, t := range phases {
		s.StrokeLine2(pale, atX(t.from), data.Min.Y, atX(t.from), data.Max.Y)
	}
	for _, k := range lanes {
		var points []vg.Point
		for _, t := range b.all {
			v := min(b.of(t), b.y.high)
			if t.lane != k.lane || !(v > 0) || t.to <= t.from && !b.lines {
				continue
			}
			if b.lines {
				points = append(points, vg.Point{X: atX(t.to), Y: atY(v)})
				continue
			}
			s.SetColor(k.shade())
			right := max(atX(t.to), atX(t.from)+0.6)
			s.Fill(vg.Rectangle{Min: vg.Point{X: atX(t.from), Y: atY(0)}, Max: vg.Point{X: right, Y: atY(v)}}.Path())
		}
		if len(points) > 1 {
			s.StrokeLines(draw.LineStyle{Color: k.shade(), Width: 2}, points)
		}
	}
}

func percents(share float64) string { return number(math.Round(share*100)) + "%" }

// brief writes large numbers short, for the labels of an axis.
func brief(v float64) string {
	switch {
	case v >= 1e6:
		return exact(v/1e6) + "M"
	case v >= 1e3:
		return exact(v/1e3) + "k"
	}
	return exact(v)
}
