package report

import (
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// MapPicture draws the map by CPU time as an SVG file.
func MapPicture(m *model.Model) ([]byte, error) {
	c := newCrossing(m)
	if c == nil {
		return nil, nil
	}
	f := file
	f.title = "Which variant takes less CPU time"
	return c.draw(byCPU, f)
}

const (
	mapCell  = 26 // height of a cell
	mapLabel = 40 // width of the rates
	mapGap   = 14
)

// draw draws a panel for each fan-out and number of cores: connections to the right, rates upward.
func (c *crossing) draw(by basisOfMap, f format) ([]byte, error) {
	across := len(c.axes.Cores)
	if f.narrow {
		across = 1
	}
	down := len(c.axes.Cores) * len(c.axes.FanOuts) / across
	rates := vg.Length(len(c.axes.Rates))
	each := rates*mapCell + 3*line + mapGap
	entries := []curve{
		{name: scenario.Single, note: "takes less", paint: paintOf(scenario.Single), strength: 0.7},
		{name: scenario.Multi, note: "takes less", paint: paintOf(scenario.Multi), strength: 0.7},
		{name: "neither holds it", note: none, paint: muted, strength: 0.4},
		{name: "too close to tell", note: "=", paint: muted, strength: 0.4},
		{name: "WS_MAX_CONNECTIONS is to be raised", note: "†", paint: muted, strength: 0.4},
	}
	if by.dots {
		entries = append(entries, curve{name: "measured", note: "all else is projection", paint: ink, loose: true})
	}
	key := keyHeight(entries, f.inner())
	s := newSheet(f, vg.Length(down)*each+key)
	s.key(s.Canvas, entries)
	s.Max.Y -= key
	width := (s.Max.X - s.Min.X - vg.Length(across-1)*mapGap) / vg.Length(across)
	for row := range down {
		for column := range across {
			part := s.Canvas
			part.Min.X += vg.Length(column) * (width + mapGap)
			part.Max.X = part.Min.X + width
			part.Max.Y -= vg.Length(row) * each
			// Cells have the cores outside: in a row of panels they change, and the fan-out from row to row.
			cores, fanOut := column, row
			if f.narrow {
				cores, fanOut = row%len(c.axes.Cores), row/len(c.axes.Cores)
			}
			c.panel(s, part, by, cores, fanOut)
		}
	}
	return s.picture("Which variant takes less " + by.what + ", by connections, messages a second, clients that a record reaches, and cores")
}

// panel draws the cells of one fan-out and number of cores.
func (c *crossing) panel(s *sheet, part draw.Canvas, by basisOfMap, cores, fanOut int) {
	columns, rates := len(c.axes.Connections), len(c.axes.Rates)
	first := (cores*len(c.axes.FanOuts) + fanOut) * rates * columns
	title := "a record for " + reaches(c.axes.FanOuts[fanOut]) + ", " + c.machine(c.axes.Cores[cores])
	s.FillText(bold(written(ink, small, draw.XLeft, draw.YTop)), vg.Point{X: part.Min.X, Y: part.Max.Y}, title)
	top := part.Max.Y - line - 3
	left := part.Min.X + mapLabel
	cell := (part.Max.X - left) / vg.Length(columns)
	label := written(muted, small-1, draw.XRight, draw.YCenter)
	for r := range rates {
		// The highest rate is at the top.
		y := top - vg.Length(rates-1-r)*mapCell
		s.FillText(label, vg.Point{X: left - 5, Y: y - mapCell/2}, exact(c.axes.Rates[r])+"/s")
		for k := range columns {
			c.square(s, c.cells[first+r*columns+k], by, vg.Rectangle{
				Min: vg.Point{X: left + vg.Length(k)*cell, Y: y - mapCell + 1}, Max: vg.Point{X: left + vg.Length(k+1)*cell - 1, Y: y},
			})
		}
	}
	label.XAlign, label.YAlign = draw.XCenter, draw.YTop
	bottom := top - vg.Length(rates)*mapCell - 2
	for k, n := range c.axes.Connections {
		s.FillText(label, vg.Point{X: left + (vg.Length(k)+0.5)*cell, Y: bottom}, model.Short(n))
	}
}

// square draws one load: the more one variant saves, the stronger its color.
func (c *crossing) square(s *sheet, load model.Cell, by basisOfMap, at vg.Rectangle) {
	const half = 0.5 // saved: that is as strong as it gets
	name, more := load.Winner(by.figure)
	words, color := none, muted.faint(0.25)
	high := name == scenario.Single && raised(load.Single) || name == scenario.Multi && raised(load.Multi)
	switch {
	case name == "":
	case math.IsInf(more, 1):
		words, color = "only", paintOf(name).faint(0.75)
	case c.tooClose(load, by):
		words, high = "=", raised(load.Single) || raised(load.Multi)
	default:
		words, color = inPercent(less(more)), paintOf(name).faint(0.12+0.6*min(less(more)/half, 1))
	}
	if high {
		words += "†"
	}
	s.SetColor(color)
	s.Fill(at.Path())
	middle := vg.Point{X: (at.Min.X + at.Max.X) / 2, Y: (at.Min.Y + at.Max.Y) / 2}
	s.FillText(written(ink, small-1.5, draw.XCenter, draw.YCenter), middle, words)
	if load.Measured && by.dots {
		dots(s.Canvas, ink, 2.2, []vg.Point{{X: at.Max.X - 4, Y: at.Max.Y - 4}})
	}
}
