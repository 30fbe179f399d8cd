package report

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

func fitted(t *testing.T) *model.Model {
	t.Helper()
	m, err := model.Read("../model/testdata/20261123-120000-model.json")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMarkdownMap(t *testing.T) {
	var b bytes.Buffer
	if err := MarkdownMap(&b, fitted(t)); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/map.md"
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || b.String() != string(want) {
		t.Errorf("differs from %s (%v); if it should, go test ./internal/report -update:\n%s", path, err, b.String())
	}
	noHoles(t, b.String())
}

// The page has the map twice, by CPU time and by memory, with what it is worth; without a model nothing of it.
func TestMapInReports(t *testing.T) {
	for _, results := range [][]*result.Result{{stormy()}, {stormy(), stormy()}} {
		var page, table bytes.Buffer
		if err := HTML(&page, results, fitted(t)); err != nil {
			t.Fatal(err)
		}
		if err := Markdown(&table, results, fitted(t)); err != nil {
			t.Fatal(err)
		}
		sound(t, page.String())
		for which, text := range map[string]string{"page": textOf(t, page.String()), "markdown": table.String()} {
			tells(t, which, text, "projection", "ws-multi", "neither", "memory")
		}
		if n := strings.Count(page.String(), "Which variant takes less"); n < 4 {
			t.Errorf("the page tells of the map %d times", n)
		}
	}
	for _, m := range []*model.Model{nil, {Variants: fitted(t).Variants[:1]}} {
		var page bytes.Buffer
		if err := HTML(&page, []*result.Result{stormy()}, m); err != nil || strings.Contains(page.String(), "Which variant") {
			t.Errorf("a page without a map: %v, %v", err, strings.Contains(page.String(), "Which variant"))
		}
		if svg, err := MapPicture(m); err != nil || len(svg) > 0 {
			t.Errorf("a picture without a map: %d bytes, %v", len(svg), err)
		}
	}
}

func TestMapPicture(t *testing.T) {
	svg, err := MapPicture(fitted(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"f-ws-single", "f-ws-multi", "a record for all, 1 core<", "a record for all, 16 cores (projection)", "neither holds it", "too close to tell", "only"} {
		if !bytes.Contains(svg, []byte(want)) {
			t.Errorf("the picture has no %q", want)
		}
	}
	elements(t, string(svg))
}

// What differs by less than the model is sure of is no difference, by CPU time; of memory it does not say how sure it is.
func TestMapTooClose(t *testing.T) {
	m := fitted(t)
	told := func() (cpu, memory int) {
		var b bytes.Buffer
		if err := MarkdownMap(&b, m); err != nil {
			t.Fatal(err)
		}
		first, second, _ := strings.Cut(b.String(), "By memory")
		return strings.Count(first, "| too close to tell"), strings.Count(second, "| too close to tell")
	}
	m.Variants[0].Error.Median, m.Variants[1].Error.Median = 0, 0
	if cpu, memory := told(); cpu+memory > 0 {
		t.Errorf("a model that is never off cannot tell %d and %d", cpu, memory)
	}
	m.Variants[1].Error.Median = 0.1
	few, memory := told()
	m.Variants[1].Error.Median = 0.5
	if many, _ := told(); few == 0 || many <= few || memory > 0 {
		t.Errorf("off by 10%% it cannot tell %d, by 50%% %d; of memory %d", few, many, memory)
	}
}

// Memory that was not measured of both is no map.
func TestMapWithoutMemory(t *testing.T) {
	m := fitted(t)
	m.Variants[1].Memory = nil
	var b bytes.Buffer
	if err := MarkdownMap(&b, m); err != nil || strings.Contains(b.String(), "By memory") || !strings.Contains(b.String(), "By CPU time") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
