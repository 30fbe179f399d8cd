package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

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

// The demo may end while somebody has just pressed "drain".
func TestStopEndsADrainThatIsGoingOn(t *testing.T) {
	fs, failed := testFleets(t, "one")
	if err := fs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	fs[0].env = []string{"DEMO_TEST_SERVER=never ready"} // so it goes on until it is ended
	answered := make(chan *httptest.ResponseRecorder, 2)
	for range 2 { // the second waits for the first
		go func() {
			w := httptest.NewRecorder()
			fs.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/drain", nil))
			answered <- w
		}()
	}
	for fs[0].starts() < 2 {
		time.Sleep(time.Millisecond)
	}
	fs.Stop()
	for range 2 {
		select {
		case w := <-answered:
			if w.Code != http.StatusInternalServerError {
				t.Errorf("the drain was answered with %d %s", w.Code, w.Body)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the drain goes on after Stop")
		}
	}
	if n := fs[0].starts(); n != 2 {
		t.Errorf("%d instances were started, want none after Stop", n)
	}
	select {
	case err := <-failed:
		t.Errorf("an end that was asked for was reported as a failure: %v", err)
	default:
	}
}

func TestNothingBeginsAfterStop(t *testing.T) {
	f := testFleet(t, "well")
	mustStart(t, f)
	f.Stop()
	if err := f.Start(t.Context()); !errors.Is(err, errStopping) {
		t.Errorf("Start: %v, want %v", err, errStopping)
	}
	if err := f.Drain(t.Context()); !errors.Is(err, errStopping) {
		t.Errorf("Drain: %v, want %v", err, errStopping)
	}
	if n := f.starts(); n != 1 {
		t.Errorf("%d instances were started, want none after Stop", n)
	}
}

// An instance can be ready in the very moment in which Stop looks which ones there are.
func TestStopWaitsForAStartThatIsNearlyDone(t *testing.T) {
	f := testFleet(t, "well")
	_, done, ok := f.begin(t.Context())
	if !ok {
		t.Fatal("a new fleet is stopping")
	}
	stopped := make(chan struct{})
	go func() {
		f.Stop()
		close(stopped)
	}()
	<-f.life.Done()
	if f.take(&instance{}) {
		t.Error("an instance was taken that Stop does not know of")
	}
	select {
	case <-stopped:
		t.Error("Stop did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	done()
	<-stopped
}

// starts is how many instances were begun to be started.
func (f *fleet) starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.started
}
