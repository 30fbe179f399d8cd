package report

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// A basisOfMap is what the variants are compared by.
type basisOfMap struct {
	what    string // in titles
	figure  func(*model.Option) float64
	doubt   func(c *crossing, single, multi *model.Option) float64 // how far apart the figures must be, as a share
	dots    bool                                                   // cells were measured
	caption string
}

var byCPU = basisOfMap{"CPU time", model.ByCPU, (*crossing).doubtOfCPU, true, "The color says which variant takes less CPU time for a load, the number how much less. ws-single has one core, so of a load that " +
	"three quarters of one do not hold there are several instances behind a balancer, each of which reads all of Kafka; ws-multi is one instance with as many of the machine's cores as it needs, where a plan takes several of fewer cores if that is less in all: they may differ. "}

var byMemory = basisOfMap{"memory", model.ByMemory, (*crossing).doubtOfMemory, false, "The same by memory, the processes' and the kernel's for their sockets, while clients rest and after a collection. " +
	"No cell was measured: memory was read of clients that rest, without records, and what the history takes besides is reckoned. "}

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
	if name == "" {
		return "neither"
	}
	marks := ""
	if load.Measured && f.dots {
		marks = " ●"
	}
	if c.tooClose(load, f) {
		if raised(load.Single) || raised(load.Multi) {
			marks += " †"
		}
		return "too close to tell" + marks
	}
	o := load.Single
	if name == scenario.Multi {
		o = load.Multi
	}
	if raised(o) {
		marks += " †"
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
	return words + marks
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
	fmt.Fprintf(b, "%s Which variant is cheaper, load by load\n\n", level)
	for _, paragraph := range c.note() {
		fmt.Fprintf(b, "%s\n\n", md(paragraph))
	}
	for _, f := range c.bases() {
		if folded {
			fmt.Fprintf(b, "<details><summary>By %s</summary>\n\n", f.what)
		} else {
			fmt.Fprintf(b, "By %s\n\n", f.what)
		}
		if !f.dots {
			fmt.Fprintf(b, "%s\n\n", md(f.caption))
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
			e.Caption += strings.Join(c.note(), " ")
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
