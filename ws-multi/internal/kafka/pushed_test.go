package kafka

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// push is a call of a sink; what is its method.
type push struct {
	what          string
	event         int
	partition     int32
	offset        int64 // Lost: next
	from, to      int64
	log           string
	timestamp     int64
	tombstone     bool
	symbol, value string
}

func (p push) String() string {
	switch p.what {
	case "Record":
		return fmt.Sprintf("Record %d/%d:%d %s=%s", p.event, p.partition, p.offset, p.symbol, p.value)
	case "Lost":
		return fmt.Sprintf("Lost %d/%d:%d-%d, next %d", p.event, p.partition, p.from, p.to, p.offset)
	case "Opened", "Remade":
		return fmt.Sprintf("%s %d %s", p.what, p.event, p.log)
	}
	return fmt.Sprintf("%s %d/%d:%d", p.what, p.event, p.partition, p.offset)
}

// pushes is a sink that keeps everything, and looks whether it may be so: after
// Started each offset of a partition comes once, in order, pushed as one of
// Record, Passed and Lost. jumps are allowed where transactions leave them.
type pushes struct {
	tb    testing.TB
	jumps bool
	block func(context.Context) // in Flush; nil: does not

	mu        sync.Mutex
	all       []push
	next      map[place]int64 // the topic's name is its event
	unflushed int
	flushes   int
	flushed   chan struct{} // has room for one
}

func newPushes(tb testing.TB) *pushes {
	return &pushes{tb: tb, next: map[place]int64{}, flushed: make(chan struct{}, 1)}
}

func (s *pushes) add(p push) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := place{fmt.Sprint(p.event), p.partition}
	next, started := s.next[key]
	ok := started && p.offset >= next
	switch p.what {
	case "Started":
		ok, s.next[key] = !started, p.offset
	case "Record", "Passed":
		ok = ok && (s.jumps || p.what == "Passed" || p.offset == next)
		s.next[key] = p.offset + 1
	case "Lost":
		ok, s.next[key] = started && (p.from == next || p.offset == p.from), p.offset
	case "Remade":
		ok = true
		for key := range s.next {
			if key.topic == fmt.Sprint(p.event) {
				delete(s.next, key)
			}
		}
	default:
		ok = true
	}
	if !ok {
		s.tb.Errorf("%v is pushed, where %d is next (started: %v)", p, next, started)
	}
	s.unflushed++
	if s.unflushed > flushRecords+100 { // what is not a record does not count
		s.tb.Errorf("%d pushes without a Flush", s.unflushed)
	}
	s.all = append(s.all, p)
}

func (s *pushes) Opened(event int, log string) { s.add(push{what: "Opened", event: event, log: log}) }
func (s *pushes) Remade(event int, log string) { s.add(push{what: "Remade", event: event, log: log}) }
func (s *pushes) Loaded()                      { s.add(push{what: "Loaded"}) }

func (s *pushes) Started(event int, partition int32, offset int64) {
	s.add(push{what: "Started", event: event, partition: partition, offset: offset})
}

func (s *pushes) Passed(event int, partition int32, offset int64) {
	s.add(push{what: "Passed", event: event, partition: partition, offset: offset})
}

func (s *pushes) Lost(event int, partition int32, from, to, next int64) {
	s.add(push{what: "Lost", event: event, partition: partition, from: from, to: to, offset: next})
}

func (s *pushes) Record(r *Record) {
	if r.Tombstone != (r.Value == nil) || !wire.ValidSymbol(r.Symbol) {
		s.tb.Errorf("record %+v", r)
	}
	s.add(push{
		what: "Record", event: r.Event, partition: r.Partition, offset: r.Offset, timestamp: r.Timestamp,
		tombstone: r.Tombstone, symbol: string(r.Symbol), value: string(bytes.Clone(r.Value)),
	})
}

func (s *pushes) Flush(ctx context.Context) error {
	if s.block != nil {
		s.block(ctx)
	}
	s.mu.Lock()
	s.unflushed, s.flushes = 0, s.flushes+1
	s.mu.Unlock()
	select {
	case s.flushed <- struct{}{}:
	default:
	}
	return ctx.Err()
}

func (s *pushes) of(what string) (found []push) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.all {
		if p.what == what {
			found = append(found, p)
		}
	}
	return found
}

// running is a consumer at work.
type running struct {
	*Consumer
	*pushes
	stop func() // and wait
}

func configOf(address string, topics ...string) Config {
	c := Config{Brokers: []string{address}, Window: 5 * time.Minute}
	for i, name := range topics {
		c.Topics = append(c.Topics, wire.Topic{Name: name, Event: fmt.Sprintf("e%d", i)})
	}
	return c
}

func logOf(tb testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(tb.Output(), nil)) }

func made(tb testing.TB, cfg Config) *Consumer {
	tb.Helper()
	c, err := New(cfg, logOf(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func start(tb testing.TB, c *Consumer, to *pushes) *running {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		if err := c.Run(ctx, to); err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	r := &running{c, to, sync.OnceFunc(func() { cancel(); work.Wait() })}
	tb.Cleanup(r.stop)
	return r
}

func reading(tb testing.TB, cfg Config) *running {
	tb.Helper()
	return start(tb, made(tb, cfg), newPushes(tb))
}

// long is for a machine of two busy processors; nothing is promised by it.
const long = time.Minute

func (r *running) await(what string, n int) []push {
	r.tb.Helper()
	r.within(long, fmt.Sprintf("%d x %s", n, what), func() bool { return len(r.of(what)) >= n })
	return r.of(what)
}

func (r *running) within(d time.Duration, what string, ok func() bool) {
	r.tb.Helper()
	late := time.After(d)
	for !ok() {
		select {
		case <-r.flushed:
		case <-time.After(20 * time.Millisecond):
		case <-late:
			r.pushes.mu.Lock()
			defer r.pushes.mu.Unlock()
			var last strings.Builder
			for _, p := range r.all[max(0, len(r.all)-10):] {
				fmt.Fprintf(&last, "\n\t%v", p)
			}
			r.tb.Fatalf("no %s within %v; %+v, and the last pushes are%s", what, d, r.Stats(), last.String())
		}
	}
}
