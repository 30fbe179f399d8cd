package report

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A row is a strip of a picture under its own name and figures, all on one axis.
type row struct {
	name  string
	paint paint
	says  string // the figures in words
	strip vg.Length
	draw  func(strip draw.Canvas, x func(float64) vg.Length)
}

// rowGap is between one strip and the name below it.
const rowGap = 13

// heads returns the lines above a strip: the name, and what it says beside it or, where that does not fit, below.
func (r row) heads(width vg.Length) (name, says []string, below bool) {
	left, right := bold(written(r.paint, size, draw.XLeft, draw.YTop)), written(ink, size, draw.XRight, draw.YTop)
	if room(left, r.name)+20+room(right, r.says) <= width {
		return []string{r.name}, []string{r.says}, false
	}
	return wrapped(left, r.name, width), wrapped(right, r.says, width), true
}

func (r row) height(width vg.Length) vg.Length {
	name, says, below := r.heads(width)
	n := len(name)
	if below && r.says != "" {
		n += len(says)
	}
	return vg.Length(n)*line + r.strip + rowGap
}

// rows draws a picture that has one row for each thing shown. under is drawn in each
// strip below what the row draws.
func (f format) rows(label string, x axis, rows []row, under func(strip draw.Canvas, x func(float64) vg.Length)) ([]byte, error) {
	p := newPlot(x, axis{high: 1})
	p.HideY()
	// The labels of the axis decide how wide the strips are, these how often names break, and these how high it is.
	across := p.DataCanvas(draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: f.inner(), Y: 100}}})
	width := across.Max.X - across.Min.X
	height := 100 - (across.Max.Y - across.Min.Y) + line
	for _, r := range rows {
		height += r.height(width)
	}
	s := newSheet(f, height)
	c := s.heading(s.Canvas, x, axis{})
	p.Draw(c)
	data := p.DataCanvas(c)
	at, _ := p.Transforms(&data)
	top := data.Max.Y
	for _, r := range rows {
		strip := s.heads(r, data, top, width)
		s.SetColor(rule.faint(0.3))
		s.Fill(strip.Path())
		for _, t := range x.ticks {
			s.StrokeLine2(pale, at(t.Value), strip.Min.Y, at(t.Value), strip.Max.Y)
		}
		if under != nil {
			under(strip, at)
		}
		r.draw(strip, at)
		top -= r.height(width)
	}
	return s.picture(label)
}

// heads writes what is above the row's strip, and returns the strip. There are no lines behind the words.
func (s *sheet) heads(r row, data draw.Canvas, top, width vg.Length) draw.Canvas {
	name, says, below := r.heads(width)
	nameStyle := bold(written(r.paint, size, draw.XLeft, draw.YTop))
	saysStyle := written(ink, size, draw.XRight, draw.YTop)
	y := top
	for _, words := range name {
		s.FillText(nameStyle, vg.Point{X: data.Min.X, Y: y}, words)
		y -= line
	}
	if below {
		saysStyle.XAlign = draw.XLeft
	} else {
		y += line
	}
	for _, words := range says {
		x := data.Max.X
		if below {
			x = data.Min.X
		}
		if words == "" {
			continue
		}
		s.FillText(saysStyle, vg.Point{X: x, Y: y}, words)
		y -= line
	}
	strip := data
	strip.Max.Y, strip.Min.Y = y-2, y-2-r.strip
	return strip
}
