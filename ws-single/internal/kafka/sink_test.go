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

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// sink runs a consumer and keeps everything it hands over.
type sink struct {
	*Consumer
	t    *testing.T
	stop func() // ends the consumer and waits

	mu    sync.Mutex
	items []Item
	more  chan struct{} // has room for one: something was added
}

func testConfig(addr string, topics ...string) Config {
	cfg := Config{Brokers: []string{addr}, Window: 5 * time.Minute}
	for i, name := range topics {
		cfg.Topics = append(cfg.Topics, wire.Topic{Name: name, Event: fmt.Sprintf("event%d", i)})
	}
	return cfg
}

// testLog writes to the test's own log, which is shown when it fails.
func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

func consume(t *testing.T, cfg Config) *sink {
	t.Helper()
	c, err := New(cfg, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	return consumeBy(t, c)
}

func consumeBy(t *testing.T, c *Consumer) *sink {
	s := &sink{Consumer: c, t: t, more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		for {
			select {
			case b := <-c.Batches():
				s.keep(b)
			case <-ctx.Done():
				return
			}
		}
	})
	s.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(s.stop)
	return s
}

func (s *sink) keep(b *Batch) {
	s.mu.Lock()
	for _, it := range b.Items {
		it.Symbol, it.Body = bytes.Clone(it.Symbol), bytes.Clone(it.Body)
		s.items = append(s.items, it)
	}
	s.mu.Unlock()
	s.Release(b)
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *sink) all() []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.items[:len(s.items):len(s.items)]
}

// patience is for a machine with two busy cores, not a promise.
const patience = 60 * time.Second

// until waits for a condition on everything so far.
func (s *sink) until(what string, ok func([]Item) bool) []Item {
	s.t.Helper()
	return s.within(patience, what, ok)
}

func (s *sink) within(d time.Duration, what string, ok func([]Item) bool) []Item {
	s.t.Helper()
	deadline := time.After(d)
	for {
		items := s.all()
		if ok(items) {
			return items
		}
		select {
		case <-s.more:
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			var tail strings.Builder
			for _, it := range items[max(0, len(items)-12):] {
				fmt.Fprintf(&tail, "\n\t%+v", show(it))
			}
			s.t.Fatalf("no %s within %v; %d items, the last:%s\n\tstats %+v", what, d, len(items), tail.String(), s.Stats())
		}
	}
}

// eventually waits for a condition on the snapshot.
func (s *sink) eventually(d time.Duration, what string, ok func(Stats) bool) {
	s.t.Helper()
	s.within(d, what, func([]Item) bool { return ok(s.Stats()) })
}

func show(it Item) string {
	return fmt.Sprintf("kind %d event %d partition %d offset %d from %d to %d log %q body %s", it.Kind, it.Event, it.Partition, it.Offset, it.From, it.To, it.Log, it.Body)
}

func has(kind Kind) func([]Item) bool { return atLeast(kind, 1) }

func atLeast(kind Kind, n int) func([]Item) bool {
	return func(items []Item) bool { return len(of(kind, items)) >= n }
}

func of(kind Kind, items []Item) []Item {
	var found []Item
	for _, it := range items {
		if it.Kind == kind {
			found = append(found, it)
		}
	}
	return found
}

// value is a record's data as its message carries it.
func value(it Item) string {
	_, data, _ := strings.Cut(string(it.Body), `"data`)
	return strings.TrimSuffix(strings.TrimLeft(data, `":`), "}")
}

type placeKey struct {
	event     int
	partition int32
}

// checkContinuous checks what holds for any run: a partition is Started before
// anything else of it, and from then on each offset comes once, in order, as a
// record, as progress or in a gap. gaps allows jumps (transactions leave them).
func checkContinuous(t *testing.T, items []Item, jumps bool) {
	t.Helper()
	next := map[placeKey]int64{}
	for i, it := range items {
		k := placeKey{it.Event, it.Partition}
		at, started := next[k]
		switch it.Kind {
		case Started:
			next[k] = it.Offset
		case NewLog:
			for k := range next {
				if k.event == it.Event {
					delete(next, k)
				}
			}
		case Gap:
			if !started || it.From != at && it.Offset >= at {
				t.Fatalf("item %d: %s; expected from %d", i, show(it), at)
			}
			next[k] = it.Offset
		case Record, Progress:
			if !started || it.Offset < at || !jumps && it.Kind == Record && it.Offset != at {
				t.Fatalf("item %d: %s; expected offset %d", i, show(it), at)
			}
			next[k] = it.Offset + 1
		}
	}
}
