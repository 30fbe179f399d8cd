package report

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// A basisOfMap is what the variants are compared by.
type basisOfMap struct {
	what    string // in titles
	figure  func(*model.Option) float64
	judged  bool // how far its predictions are off is known
	caption string
}

var byCPU = basisOfMap{"CPU time", model.ByCPU, true, "The color says which variant takes less CPU time for a load, the number how much less. ws-single has one core, so of a load that " +
	"three quarters of one do not hold there are several instances behind a balancer, each of which reads all of Kafka; ws-multi is one instance with as many of the machine's cores as it needs, where a plan takes several of fewer cores if that is less in all: they may differ. "}

var byMemory = basisOfMap{"memory", model.ByMemory, false, "The same by memory, the processes' and the kernel's for their sockets, while clients rest and after a collection. "}

// crossing is the crossover map with its words: nothing where a variant was not fitted.
type crossing struct {
	model *model.Model
	axes  model.Axes
	cells []model.Cell
}

func newCrossing(m *model.Model) *crossing {
	if m == nil {
		return nil
	}
	c := &crossing{model: m, axes: model.UsualAxes()}
	if c.cells = m.Map(c.axes); len(c.cells) == 0 {
		return nil
	}
	return c
}

// hasMemory says whether both variants' memory was measured.
func (c *crossing) hasMemory() bool {
	for _, name := range scenario.Variants() {
		if c.model.Find(name).Memory == nil {
			return false
		}
	}
	return true
}

// note says what the map is made of, and how far it can be trusted.
func (c *crossing) note() string {
	var errs []string
	for _, name := range scenario.Variants() {
		v := c.model.Find(name)
		errs = append(errs, fmt.Sprintf("%s by %s (median) and %s (largest)", name, inPercent(v.Error.Median), inPercent(v.Error.Max)))
	}
	single := c.model.Find(scenario.Single)
	text := fmt.Sprintf("A dot is a load such as was measured, of both; all else is a projection by costs that were fitted on %s (%s, a bare send takes %s µs). Predicting measured loads that it was not fitted to "+
		"the model was off %s; CPU times that differ by less than %s are too close to tell. Measured were up to %s connections, %s sends/s and %s of a core a process, and %s: what is beyond is less sure than that.",
		c.model.Fitted.Format(time.DateOnly), c.model.Host.CPU, number(c.model.Floor), list(errs), inPercent(c.model.Doubt()), number(single.Range.MaxConnections), number(math3(single.Range.MaxSends)), inPercent(single.Range.MaxCPU),
		plural(c.model.Find(scenario.Multi).Range.MaxShards, "shard", "shards"))
	var beyond []string
	for _, cores := range c.axes.Cores {
		if c.model.Projected(cores) {
			beyond = append(beyond, number(float64(cores)))
		}
	}
	if len(beyond) > 0 {
		text += " All of machines with " + list(beyond) + " cores is projection."
	}
	return text
}

// tooClose says that the difference of two figures is less than the model is sure of.
func (c *crossing) tooClose(more float64, by basisOfMap) bool {
	return by.judged && less(more) < c.model.Doubt()
}

// machine names a number of cores, and says where nothing is known of so many.
func (c *crossing) machine(cores int) string {
	words := plural(cores, "core", "cores")
	if c.model.Projected(cores) {
		words += " (projection)"
	}
	return words
}

// table has the map in words, a row for each kind of load and a column for each number of connections.
func (c *crossing) table(f basisOfMap) table {
	t := table{title: "Which variant takes less " + f.what, head: []string{"A record for; machine; a client gets"}, words: map[int]bool{}}
	for i, n := range c.axes.Connections {
		t.head = append(t.head, number(n))
		t.words[i+1] = true
	}
	columns := len(c.axes.Connections)
	for at := 0; at < len(c.cells); at += columns {
		first := c.cells[at]
		var words []string
		for _, cell := range c.cells[at : at+columns] {
			words = append(words, c.inCell(cell, f))
		}
		t.row(plain(fmt.Sprintf("%s; %s; %s/s", reaches(first.FanOut), c.machine(first.Cores), exact(first.Rate))), words...)
	}
	return t
}

