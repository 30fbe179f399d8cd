package kafka

import (
	"sync/atomic"
	"time"
)

// Stats is a snapshot. Counts are since the process started.
type Stats struct {
	Up      bool              // a broker answers
	Paused  bool              // reading is held by Pause
	Events  []EventStats      // by event
	Skipped map[string]uint64 // records without a usable symbol, by each reason of metric.Skips
}

// EventStats are one topic's.
type EventStats struct {
	Records    uint64 // that were read, skipped ones among them
	GapRecords uint64 // offsets that the log lost before they were read
	Lag        int64  // high watermark less position, over all partitions; asked for every surveyEvery
}

// counters are written by the reader, but up and lag by discovery, and read by
// anybody.
type counters struct {
	up, paused atomic.Bool
	events     []eventCounters
	skipped    []atomic.Uint64 // as metric.Skips
	surveyed   atomic.Pointer[time.Time]
}

type eventCounters struct {
	records, gapRecords atomic.Uint64
	lag                 atomic.Int64
}

func newCounters(events int) *counters {
	return &counters{events: make([]eventCounters, events), skipped: make([]atomic.Uint64, len(skips))}
}

// Surveyed is when the newest of the surveys began that found out everything of
// the topics and partitions there are, and of which the sink was told everything; zero:
// none has yet. Any goroutine may call it.
func (c *Consumer) Surveyed() time.Time {
	if at := c.counters.surveyed.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Stats never waits; any goroutine may call it.
func (c *Consumer) Stats() Stats {
	from := c.counters
	s := Stats{
		Up: from.up.Load(), Paused: from.paused.Load(),
		Events: make([]EventStats, len(from.events)), Skipped: make(map[string]uint64, len(skips)),
	}
	for i := range s.Events {
		e := &from.events[i]
		s.Events[i] = EventStats{Records: e.records.Load(), GapRecords: e.gapRecords.Load(), Lag: e.lag.Load()}
	}
	for i, reason := range skips {
		s.Skipped[reason] = from.skipped[i].Load()
	}
	return s
}
