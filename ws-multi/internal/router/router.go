package router

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kafka"
)

// Reader is a shard, as the router sees it.
type Reader interface {
	// Needs is the lowest number that must not be forgotten yet.
	Needs() uint64
	// Wait has the reader tell on the progress channel when Needs has risen.
	Wait()
	// Wake tells of a new end of the history.
	Wake()
}

// Router writes what the Kafka consumer reads. Its methods as a kafka.Sink are
// for the consumer's goroutine alone.
type Router struct {
	log      *history.Log
	readers  []Reader
	progress <-chan struct{}
	now      func() int64 // ms, monotonic

	mu       sync.Mutex // held from the first item after a Flush to the next
	holding  bool       // of the consumer's goroutine: it holds mu
	caughtUp bool       // of the consumer's goroutine
	stop     <-chan struct{}
	loaded   atomic.Bool
	waiting  atomic.Bool
	snapshot atomic.Pointer[Snapshot]
}

// Snapshot is what is kept, about once a second.
type Snapshot struct {
	At             time.Time
	HistoryBytes   int64
	HistoryRecords int
	HistoryAge     time.Duration
	Waiting        bool // for a shard that lags
}

const (
	// maxLag is how many entries a shard may be behind before the router waits
	// for it, whatever the history may hold.
	maxLag = 1 << 20
	// evictMost bounds how much is forgotten at once, between records.
	evictMost = 4096
	// lookAgain is how long the router waits at most for a shard before it looks
	// for itself.
	lookAgain = 50 * time.Millisecond
	// noteEvery is how often there is a new snapshot, about.
	noteEvery = time.Second
)

// New returns a router for a log and all of its readers. progress has an element
// when a reader that was asked to Wait has more behind it; now is the clock of the
// history, ms. Waiting ends when stop is closed.
func New(log *history.Log, readers []Reader, progress <-chan struct{}, now func() int64, stop <-chan struct{}) *Router {
	r := &Router{log: log, readers: readers, progress: progress, now: now, stop: stop}
	r.note()
	return r
}

var _ kafka.Sink = (*Router)(nil)

// Snapshot returns the newest one. Any goroutine.
func (r *Router) Snapshot() Snapshot { return *r.snapshot.Load() }

// IsLoaded reports whether the history has caught up with Kafka once. Any
// goroutine.
func (r *Router) IsLoaded() bool { return r.loaded.Load() }

// begin takes the history for writing, until the next Flush.
func (r *Router) begin() {
	if !r.holding {
		r.mu.Lock()
		r.holding = true
	}
}

// Record encodes a record at the end of the history. It waits while there is no
// room.
func (r *Router) Record(rec *kafka.Record) {
	r.begin()
	r.makeRoom()
	r.log.Append(&history.Record{
		Event: rec.Event, Partition: rec.Partition, Offset: rec.Offset, Timestamp: rec.Timestamp,
		Tombstone: rec.Tombstone, Symbol: rec.Symbol, Value: rec.Value,
	}, r.now())
}

// Opened notes that an event's topic exists, and its log's name.
func (r *Router) Opened(event int, log string) {
	r.begin()
	r.log.Opened(event, log)
}

// Started notes from where on a partition is read.
func (r *Router) Started(event int, partition int32, offset int64) {
	r.begin()
	r.log.Started(event, partition, offset)
}

// Passed notes an offset that held no message.
func (r *Router) Passed(event int, partition int32, offset int64) {
	r.begin()
	r.log.Passed(event, partition, offset)
}

// Lost tells of a gap, at its place in the order.
func (r *Router) Lost(event int, partition int32, from, to, next int64) {
	r.begin()
	r.makeRoom()
	r.log.Lost(event, partition, from, to, next, r.now())
}

// Remade tells of a topic that was made anew.
func (r *Router) Remade(event int, log string) {
	r.begin()
	r.makeRoom()
	r.log.Remade(event, log, r.now())
}

// Loaded notes that the history has caught up once. It is told with the Flush
// that publishes what was read.
func (r *Router) Loaded() {
	r.begin()
	r.caughtUp = true
}

// Flush publishes everything written since the last one, and wakes the shards.
func (r *Router) Flush(context.Context) error {
	if !r.holding {
		return nil
	}
	r.evict()
	r.publish()
	if r.caughtUp {
		r.loaded.Store(true)
	}
	if time.Since(r.snapshot.Load().At) >= noteEvery {
		r.note() // Tend may find the history in use each time
	}
	r.holding = false
	r.mu.Unlock()
	return nil
}

func (r *Router) publish() {
	r.log.Publish(r.now())
	for _, reader := range r.readers {
		reader.Wake()
	}
}

// needed is the lowest number that a reader still needs.
func (r *Router) needed() uint64 {
	lowest := r.log.Next()
	for _, reader := range r.readers {
		lowest = min(lowest, reader.Needs())
	}
	return lowest
}

// evict forgets a part of what may be forgotten, and needs not be kept for a
// reader. It reports whether there is more.
func (r *Router) evict() bool { return r.log.Evict(r.now(), r.needed(), evictMost) }

// crowded reports whether there is no room, and that it is a reader's doing.
func (r *Router) crowded() bool {
	// The room of a large record may be that of very many small ones. Published each
	// time: a reader goes entry by entry through what is gone and still in its view.
	for r.log.Full() && r.evict() {
		r.publish()
	}
	return r.log.Full() || r.log.Next()-r.needed() > maxLag
}

// full is crowded, cheap enough to ask before each record.
func (r *Router) full() bool {
	return r.log.Full() || r.log.Next()%lagCheck == 0 && r.log.Next()-r.needed() > maxLag
}

// lagCheck is how many records apart the readers' lag is looked at.
const lagCheck = 256

// makeRoom waits until there is room for one more record. What was written goes
// out first: what is waited for may be that.
func (r *Router) makeRoom() {
	if !r.full() || !r.crowded() {
		return
	}
	r.publish()
	r.waiting.Store(true)
	defer r.waiting.Store(false)
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	for {
		for _, reader := range r.readers {
			reader.Wait()
		}
		// Looked at after Wait: what rises from here on is told.
		if !r.crowded() {
			return
		}
		timer.Reset(lookAgain)
		select {
		case <-r.progress:
		case <-timer.C:
			r.note()
		case <-r.stop:
			return
		}
	}
}

// Tend forgets what has grown old while nothing comes from Kafka, and makes a
// snapshot, once a second until ctx is done. A goroutine of its own.
func (r *Router) Tend(ctx context.Context) error {
	tick := time.NewTicker(noteEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !r.mu.TryLock() {
			continue // the consumer writes: it forgets, too
		}
		for more := true; more; {
			before := r.log.Len()
			// Published each time, as in crowded.
			if more = r.evict(); r.log.Len() != before {
				r.publish()
			}
		}
		r.note()
		r.mu.Unlock()
	}
}

// note makes a snapshot; for whoever holds mu.
func (r *Router) note() {
	now := r.now()
	r.snapshot.Store(&Snapshot{
		At: time.Now(), HistoryBytes: r.log.Bytes(), HistoryRecords: r.log.Len(),
		HistoryAge: time.Duration(r.log.View().Age(now)) * time.Millisecond,
		Waiting:    r.waiting.Load(),
	})
}
