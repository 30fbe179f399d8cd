package shard

import (
	"maps"
	"slices"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// Snapshot is what one shard says of itself, about once a second. It is never
// changed after: any goroutine may read it, also when the shard does not answer.
type Snapshot struct {
	At          time.Time // when it was made: its age is the watchdog
	Connections int       // open now
	Behind      int       // of them not at the end of the history
	Full        int       // of them with a socket that takes nothing
	Counters

	ClosedByCode map[wire.CloseCode]uint64
	Commands     map[CommandResult]uint64

	Latency Histogram // record's timestamp to the kernel's taking it, seconds
	Turn    Histogram // seconds
	Busy    float64   // share of the time since the last snapshot spent in turns
	Longest time.Duration
	Lag     int // records published and not yet offered to all its connections
}

// Counters only grow.
type Counters struct {
	Opened                 uint64 // connections
	Sent, Merged, Replayed uint64 // data messages; those passed over for a newer one; of Sent, those of replays
	BytesSent              uint64
	Recovered, LostResumes uint64 // subscribes with a cursor: nothing lost, or some event
}

// CommandResult is a command by its type and what became of it, both as in
// ws_commands_total.
type CommandResult struct{ Type, Result string }

// Histogram has, for each bound of its metric, how many observations were at most
// that and above the bound before; and one count more for those above all.
type Histogram struct {
	Bounds []float64
	Counts []uint64
	Sum    float64 // of all observations
}

func newHistogram(bounds []float64) Histogram {
	return Histogram{Counts: make([]uint64, 1+len(bounds)), Bounds: bounds}
}

func (h *Histogram) observe(v float64) {
	i, _ := slices.BinarySearch(h.Bounds, v)
	h.Counts[i]++
	h.Sum += v
}

// Add adds the observations of another shard's histogram of the same metric.
func (h *Histogram) Add(o Histogram) {
	if h.Counts == nil {
		*h = newHistogram(o.Bounds)
	}
	for i, n := range o.Counts {
		h.Counts[i] += n
	}
	h.Sum += o.Sum
}

func (h Histogram) clone() Histogram {
	h.Counts = slices.Clone(h.Counts)
	return h
}

// counts are a shard's own, which nobody else touches; a Snapshot is a copy.
type counts struct {
	Counters
	closed   map[wire.CloseCode]uint64
	commands map[CommandResult]uint64
	latency  Histogram
	turn     Histogram
	busy     time.Duration // since the last snapshot
	longest  time.Duration // since the last snapshot
}

func newCounts() counts {
	return counts{
		closed:   make(map[wire.CloseCode]uint64),
		commands: make(map[CommandResult]uint64),
		latency:  newHistogram(metric.DeliveryLatency.Buckets),
		turn:     newHistogram(metric.LoopTurn.Buckets),
	}
}

// close counts a close. Codes a client made up are counted as none, so that it
// cannot make series.
func (c *counts) close(code wire.CloseCode) {
	if code != socket.Abnormal && !slices.Contains(wire.CloseCodes(), code) {
		code = socket.NoStatus
	}
	c.closed[code]++
}

// command counts a command by its type and what became of it; no error is ok.
func (c *counts) command(t wire.Type, e wire.ErrorCode) {
	r := CommandResult{Type: string(t), Result: string(e)}
	switch t {
	case wire.TypeSubscribe, wire.TypeUnsubscribe, wire.TypeHeartbeat, wire.TypeAuth:
	default:
		r.Type = metric.CommandOther
	}
	if e == "" {
		r.Result = metric.CommandOK
	}
	c.commands[r]++
}

func (c *counts) turned(d time.Duration) {
	c.turn.observe(d.Seconds())
	c.busy += d
	c.longest = max(c.longest, d)
}

// snapshot copies the counts and begins a new interval of the given length.
func (c *counts) snapshot(at time.Time, interval time.Duration) *Snapshot {
	s := &Snapshot{
		At: at, Counters: c.Counters,
		ClosedByCode: maps.Clone(c.closed), Commands: maps.Clone(c.commands),
		Latency: c.latency.clone(), Turn: c.turn.clone(), Longest: c.longest,
	}
	if interval > 0 {
		s.Busy = min(1, c.busy.Seconds()/interval.Seconds())
	}
	c.busy, c.longest = 0, 0
	return s
}
