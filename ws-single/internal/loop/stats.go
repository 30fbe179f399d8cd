package loop

import (
	"sort"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

// Snapshot is what the loop says of itself, once a second. It is never changed
// after: any goroutine may read it, also when the loop does not answer.
type Snapshot struct {
	At          time.Time // when it was made: its age is the watchdog
	Connections int
	Behind      int
	Counters

	ClosedByCode map[wire.CloseCode]uint64 // every code that can be counted, from the start
	Commands     map[CommandResult]uint64

	Latency Histogram // record's timestamp to the kernel's taking it, seconds
	Turn    Histogram // seconds
	Busy    float64   // share of the last second spent in turns
	Longest time.Duration

	HistoryBytes   int64
	HistoryRecords int
	HistoryAge     time.Duration
	Channels       int
	Lag            int // records not yet offered to all their connections
}

// Counters count since the start.
type Counters struct {
	Opened      uint64
	Sent        uint64
	BytesSent   uint64
	Merged      uint64
	Replayed    uint64
	Recovered   uint64
	LostResumes uint64
}

// CommandResult is a command's type and what became of it.
type CommandResult struct{ Type, Result string }

// Histogram counts observations by the bounds of its metric.
type Histogram struct {
	Bounds []float64
	Counts []uint64 // one more than the bounds
	Sum    float64
}

func newHistogram(bounds []float64) Histogram {
	return Histogram{Bounds: bounds, Counts: make([]uint64, len(bounds)+1)}
}

func (h *Histogram) observe(v float64) {
	h.Counts[sort.SearchFloat64s(h.Bounds, v)]++
	h.Sum += v
}

func (h *Histogram) clone() Histogram {
	c := *h
	c.Counts = append([]uint64(nil), h.Counts...)
	return c
}

// stats are the loop's own counters; a Snapshot is their copy.
type stats struct {
	Counters
	byCode  map[wire.CloseCode]uint64
	results map[CommandResult]uint64
	latency Histogram
	turn    Histogram
	busy    time.Duration // since the last snapshot
	longest time.Duration // since the last snapshot
}

func newStats() stats {
	return stats{
		byCode:  noCloses(),
		results: make(map[CommandResult]uint64),
		latency: newHistogram(metric.DeliveryLatency.Buckets),
		turn:    newHistogram(metric.LoopTurn.Buckets),
	}
}

// noCloses is a count of 0 for each code. A rate over a series that appears with
// its first close does not see that close
// (prometheus.io/docs/practices/instrumentation, avoid missing metrics).
func noCloses() map[wire.CloseCode]uint64 {
	counts := map[wire.CloseCode]uint64{socket.NoStatus: 0, socket.Abnormal: 0}
	for _, code := range wire.CloseCodes() {
		counts[code] = 0
	}
	return counts
}

// closed counts a close. A client may choose any code: one that has no count is
// counted as no code, so that it cannot make series.
func (s *stats) closed(code wire.CloseCode) {
	if _, counted := s.byCode[code]; !counted {
		code = socket.NoStatus
	}
	s.byCode[code]++
}

func (s *stats) command(kind, result string) {
	switch wire.Type(kind) {
	case wire.TypeSubscribe, wire.TypeUnsubscribe, wire.TypeHeartbeat, wire.TypeAuth:
	default:
		kind = metric.CommandOther
	}
	s.results[CommandResult{kind, result}]++
}

// lag counts the records that were taken and that somebody live was not sent yet.
func (l *Loop) lag() int {
	n := 0
	if l.batch != nil {
		n = len(l.batch.Items) - l.item
	}
	if l.sweeps.len() > 0 && len(l.due) > 0 {
		n += int(l.log.Next() - l.due[0].n)
	}
	return n
}

// turned notes how long a turn took.
func (s *stats) turned(d time.Duration) {
	s.turn.observe(d.Seconds())
	s.busy += d
	s.longest = max(s.longest, d)
}

// publish makes a snapshot of the last second.
func (l *Loop) publish(now time.Time, since time.Duration) {
	s := &Snapshot{
		At:           now,
		Connections:  l.openConns,
		Behind:       l.behind,
		Counters:     l.stats.Counters,
		ClosedByCode: make(map[wire.CloseCode]uint64, len(l.stats.byCode)),
		Commands:     make(map[CommandResult]uint64, len(l.stats.results)),
		Latency:      l.stats.latency.clone(),
		Turn:         l.stats.turn.clone(),
		Longest:      l.stats.longest,

		HistoryBytes:   l.log.Bytes(),
		HistoryRecords: l.log.Len(),
		HistoryAge:     time.Duration(l.log.Age(l.clock.now)) * time.Millisecond,
		Channels:       l.table.Len(),
		Lag:            l.lag(),
	}
	if since > 0 {
		s.Busy = min(1, l.stats.busy.Seconds()/since.Seconds())
	}
	for k, v := range l.stats.byCode {
		s.ClosedByCode[k] = v
	}
	for k, v := range l.stats.results {
		s.Commands[k] = v
	}
	l.stats.busy, l.stats.longest = 0, 0
	l.snapshot.Store(s)
}
