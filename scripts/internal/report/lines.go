package report

import (
	"cmp"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// A curve is a line of a picture with its name at its end.
type curve struct {
	name     string
	lane     string // in the timeline
	note     string // beside or below the name
	paint    paint
	dashes   []vg.Length
	points   plotter.XYs
	bars     []estimate // of the points, as y; none: no marks
	marked   bool
	strength float64 // of its color; 0: all
	loose    bool    // marks without a line
	hollow   bool
}

// dashes tells lanes of one server apart.
var dashes = [][]vg.Length{nil, {7, 3}, {2, 2.5}, {9, 3, 2, 3}}

// dashOf returns the dashes of a lane.
func dashOf(lanes []*result.Lane, l *result.Lane) []vg.Length {
	return dashes[placeOf(lanes, l)%len(dashes)]
}

// placeOf returns a lane's place among the lanes of its server.
func placeOf(lanes []*result.Lane, l *result.Lane) int {
	i := 0
	for _, other := range lanes {
		if other == l {
			break
		}
		if serverOf(other) == serverOf(l) {
			i++
		}
	}
	return i
}

// chart draws curves over two axes. A wide picture has their names at their right ends, a narrow one above; so has one
// of marks, which have no ends.
func chart(f format, label string, height vg.Length, x, y axis, curves []curve) ([]byte, error) {
	keyed := f.narrow || slices.ContainsFunc(curves, func(k curve) bool { return k.loose })
	var key vg.Length
	if keyed {
		key = keyHeight(curves, f.inner())
	}
	s := newSheet(f, height+key)
	c := s.Canvas
	if keyed {
		s.key(c, curves)
		c.Max.Y -= key
		s.panel(c, x, y, curves, 0, 0)
	} else {
		s.panel(c, x, y, curves, 0, s.margin(curves))
	}
	return s.picture(label)
}

// margin is the room that names at the ends of curves want.
func (s *sheet) margin(curves []curve) vg.Length {
	if s.f.narrow {
		return 0
	}
	var widest vg.Length
	for _, k := range curves {
		widest = max(widest, room(nameStyle(k), k.name), room(noteStyle(), k.note))
	}
	return min(widest+14, s.f.inner()*0.36)
}

// panel draws curves into a part of a sheet, with so much room on the right for their names, if any, and at least so much
// on the left for the labels of y.
func (s *sheet) panel(c draw.Canvas, x, y axis, curves []curve, left, right vg.Length) {
	c = s.heading(draw.Crop(c, 0, -right, 0, 0), x, y)
	p := newPlot(x, y)
	for _, k := range curves {
		p.Add(k)
	}
	c.Min.X += max(left-(p.DataCanvas(c).Min.X-c.Min.X), 0)
	p.Draw(c)
	if right == 0 {
		return
	}
	data := p.DataCanvas(c)
	_, at := p.Transforms(&data)
	s.names(data, curves, func(k curve) vg.Length { return at(k.points[len(k.points)-1].Y) }, right)
}

// shade is the color of the curve.
func (k curve) shade() color.Color {
	if k.strength > 0 {
		return k.paint.faint(k.strength)
	}
	return k.paint
}

// Plot draws the curve, its bars and its marks.
func (k curve) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	points := make([]vg.Point, len(k.points))
	for i, pt := range k.points {
		points[i] = vg.Point{X: x(pt.X), Y: y(pt.Y)}
	}
	style := draw.LineStyle{Color: k.paint, Width: 2, Dashes: k.dashes}
	if len(points) > 1 && !k.loose {
		c.StrokeLines(style, points)
	}
	for i, e := range k.bars {
		if e.interval() {
			c.StrokeLine2(draw.LineStyle{Color: k.paint, Width: 1.5}, points[i].X, y(max(e.low, p.Y.Min)), points[i].X, y(min(e.high, p.Y.Max)))
		}
	}
	if k.marked || len(points) == 1 {
		k.marks(c, points)
	}
}

func (k curve) marks(c draw.Canvas, points []vg.Point) {
	dots(c, k.paint, 3.4, points)
	if k.hollow {
		dots(c, panel, 2, points)
	}
}

