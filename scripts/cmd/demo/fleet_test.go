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
	f := newFleet(self, []string{"DEMO_TEST_SERVER=" + behave}, nil)
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
		before, _ := f.Upstream()
		if err := f.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if addr, n := f.Upstream(); n != number || addr == before {
			t.Errorf("new connections go to server %d at %s, want %d", n, addr, number)
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
		if !strings.Contains(err.Error(), "server 1 ended: exit status 3") {
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
	if err := newFleet("/nonexistent", nil, nil).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "start the server") {
		t.Errorf("%v, want that it cannot be started", err)
	}
}

func TestStopEndsEvenAStubbornServer(t *testing.T) {
	f := testFleet(t, "stubborn")
	s := mustStart(t, f)
	f.Stop()
	select {
	case <-s.exited:
	default:
		t.Error("it still runs")
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
