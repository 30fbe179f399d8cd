package report

import (
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// cost draws what a delivery costs in each lane: every slice a dot, their mean with its interval, and the limit that is
// stated as a multiple of the floor.
func cost(r *result.Result, f format) ([]byte, error) {
	b, floor := basisOf(r), estimate{}
	if l := floorOf(r); l != nil && b.unit == aDelivery.unit {
		floor = b.cost(l)
	}
	if r.Capacity != nil {
		return nil, errNothing // its slices are of different loads
	}
	high, limited := 0.0, false
	var rows []row
	for _, l := range ordered(r) {
		mean := b.cost(l)
		if !mean.ok() {
			continue
		}
		_, samples := b.costs(l)
		limit := limitOverFloor(r, l) * floor.value // 0 without a floor
		limited = limited || limit > 0
		high = max(high, mean.value, mean.high, limit, quantile(samples, 0.98))
		rows = append(rows, row{
			name:  named(l),
			paint: paintOf(serverOf(l)),
			says:  costInWords(r, l, mean),
			strip: 24,
			draw: func(c draw.Canvas, x func(float64) vg.Length) {
				scatter(c, x, paintOf(serverOf(l)), samples)
				if limit > 0 {
					limitMark(c, x(limit))
				}
				whisker(c, x, ink, mean)
			},
		})
	}
	if len(rows) == 0 {
		return nil, errNothing
	}
	ticks := 8
	if f.narrow {
		ticks = 5
	}
	says := "µs of CPU a " + b.unit + ": slices, their mean with its 95% interval"
	if f.narrow {
		says = "µs of CPU a " + b.unit
	}
	if floor.ok() {
		says += "; dotted: floor"
	}
	if limited {
		says += ", red: limit"
	}
	x := stepped(high*1.02, ticks, number, says)
	return f.rows("CPU time a "+b.unit+" costs, by server", x, rows, func(c draw.Canvas, x func(float64) vg.Length) {
		if floor.ok() {
			c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1, Dashes: dashes[2]}, x(floor.value), c.Min.Y, x(floor.value), c.Max.Y)
		}
	})
}

func costInWords(r *result.Result, l *result.Lane, mean estimate) string {
	s := number(mean.value) + " µs"
	if e := overFloor(r, l); e.ok() {
		s += ", " + number(e.value) + "× the floor"
		if e.interval() {
			s += " (" + number(e.low) + " to " + number(e.high) + ")"
		}
	}
	if limit := limitOverFloor(r, l); limit > 0 {
		s += ", limit " + exact(limit) + "×"
	}
	return s
}

// limitOverFloor returns the limit that the lane's cost has as a multiple of the floor's, or 0.
func limitOverFloor(r *result.Result, l *result.Lane) float64 {
	for _, j := range r.Judgements {
		if j.Measure == scenario.CPU && j.Over == "floor" && j.Of == named(l) && j.AtMost > 0 && finite(j.AtMost) {
			return j.AtMost
		}
	}
	return 0
}

// scatter draws samples as dots, strewn over the strip so that they do not hide each other, always in the same way.
func scatter(c draw.Canvas, x func(float64) vg.Length, p paint, samples []float64) {
	points := make([]vg.Point, 0, len(samples))
	for i, v := range samples {
		_, strewn := math.Modf(0.5 + float64(i)*0.6180339887)
		at := vg.Point{X: x(v), Y: c.Min.Y + 4 + (c.Max.Y-c.Min.Y-8)*vg.Length(strewn)}
		if at.X >= c.Min.X && at.X <= c.Max.X+4 { // the few far out would squeeze all others
			points = append(points, at)
		}
	}
	dots(c, p.faint(0.42), 2.6, points)
}

// whisker draws an estimate: its interval as a line with ends, its value as a dot.
func whisker(c draw.Canvas, x func(float64) vg.Length, p paint, e estimate) {
	y := c.Center().Y
	if e.interval() {
		within := func(v float64) vg.Length { return min(max(x(v), c.Min.X), c.Max.X+8) }
		low, high := within(e.low), within(e.high)
		style := draw.LineStyle{Color: p, Width: 2}
		c.StrokeLine2(style, low, y, high, y)
		c.StrokeLine2(style, low, y-5, low, y+5)
		c.StrokeLine2(style, high, y-5, high, y+5)
	}
	value := []vg.Point{{X: min(max(x(e.value), c.Min.X), c.Max.X+8), Y: y}}
	dots(c, panel, 4.4, value)
	dots(c, p, 3.4, value)
}

// limitMark draws where a limit is.
func limitMark(c draw.Canvas, x vg.Length) {
	c.StrokeLine2(draw.LineStyle{Color: bad, Width: 2}, x, c.Min.Y-3, x, c.Max.Y+3)
}

func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[int(q*float64(len(sorted)-1))]
}
