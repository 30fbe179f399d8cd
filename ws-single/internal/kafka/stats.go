package kafka

import (
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
)

// Stats is a snapshot; counters run from the process's start.
type Stats struct {
	Up      bool          // a broker answers
	Paused  bool          // Pause(true) is in force
	Brokers int           // connections that carry records
	RTT     time.Duration // of the last question a broker answered
	Events  []EventStats  // by index in Config.Topics
	Skipped []SkippedStats
}

// EventStats are one topic's.
type EventStats struct {
	Records    uint64 // read, skipped ones included
	GapRecords uint64 // offsets that the log lost before they were read
	Lag        int64  // high watermark less position, over all partitions; a few seconds old
}

// SkippedStats counts the records without a usable symbol.
type SkippedStats struct {
	Reason string // of metric.Skips
	Count  uint64
}

// counters has a writer for each field and any number of readers.
type counters struct {
	up, paused atomic.Bool
	brokers    atomic.Int64
	rtt        atomic.Int64 // ns
	events     []eventCounters
	skipped    []atomic.Uint64 // by index in skipReasons
}

type eventCounters struct {
	records, gapRecords atomic.Uint64
	lag                 atomic.Int64
}

var skipReasons = metric.Skips()

func newCounters(events int) *counters {
	return &counters{events: make([]eventCounters, events), skipped: make([]atomic.Uint64, len(skipReasons))}
}

// Stats returns a snapshot. It is cheap; any goroutine may call it.
func (c *Consumer) Stats() Stats {
	n := c.counters
	s := Stats{
		Up:      n.up.Load(),
		Paused:  n.paused.Load(),
		Brokers: int(n.brokers.Load()),
		RTT:     time.Duration(n.rtt.Load()),
		Events:  make([]EventStats, len(n.events)),
		Skipped: make([]SkippedStats, len(n.skipped)),
	}
	for i := range n.events {
		e := &n.events[i]
		s.Events[i] = EventStats{Records: e.records.Load(), GapRecords: e.gapRecords.Load(), Lag: e.lag.Load()}
	}
	for i := range n.skipped {
		s.Skipped[i] = SkippedStats{Reason: skipReasons[i], Count: n.skipped[i].Load()}
	}
	return s
}

// statistics is what we read of librdkafka's (its STATISTICS.md).
type statistics struct {
	Brokers map[string]struct {
		NodeID int32  `json:"nodeid"`
		State  string `json:"state"`
	} `json:"brokers"`
	Topics map[string]struct {
		Partitions map[string]struct {
			ID   int32 `json:"partition"`
			High int64 `json:"hi_offset"` // -1001 until known
		} `json:"partitions"`
	} `json:"topics"`
}

// take turns librdkafka's statistics into connected brokers and lag.
func (r *reader) take(text string) {
	var s statistics
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		if n := r.quiet.due("statistics"); n > 0 {
			r.log.Warn("Kafka statistics cannot be read", "error", err.Error(), "times", n)
		}
		return
	}
	var up int64
	for _, b := range s.Brokers {
		if b.NodeID >= 0 && b.State == "UP" {
			up++
		}
	}
	r.counters.brokers.Store(up)
	for name, t := range s.Topics {
		topic := r.byName[name]
		if topic == nil {
			continue
		}
		var lag int64
		for _, p := range t.Partitions {
			if part := topic.partition(p.ID); part != nil {
				lag += max(0, p.High-part.next)
			}
		}
		r.counters.events[topic.event].lag.Store(lag)
	}
}
