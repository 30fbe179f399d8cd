package report

import (
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// histogram returns the distribution's, or nil where there is none that can be read.
func histogram(d *result.Distribution) (h *hdrhistogram.Histogram) {
	if d == nil || d.Hdr == "" {
		return nil
	}
	defer func() { // the decoder trusts what it reads
		if recover() != nil {
			h = nil
		}
	}()
	h, err := hdrhistogram.Decode([]byte(d.Hdr))
	if err != nil || h.TotalCount() == 0 {
		return nil
	}
	return h
}

// percentiles returns a distribution as points of a picture whose x is log10(1/(1-q)), which gives each nine the same
// room, and whose y is log10 of milliseconds. Without a histogram it is the five figures that are kept beside it.
func percentiles(d *result.Distribution) plotter.XYs {
	var points plotter.XYs
	add := func(x, ms float64) {
		if sensible(ms) {
			points = append(points, plotter.XY{X: x, Y: math.Log10(ms)})
		}
	}
	if h := histogram(d); h != nil {
		last := min(math.Log10(float64(h.TotalCount())), nines)
		for x := 0.0; x < last; x += 0.02 {
			add(x, float64(h.ValueAtPercentile(100*(1-math.Pow(10, -x))))/1e3)
		}
		add(last, float64(h.ValueAtPercentile(100*(1-math.Pow(10, -last))))/1e3)
		return thinned(points)
	}
	if d == nil {
		return nil
	}
	add(at(0.5), d.P50MS)
	add(at(0.9), d.P90MS)
	add(at(0.99), d.P99MS)
	add(at(0.999), d.P999MS)
	if d.Count > 1000 {
		add(min(math.Log10(float64(d.Count)), nines), d.MaxMS)
	}
	return points
}

// sensible says whether a latency can be drawn: 0 was not measured.
func sensible(ms float64) bool { return ms > 1e-6 && ms < 1e9 }

// nines is how far the axis of percentiles goes: 99.999 %.
const nines = 5

func at(q float64) float64 { return -math.Log10(1 - q) }

// thinned leaves out points in the middle of level stretches.
func thinned(points plotter.XYs) plotter.XYs {
	var kept plotter.XYs
	for i, p := range points {
		if i > 0 && i < len(points)-1 && points[i-1].Y == p.Y && points[i+1].Y == p.Y {
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// latency draws the latencies of all lanes, percentile by percentile.
func latency(r *result.Result, f format) ([]byte, error) {
	if r.Capacity != nil {
		return nil, errNothing // its slices are of different loads
	}
	var curves []curve
	lanes := ordered(r)
	low, high, last := math.Inf(1), math.Inf(-1), 2.0
	for _, l := range lanes {
		points := percentiles(l.Latency)
		if len(points) == 0 {
			continue
		}
		for _, p := range points {
			low, high, last = min(low, p.Y), max(high, p.Y), max(last, p.X)
		}
		curves = append(curves, curve{name: named(l), paint: paintOf(serverOf(l)), dashes: dashOf(lanes, l), points: points})
	}
	if len(curves) == 0 {
		return nil, errNothing
	}
	x := axis{high: last, title: "percentile of all messages", upright: true}
	for _, t := range []struct {
		q    float64
		text string
	}{{0.5, "50%"}, {0.9, "90%"}, {0.99, "99%"}, {0.999, "99.9%"}, {0.9999, "99.99%"}, {0.99999, "99.999%"}} {
		if at(t.q) <= last+1e-9 {
			x.ticks = append(x.ticks, plot.Tick{Value: min(at(t.q), last), Label: t.text})
		}
	}
	y := logarithmic(math.Pow(10, low), math.Pow(10, high), milliseconds, "latency, from the intended send to the client's read")
	return chart(f, "Latency of each server by percentile", 330, x, y, curves)
}

// milliseconds writes a latency in the unit that suits it.
func milliseconds(ms float64) string {
	switch {
	case ms < 0.1:
		return number(math.Round(ms*1e3)) + " µs"
	case ms >= 1000:
		return exact(math.Round(ms)/1000) + " s"
	}
	return exact(math.Round(ms*1e3)/1e3) + " ms"
}