func reaches(fanOut float64) string {
	switch fanOut {
	case 0:
		return "all"
	case 1:
		return "one"
	}
	return number(fanOut)
}

// inCell says who takes less for a load, and how much.
func (c *crossing) inCell(load model.Cell, f basisOfMap) string {
	name, more := load.Winner(f.figure)
	dot := ""
	if load.Measured {
		dot = " ●"
	}
	if name == "" {
		return "neither"
	}
	if c.tooClose(more, f) {
		return "too close to tell" + dot
	}
	o := load.Single
	if name == scenario.Multi {
		o = load.Multi
	}
	words := name
	switch {
	case o.Instances > 1:
		words = count(o.Instances) + " × " + name
	case o.Cores > 1:
		words += " on " + plural(o.Cores, "core", "cores")
	}
	if math.IsInf(more, 1) {
		words += " only"
	} else {
		words += ", " + saved(more)
	}
	return words + dot
}

// saved says how much less one takes where the other takes so much more.
func saved(more float64) string {
	if less(more) < 0.005 {
		return "as much"
	}
	return inPercent(less(more)) + " less"
}

// inPercent writes a share as far as a model knows it.
func inPercent(share float64) string { return number(math.Round(100*share)) + "%" }

// less is by how much one is below the other, of how much more the other is.
func less(more float64) float64 { return more / (1 + more) }

// MarkdownMap writes which variant is cheaper, load by load; nothing where one of them was not fitted.
func MarkdownMap(w io.Writer, m *model.Model) error {
	var b strings.Builder
	if c := newCrossing(m); c != nil {
		c.markdown(&b, "##", false)
	}
	if _, err := io.WriteString(w, clean(b.String())); err != nil {
		return fmt.Errorf("write the map: %w", err)
	}
	return nil
}

// markdown writes both tables, folded where they stand among others.
func (c *crossing) markdown(b *strings.Builder, level string, folded bool) {
	fmt.Fprintf(b, "%s Which variant is cheaper, load by load\n\n%s\n\n", level, md(c.note()))
	for _, f := range c.bases() {
		if folded {
			fmt.Fprintf(b, "<details><summary>By %s</summary>\n\n", f.what)
		} else {
			fmt.Fprintf(b, "By %s\n\n", f.what)
		}
		writeMarkdown(b, c.table(f))
		if folded {
			b.WriteString("</details>\n\n")
		}
	}
}

func (c *crossing) bases() []basisOfMap {
	if c.hasMemory() {
		return []basisOfMap{byCPU, byMemory}
	}
	return []basisOfMap{byCPU}
}

// exhibits are the map's pictures with their tables. There are none without a map.
func (c *crossing) exhibits() ([]exhibit, error) {
	if c == nil {
		return nil, nil
	}
	var all []exhibit
	for i, by := range c.bases() {
		e := exhibit{Title: "Which variant takes less " + by.what, Caption: by.caption, Table: shape(c.table(by))}
		if i == 0 {
			e.Caption += c.note()
		}
		for _, f := range []struct {
			format format
			to     *template.HTML
		}{{wide, &e.Wide}, {narrow, &e.Narrow}} {
			svg, err := c.draw(by, f.format)
			if err != nil {
				return nil, fmt.Errorf("draw the map: %w", err)
			}
			*f.to = template.HTML(svg)
		}
		all = append(all, e)
	}
	return all, nil
}

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
		{name: "measured", note: "all else is projection", paint: ink, loose: true},
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
	switch {
	case name == "":
	case math.IsInf(more, 1):
		words, color = "only", paintOf(name).faint(0.75)
	case c.tooClose(more, by):
		words = "="
	default:
		words, color = inPercent(less(more)), paintOf(name).faint(0.12+0.6*min(less(more)/half, 1))
	}
	s.SetColor(color)
	s.Fill(at.Path())
	middle := vg.Point{X: (at.Min.X + at.Max.X) / 2, Y: (at.Min.Y + at.Max.Y) / 2}
	s.FillText(written(ink, small-1.5, draw.XCenter, draw.YCenter), middle, words)
	if load.Measured {
		dots(s.Canvas, ink, 2.2, []vg.Point{{X: at.Max.X - 4, Y: at.Max.Y - 4}})
	}
}
