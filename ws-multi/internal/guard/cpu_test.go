package guard

import (
	"math"
	"testing"
	"time"
)

// seconds feeds the meter n seconds of the given CPU time each.
type drive struct {
	meter cpuMeter
	now   cpuReading
}

func newDrive(cores float64) *drive {
	d := &drive{meter: cpuMeter{cores: cores}, now: cpuReading{at: time.Unix(1e9, 0), spent: time.Hour}}
	d.meter.add(d.now)
	return d
}

func (d *drive) pass(wall, spent, handshakes time.Duration) {
	d.now.at = d.now.at.Add(wall)
	d.now.spent += spent
	d.now.handshakes += handshakes
	d.meter.add(d.now)
}

func (d *drive) expect(t *testing.T, ratio, load float64) {
	t.Helper()
	if math.Abs(d.meter.ratio-ratio) > 1e-9 || math.Abs(d.meter.load-load) > 1e-9 {
		t.Errorf("ratio %v and load %v, want %v and %v", d.meter.ratio, d.meter.load, ratio, load)
	}
}

func TestCPUMeter(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	d := newDrive(4)
	d.expect(t, 0, 0)
	d.pass(s, 2*s, 0)
	d.expect(t, 0.5, 0.5)
	d.pass(s, 4*s, 0)
	d.expect(t, 1, 0.75)
	for range 3 {
		d.pass(s, 0, 0)
	}
	d.expect(t, 0, 6./20)
	d.pass(s, 0, 0) // the first second leaves the window
	d.expect(t, 0, 4./20)
	d.pass(s, 0, 0)
	d.expect(t, 0, 0)

	// Handshakes are part of what was spent, not of the load; guessed too high,
	// they do not make it less than nothing.
	d = newDrive(1)
	d.pass(s, 900*ms, 600*ms)
	d.expect(t, 0.9, 0.3)
	d.pass(s, 100*ms, 10*s)
	d.expect(t, 0.1, 0)

	// A sampler that was held up judges the time that has passed.
	d = newDrive(1)
	d.pass(s, s, 0)
	d.pass(9*s, 0, 0)
	d.expect(t, 0, 0)
	d.pass(s, s, 0)
	d.expect(t, 1, 0.1)

	// What comes too soon says nothing, and is not lost.
	d = newDrive(1)
	d.pass(s, s/2, 0)
	d.pass(ms, ms, 0)
	d.expect(t, 0.5, 0.5)
	d.pass(0, 0, 0)
	d.expect(t, 0.5, 0.5)
	d.pass(999*ms, 249*ms, 0)
	d.expect(t, 0.25, 0.375)
}

func TestCPUMeterStaysSmall(t *testing.T) {
	d := newDrive(1)
	for range 1000 {
		d.pass(time.Second, time.Second/2, 0)
	}
	d.expect(t, 0.5, 0.5)
	if n := cap(d.meter.window); n > 32 {
		t.Errorf("room for %d readings", n)
	}
}

func TestOver(t *testing.T) {
	for _, test := range []struct {
		was                bool
		percent, threshold float64
		want               bool
	}{
		{false, 74.9, 75, false},
		{false, 75, 75, true},
		{true, 65, 75, true},
		{true, 64.9, 75, false},
		{false, 3.9, 4, false},
		{false, 4, 4, true},
		{true, 2, 4, true}, // ten points below would never come
		{true, 1.9, 4, false},
		{false, 1000, 0, false},
		{true, 1000, 0, false},
		{false, 399, 400, false},
	} {
		if got := over(test.was, test.percent, test.threshold); got != test.want {
			t.Errorf("over(%v, %v, %v) = %v", test.was, test.percent, test.threshold, got)
		}
	}
}
