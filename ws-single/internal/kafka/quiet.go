package kafka

import (
	"log/slog"
	"time"
)

// quietPeriod is how often one and the same thing is logged at most.
const quietPeriod = 10 * time.Second

// quiet logs what may happen a thousand times a second once in ten seconds,
// with the number of times it happened. One goroutine uses it.
type quiet struct {
	log  *slog.Logger
	said map[string]*said
}

type said struct {
	last  time.Time
	times int // since then
}

func newQuiet(log *slog.Logger) *quiet { return &quiet{log: log, said: map[string]*said{}} }

func (q *quiet) warn(msg string, args ...any)           { q.say(msg, msg, args) }
func (q *quiet) warnAbout(key, msg string, args ...any) { q.say(msg+"\x00"+key, msg, args) }

// say holds lines apart by key; keys are few (an error code, a topic).
func (q *quiet) say(key, msg string, args []any) {
	s := q.said[key]
	if s == nil {
		s = &said{}
		q.said[key] = s
	}
	s.times++
	if now := time.Now(); now.Sub(s.last) >= quietPeriod {
		q.log.Warn(msg, append(args, "times", s.times)...)
		s.last, s.times = now, 0
	}
}
