package shard

import (
	"slices"
	"time"
)

// clock is a shard's time in ms. It goes with the machine's monotonic clock, but
// a step longer than a second counts as one second: when the process was stopped, or a
// turn took long, all deadlines move by the rest, and what clients sent meanwhile
// is read before anybody is judged.
type clock struct {
	now  int64 // starts at one minute, so that 0 can mean never
	read time.Time
	rest time.Duration // of a ms

	// excess is by how much steps were cut since all that clients had sent was
	// read, but for what lies behind an auth, ms: what their rates are credited with.
	excess int64

	// The last steps that were cut: what was read from Kafka before one is
	// younger by that.
	cuts []cut
}

// cut is when a step was cut, on the process's clock, and by how much.
type cut struct{ at, by int64 }

const (
	longestStep = time.Second
	// maxCuts are kept. Each was a step of a second: what was read before all of
	// them is older than a minute in any case.
	maxCuts = 64
)

func newClock() clock { return clock{now: time.Minute.Milliseconds(), read: time.Now()} }

// step moves the clock to the present and returns the time of day.
func (c *clock) step() time.Time {
	t := time.Now()
	d := t.Sub(c.read)
	if d > longestStep {
		if len(c.cuts) == maxCuts {
			c.cuts = slices.Delete(c.cuts, 0, 1)
		}
		by := (d - longestStep).Milliseconds()
		c.cuts = append(c.cuts, cut{at: Since(t), by: by})
		c.excess += by
		d = longestStep
	}
	d += c.rest
	c.read = t
	c.now += d.Milliseconds()
	c.rest = d % time.Millisecond
	return t
}

// age is how old something is that was read at a time of the process's clock, as
// far as this shard had the chance to do something about it.
func (c *clock) age(readAt int64) int64 {
	age := Since(c.read) - readAt
	for i := len(c.cuts) - 1; i >= 0 && readAt < c.cuts[i].at; i-- {
		age -= c.cuts[i].by
	}
	return age
}

// epoch is where the process's clock begins.
var epoch = time.Now().Add(-time.Minute)

// Since is the process's clock at a time, in ms: monotonic, the same for all
// goroutines, above 0. What is read from Kafka is stamped with it.
func Since(t time.Time) int64 { return t.Sub(epoch).Milliseconds() }