// dots draws points as one shape.
func dots(c draw.Canvas, paint color.Color, radius vg.Length, points []vg.Point) {
	if len(points) == 0 {
		return
	}
	var path vg.Path
	for _, at := range points {
		path.Move(vg.Point{X: at.X + radius, Y: at.Y})
		path.Arc(at, radius, 0, 2*math.Pi)
		path.Close()
	}
	c.SetColor(paint)
	c.Fill(path)
}

func nameStyle(k curve) text.Style {
	return bold(written(k.paint, size, draw.XLeft, draw.YCenter))
}

func noteStyle() text.Style { return written(muted, small, draw.XLeft, draw.YCenter) }

// names writes the names of curves beside their ends, apart from each other.
func (s *sheet) names(data draw.Canvas, curves []curve, end func(curve) vg.Length, margin vg.Length) {
	type tag struct {
		lines  []string
		notes  int // of the lines, the last
		middle vg.Length
		curve  curve
	}
	tags := make([]tag, len(curves))
	for i, k := range curves {
		t := tag{lines: wrapped(nameStyle(k), k.name, margin-10), middle: end(k), curve: k}
		if k.note != "" {
			notes := wrapped(noteStyle(), k.note, margin-10)
			t.lines, t.notes = append(t.lines, notes...), len(notes)
		}
		tags[i] = t
	}
	slices.SortStableFunc(tags, func(a, b tag) int { return cmp.Compare(b.middle, a.middle) })
	const gap = 3
	half := func(t tag) vg.Length { return vg.Length(len(t.lines))*line/2 + gap }
	// From the top each is pushed below the one before; from the bottom those that fell out are pushed back.
	for i := range tags {
		top := data.Max.Y + line/2
		if i > 0 {
			top = tags[i-1].middle - half(tags[i-1])
		}
		tags[i].middle = min(tags[i].middle, top-half(tags[i]))
	}
	for i := len(tags) - 1; i >= 0; i-- {
		bottom := data.Min.Y - line/2
		if i < len(tags)-1 {
			bottom = tags[i+1].middle + half(tags[i+1])
		}
		tags[i].middle = max(tags[i].middle, bottom+half(tags[i]))
	}
	for _, t := range tags {
		y := t.middle + vg.Length(len(t.lines)-1)*line/2
		for i, words := range t.lines {
			style := nameStyle(t.curve)
			if i >= len(t.lines)-t.notes {
				style = noteStyle()
			}
			s.FillText(style, vg.Point{X: data.Max.X + 8, Y: y}, words)
			y -= line
		}
	}
}

// A key is a row of short lines with their names above a narrow picture.
const (
	swatch = 18
	keyGap = 16
)

// placeKey calls place for each entry with its upper left corner below 0,0, and returns the height.
func placeKey(curves []curve, width vg.Length, place func(k curve, words string, x, y vg.Length)) vg.Length {
	var x, y vg.Length
	for _, k := range curves {
		words := k.name
		if k.note != "" {
			words += ", " + k.note
		}
		w := swatch + 6 + room(nameStyle(k), words)
		if x > 0 && x+w > width {
			x, y = 0, y+line+3
		}
		place(k, words, x, y)
		x += w + keyGap
	}
	return y + line + 8
}

func keyHeight(curves []curve, width vg.Length) vg.Length {
	return placeKey(curves, width, func(curve, string, vg.Length, vg.Length) {})
}

func (s *sheet) key(c draw.Canvas, curves []curve) {
	placeKey(curves, c.Max.X-c.Min.X, func(k curve, words string, x, y vg.Length) {
		x, y = c.Min.X+x, c.Max.Y-y-line/2
		if k.loose {
			k.marks(s.Canvas, []vg.Point{{X: x + swatch/2, Y: y}})
		} else {
			s.StrokeLine2(draw.LineStyle{Color: k.shade(), Width: 2.5, Dashes: k.dashes}, x, y, x+swatch, y)
		}
		s.FillText(nameStyle(k), vg.Point{X: x + swatch + 6, Y: y}, words)
	})
}
