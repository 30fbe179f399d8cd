package shard

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
	"github.com/adred-codev/ws_poc/ws-multi/internal/subscription"
)

// Options of all shards. A duration or limit of 0 is none.
type Options struct {
	Server, Version string // as in welcome
	Events          []string
	Conflate        []string // events that may be conflated
	Limits          wire.Limits

	PingInterval   time.Duration
	PongTimeout    time.Duration
	MessageTimeout time.Duration
	StallTimeout   time.Duration
	MaxBehind      time.Duration
	FlushInterval  time.Duration

	Tokens Tokens // nil when no tokens are used
	// Ends asks Kafka where the log of partitions of an event ends. It may block
	// too.
	Ends func(ctx context.Context, event int, partitions []int32) ([]int64, error)
	// Surveyed is when the newest search for topics and partitions began that found
	// all there are, of which everything is in the history: kafka.Consumer's.
	Surveyed func() time.Time
	Log      *slog.Logger
}

// Tokens checks the tokens of auth commands: auth.Verifier.
type Tokens interface {
	// Try answers at once, if only with auth.ErrWouldWait.
	Try(token string) (auth.Identity, error)
	// Verify may wait for a key server; it gets a goroutine of its own.
	Verify(ctx context.Context, token string) (auth.Identity, error)
}

// Place is the guard's count of a connection, given back on its release.
type Place interface{ Release() }

// Arrival is an upgraded connection for a shard to take over.
type Arrival struct {
	FD       socket.FD
	Identity *auth.Identity // never changed: connections may share one
	Place    Place
	ID       ulid.ULID // as in welcome and logs
}

// A Shard owns some of the connections, and everything of them. Its fields
// belong to the goroutine of run, but for those that say otherwise.
type Shard struct {
	number int
	o      *Options
	log    *history.Log   // of which it only loads views
	poller *socket.Poller // Wake: any goroutine
	inbox  inbox          // any goroutine

	// Read by other goroutines, and on a cache line of their own: a shard that
	// writes them must not slow down its neighbours.
	_        [64]byte
	needs    atomic.Uint64 // a number below which it has dealt with everything for all live connections
	assigned atomic.Int64  // connections that were given to it and are not released
	waited   atomic.Bool   // the router waits for needs to rise
	_        [64]byte
	snapshot atomic.Pointer[Snapshot]
	progress chan<- struct{} // where the router is told that needs rose

	context context.Context
	asked   sync.WaitGroup // goroutines that ask somebody on a connection's behalf
	clock   clock
	now     time.Time // the time of day, of this turn
	view    *history.View
	pos     uint64 // everything below was offered to the live connections
	index   *subscription.Index
	merges  []bool // events that may be conflated

	conns []*conn // by slot
	gens  []uint32
	seats []seat
	free  []uint32
	held  int // slots in use
	open  int // connections not closed yet
	late  int // of them not at the end
	full  int // of them with a socket that takes nothing

	events  [256]socket.Event
	in      []byte // what was received
	reading reading
	unread  ring // slots with more to read
	marked  marked
	pulls   ring // slots to be caught up with
	due     []due

	ahead     []ident // with a subscribe that waits for its cursor
	triedAt   int64   // when they were looked at
	untried   int     // of them, from the front: not looked at since something was read
	asking    chan struct{}
	leaving   []*exodus
	drain     *exodus         // of them; nil: there is no drain
	emptied   []chan struct{} // to be closed when nobody is left
	wheel     wheel
	flushAt   int64 // when a flush interval ends; 0: none runs
	flushing  bool  // it has ended, and all who are marked are served
	published time.Time
	yielded   time.Time // since when the runtime was not let look; zero: it slept

	out     output
	text    []byte                // scratch of one message
	present subscription.EventSet // scratch of the events of one connection
	readers []*history.Reader     // not in use
	sample  int64                 // the timestamp of a record that this turn sent, Unix ms; 0: none
	counts  counts
}

// newShard returns a shard that has not started.
func newShard(number int, log *history.Log, o *Options, progress chan<- struct{}) (*Shard, error) {
	poller, err := socket.NewPoller()
	if err != nil {
		return nil, err
	}
	s := &Shard{
		number: number, o: o, log: log, poller: poller, progress: progress,
		clock:  newClock(),
		index:  subscription.New(log.Channels(), o.Events),
		merges: make([]bool, len(o.Events)),
		in:     make([]byte, receiveBytes),
		asking: make(chan struct{}, maxAsking),
		counts: newCounts(),
	}
	s.marked.clear()
	for i, e := range o.Events {
		s.merges[i] = slices.Contains(o.Conflate, e)
	}
	s.view = log.View()
	s.pos = s.view.End
	s.needs.Store(s.pos)
	s.wheel.turned = s.clock.now / spokeLen
	s.now = s.clock.read
	s.publish(s.now, 0)
	return s, nil
}

// Snapshot returns the newest one. Any goroutine.
func (s *Shard) Snapshot() *Snapshot { return s.snapshot.Load() }

// Needs is the lowest number of the history that the shard has not dealt with
// for its live connections: what lies before it may be forgotten. Any goroutine.
func (s *Shard) Needs() uint64 { return s.needs.Load() }

// Wake tells the shard that the history has a new end. Any goroutine; when the
// shard is awake it costs one atomic operation.
func (s *Shard) Wake() { s.poller.Wake() }

// Wait has the shard tell on the group's progress channel when it has dealt with
// more. The router's goroutine.
func (s *Shard) Wait() { s.waited.Store(true) }

// get is the connection of an ident, if it is still there.
func (s *Shard) get(id ident) *conn {
	if c := s.conns[id.slot()]; c != nil && c.id == id {
		return c
	}
	return nil
}
