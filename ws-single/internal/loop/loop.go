package loop

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/semaphore"

	"github.com/adred-codev/ws_poc/ws-single/internal/auth"
	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
	"github.com/adred-codev/ws_poc/ws-single/internal/history"
	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
	"github.com/adred-codev/ws_poc/ws-single/internal/subscription"
)

// Options of a Loop. A duration or limit of 0 is none.
type Options struct {
	Server, Version string // as in welcome
	Events          []string
	Conflate        []string // events that may be conflated
	Limits          wire.Limits

	PingInterval  time.Duration
	PongTimeout   time.Duration
	StallTimeout  time.Duration
	MaxBehind     time.Duration
	FlushInterval time.Duration
	HistoryWindow time.Duration
	HistoryBytes  int64

	// Verify checks the token of an auth; nil when no tokens are used. It may
	// block for a while.
	Verify func(context.Context, string) (auth.Identity, error)
	// Shed says how many bytes of memory have to go; nil when nobody watches.
	Shed func() int64
	Log  *slog.Logger
}

// Source is where records come from: kafka.Consumer.
type Source interface {
	Batches() <-chan *kafka.Batch
	Release(*kafka.Batch)
	Ends(ctx context.Context, event int, partitions []int32) ([]int64, error)
}

// Place is the guard's count of a connection, given back on its release.
type Place interface{ Release() }

// Newcomer is an upgraded connection for the loop to take over.
type Newcomer struct {
	Sock     *socket.Conn
	Identity *auth.Identity // never changed: connections may share one
	Place    Place
	ID       ulid.ULID // as in welcome and logs
}

// Loop owns the delivery path. Make one with New, run it with Run.
type Loop struct {
	o      Options
	source Source
	inputs chan input

	// Read by any goroutine.
	snapshot atomic.Pointer[Snapshot]
	loaded   atomic.Bool
	done     chan struct{}       // closed when Run returns
	heavy    *semaphore.Weighted // bytes of large commands that wait
	life     context.Context     // ends with done
	end      context.CancelFunc

	// Run's own, as is all that follows.
	context   context.Context
	started   sync.WaitGroup // the goroutines of the loop's connections
	clock     clock
	wall      time.Time // of this turn
	table     *channel.Table
	log       *history.Log
	index     *subscription.Index
	events    []string
	conflates []bool

	conns     []*conn // by slot
	gens      []uint32
	free      []uint32
	held      int // slots in use
	openConns int
	behind    int // of them pulled

	early  []input      // received while idle; at most one
	batch  *kafka.Batch // taken in part
	item   int
	due    []due
	sweeps queue
	pulls  queue

	waiting   []ref         // subscribes that wait for their cursor
	retriedAt int64         // when they were looked at
	surveyed  int64         // of kafka.Since: all topics and partitions of then are in the log
	asking    chan struct{} // bounds the questions to Kafka about them
	pacers    []*pacer
	drain     *pacer
	emptied   chan struct{} // closed when the last connection is gone

	wheel     wheel
	flushAt   int64 // when a flush interval ends; 0: none runs
	flushing  bool  // it has ended, and everybody marked is being served
	published time.Time
	relieveAt int64      // ms, by clock: when Shed is asked next
	shedding  []shedding // what was closed for memory's sake, and samples may still show

	out    output
	text   []byte // scratch of one message
	name   []byte // scratch of a channel's name
	sample int64  // the timestamp of a record served in this turn, Unix ms
	stats  stats
}

// New returns a loop that has not started.
func New(source Source, o Options) *Loop {
	table := channel.NewTable()
	l := &Loop{
		o:         o,
		source:    source,
		inputs:    make(chan input, maxInputs),
		done:      make(chan struct{}),
		heavy:     semaphore.NewWeighted(heldRoom),
		asking:    make(chan struct{}, maxAsking),
		clock:     newClock(),
		table:     table,
		log:       history.New(table, len(o.Events), history.Limits{Window: o.HistoryWindow.Milliseconds(), Bytes: o.HistoryBytes}),
		index:     subscription.New(table, o.Events),
		events:    o.Events,
		conflates: make([]bool, len(o.Events)),
		stats:     newStats(),
	}
	l.life, l.end = context.WithCancel(context.Background())
	for i, e := range o.Events {
		l.conflates[i] = slices.Contains(o.Conflate, e)
	}
	l.wheel.tick = l.clock.now / tickMS
	l.wall = l.clock.read
	l.published = l.wall
	l.publish(l.wall, 0)
	return l
}

// Snapshot returns the newest one. Any goroutine.
func (l *Loop) Snapshot() *Snapshot { return l.snapshot.Load() }

// Loaded reports whether the history has caught up with Kafka once. Any goroutine.
func (l *Loop) Loaded() bool { return l.loaded.Load() }

// Open hands a connection to the loop. Any goroutine.
func (l *Loop) Open(n *Newcomer) {
	select {
	case l.inputs <- input{kind: inOpen, newcome: n}:
	case <-l.done:
		_ = n.Sock.Close()
		n.Place.Release()
	}
}
