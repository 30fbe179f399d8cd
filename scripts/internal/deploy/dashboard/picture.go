package dashboard

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// In points, of which Grafana's 24 columns take 50 each.
const (
	column   = 50
	unitHigh = 24 // of a grid's height
	margin   = 16
	headHigh = 58
)

var (
	ink   = color.Gray{0x20}
	muted = color.Gray{0x66}
	pale  = color.Gray{0xdd}

	// The variants' colors are those of the repository's other pictures; the others can be told apart by color-blind people, too
	// (Okabe and Ito).
	single1 = color.NRGBA{0x00, 0x64, 0xb0, 0xff}
	multi1  = color.NRGBA{0xb0, 0x30, 0x7f, 0xff}
	others  = []color.Color{
		color.NRGBA{0x00, 0x9e, 0x73, 0xff}, color.NRGBA{0xe6, 0x9f, 0x00, 0xff}, color.NRGBA{0x56, 0xb4, 0xe9, 0xff},
		color.NRGBA{0xd5, 0x5e, 0x00, 0xff}, color.NRGBA{0xcc, 0x79, 0xa7, 0xff}, color.NRGBA{0x59, 0x59, 0x59, 0xff},
	}
)

func face(size vg.Length, bold bool) font.Font {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return f
}

func style(c color.Color, size vg.Length, bold bool, x draw.XAlignment, y draw.YAlignment) text.Style {
	return text.Style{Color: c, Font: face(size, bold), XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
}

// Picture draws the answers where the dashboard has their panels. The label says under the title what was asked, and that
// this is not Grafana's own picture.
func Picture(f *File, answers []Answer, label string, began time.Time) ([]byte, error) {
	bottom := 0
	for _, p := range f.Panels {
		bottom = max(bottom, p.Grid.Y+p.Grid.H)
	}
	w, h := vg.Length(24*column+2*margin), vg.Length(bottom*unitHigh+headHigh+2*margin)
	svg := vgsvg.New(w, h)
	c := draw.New(svg)
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	c.FillText(style(ink, 18, true, draw.XLeft, draw.YTop), vg.Point{X: margin, Y: h - margin}, f.Title)
	c.FillText(style(muted, 11, false, draw.XLeft, draw.YTop), vg.Point{X: margin, Y: h - margin - 24}, label)
	place := func(g Grid) draw.Canvas {
		left, top := vg.Length(g.X*column+margin), h-headHigh-margin-vg.Length(g.Y*unitHigh)
		return draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: left + 4, Y: top - vg.Length(g.H*unitHigh) + 4}, Max: vg.Point{X: left + vg.Length(g.W*column) - 4, Y: top - 4}}}
	}
	for _, p := range f.Panels {
		if p.Type == "row" {
			at := place(p.Grid)
			c.FillText(style(ink, 13, true, draw.XLeft, draw.YCenter), vg.Point{X: at.Min.X, Y: at.Center().Y}, p.Title)
		}
	}
	for _, a := range answers {
		at := place(a.Panel.Grid)
		at.StrokeLines(draw.LineStyle{Color: pale, Width: 1}, outline(at.Rectangle))
		at = draw.Crop(at, 8, -8, 6, -6)
		if a.Panel.Type == "stat" {
			a.number(at)
		} else if err := a.chart(at, began); err != nil {
			return nil, fmt.Errorf("draw panel %s: %w", a.Panel.Title, err)
		}
	}
	var b bytes.Buffer
	if _, err := svg.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("draw dashboard %s: %w", f.UID, err)
	}
	// gonum names one font; readers may have another.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arimo,Arial,Helvetica,sans-serif;")), nil
}

func outline(r vg.Rectangle) []vg.Point {
	return []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}, r.Min}
}

// paint is a series' color.
func paint(i int, name string) color.Color {
	switch name {
	case "ws-single":
		return single1
	case "ws-multi":
		return multi1
	}
	return others[i%len(others)]
}

func (a Answer) unit() string { return a.Panel.Field.Defaults.Unit }

// number writes the newest values large, each with its name.
func (a Answer) number(at draw.Canvas) {
	at.FillText(style(muted, 11, false, draw.XLeft, draw.YTop), vg.Point{X: at.Min.X, Y: at.Max.Y}, a.Panel.Title)
	n := max(len(a.Series), 1)
	for i, s := range a.Series {
		x := at.Min.X + (at.Max.X-at.Min.X)*vg.Length(i)/vg.Length(n)
		shade := paint(i, s.Name)
		if !slices.Contains([]string{"ws-single", "ws-multi"}, s.Name) {
			shade = ink
		}
		value := formatted(float64(s.Values[len(s.Values)-1].Value), a.unit())
		at.FillText(style(shade, 22, true, draw.XLeft, draw.YBottom), vg.Point{X: x, Y: at.Min.Y + 16}, value)
		at.FillText(style(muted, 10, false, draw.XLeft, draw.YBottom), vg.Point{X: x, Y: at.Min.Y}, s.Name)
	}
}

