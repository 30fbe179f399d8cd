package report

import (
	"math"

	"gonum.org/v1/plot/plotter"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// capacity draws the rates that were tried, and the bound that decided which of them held.
func capacity(r *result.Result, f format) ([]byte, error) {
	if r.Capacity == nil {
		return nil, errNothing
	}
	held := curve{name: "held", paint: good, marked: true, loose: true}
	not := curve{name: "did not hold", paint: bad, marked: true, loose: true, hollow: true}
	low, high, most := math.Inf(1), math.Inf(-1), 0.0
	for _, t := range r.Capacity.Trials {
		if !finite(t.Rate) || t.Rate <= 0 || !sensible(t.P99MS) {
			continue
		}
		to := &not
		if t.Held {
			to = &held
		}
		to.points = append(to.points, plotter.XY{X: t.Rate, Y: math.Log10(t.P99MS)})
		low, high, most = min(low, t.P99MS), max(high, t.P99MS), max(most, t.Rate)
	}
	var curves []curve
	for _, k := range []curve{held, not} {
		if len(k.points) > 0 {
			curves = append(curves, k)
		}
	}
	if len(curves) == 0 {
		return nil, errNothing
	}
	ticks := 8
	if f.narrow {
		ticks = 5
	}
	x := stepped(most*1.02, ticks, number, "records a second")
	if b := r.Capacity.BoundMS; sensible(b) {
		low, high = min(low, b), max(high, b)
		line := curve{name: "bound", note: milliseconds(b), paint: muted, dashes: dashes[1]}
		line.points = plotter.XYs{{X: 0, Y: math.Log10(b)}, {X: x.high, Y: math.Log10(b)}}
		curves = append(curves, line)
	}
	y := logarithmic(low, high, milliseconds, "p99 latency at each rate that was tried")
	if c := r.Capacity; len(c.Settings) > 0 && sensible(c.Rate) && c.Rate <= x.high {
		// Where the settings come from. A search that the server did not end says no more than that.
		line := curve{name: "capacity", note: number(c.Rate) + " records a second", paint: ink, dashes: dashes[2]}
		if r.Verdict == result.Refused {
			line.note = "at least " + line.note
		}
		line.points = plotter.XYs{{X: c.Rate, Y: y.low}, {X: c.Rate, Y: y.high}}
		curves = append(curves, line)
	}
	return chart(f, "Latency at each rate that was tried", 280, x, y, curves)
}
