package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

func example(t *testing.T) *result.Result {
	t.Helper()
	r, err := result.Read("../../internal/result/testdata/example.json")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Two results differ in more than their time where one was made by another command or is not whole.
func TestNewest(t *testing.T) {
	dir := t.TempDir()
	put := func(minute int, command, name string, change func(*result.Result)) {
		r := example(t)
		r.Started = time.Date(2026, 7, 1, 12, minute, 0, 0, time.UTC)
		r.Command, r.Scenario.Name = []string{"scripts/bench", command}, name
		r.Interrupted, r.Refusals = false, nil
		if change != nil {
			change(r)
		}
		if _, err := keep(&options{out: dir}, r); err != nil {
			t.Fatal(err)
		}
	}
	interrupted := func(r *result.Result) { r.Interrupted = true }
	refused := func(code string) func(*result.Result) {
		return func(r *result.Result) { r.Refusals = []result.Refusal{{Code: code, Text: "so"}} }
	}
	put(1, "run", "broadcast", nil)
	put(2, "run", "broadcast", nil) // taken
	put(3, "run", "broadcast", interrupted)
	put(4, "run", "broadcast", refused(result.Incomplete))
	put(5, "compare", "broadcast", nil) // taken
	put(6, "run", "market", interrupted)
	put(7, "run", "market", interrupted) // taken: none is whole
	put(8, "run", "storm", interrupted)
	put(9, "run", "storm", refused(result.Starved)) // taken: it went on to its end
	old := filepath.Join(dir, "20250101-000000-broadcast.json")
	if err := os.WriteFile(old, []byte(`{"$schema": "v0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "20270101-000000-storm.json")
	wrong := `{"$schema": "` + result.SchemaID + `", "started": 3}`
	if err := os.WriteFile(newer, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	results, err := newest(&options{out: dir}, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	var minutes []int
	for _, r := range results {
		minutes = append(minutes, r.Started.Minute())
	}
	if want := []int{2, 5, 7, 9}; !slices.Equal(minutes, want) {
		t.Errorf("taken are those of minutes %v, want %v", minutes, want)
	}
	if warning := stderr.String(); strings.Count(warning, "\n") != 2 || !strings.Contains(warning, old) || !strings.Contains(warning, `"v0"`) ||
		!strings.Contains(warning, newer) {
		t.Errorf("the warning is %q", warning)
	}
	out := []string{"--html", filepath.Join(dir, "r.html"), "--markdown", filepath.Join(dir, "r.md")}
	if code, _, stderr := bench(t, append([]string{"report", "--results", dir}, out...)...); code != exitHolds || !strings.Contains(stderr, old) {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if code, _, stderr := bench(t, append([]string{"report", old}, out...)...); code != exitWorse || !strings.Contains(stderr, old) {
		t.Errorf("a file that was named: exit code %d\n%s", code, stderr)
	}
}
