package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// limits draws all judgements on one axis, each as a share of its limit: 100 % is as much as is allowed.
func limits(results []*result.Result, f format) ([]byte, error) {
	const most = 2.0 // what is beyond is drawn at the edge
	var rows []row
	high := 1.25
	for _, r := range results {
		for _, j := range r.Judgements {
			if j.AtMost <= 0 || !finite(j.AtMost) || !finite(j.Value) {
				continue
			}
			e := estimate{value: j.Value / j.AtMost, low: j.Low / j.AtMost, high: j.High / j.AtMost, n: 1}
			if j.Low != j.High {
				e.n = 2
			}
			high = max(high, min(e.value, most), min(e.high, most))
			rows = append(rows, row{
				name:  goal(j) + which(r, results) + about(j),
				paint: ink,
				says:  valueOf(j) + ", limit " + bound(j.AtMost, j.Unit) + ": " + outcome(r, j),
				strip: 16,
				draw: func(c draw.Canvas, x func(float64) vg.Length) {
					if stretch := j.Stretch / j.AtMost; stretch > 0 && stretch <= 1 {
						c.StrokeLine2(draw.LineStyle{Color: muted, Width: 1.5}, x(stretch), c.Min.Y, x(stretch), c.Max.Y)
					}
					capped := e
					capped.value, capped.low, capped.high = min(e.value, high), min(e.low, high), min(e.high, high)
					if j.Pairs > 0 || j.Value != 0 {
						whisker(c, x, verdictPaint(verdictOf(r, j)), capped)
					}
				},
			})
		}
	}
	if len(rows) == 0 {
		return nil, errNothing
	}
	x := axis{high: math.Ceil(high*4-1e-9) / 4, title: "share of the limit; the short gray line is the stretch goal"}
	step := 0.25
	if f.narrow {
		step = 0.5
	}
	for v := 0.0; v <= x.high+1e-9; v += step {
		label := number(v*100) + "%"
		if v == 1 {
			label = "limit"
		}
		x.ticks = append(x.ticks, plot.Tick{Value: v, Label: label})
	}
	if f.narrow {
		x.title = "share of the limit; gray: stretch goal"
	}
	return f.rows("Each judged figure as a share of its limit", x, rows, func(c draw.Canvas, x func(float64) vg.Length) {
		c.SetColor(bad.faint(0.07))
		c.Fill(vg.Rectangle{Min: vg.Point{X: x(1), Y: c.Min.Y}, Max: c.Max}.Path())
		limitMark(c, x(1))
	})
}

// which names the scenario where there are several.
func which(r *result.Result, results []*result.Result) string {
	if len(results) < 2 || r.Scenario.Name == "" {
		return ""
	}
	for _, other := range results {
		if other != r && other.Scenario.Name == r.Scenario.Name {
			return r.Scenario.Name + ", " + count(r.Scenario.Connections) + ": "
		}
	}
	return r.Scenario.Name + ": "
}

func goal(j result.Judgement) string {
	if j.Goal == "" {
		return ""
	}
	return j.Goal + "  "
}
