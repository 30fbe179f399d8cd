package report

import (
	_ "embed" // the page's template and style
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

var (
	//go:embed page.tmpl
	pageText string
	//go:embed page.css
	pageStyle string

	pageTemplate = template.Must(template.New("page").Parse(pageText))
)

// A page is what the template shows.
type page struct {
	Title, Under, Beside, Tally, Commands string
	Style                                 template.CSS
	Who                                   []server
	Overview                              grille
	Limits                                *exhibit
	Families                              []family
	Map                                   []exhibit
	Sections                              []*section
	Refused                               []refused
}

type server struct{ Name, Words, Paint string }

type refused struct{ ID, Title, Reason, Text string }

// A family is the results of one scenario with several numbers of connections.
type family struct {
	Title  string
	Figure exhibit
}

// A section is one result.
type section struct {
	ID, Title, About, Load, Settings string
	Verdict, Word, Summary, Paint    string
	Alone                            bool // its verdict is at the top of the page
	Refusals                         []refused
	Figures                          []exhibit
	Facts                            [][2]string
}

// An exhibit is a picture, for wide and for narrow windows, and the table that has the same figures; either may be missing.
type exhibit struct {
	ID, Title, Caption string
	Wide, Narrow       template.HTML
	Table              grille
}

// A grille is a table as the template shows it.
type grille struct {
	Title string
	Cards bool // its rows are read one by one: below each other on a phone
	Head  []field
	Rows  [][]field
}

type field struct {
	Text, Paint, Link, Head string
	Words, Long             bool
}

// HTML writes results as one page that needs nothing beside itself. Results that are nil are passed over. With a model, which may
// be nil, it has the map of which variant is cheaper.
func HTML(w io.Writer, results []*result.Result, m *model.Model) error {
	p, err := newPage(present(results))
	if err == nil {
		p.Map, err = newCrossing(m).exhibits()
	}
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := pageTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	if _, err := io.WriteString(w, clean(b.String())); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

func newPage(results []*result.Result) (*page, error) {
	p := &page{
		Title:    "What one delivered message costs",
		Style:    template.CSS(style()),
		Tally:    tally(results),
		Who:      introduced(results),
		Commands: commands(results),
	}
	p.Under, p.Beside = compared(results)
	if len(results) == 1 {
		p.Title += ": " + title(results[0])
	}
	for i, name := range titles(results) {
		s, err := newSection(results[i], fmt.Sprintf("result-%d", i+1), len(results) == 1)
		if err != nil {
			return nil, err
		}
		s.Title = name
		p.Sections = append(p.Sections, s)
		for _, f := range s.Refusals {
			f.ID, f.Title = s.ID, s.Title
			p.Refused = append(p.Refused, f)
		}
	}
	if len(results) < 2 {
		return p, nil
	}
	p.Overview = shape(overviewTable(results))
	for i := range p.Overview.Rows {
		p.Overview.Rows[i][0].Link = p.Sections[i].ID
	}
	e, err := exhibited(Limits, results, table{})
	if err != nil {
		return nil, err
	}
	if e.Wide != "" {
		p.Limits = &e
	}
	for _, together := range families(results) {
		e, err := exhibited(Scaling, together, scalingTable(together))
		if err != nil {
			return nil, err
		}
		p.Families = append(p.Families, family{Title: title(together[0]) + ", with several numbers of connections", Figure: e})
	}
	return p, nil
}

// style is the page's style sheet, with the colors of both schemes.
func style() string {
	light, dark := "--page:#f7f7f5;"+variables(false), "--page:#0f1115;"+variables(true)
	return ":root{" + light + "}@media (prefers-color-scheme:dark){:root{" + dark + "}}@media print{:root{" +
		strings.Replace(light, "#f7f7f5", "#ffffff", 1) + "}}" + classes() + halo + "\n" +
		// Names of servers in the text have the color that shapes of theirs are filled with.
		colors() + pageStyle
}

func colors() string {
	var b strings.Builder
	for _, p := range paints() {
		fmt.Fprintf(&b, "dt.f-%[1]s,span.f-%[1]s,strong.f-%[1]s{color:var(--%[1]s)}", p.name)
	}
	return b.String() + "\n"
}

func newSection(r *result.Result, id string, alone bool) (*section, error) {
	s := &section{
		ID: id, About: r.Scenario.About, Load: load(r.Scenario),
		Verdict: string(r.Verdict), Word: word(r), Summary: summary(r), Paint: verdictPaint(r.Verdict).name,
		Facts: facts(r), Alone: alone,
	}
	if c := command(r); c != "" {
		s.Facts = append(s.Facts, [2]string{"Command", c})
	}
	for _, f := range r.Refusals {
		s.Refusals = append(s.Refusals, refused{Reason: reason(f.Code), Text: sentence(f.Text)})
	}
	if r.Capacity != nil {
		s.Settings = strings.Join(settings(r.Capacity.Settings), "\n")
	}
	one := []*result.Result{r}
	for _, show := range []struct {
		kind  string
		table table
	}{
		{Limits, limitTable(r)},
		{Cost, costTable(r)},
		{Latency, latencyTable(r)},
		{"", arrivedTable(r)},
		{Memory, memoryTable(r)},
		{Storms, stormTable(r)},
		{Capacity, capacityTable(r)},
		{"", connectTable(r)},
		{Timeline, runTable(r)},
	} {
		if show.kind == Limits && !alone {
			show.kind = "" // it is in the overview
		}
		e, err := exhibited(show.kind, one, show.table)
		if err != nil {
			return nil, err
		}
		if e.Wide != "" || len(e.Table.Rows) > 0 {
			s.Figures = append(s.Figures, e)
		}
	}
	return s, nil
}

// exhibited is a picture with its table. A kind that is not there, or has no figures, leaves the table alone.
func exhibited(name string, results []*result.Result, t table) (exhibit, error) {
	e := exhibit{Title: t.title, Caption: t.note, Table: shape(t)}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return e, nil
	}
	k := kinds[i]
	e.Title = k.title
	for _, f := range []struct {
		format format
		to     *template.HTML
	}{{wide, &e.Wide}, {narrow, &e.Narrow}} {
		svg, err := k.draw(results, f.format)
		if err == nil {
			*f.to = template.HTML(svg)
		} else if !isNothing(err) {
			return e, fmt.Errorf("draw %s: %w", name, err)
		}
	}
	if e.Wide != "" {
		e.Caption = k.caption(results)
	}
	return e, nil
}

// shape turns a table into what the template shows.
func shape(t table) grille {
	g := grille{Title: t.title, Cards: len(t.words) > 1}
	for i, h := range t.head {
		g.Head = append(g.Head, field{Text: h, Words: t.words[i], Long: len(h) > 12})
	}
	for _, row := range t.rows {
		var fields []field
		for i, c := range row {
			fields = append(fields, field{Text: c.text, Paint: c.paint, Words: t.words[i], Head: t.head[i]})
		}
		g.Rows = append(g.Rows, fields)
	}
	return g
}

// compared names the servers under test, and what they were measured beside.
func compared(results []*result.Result) (under, beside string) {
	var names, others []string
	add := func(to *[]string, name string) {
		if name != "" && !slices.Contains(*to, name) {
			*to = append(*to, name)
		}
	}
	for _, r := range results {
		for _, name := range r.Servers {
			add(&names, name)
		}
		for _, l := range ordered(r) {
			if l.Baseline {
				add(&others, serverOf(l))
			} else {
				add(&names, serverOf(l))
			}
		}
	}
	if len(names) == 0 {
		names = []string{"the server under test"}
	}
	if i := slices.Index(others, scenario.Floor); i >= 0 {
		others = append(slices.Delete(others, i, i+1), "the floor")
	}
	return list(names), list(others)
}

// introduced are the servers of which this package can say what they are.
func introduced(results []*result.Result) []server {
	var all []server
	for _, p := range servers {
		for _, r := range results {
			if slices.ContainsFunc(r.Lanes, func(l result.Lane) bool { return scenario.VariantOf(serverOf(&l)) == p.name }) {
				all = append(all, server{p.name, who[p.name], p.name})
				break
			}
		}
	}
	return all
}

// commands are what made the results, and then this page.
func commands(results []*result.Result) string {
	lines := []string{"scripts/bench list                     # what can be measured"}
	if len(results) == 0 {
		lines = append(lines, "scripts/bench run broadcast")
	}
	for _, r := range results {
		if c := command(r); c != "" && !slices.Contains(lines, c) {
			lines = append(lines, c)
		}
	}
	return strings.Join(append(lines, "scripts/bench report                   # this page"), "\n")
}
