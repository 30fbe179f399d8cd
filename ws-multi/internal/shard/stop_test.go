package shard

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// sleeper never answers: it waits for its context.
type sleeper struct{}

func (sleeper) Try(string) (auth.Identity, error) { return auth.Identity{}, auth.ErrWouldWait }
func (sleeper) Verify(ctx context.Context, _ string) (auth.Identity, error) {
	<-ctx.Done()
	return auth.Identity{}, ctx.Err()
}

func TestStopReleasesEverything(t *testing.T) {
	o := testOptions()
	o.Tokens = sleeper{}
	o.Ends = func(ctx context.Context, _ int, _ []int32) ([]int64, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	w := newWorld(t, 2, o, history.Options{})
	for i := range 2000 {
		w.write("S", 0, int32(i%2), kilobyte)
	}
	w.publish()
	var peers []*peer
	for range 2 { // one on each shard
		for _, command := range []string{
			`{"type":"heartbeat"}`, // idle
			`{"type":"subscribe","data":{"channels":["S.trade"]}}`,
			`{"type":"subscribe","data":{"channels":["S.trade"],"cursor":{"trade":{"log":"log-trade","at":[]}}}}`,   // full
			`{"type":"subscribe","data":{"channels":["S.book"],"cursor":{"book":{"log":"log-book","at":[5,5]}}}}`,   // ahead
			`{"type":"subscribe","data":{"channels":["*.book"],"cursor":{"book":{"log":"log-book","at":[5,5,3]}}}}`, // ahead
			`{"type":"auth","data":{"token":"x"}}`, // asked for
		} {
			p := w.join(4096)
			w.send(p, "%s", command)
			peers = append(peers, p)
		}
	}
	waitFor(t, "full sockets", func() bool {
		full := 0
		for _, s := range w.group.Snapshots() {
			full += s.Full
		}
		return full == 2
	})
	before := w.group.shards[0].Needs()
	w.stop()
	if n := w.places.Load(); n != 0 {
		t.Errorf("%d places are held", n)
	}
	if n := w.group.Connections(); n != 0 {
		t.Errorf("%d connections are counted", n)
	}
	for _, p := range peers {
		for err := error(nil); err == nil; {
			if _, err = p.hear(5 * time.Second); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("a client was left hanging")
			}
		}
	}
	if n := w.group.shards[0].Needs(); n <= before || n != none {
		t.Errorf("the history is kept from %d on", n)
	}
	select {
	case <-w.group.Progress():
	default:
		t.Error("the router would wait for shards that have ended")
	}

	// Whoever comes now is not left hanging.
	fd, p, err := connect(0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	w.places.Add(1)
	w.group.Take(&Arrival{FD: fd, Identity: auth.Anybody, Place: place{&w.places}, ID: ulid.Make()})
	if _, err := p.hear(5 * time.Second); err == nil {
		t.Error("a client was greeted")
	}
	select {
	case <-w.group.Emptied():
	case <-time.After(5 * time.Second):
		t.Error("a group that has ended is never empty")
	}
	w.group.Drain(time.Second, time.Second)
	w.group.Shed(1 << 20)
	if n := w.group.Rebalance(3, 1, time.Second); n != 0 {
		t.Errorf("%d were chosen", n)
	}
	for _, s := range w.group.shards {
		s.Wake()
	}
}

func TestArrivalsInTheInboxAreTurnedAway(t *testing.T) {
	w := newStepped(t, testOptions(), history.Options{})
	fd, m := w.connect(0)
	w.places.Add(1)
	w.alone().Take(&Arrival{FD: fd, Identity: auth.Anybody, Place: place{&w.places}, ID: ulid.Make()})
	if n := w.alone().Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	w.Shard.stop()
	if w.places.Load() != 0 || w.alone().Connections() != 0 {
		t.Errorf("%d places, %d connections", w.places.Load(), w.alone().Connections())
	}
	m.pull(time.Second)
	if !m.ended || m.in.Len() > 0 {
		t.Error("the client was not turned away")
	}
}
