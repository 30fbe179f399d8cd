package report

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// storms draws each cut of all connections as a line from the cut to the last client that had what it missed.
func storms(r *result.Result, f format) ([]byte, error) {
	const each = 11
	var rows []row
	high := 0.0
	for _, l := range ordered(r) {
		cuts := slices.DeleteFunc(slices.Clone(l.Storms), func(s result.Storm) bool { return s.CaughtUp <= 0 || s.Connected < 0 })
		if len(cuts) == 0 {
			continue
		}
		limit := 0.0
		for _, j := range r.Judgements {
			if j.Measure == scenario.CaughtUp && j.Of == named(l) {
				limit = j.AtMost
			}
		}
		for _, s := range cuts {
			high = max(high, s.CaughtUp, s.Connected)
		}
		high = max(high, limit)
		p := paintOf(serverOf(l))
		rows = append(rows, row{
			name:  named(l),
			paint: p,
			says:  stormInWords(cuts, limit),
			strip: vg.Length(each*len(cuts) + 4),
			draw: func(c draw.Canvas, x func(float64) vg.Length) {
				for i, s := range cuts {
					y := c.Max.Y - vg.Length(each*i) - each/2 - 2
					c.StrokeLine2(draw.LineStyle{Color: p.faint(0.55), Width: 2}, x(0), y, x(s.CaughtUp), y)
					connected, caught := vg.Point{X: x(s.Connected), Y: y}, vg.Point{X: x(s.CaughtUp), Y: y}
					dots(c, p, 4, []vg.Point{connected, caught})
					dots(c, panel, 2.4, []vg.Point{connected})
				}
				if limit > 0 {
					limitMark(c, x(limit))
				}
			},
		})
	}
	if len(rows) == 0 {
		return nil, errNothing
	}
	title := "seconds since the cut; hollow: the last one is connected, full: the last one is caught up"
	if f.narrow {
		title = "seconds since the cut; ○ connected, ● caught up"
	}
	return f.rows("Seconds until all clients were back after a cut", stepped(high*1.03, 6, number, title), rows, nil)
}

func stormInWords(cuts []result.Storm, limit float64) string {
	caught := make([]float64, len(cuts))
	for i, s := range cuts {
		caught[i] = s.CaughtUp
	}
	s := fmt.Sprintf("caught up in %s s", number(median(caught)))
	if len(cuts) > 1 {
		s += fmt.Sprintf(" (%s to %s)", number(slices.Min(caught)), number(slices.Max(caught)))
	}
	if limit > 0 {
		s += ", limit " + exact(limit) + " s"
	}
	return s
}
