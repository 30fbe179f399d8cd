package shard

import "time"

// clock is a shard's time in ms. It goes with the machine's monotonic clock, but
// a step longer than a second counts as one second: when the process was stopped, or a
// turn took long, all deadlines move by the rest, and what clients sent meanwhile
// is read before anybody is judged.
type clock struct {
	now  int64 // starts at one minute, so that 0 can mean never
	read time.Time
	rest time.Duration // of a ms

	// The last step that was cut, on the process's clock, and by how much: what
	// was read from Kafka before it is younger by that.
	cutAt, cut int64
}

const longestStep = time.Second

func newClock() clock { return clock{now: time.Minute.Milliseconds(), read: time.Now()} }

// step moves the clock to the present and returns the time of day.
func (c *clock) step() time.Time {
	t := time.Now()
	d := t.Sub(c.read)
	if d > longestStep {
		c.cutAt, c.cut = Since(t), (d - longestStep).Milliseconds()
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
	if readAt < c.cutAt {
		age -= c.cut
	}
	return age
}

// epoch is where the process's clock begins.
var epoch = time.Now().Add(-time.Minute)

// Since is the process's clock at a time, in ms: monotonic, the same for all
// goroutines, above 0. What is read from Kafka is stamped with it.
func Since(t time.Time) int64 { return t.Sub(epoch).Milliseconds() }
