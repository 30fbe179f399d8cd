package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMarkdown(t *testing.T) {
	all := examples()
	delete(all, "theirs") // not ours to keep
	for name, results := range all {
		t.Run(name, func(t *testing.T) {
			got := inMarkdown(t, results)
			file := filepath.Join("testdata", name+".md")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s; if it should, go test ./internal/report -update:\n%s", file, got)
			}
		})
	}
}

func TestReportsTellEverything(t *testing.T) {
	for name, results := range examples() {
		t.Run(name, func(t *testing.T) {
			texts := map[string]string{"markdown": inMarkdown(t, results), "page": textOf(t, inHTML(t, results))}
			for which, text := range texts {
				text = strings.NewReplacer(`\`, "", "&lt;", "<", "&amp;", "&").Replace(text)
				for _, r := range results {
					for _, l := range r.Lanes {
						tells(t, which, text, l.Name)
					}
					for _, j := range r.Judgements {
						tells(t, which, text, about(j), valueOf(j), outcome(r, j))
						if !j.Info {
							tells(t, which, text, bound(j.AtMost, j.Unit))
						}
					}
					for _, f := range r.Refusals {
						tells(t, which, text, reason(f.Code), sentence(f.Text))
					}
					tells(t, which, text, title(r), word(r), r.Host.CPU, command(r))
				}
			}
		})
	}
}

func tells(t *testing.T, which, text string, all ...string) {
	t.Helper()
	for _, s := range all {
		if !strings.Contains(text, s) {
			t.Errorf("the %s does not say %q", which, s)
		}
	}
}

func TestPage(t *testing.T) {
	for name, results := range examples() {
		t.Run(name, func(t *testing.T) { sound(t, inHTML(t, results)) })
	}
}

// sound checks that a page is well-formed, stands alone, that its links lead somewhere, and that each picture is there for
// wide and for narrow windows.
func sound(t *testing.T, page string) {
	t.Helper()
	ids, links, pictures := map[string]bool{}, []string{}, map[string]int{}
	for _, e := range elements(t, page) {
		switch e.Name.Local {
		case "script", "iframe", "object", "embed", "img", "image", "use", "foreignObject":
			t.Errorf("the page has a %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			switch name := a.Name.Local; name {
			case "id":
				if ids[a.Value] {
					t.Errorf("two elements are called %q", a.Value)
				}
				ids[a.Value] = true
			case "href", "src", "srcset", "data", "action", "poster":
				if a.Value == "data:," {
					continue
				}
				to, ok := strings.CutPrefix(a.Value, "#")
				if !ok {
					t.Errorf("%s=%q leads out of the page", name, a.Value)
				}
				links = append(links, to)
			default:
				if strings.HasPrefix(name, "on") {
					t.Errorf("the page has a handler: %s=%q", name, a.Value)
				}
			}
			if e.Name.Local == "svg" && a.Name.Local == "class" {
				pictures[a.Value]++
			}
		}
	}
	for _, to := range links {
		if !ids[to] {
			t.Errorf("a link leads to #%s, which is not there", to)
		}
	}
	if pictures["wide"] != pictures["narrow"] {
		t.Errorf("%d pictures for wide windows, %d for narrow ones", pictures["wide"], pictures["narrow"])
	}
	noFetch(t, page)
	noHoles(t, page)
}

// noFetch checks that nothing is fetched from elsewhere. A name space is a name.
func noFetch(t *testing.T, s string) {
	t.Helper()
	s = strings.ToLower(strings.ReplaceAll(s, `xmlns="http://www.w3.org/2000/svg"`, ""))
	for _, way := range []string{"url(", "@import", "http:", "https:"} {
		if strings.Contains(s, way) {
			t.Errorf("something is fetched from elsewhere: there is %s", way)
		}
	}
}

// noHoles checks that nothing is shown that is no number, nor what fmt says of a mistake.
func noHoles(t *testing.T, s string) {
	t.Helper()
	for _, hole := range []string{"NaN", "Inf", "%!"} {
		if at := strings.Index(s, hole); at >= 0 {
			t.Errorf("what is no number is shown: …%s…", s[max(0, at-60):min(len(s), at+60)])
		}
	}
}

func TestPictures(t *testing.T) {
	shown := map[string]bool{}
	for name, results := range examples() {
		for _, kind := range Kinds() {
			svg, err := Picture(kind, results)
			if err != nil {
				t.Errorf("%s of %s: %v", kind, name, err)
			}
			if len(svg) == 0 {
				continue
			}
			shown[kind] = true
			words := 0
			for _, e := range elements(t, string(svg)) {
				if e.Name.Local == "text" {
					words++
				}
			}
			if words < 4 {
				t.Errorf("%s of %s has %d texts", kind, name, words)
			}
			noFetch(t, string(svg))
			noHoles(t, string(svg))
		}
	}
	if len(shown) != len(Kinds()) {
		t.Errorf("no example has all: %v of %v", slices.Sorted(maps.Keys(shown)), Kinds())
	}
}

func TestPictureOfUnknownKind(t *testing.T) {
	_, err := Picture("pie", nil)
	if err == nil || !strings.Contains(err.Error(), "limits, cost, latency") {
		t.Errorf("%v: does not say what there is", err)
	}
}

// A result whose every text is an attack.
func TestTextsAreEscaped(t *testing.T) {
	const attack = "<script>alert('1')</script> | `x` \"y\" & [z](http://example.org) \x00\x1b\uE001\xff"
	r := broadcast(4000)
	hostile(reflect.ValueOf(r), attack)
	r.Refusals = []result.Refusal{{Code: attack, Text: attack}}
	r.Capacity = &result.Capacity{Trials: []result.Trial{{Rate: 1, P99MS: 1, Why: attack}}, Settings: map[string]string{attack: attack}}

	html := inHTML(t, []*result.Result{r, r})
	for _, e := range elements(t, html) {
		if e.Name.Local == "script" {
			t.Error("the page has a script")
		}
		for _, a := range e.Attr {
			if a.Name.Local == "href" && a.Value != "data:," && !strings.HasPrefix(a.Value, "#") {
				t.Errorf("the page leads to %s", a.Value)
			}
		}
	}
	fenced := false
	for _, line := range strings.Split(inMarkdown(t, []*result.Result{r}), "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if fenced {
			continue
		}
		if strings.Contains(line, "<script") || strings.Contains(line, "[z](") && !strings.Contains(line, `\[z\](`) {
			t.Errorf("not escaped: %s", line)
		}
	}
	for _, kind := range Kinds() {
		svg, err := Picture(kind, []*result.Result{r})
		if err != nil {
			t.Error(err)
		}
		elements(t, string(svg))
	}
}

// hostile replaces all texts but those that decide what is shown.
func hostile(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			hostile(v.Elem(), s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !slices.Contains([]string{"Hdr", "Kind", "Measure", "Verdict", "Disturbed"}, f.Name) {
				hostile(v.Field(i), s)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			hostile(v.Index(i), s)
		}
	case reflect.Map:
		if v.Type().Elem().Kind() == reflect.String && !v.IsNil() {
			v.SetMapIndex(reflect.ValueOf(s), reflect.ValueOf(s))
		}
	case reflect.String:
		v.SetString(s)
	}
}

// Results with anything missing and any figure. The seeds that run in every test are few; -fuzz finds more.
func FuzzAnyResult(f *testing.F) {
	whole := []*result.Result{broadcast(4000), stalled(), idle(), stormy()}
	for seed := range uint64(16) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		d := newDice(seed)
		results := make([]*result.Result, d.IntN(4))
		for i := range results {
			if d.IntN(8) == 0 {
				continue // nil
			}
			results[i] = present(whole[d.IntN(len(whole)):])[0]
			random(d, reflect.ValueOf(results[i]))
		}
		sound(t, inHTML(t, results))
		noHoles(t, inMarkdown(t, results))
		for _, kind := range Kinds() {
			svg, err := Picture(kind, results)
			if err != nil {
				t.Error(err)
			}
			elements(t, string(svg))
			noHoles(t, string(svg))
		}
	})
}

// random drops and distorts parts of a value.
func random(d dice, v reflect.Value) {
	if d.IntN(12) == 0 && v.CanSet() {
		v.SetZero()
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			random(d, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				random(d, v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Len() > 0 && v.CanSet() {
			v.SetLen(d.IntN(v.Len()) + 1)
		}
		for i := range v.Len() {
			random(d, v.Index(i))
		}
	case reflect.Float64:
		if d.IntN(8) == 0 {
			odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e300, -1e300, 5e-324, 1e-12, 1e14, math.MaxFloat64}
			v.SetFloat(odd[d.IntN(len(odd))])
		}
	case reflect.Int, reflect.Int64:
		if d.IntN(8) == 0 {
			odd := []int64{-1, 0, 1, math.MaxInt64, math.MinInt64}
			v.SetInt(odd[d.IntN(len(odd))])
		}
	case reflect.String:
		if d.IntN(8) == 0 {
			odd := []string{"", "x", strings.Repeat("long ", 60), strings.Repeat("w", 200), "\x00\xff<&>\"'`|\u2028"}
			v.SetString(odd[d.IntN(len(odd))])
		}
	}
}

func TestOverFloorComparesWithinRounds(t *testing.T) {
	slice := func(round int, cpu float64, disturbed string) result.Slice {
		return result.Slice{Round: round, Received: 100, CPUMicros: 100 * cpu, Disturbed: disturbed}
	}
	r := &result.Result{Lanes: []result.Lane{
		{Name: "ws-single", Slices: []result.Slice{slice(0, 6, ""), slice(1, 12, ""), slice(2, 99, ""), slice(3, 7, "")}},
		{Name: "floor", Server: "floor", Slices: []result.Slice{slice(0, 4, ""), slice(1, 8, ""), slice(2, 1, "noise"), slice(4, 1, "")}},
	}}
	e := overFloor(r, &r.Lanes[0])
	if math.Abs(e.value-1.5) > 1e-9 || e.n != 2 {
		t.Errorf("%v: rounds 0 and 1 are 1.5 times the floor, 2 was disturbed, 3 and 4 have one lane", e)
	}
	if e := overFloor(r, &r.Lanes[1]); e.ok() {
		t.Errorf("the floor over itself: %v", e)
	}
}

func TestWithoutHistogramTheFiguresAreDrawn(t *testing.T) {
	for _, hdr := range []string{"", "no base64", "HISTFAAAACF4nJNpmSzMwMDAxQABzFCaEUoz2X+AsQA/awLK"} {
		points := percentiles(&result.Distribution{Count: 1e5, P50MS: 1, P90MS: 2, P99MS: 4, P999MS: 8, MaxMS: 100, Hdr: hdr})
		if len(points) < 5 {
			t.Errorf("%q: %v", hdr, points)
		}
	}
}

func TestResultsAreNotChanged(t *testing.T) {
	r := broadcast(4000)
	r.Lanes[0].Slices[0].CPUMicros = math.Inf(1)
	r.Lanes[0].Name = "a\x00b"
	inHTML(t, []*result.Result{r})
	if !math.IsInf(r.Lanes[0].Slices[0].CPUMicros, 1) || r.Lanes[0].Name != "a\x00b" {
		t.Error("the caller's result was changed")
	}
}

func TestPaintsAreApart(t *testing.T) {
	seen := map[string]string{}
	for _, p := range paints() {
		if name, ok := paintNear(strings.ToUpper(p.light)); !ok || name != p.name {
			t.Errorf("a shape drawn with %s is taken for one of %s", p.name, name)
		}
		if other, ok := seen[p.dark]; ok {
			t.Errorf("%s and %s are alike in the dark", p.name, other)
		}
		seen[p.dark] = p.name
	}
	for i, name := range []string{"ws-single", "ws-single#2", "ws-single#3"} {
		for _, other := range []string{"ws-single", "ws-single#2", "ws-single#3"}[:i] {
			if paintOf(name) == paintOf(other) {
				t.Errorf("%s has the color of %s", name, other)
			}
		}
	}
}

func inMarkdown(t *testing.T, results []*result.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := Markdown(&b, results, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func inHTML(t *testing.T, results []*result.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, results, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// elements returns all elements of a page or picture, which has to be well-formed.
func elements(t *testing.T, s string) []xml.StartElement {
	t.Helper()
	var all []xml.StartElement
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			all = append(all, e.Copy())
		}
	}
}

// textOf is what a page says.
func textOf(t *testing.T, page string) string {
	t.Helper()
	var b strings.Builder
	d := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		if c, ok := token.(xml.CharData); ok {
			b.Write(c)
		}
	}
}

// failing is a writer that cannot be written to.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestWritersErrorsAreTold(t *testing.T) {
	for name, write := range map[string]func(io.Writer, []*result.Result, *model.Model) error{"Markdown": Markdown, "HTML": HTML} {
		if err := write(failing{}, []*result.Result{stormy()}, nil); err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzMarkdownText(f *testing.F) {
	f.Add("a | b")
	f.Add("_x_ WS_ADDR `y` <b>")
	f.Fuzz(func(t *testing.T, s string) {
		out := md(s)
		if strings.ContainsAny(out, "\n<") || regexp.MustCompile(`(^|[^\\])(\\\\)*\|`).MatchString(out) {
			t.Errorf("%q becomes %q", s, out)
		}
	})
}

// A variant has its color with one shard, too; with more it is told apart.
func TestPaintOfCandidates(t *testing.T) {
	for server, want := range map[string]string{
		"ws-multi": "ws-multi", "ws-multi@shards=1": "ws-multi", "ws-multi@shards=2": "other-1", "ws-multi@shards=4": "other-3",
		"ws-single": "ws-single", "ws-single#2": "other-1", "floor": "floor",
	} {
		if got := paintOf(server).name; got != want {
			t.Errorf("%s is painted %s, want %s", server, got, want)
		}
	}
	if got := paintOf("ws-multi@WS_FLUSH_INTERVAL=10ms").name; !strings.HasPrefix(got, "other-") {
		t.Errorf("other settings are painted %s", got)
	}
}

// Results of one load with other servers are told apart by them.
func TestTitlesOfOtherServers(t *testing.T) {
	one, other := broadcast(4000), broadcast(4000)
	other.Servers = []string{"ws-multi@shards=1"}
	if got := titles([]*result.Result{one, other}); got[0] == got[1] || !strings.Contains(got[1], "ws-multi@shards=1") {
		t.Errorf("%q", got)
	}
}
