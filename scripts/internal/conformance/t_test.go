package conformance

import (
	"context"
	"encoding/json"
	"slices"
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

// A case fails, ends and cleans up as a test does.
func TestT(t *testing.T) {
	for _, c := range []struct {
		name   string
		run    func(t *T, did func(string))
		did    string
		why    []string
		notRun string
	}{
		{"passes", func(t *T, did func(string)) { did("ran") }, "ran", nil, ""},
		{"goes on after Error", func(t *T, did func(string)) { t.Error("a", 1); t.Errorf("b %d", 2); did("went on") }, "went on", []string{"a 1", "b 2"}, ""},
		{"ends with Fatal", func(t *T, did func(string)) { t.Fatal("c"); did("went on") }, "", []string{"c"}, ""},
		{"ends with Fatalf", func(t *T, did func(string)) { t.Fatalf("d %s", "e"); did("went on") }, "", []string{"d e"}, ""},
		{"is not run", func(t *T, did func(string)) { t.NotRun("no server"); did("went on") }, "", nil, "no server"},
		{"panics", func(t *T, did func(string)) {
			t.Cleanup(func() { did("cleaned") })
			panic("oh")
		}, "cleaned", []string{"panic: oh"}, ""},
		{"cleans up, the last one first, after a Fatal in one too", func(t *T, did func(string)) {
			t.Cleanup(func() { did("1") })
			t.Cleanup(func() { did("2"); t.Cleanup(func() { did("3") }); t.Fatal("f") })
			t.Cleanup(func() { did("4") })
			t.Fatal("g")
		}, "4 2 3 1", []string{"g", "f"}, ""},
	} {
		var did []string
		r := RunOne(nowhere{}, Case{ID: "P1.1a", Run: func(t *T) { c.run(t, func(what string) { did = append(did, what) }) }})
		// A panic tells its stack too.
		alike := slices.EqualFunc(r.Why, c.why, strings.HasPrefix)
		if strings.Join(did, " ") != c.did || !alike || r.NotRun != c.notRun || r.Passed != (c.why == nil && c.notRun == "") || r.Case != "P1.1a" {
			t.Errorf("%s: did %v, got %+v", c.name, did, r)
		}
	}
}

// What a goroutine tells that its case did not wait for is not lost.
func TestAfterTheEnd(t *testing.T) {
	var late *T
	if r := RunOne(nowhere{}, Case{ID: "P1.1a", Run: func(t *T) { late = t }}); !r.Passed {
		t.Fatalf("%+v", r)
	}
	cleaned := false
	if late.Cleanup(func() { cleaned = true }); !cleaned {
		t.Error("a late cleanup was not done")
	}
	defer func() {
		if why, _ := recover().(string); !strings.Contains(why, "P1.1a") || !strings.Contains(why, "too late") {
			t.Errorf("a late failure: %q", why)
		}
	}()
	late.Error("too late")
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
