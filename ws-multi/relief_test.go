package main

import (
	"testing"
	"time"
)

func TestReliefCountsWhatIsUnderWay(t *testing.T) {
	began := time.Unix(1_700_000_000, 0)
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	var r relief
	for _, step := range []struct {
		sample time.Time
		over   int64
		due    int64
		gives  int64 // what is closed for it
	}{
		{at(0), 0, 0, 0},
		{at(1), 1000, 1000, 600}, // no more could be closed at once
		{at(1), 1000, 0, 0},      // the same sample again
		{at(2), 1000, 400, 400},  // the rest
		{at(3), 1000, 0, 0},
		{at(3.5), 1300, 300, 300}, // it has grown meanwhile
		{at(4), 700, 0, 0},        // the first shows now, the others do not
		{at(5), 300, 0, 0},
		{at(6.5), 300, 300, 0}, // nobody is left who is behind
		{at(7), 300, 300, 300},
	} {
		if got := max(r.due(step.over, step.sample), 0); got != step.due {
			t.Errorf("%v: %d bytes over: %d are due, want %d", step.sample.Sub(began), step.over, got, step.due)
		}
		if step.gives > 0 {
			r.began(step.gives, step.sample)
		}
	}
}
