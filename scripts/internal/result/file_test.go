package result_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// Every example fits the schema, and reading and writing it leaves it as it is.
func TestExamples(t *testing.T) {
	seen := map[string]bool{}
	for name, build := range examples {
		path := filepath.Join("testdata", name+".json")
		if flag.Lookup("update").Value.String() == "true" {
			if err := build(t).Write(path); err != nil {
				t.Fatal(err)
			}
		}
		r, err := result.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		again := filepath.Join(t.TempDir(), "a", "b", "again.json")
		if err := r.Write(again); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(again)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is another one after reading and writing", path)
		}
		if left, err := filepath.Glob(filepath.Dir(again) + "/.*"); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		var tree any
		if err := json.Unmarshal(got, &tree); err != nil {
			t.Fatal(err)
		}
		collect(tree, seen)
	}
	for _, must := range []string{"slices", "memory", "storms", "capacity", "hdr", "last_ms", "disturbed", "needed", "stalled", "busy"} {
		if !seen[must] {
			t.Errorf("no example has %s", must)
		}
	}
	for _, verdict := range []result.Verdict{result.Holds, result.Worse, result.Refused, result.Undecided} {
		if !seen["verdict "+string(verdict)] {
			t.Errorf("no example has a verdict %s", verdict)
		}
	}
}

// collect notes the names of all members, and the verdicts.
func collect(tree any, seen map[string]bool) {
	switch tree := tree.(type) {
	case []any:
		for _, v := range tree {
			collect(v, seen)
		}
	case map[string]any:
		for name, v := range tree {
			seen[name] = true
			if verdict, ok := v.(string); ok && name == "verdict" {
				seen["verdict "+verdict] = true
			}
			collect(v, seen)
		}
	}
}

func least(t *testing.T) *result.Result {
	t.Helper()
	s, err := scenario.Find("broadcast")
	if err != nil {
		t.Fatal(err)
	}
	return &result.Result{Scenario: *s, Verdict: result.Refused}
}

// What was interrupted before anything was measured can be written and read.
func TestLeast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "least.json")
	r := least(t)
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := result.Read(path)
	if err != nil || !reflect.DeepEqual(back, r) {
		t.Errorf("got %+v, %v, want %+v", back, err, r)
	}
}

// A run takes minutes: it is kept even where a figure cannot be.
func TestNoNumber(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	r := least(t)
	r.Lanes = []result.Lane{{Name: "floor"}, {Name: "ws-single", Slices: []result.Slice{{P99MS: math.NaN()}, {MaxMS: math.Inf(1), RSS: 7}}}}
	err := r.Write(path)
	if err == nil || !strings.Contains(err.Error(), "Lanes[1].Slices[0].P99MS is no number") || !strings.Contains(err.Error(), "Slices[1].MaxMS") {
		t.Errorf("got %v, want an error that names both", err)
	}
	back, err := result.Read(path)
	if err != nil || back.Lanes[1].Slices[1].RSS != 7 {
		t.Errorf("got %+v, %v", back, err)
	}
}

func TestUnfit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	r := least(t)
	r.Verdict = "splendid"
	if err := r.Write(path); err == nil || !strings.Contains(err.Error(), "verdict") {
		t.Errorf("got %v, want an error that names the field", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("it was not kept: %v", err)
	}
	if _, err := result.Read(path); err == nil {
		t.Error("it was read")
	}
}

func TestReadRefuses(t *testing.T) {
	whole, err := os.ReadFile("testdata/idle.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, text, want string }{
		{"no JSON", "CPU 4", "invalid character"},
		{"another file", `{"name": "odin"}`, `its $schema is ""`},
		{"another version", strings.Replace(string(whole), "/v1/", "/v9/", 1), "/v9/result.schema.json"},
		{"cut short", string(whole[:len(whole)/2]), "unexpected end"},
		{"a field too many", strings.Replace(string(whole), `"seconds"`, `"minutes": 2, "seconds"`, 1), "minutes"},
		{"a field of another type", strings.Replace(string(whole), `"seconds": 118`, `"seconds": "118"`, 1), "/seconds"},
	} {
		path := filepath.Join(t.TempDir(), "r.json")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := result.Read(path); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
	if _, err := result.Read("testdata/nowhere.json"); err == nil {
		t.Error("a file that is not there was read")
	}
}

// Where it cannot be written, what was there stays.
func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.json")
	if err := os.Mkdir(path, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := least(t).Write(path); err == nil {
		t.Error("a folder was written over")
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
