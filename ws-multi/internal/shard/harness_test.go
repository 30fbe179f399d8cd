package shard

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func osFile(fd int) *os.File { return os.NewFile(uintptr(fd), "client") }

// world is a group of shards and the writer of their history.
type world struct {
	testing.TB
	*source
	group  *Group
	places atomic.Int64 // held
	stop   func()       // ends the shards, and waits for them
}

type place struct{ held *atomic.Int64 }

func (p place) Release() { p.held.Add(-1) }

var testEvents = []string{"trade", "book"}

func testOptions() Options {
	return Options{
		Server: "ws-multi", Version: "0.0.0", Events: testEvents,
		Limits:       wire.Limits{MessageBytes: 1 << 16, Channels: 100, CommandsPerSecond: 1000},
		PingInterval: time.Minute, PongTimeout: 5 * time.Second, MessageTimeout: 5 * time.Second,
		StallTimeout: 20 * time.Second, MaxBehind: 30 * time.Second,
		Ends:     func(context.Context, int, []int32) ([]int64, error) { return nil, fmt.Errorf("no ends") },
		Surveyed: time.Now,
		Log:      slog.New(slog.DiscardHandler),
	}
}

// unpinged are the options of a test in which clients are idle for long: when
// the first ping comes is left to chance.
func unpinged() Options {
	o := testOptions()
	o.PingInterval = 0
	return o
}

// newWorld runs n shards until the test ends.
func newWorld(tb testing.TB, n int, o Options, limits history.Options) *world {
	tb.Helper()
	w := &world{TB: tb, source: newSource(o.Events, limits)}
	g, err := NewGroup(n, w.log, o)
	if err != nil {
		tb.Fatal(err)
	}
	w.group = g
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error("the shards ended with:", err)
		}
	})
	tb.Cleanup(func() {
		w.stop()
		if n := w.places.Load(); n != 0 {
			tb.Errorf("%d places were not given back", n)
		}
	})
	return w
}

// record writes one record and publishes it.
func (w *world) record(symbol string, event int, partition int32, value string) {
	w.write(symbol, event, partition, value)
	w.publish()
}

func (w *world) publish() {
	w.log.Publish(Since(time.Now()))
	for _, s := range w.group.shards {
		s.Wake()
	}
}

// join connects a client and reads its welcome.
func (w *world) join(receiveBuffer int) *peer {
	w.Helper()
	p, err := w.tryJoin(receiveBuffer, auth.Anybody)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { p.Close() })
	f, err := p.hear(5 * time.Second)
	if err != nil || f.Type != "welcome" {
		w.Fatalf("no welcome but %+v, %v", f, err)
	}
	return p
}

func (w *world) tryJoin(receiveBuffer int, who *auth.Identity) (*peer, error) {
	fd, p, err := connect(receiveBuffer)
	if err != nil {
		return nil, err
	}
	w.places.Add(1)
	w.group.Take(&Arrival{FD: fd, Identity: who, Place: place{&w.places}, ID: ulid.Make()})
	return p, nil
}

// expect hears one frame of a type.
func (w *world) expect(p *peer, kind string) *frameOf {
	w.Helper()
	f, err := p.hear(5 * time.Second)
	if err != nil {
		w.Fatalf("heard no %s: %v", kind, err)
	}
	if f.Type != kind {
		w.Fatalf("heard %q instead of %s: %s", f.Type, kind, f.payload)
	}
	return f
}

func (w *world) send(p *peer, format string, args ...any) {
	w.Helper()
	if err := p.say(format, args...); err != nil {
		w.Fatal(err)
	}
}
