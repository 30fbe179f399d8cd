package report

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
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

// What differs by less than the model is sure of is no difference, by CPU time and by memory, each of which has errors of its own.
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
	off := func(cpu, memory float64) {
		for i := range m.Variants {
			m.Variants[i].Error = model.Error{Loads: 22, Median: cpu, Max: cpu, Memory: &model.Off{Loads: 3, Median: memory, Max: memory}}
		}
	}
	off(0, 0)
	if cpu, memory := told(); cpu+memory > 0 {
		t.Errorf("a model that is never off cannot tell %d and %d", cpu, memory)
	}
	off(0.05, 0)
	few, memory := told()
	off(0.25, 0)
	if many, _ := told(); few == 0 || many <= few || memory > 0 {
		t.Errorf("off by 5%% it cannot tell %d, by 25%% %d; of memory %d", few, many, memory)
	}
	off(0, 0.01)
	cpu, few := told()
	off(0, 0.1)
	if _, many := told(); few == 0 || many <= few || cpu > 0 {
		t.Errorf("memory off by 1%% it cannot tell %d, by 10%% %d; of CPU %d", few, many, cpu)
	}
	// What nobody tried is not without error.
	off(0, 0)
	for i := range m.Variants {
		m.Variants[i].Error = model.Error{}
	}
	if cpu, memory := told(); cpu == 0 || memory == 0 {
		t.Errorf("where nothing was tried %d and %d are too close", cpu, memory)
	}
}

// The map says what it is worth: each error apart, or that it was not tried; and what it leaves out.
func TestMapNote(t *testing.T) {
	m := fitted(t)
	say := func() string {
		var b bytes.Buffer
		if err := MarkdownMap(&b, m); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	m.Variants[0].Error = model.Error{
		Loads: 22, Median: 0.02, Max: 0.08, Memory: &model.Off{Loads: 3, Median: 0.01, Max: 0.04},
		Beyond: &model.Beyond{From: 4000, To: 12_000, Off: model.Off{Loads: 8, Median: 0.11, Max: 0.31}},
	}
	m.Variants[1].Error = model.Error{
		Loads: 22, Median: 0.03, Max: 0.07, Memory: &model.Off{Loads: 3, Median: 0.02, Max: 0.05}, Shards: &model.Off{Loads: 4, Median: 0.06, Max: 0.09},
	}
	tells(t, "the map", say(),
		"ws-single 2% and 8% (22 loads) and ws-multi 3% and 7% (22 loads)", "several shards: ws-multi 6% and 9% (4 loads)",
		"ws-single 11% and 31% (8 loads of 12,000 connections, known up to 4,000) and ws-multi not tried",
		"ws-single 1% and 4% (3 numbers) and ws-multi 2% and 5% (3 numbers)", "CPU time: 5%, and 18% where", "Memory: 3%, and 9% where",
		"memory, open files and the network do not", "12,000 of ws-single and 50,000 of ws-multi", "WS_MAX_CONNECTIONS is to be raised")
	m.Variants[0].Error, m.Variants[1].Error = model.Error{}, model.Error{}
	text := say()
	tells(t, "the map", text, "ws-single not tried and ws-multi not tried", "several shards: ws-multi not tried", "What was not tried is taken to be off by 10%")
	if strings.Contains(text, "0% and 0%") {
		t.Errorf("what was not tried has an error of 0%%:\n%s", text)
	}
}

// Memory was read of clients at rest: no cell of its map was measured. Where more clients are named than a server takes by
// itself there is a mark.
func TestMapMarks(t *testing.T) {
	c := newCrossing(fitted(t))
	for _, cell := range c.cells {
		for _, by := range c.bases() {
			words := c.inCell(cell, by)
			if dot := strings.Contains(words, "●"); dot && (!cell.Measured || by.what == "memory") || !dot && cell.Measured && by.what == "CPU time" {
				t.Errorf("by %s %+v: %q", by.what, cell, words)
			}
			name, _ := cell.Winner(by.figure)
			o := map[string]*model.Option{scenario.Single: cell.Single, scenario.Multi: cell.Multi}[name]
			if o == nil || c.tooClose(cell, by) {
				continue
			}
			most := map[string]float64{scenario.Single: 12_000, scenario.Multi: 50_000}[name]
			if got, want := strings.Contains(words, "†"), cell.Connections/float64(o.Instances) > most; got != want {
				t.Errorf("by %s %+v: %q, want a mark: %v", by.what, cell, words, want)
			}
		}
	}
	by := byMemory
	svg, err := c.draw(by, file)
	if err != nil || bytes.Contains(svg, []byte("all else is projection")) || !bytes.Contains(svg, []byte("†")) {
		t.Errorf("the picture by memory: %v", err)
	}
	for name, most := range mostConnections {
		b, err := os.ReadFile("../../../" + name + "/VERSION")
		if err != nil || !strings.Contains(string(b), fmt.Sprintf("max_connections: %.0f\n", most)) {
			t.Errorf("%s: %v, want max_connections %.0f in\n%s", name, err, most, b)
		}
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
