package conformance

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// nowhere is a site for cases that need no server.
type nowhere struct{ Site }

func (nowhere) Name() string             { return "nowhere" }
func (nowhere) Version() json.RawMessage { return nil }

// What became of a case is its result: what it says of itself, and what its cleanups do.
func TestT(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(t *T)
		want Result
	}{
		{"passes", func(t *T) { t.Fact("b", 2); t.Fact("a", "x") }, Result{Passed: true, Facts: []Fact{{"a", "x"}, {"b", "2"}}}},
		{"fails", func(t *T) { t.Logf("l %d", 1); t.Error("a"); t.Fatal("b"); t.Error("c") }, Result{Why: []string{"a", "b"}, Logs: []string{"l 1"}}},
		{"fails when it cleans up", func(t *T) { t.Cleanup(func() { t.Fatal("d") }) }, Result{Why: []string{"d"}}},
		{"is not run", func(t *T) { t.NotRun("no server"); t.Error("e") }, Result{NotRun: "no server"}},
	} {
		c.want.Case = "P1.1a"
		r := RunOne(nowhere{}, Case{ID: "P1.1a", Run: c.run})
		if r.Took = 0; !reflect.DeepEqual(r, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.name, r, c.want)
		}
	}
}

// So many run at once, all results are in order, and what has not begun when the run is ended is not run.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var now, most, begun atomic.Int32
	var cases []Case
	for i := range 20 {
		cases = append(cases, Case{ID: "P1." + string(rune('a'+i)), Run: func(t *T) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			if begun.Add(1) == 10 {
				cancel()
			}
			if i == 3 {
				t.Error("broken")
			}
			now.Add(-1)
		}})
	}
	told := 0
	results := Run(ctx, nowhere{}, cases, 4, func(Result) { told++ })
	if told != 20 || most.Load() > 4 || begun.Load() < 10 || begun.Load() > 13 {
		t.Errorf("%d results told, %d at once, %d begun", told, most.Load(), begun.Load())
	}
	for i, r := range results {
		if r.Case != cases[i].ID || r.Failed() != (i == 3) || r.Passed == (r.Failed() || r.NotRun != "") {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if results[19].NotRun == "" {
		t.Error("the last case was run, after the end")
	}
}

// When a shared server ends by itself, the cases that have it fail, whatever they saw, and so do those that come after.
func TestSharedServerEnds(t *testing.T) {
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := all[0].Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	site := NewProgram(all[0].Name, binary, brokers)
	beside := RunOne(site, Case{ID: "P1.1a", Run: func(t *T) {
		s := t.Server()
		if err := s.Process.Signal(syscall.SIGABRT); err != nil {
			t.Fatal(err)
		}
		<-s.Process.Done()
	}})
	if len(beside.Why) != 1 || !strings.Contains(beside.Why[0], "ended by itself") || !strings.Contains(beside.Why[0], "SIGABRT") {
		t.Errorf("the case beside: %q", beside.Why)
	}
	after := RunOne(site, Case{ID: "P1.1b", Run: func(t *T) { t.Server() }})
	if len(after.Why) != 1 || !strings.Contains(after.Why[0], "had ended before") {
		t.Errorf("the case after: %q", after.Why)
	}
	if wrong := site.Close(); len(wrong) == 0 || !strings.Contains(wrong[0], "usual settings ended by itself") {
		t.Errorf("at the end: %q", wrong)
	}

	// One that cannot start fails each case that needs it, and no other.
	for range 2 {
		r := RunOne(site, Case{ID: "P1.1c", Run: func(t *T) { t.ServerWith(stage.Settings{"WS_MAX_BEHIND": "soon"}) }})
		if len(r.Why) != 1 || !strings.Contains(r.Why[0], "WS_MAX_BEHIND=soon did not start") || !strings.Contains(r.Why[0], "ended with code") {
			t.Errorf("the case without a server: %q", r.Why)
		}
	}
	if wrong := site.Close(); len(wrong) > 0 {
		t.Errorf("at the end: %q", wrong)
	}
}