// chart draws lines over the minutes since the begin.
func (a Answer) chart(at draw.Canvas, began time.Time) error {
	at.FillText(style(ink, 11, true, draw.XLeft, draw.YTop), vg.Point{X: at.Min.X, Y: at.Max.Y}, a.Panel.Title)
	at.Max.Y -= 18
	at.Min.Y += a.key(at)
	p := plot.New()
	p.BackgroundColor = nil
	p.Y.Min = 0
	lines := plotter.NewGrid()
	lines.Vertical.Width, lines.Horizontal.Color, lines.Horizontal.Width = 0, pale, 0.7
	p.Add(lines)
	total := map[int64]float64{} // of the stack so far, by time
	for i, s := range a.Series {
		points := make(plotter.XYs, len(s.Values))
		for j, v := range s.Values {
			y := float64(v.Value)
			if a.stacked() {
				total[int64(v.Timestamp)] += y
				y = total[int64(v.Timestamp)]
			}
			points[j] = plotter.XY{X: v.Timestamp.Time().Sub(began).Seconds(), Y: y}
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = paint(i, s.Name), 1.3
		p.Add(line)
	}
	switch highest := a.Panel.Field.Defaults.Max; {
	case highest != nil:
		p.Y.Max = *highest
	case p.Y.Max < 1e-9:
		p.Y.Max = 1
	default:
		p.Y.Max *= 1.05 // the highest line stands off the edge
	}
	p.Y.Tick.Marker = ticks{a.unit()}
	p.X.Tick.Marker = ticks{"clock"}
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.LineStyle.Width, axis.Tick.LineStyle.Width, axis.Padding = 0, 0, 0
		axis.Label.TextStyle = style(muted, 9, false, draw.XCenter, draw.YTop)
	}
	p.X.Tick.Label = style(muted, 9, false, draw.XCenter, draw.YTop)
	p.Y.Tick.Label = style(muted, 9, false, draw.XRight, draw.YCenter)
	p.Draw(at)
	return nil
}

func (a Answer) stacked() bool {
	custom, _ := a.Panel.Field.Defaults.Custom.(map[string]any)
	return custom["stacking"] != nil
}

// key writes the names of the series below the chart, and says how high it is. Where there are many, those that are 0
// throughout are only counted.
func (a Answer) key(at draw.Canvas) vg.Length {
	const high, swatch, gap, many = 12, 10, 10, 6
	// A reader's font may be wider than the one that is measured.
	const wider = 1.14
	words := style(muted, 9, false, draw.XLeft, draw.YCenter)
	x, line := at.Min.X, vg.Length(0)
	type entry struct {
		x, line vg.Length
		shade   color.Color
		name    string
	}
	var entries []entry
	add := func(shade color.Color, name string) {
		wide := words.Width(name)*wider + gap
		if shade != nil {
			wide += swatch + 4
		}
		if x+wide > at.Max.X && x > at.Min.X {
			x, line = at.Min.X, line+1
		}
		entries = append(entries, entry{x, line, shade, name})
		x += wide
	}
	zeros := 0
	seen := map[string]bool{}
	for i, s := range a.Series {
		if seen[s.Name] {
			continue
		}
		seen[s.Name] = true
		if len(a.Series) > many && !slices.ContainsFunc(s.Values, func(v model.SamplePair) bool { return v.Value != 0 }) {
			zeros++
			continue
		}
		add(paint(i, s.Name), s.Name)
	}
	if zeros > 0 {
		add(nil, fmt.Sprintf("and %d that are 0 throughout", zeros))
	}
	for _, e := range entries {
		y := at.Min.Y + high*(line-e.line) + high/2
		if e.shade != nil {
			at.StrokeLine2(draw.LineStyle{Color: e.shade, Width: 2}, e.x, y, e.x+swatch, y)
			e.x += swatch + 4
		}
		at.FillText(words, vg.Point{X: e.x, Y: y}, e.name)
	}
	return high*(line+1) + 2
}

// ticks are a few round values with a unit of Grafana's.
type ticks struct{ unit string }

// Ticks implements plot.Ticker.
func (t ticks) Ticks(low, high float64) []plot.Tick {
	step := math.Pow10(int(math.Floor(math.Log10((high - low) / 3))))
	factors := []float64{1, 2, 5, 10}
	switch t.unit {
	case "clock":
		step, factors = 1, []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600}
	case "bytes":
		step, factors = math.Exp2(math.Floor(math.Log2((high-low)/3))-1), []float64{1, 2, 4, 8}
	}
	for _, f := range factors {
		if (high-low)/(step*f) <= 5 {
			step *= f
			break
		}
	}
	var list []plot.Tick
	for i := math.Ceil(low / step); i*step <= high*1.0001; i++ {
		list = append(list, plot.Tick{Value: i * step, Label: formatted(i*step, t.unit)})
	}
	return list
}

// formatted writes a value in a unit of Grafana's, in three digits.
func formatted(v float64, unit string) string {
	digits := func(v float64) string {
		s := fmt.Sprintf("%.3g", v)
		if strings.Contains(s, "e") {
			s = fmt.Sprintf("%.0f", v)
		}
		return s
	}
	scaled := func(by float64, names ...string) string {
		i := 0
		for math.Abs(v) >= by*0.9995 && i < len(names)-1 {
			v, i = v/by, i+1
		}
		return strings.TrimSpace(digits(v) + names[i])
	}
	switch {
	case unit == "clock":
		return fmt.Sprintf("%d:%02d", int(v)/60, int(v)%60)
	case v == 0:
		return "0"
	case unit == "percentunit":
		return digits(v*100) + "%"
	case unit == "s" && math.Abs(v) < 1:
		v *= 1e6
		return scaled(1000, " µs", " ms", " s")
	case unit == "s":
		return digits(v) + " s"
	case unit == "bytes":
		return scaled(1024, " B", " KiB", " MiB", " GiB")
	case unit == "Bps":
		return scaled(1000, " B/s", " kB/s", " MB/s", " GB/s")
	}
	return scaled(1000, "", "k", "M", "G")
}
