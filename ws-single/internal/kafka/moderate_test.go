package kafka

import (
	"testing"
	"time"
)

// Sleeps by the clock come only while many records do, and end with them.
func TestModeration(t *testing.T) {
	var m moderation
	now := time.Now()
	read := func(n int, every time.Duration, times int) (byClock int) {
		for range times {
			now = now.Add(every)
			if m.busy(n, now) {
				byClock++
			}
		}
		return byClock
	}
	read(1, time.Second, 2) // it has begun long ago
	if n := read(1, time.Millisecond, 1000); n > 0 {
		t.Errorf("at 1,000 records/s the clock was slept on %d times", n)
	}
	if n := read(1000, 5*time.Second, 10); n > 0 {
		t.Errorf("for bursts of 1,000 the clock was slept on %d times", n)
	}
	if n := read(1, 100*time.Microsecond, 1000); n < 90 {
		t.Errorf("at 10,000 records/s, one at a time, the clock was slept on %d times", n)
	}
	if n := read(10, time.Millisecond, 100); n < 99 {
		t.Errorf("at 10,000 records/s, ten at a time, the clock was slept on %d times of 100", n)
	}
	if n := read(0, time.Millisecond, 100); n > 0 {
		t.Errorf("without records the clock was slept on %d times", n)
	}
}
