package report

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A format is what a picture is drawn for. Its unit is a pixel of CSS at the picture's own size.
type format struct {
	width  vg.Length
	narrow bool
	title  string // drawn into the picture; a page has it beside
	alone  bool   // a file of its own
}

var (
	wide   = format{width: 760}
	narrow = format{width: 360, narrow: true}
	file   = format{width: 800, alone: true}
)

const (
	size  = 12.5 // of text
	small = 11.5 // of text on axes
	line  = size * 1.35

	titleHeight = 32
)

// wider is how much more room than Liberation Sans a reader's font may want.
const wider = 1.14

var handler = func() anchored {
	return anchored{text.Plain{Fonts: font.NewCache(liberation.Collection())}}
}()

// written is a style of text.
func written(c color.Color, points vg.Length, x draw.XAlignment, y draw.YAlignment) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: points},
		XAlign:  x,
		YAlign:  y,
		Handler: handler,
	}
}

func bold(s text.Style) text.Style {
	s.Font.Weight = xfont.WeightBold
	return s
}

// room is the width that s may take.
func room(s text.Style, words string) vg.Length { return s.Width(clean(words)) * wider }

// wrapped breaks words into lines that fit.
func wrapped(s text.Style, words string, width vg.Length) []string {
	var lines []string
	now := ""
	for _, w := range strings.Fields(clean(words)) {
		if next := strings.TrimSpace(now + " " + w); now == "" || room(s, next) <= width {
			now = next
			continue
		}
		lines = append(lines, now)
		now = w
	}
	return append(lines, now)
}

// A sheet is what one picture is drawn on.
type sheet struct {
	draw.Canvas
	f   format
	svg *vgsvg.Canvas
}

// newSheet has room for height below its title, which it has only in a file of its own.
func newSheet(f format, height vg.Length) *sheet {
	const margin = 20
	var head vg.Length
	if f.alone {
		head = 2*margin + titleHeight
	}
	c := vgsvg.New(f.width, height+head)
	s := &sheet{Canvas: draw.New(c), f: f, svg: c}
	if f.alone {
		s.Canvas = draw.Crop(s.Canvas, margin, -margin, margin, -margin)
		s.FillText(bold(written(ink, 15, draw.XLeft, draw.YTop)), vg.Point{X: s.Min.X, Y: s.Max.Y}, f.title)
		s.Max.Y -= titleHeight
	}
	return s
}

// inner is the width between the margins.
func (f format) inner() vg.Length {
	if f.alone {
		return f.width - 40
	}
	return f.width
}

