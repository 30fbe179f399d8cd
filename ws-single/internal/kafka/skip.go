package kafka

import (
	"log/slog"
	"slices"
	"time"
)

// skipped collects the records that have no channel to go to, for one line of
// log in quietPeriod.
type skipped struct {
	counts []uint64 // by index in skipReasons
	where  string   // the latest's topic
	pos    int64
	part   int32
	any    bool
	last   time.Time
}

func (r *reader) skip(reason string, t *topic, p *partition) {
	i := slices.Index(skipReasons, reason)
	r.counters.skipped[i].Add(1)
	s := &r.skipped
	if s.counts == nil {
		s.counts = make([]uint64, len(skipReasons))
	}
	s.counts[i]++
	s.where, s.part, s.pos, s.any = t.name, p.id, p.next-1, true
}

func (s *skipped) report(log *slog.Logger) {
	if !s.any || time.Since(s.last) < quietPeriod {
		return
	}
	args := []any{"topic", s.where, "partition", s.part, "offset", s.pos}
	for i, n := range s.counts {
		if n > 0 {
			args = append(args, skipReasons[i], n)
		}
	}
	log.Warn("Kafka records without a usable symbol were skipped; the latest:", args...)
	clear(s.counts)
	s.any, s.last = false, time.Now()
}
