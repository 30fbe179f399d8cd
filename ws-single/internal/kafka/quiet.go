package kafka

import "time"

// quietPeriod is how often one and the same thing is logged at most.
const quietPeriod = 10 * time.Second

// quiet has what may happen a thousand times a second logged once in ten
// seconds. One goroutine uses it.
type quiet map[string]*said

type said struct {
	last  time.Time
	times int // since then
}

// due counts a thing that happened and says whether it is to be logged: how
// often it happened since it last was, or 0. Keys are few (an error's code, a
// topic).
func (q quiet) due(key string) (times int) {
	s := q[key]
	if s == nil {
		s = &said{}
		q[key] = s
	}
	s.times++
	now := time.Now()
	if now.Sub(s.last) < quietPeriod {
		return 0
	}
	times = s.times
	s.last, s.times = now, 0
	return times
}