// picture writes what was drawn as SVG.
func (s *sheet) picture(label string) ([]byte, error) {
	var drawn, out bytes.Buffer
	if _, err := s.svg.WriteTo(&drawn); err != nil {
		return nil, fmt.Errorf("draw %s: %w", label, err)
	}
	class := "wide"
	if s.f.narrow {
		class = "narrow"
	}
	w, h := s.svg.Size()
	if err := rewrite(&out, drawn.Bytes(), wrapping{class: class, standalone: s.f.alone, label: label, w: w, h: h}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// An axis goes from low to high.
type axis struct {
	low, high float64
	ticks     []plot.Tick
	title     string
	upright   bool // its ticks have lines
}

// stepped is an axis from 0 to the first of its about n round steps that is not below high.
func stepped(high float64, n int, label func(float64) string, title string) axis {
	if !finite(high) || high < 1e-9 || high > 1e18 { // no figure of a run
		high = 1
	}
	step := math.Pow10(int(math.Floor(math.Log10(high / float64(n)))))
	for _, f := range []float64{1, 2, 5, 10} {
		if high/(step*f) <= float64(n) {
			step *= f
			break
		}
	}
	a := axis{title: title}
	for i := 0; ; i++ {
		a.high = float64(i) * step
		a.ticks = append(a.ticks, plot.Tick{Value: a.high, Label: label(math.Round(float64(i)*step*1e9) / 1e9)})
		if a.high >= high*0.9999 {
			return a
		}
	}
}

// until cuts the axis off at its highest value, which is between two steps.
func (a axis) until(high float64) axis {
	a.high = high
	a.ticks = slices.DeleteFunc(a.ticks, func(t plot.Tick) bool { return t.Value > high*1.0001 })
	return a
}

// logarithmic is an axis for log10 of values from low to high, with a tick for each power of ten and, where there are few
// of these, for their double and fivefold.
func logarithmic(low, high float64, label func(float64) string, title string) axis {
	if !finite(low) || low <= 0 {
		low = 1e-3
	}
	if !finite(high) || high <= low {
		high = low * 10
	}
	between := []float64{1}
	if decades := math.Log10(high / low); decades < 1.7 {
		between = []float64{1, 2, 5}
	} else if decades < 3 {
		between = []float64{1, 3}
	}
	a := axis{title: title}
	for e := int(math.Floor(math.Log10(low))) - 1; e <= int(math.Ceil(math.Log10(high))); e++ {
		for _, f := range between {
			v := f * math.Pow10(e)
			a.ticks = append(a.ticks, plot.Tick{Value: math.Log10(v), Label: label(v)})
		}
	}
	// From the last tick below to the first above.
	a.low, a.high = math.Log10(low), math.Log10(high)
	for _, t := range a.ticks {
		if t.Value <= math.Log10(low)+1e-9 {
			a.low = t.Value
		}
	}
	for i := len(a.ticks) - 1; i >= 0; i-- {
		if a.ticks[i].Value >= math.Log10(high)-1e-9 {
			a.high = a.ticks[i].Value
		}
	}
	return a
}

// newPlot is a plot with these axes and nothing else: no frame, pale lines at the ticks of y.
func newPlot(x, y axis) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []struct {
		to   *plot.Axis
		from axis
	}{{&p.X, x}, {&p.Y, y}} {
		a.to.Min, a.to.Max = a.from.low, a.from.high
		a.to.LineStyle.Width, a.to.Tick.LineStyle.Width, a.to.Padding = 0, 0, 0
		a.to.Tick.Marker = plot.ConstantTicks(a.from.ticks)
	}
	p.X.Padding = 4
	p.X.Tick.Label = written(muted, small, draw.XCenter, draw.YTop)
	p.Y.Tick.Label = written(muted, small, draw.XRight, draw.YCenter)
	// gonum takes the gap beside the labels from this one.
	p.X.Label.TextStyle, p.Y.Label.TextStyle = p.X.Tick.Label, p.Y.Tick.Label
	p.Add(grid{x, y})
	return p
}

// grid draws the lines of y's ticks and, where x is upright, those of x.
type grid struct{ x, y axis }

var pale = draw.LineStyle{Color: rule, Width: 1}

// Plot draws it.
func (g grid) Plot(c draw.Canvas, p *plot.Plot) {
	atX, atY := p.Transforms(&c)
	for _, t := range g.y.ticks {
		if t.Value >= p.Y.Min-1e-9 && t.Value <= p.Y.Max+1e-9 {
			c.StrokeLine2(pale, c.Min.X, atY(t.Value), c.Max.X, atY(t.Value))
		}
	}
	for _, t := range g.x.ticks {
		if g.x.upright && t.Value >= p.X.Min && t.Value <= p.X.Max {
			c.StrokeLine2(pale, atX(t.Value), c.Min.Y, atX(t.Value), c.Max.Y)
		}
	}
}

// heading writes y's title above a plot and x's below it, and returns what is left for the plot.
func (s *sheet) heading(c draw.Canvas, x, y axis) draw.Canvas {
	style := written(muted, small, draw.XLeft, draw.YTop)
	if y.title != "" {
		s.FillText(style, vg.Point{X: c.Min.X, Y: c.Max.Y}, y.title)
		c.Max.Y -= line + 4
	}
	if x.title != "" {
		style.XAlign, style.YAlign = draw.XRight, draw.YBottom
		s.FillText(style, vg.Point{X: c.Max.X, Y: c.Min.Y + 3}, x.title)
		c.Min.Y += line
	}
	return c
}
