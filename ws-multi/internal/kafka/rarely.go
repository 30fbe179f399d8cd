package kafka

import (
	"context"
	"log/slog"
	"time"
)

// rarelyEvery parts two lines of log about the same thing.
const rarelyEvery = 10 * time.Second

// rarely logs what may happen a thousand times a second. Each line says how
// often it happened since the line before. One goroutine uses it.
type rarely struct {
	log   *slog.Logger
	about map[string]*occurrences
}

type occurrences struct {
	logged time.Time
	times  int
}

func newRarely(log *slog.Logger) rarely {
	return rarely{log: log, about: map[string]*occurrences{}}
}

// warn counts an occurrence of a thing, of which there are few.
func (r rarely) warn(thing, message string, args ...any) {
	o, known := r.about[thing]
	if !known {
		o = &occurrences{}
		r.about[thing] = o
	}
	o.times++
	if now := time.Now(); now.Sub(o.logged) >= rarelyEvery {
		r.log.With("times", o.times).Log(context.Background(), slog.LevelWarn, message, args...)
		o.logged, o.times = now, 0
	}
}

// forget has the next occurrence of a thing logged, whenever the last was.
func (r rarely) forget(thing string) { delete(r.about, thing) }
