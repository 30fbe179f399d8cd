package stage

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// A scope fails, ends and cleans up as a test does.
func TestScope(t *testing.T) {
	for _, c := range []struct {
		name   string
		run    func(s *Scope, did func(string))
		did    string
		errors []string
		notRun string
	}{
		{"passes", func(_ *Scope, did func(string)) { did("ran") }, "ran", nil, ""},
		{"goes on after Error", func(s *Scope, did func(string)) { s.Error("a", 1); s.Errorf("b %d", 2); did("went on") }, "went on", []string{"a 1", "b 2"}, ""},
		{"ends with Fatal", func(s *Scope, did func(string)) { s.Fatal("c"); did("went on") }, "", []string{"c"}, ""},
		{"ends with Fatalf", func(s *Scope, did func(string)) { s.Fatalf("d %s", "e"); did("went on") }, "", []string{"d e"}, ""},
		{"an error is no format", func(s *Scope, _ func(string)) { s.Error(errors.New("100%d")) }, "", []string{"100%d"}, ""},
		{"is not run", func(s *Scope, did func(string)) { s.NotRun("no server"); did("went on") }, "", nil, "no server"},
		{"is not run, for nothing", func(s *Scope, _ func(string)) { s.NotRun("") }, "", nil, "nobody knows why"},
		{"panics", func(s *Scope, did func(string)) {
			s.Cleanup(func() { did("cleaned") })
			panic("oh")
		}, "cleaned", []string{"panic: oh"}, ""},
		{"cleans up, the last one first, after a Fatal in one too", func(s *Scope, did func(string)) {
			s.Cleanup(func() { did("1") })
			s.Cleanup(func() { did("2"); s.Cleanup(func() { did("3") }); s.Fatal("f") })
			s.Cleanup(func() { did("4") })
			s.Fatal("g")
		}, "4 2 3 1", []string{"g", "f"}, ""},
	} {
		var did []string
		s := &Scope{}
		s.Do(func() { c.run(s, func(what string) { did = append(did, what) }) })
		s.End()
		// A panic tells its stack too.
		if strings.Join(did, " ") != c.did || !slices.EqualFunc(s.Errors(), c.errors, strings.HasPrefix) || s.WhyNotRun() != c.notRun || s.Failed() != (c.errors != nil) {
			t.Errorf("%s: did %v, failed with %q, not run: %q", c.name, did, s.Errors(), s.WhyNotRun())
		}
	}
}

// Its folder is there until the End, and what it logged is kept.
func TestScopeKeeps(t *testing.T) {
	s, dir := &Scope{}, ""
	s.Do(func() {
		dir = s.TempDir()
		s.Logf("in %s", dir)
	})
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
	s.End()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("after the end the folder is still there: %v", err)
	}
	if !slices.Equal(s.Logs(), []string{"in " + dir}) {
		t.Errorf("logged %q", s.Logs())
	}
}

// What a goroutine tells that its scope did not wait for is not lost.
func TestAfterTheEnd(t *testing.T) {
	s := &Scope{Called: "the scope"}
	s.End()
	cleaned := false
	if s.Cleanup(func() { cleaned = true }); !cleaned {
		t.Error("a late cleanup was not done")
	}
	defer func() {
		if why, _ := recover().(string); !strings.Contains(why, "the scope failed after") || !strings.Contains(why, "too late") {
			t.Errorf("a late failure: %q", why)
		}
	}()
	s.Error("too late")
}
