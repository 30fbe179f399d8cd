package main

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func testFleet(t *testing.T, behave string) *fleet {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(program{"one", self}, []string{"DEMO_TEST_SERVER=" + behave}, nil)
	t.Cleanup(f.Stop)
	return f
}

func mustStart(t *testing.T, f *fleet) *instance {
	t.Helper()
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f.current
}

func TestDrainMovesToAnotherServer(t *testing.T) {
	f := testFleet(t, "well")
	first := mustStart(t, f)
	for number := 2; number <= 3; number++ {
		before := f.now()
		if err := f.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := f.now(); s.number != number || s.addr == before.addr {
			t.Errorf("new connections go to server %d at %s, want %d", s.number, s.addr, number)
		}
	}
	select {
	case <-first.exited:
	case <-time.After(5 * time.Second):
		t.Error("the drained server is still there")
	}
	select {
	case err := <-f.failed:
		t.Errorf("a drained server's end was reported as a failure: %v", err)
	default:
	}
}

func TestAServerThatEndsByItselfIsReported(t *testing.T) {
	f := testFleet(t, "well")
	s := mustStart(t, f)
	_, _ = s.call(t.Context(), http.MethodPost, "/die")
	select {
	case err := <-f.failed:
		if !strings.Contains(err.Error(), "one server 1 ended: exit status 3") {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("nobody noticed")
	}
}

func TestStartFails(t *testing.T) {
	err := testFleet(t, "crash").Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 2") || !strings.Contains(err.Error(), "a setting is wrong") {
		t.Errorf("%v, want how it ended and what it said", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := testFleet(t, "never ready").Start(ctx); err == nil || !strings.Contains(err.Error(), "not ready") {
		t.Errorf("%v, want that it is not ready", err)
	}
	if err := newFleet(program{"one", "/nonexistent"}, nil, nil).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "start the server") {
		t.Errorf("%v, want that it cannot be started", err)
	}
}

func testFleets(t *testing.T, names ...string) (fleets, <-chan error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var list []program
	for _, name := range names {
		list = append(list, program{name, self})
	}
	fs, failed := newFleets(list, []string{"DEMO_TEST_SERVER=well"}, nil)
	t.Cleanup(fs.Stop)
	return fs, failed
}

func TestServersStandBesideEachOther(t *testing.T) {
	fs, failed := testFleets(t, "one", "other")
	if _, ok := fs.Upstream("one"); ok {
		t.Error("there is a way to a server that was not started")
	}
	if err := fs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	one, _ := fs.Upstream("one")
	other, _ := fs.Upstream("other")
	first, _ := fs.Upstream("")
	if one.Name != "one" || other.Name != "other" || one.Number != 1 || other.Number != 1 || one.Addr == other.Addr || first != one {
		t.Errorf("the ways are %+v, %+v and by default %+v", one, other, first)
	}
	if _, ok := fs.Upstream("third"); ok {
		t.Error("there is a way to a server that nobody named")
	}
	if err := fs.find("other").Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, _ := fs.Upstream("one"); again != one {
		t.Errorf("draining the other moved %+v to %+v", one, again)
	}
	if moved, _ := fs.Upstream("other"); moved.Number != 2 {
		t.Errorf("after its drain the other is number %d", moved.Number)
	}
	_, _ = fs.find("other").now().call(t.Context(), http.MethodPost, "/die")
	select {
	case err := <-failed:
		if !strings.Contains(err.Error(), "other server 2 ended: exit status 3") {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("nobody noticed")
	}
	fs.Stop()
	for _, f := range fs {
		if len(f.running) > 0 {
			t.Errorf("%s still has %d instances", f.name, len(f.running))
		}
	}
}

func TestTailKeepsWholeLines(t *testing.T) {
	var l tail
	for range 1000 {
		if _, err := l.Write([]byte("0123456789\n")); err != nil {
			t.Fatal(err)
		}
	}
	s := l.String()
	if len(s) > tailBytes || !strings.HasPrefix(s, "0123456789\n") || !strings.HasSuffix(s, "0123456789") {
		t.Errorf("%d bytes: %.20q ... %q", len(s), s, s[len(s)-12:])
	}
}
