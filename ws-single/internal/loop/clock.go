package loop

import "time"

// clock is the loop's time in ms: it goes with the machine's monotonic clock,
// but a step longer than a second counts as a second. When the process was
// stopped, or a turn took long, all deadlines move by the rest of it, and what
// clients sent meanwhile is read before anybody is judged.
type clock struct {
	now  int64     // ms; starts at a minute, so that 0 can mean "never"
	read time.Time // at the last step
	part time.Duration
}

const maxStep = time.Second

func newClock() clock { return clock{now: time.Minute.Milliseconds(), read: time.Now()} }

// step moves the clock to the present and returns the wall clock's time.
func (c *clock) step() time.Time {
	t := time.Now()
	d := min(t.Sub(c.read), maxStep) + c.part
	c.read = t
	c.now += d.Milliseconds()
	c.part = d % time.Millisecond
	return t
}
