package shard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

var testSymbols = []string{"A", "B", "C", "D", "E"}

// TestClientsAtRandom has clients come, subscribe, resume, stall and go at random
// over the shards, while records are written and old ones forgotten. Each checks
// every frame of its stream against what was written.
func TestClientsAtRandom(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		run := stress{
			shards:  rapid.IntRange(1, 4).Draw(rt, "shards"),
			clients: rapid.IntRange(2, 10).Draw(rt, "clients"),
			bytes:   rapid.SampledFrom([]int64{150_000, 8 << 20}).Draw(rt, "history bytes"),
			flush:   rapid.SampledFrom([]time.Duration{0, 2 * time.Millisecond}).Draw(rt, "flush interval"),
			steps:   rapid.IntRange(10, 60).Draw(rt, "steps"),
			seed:    rapid.Uint64().Draw(rt, "seed"),
		}
		ok := t.Run("", func(t *testing.T) { run.test(t) })
		if !ok {
			rt.Fatalf("failed with %+v", run)
		}
	})
}

type stress struct {
	shards, clients int
	bytes           int64
	flush           time.Duration
	steps           int
	seed            uint64
}

func (run stress) test(t *testing.T) {
	o := testOptions()
	o.Conflate = []string{"book"}
	o.FlushInterval = run.flush
	w := newWorld(t, run.shards, o, history.Options{Bytes: run.bytes})
	l := newLedger(2, 2)

	stop := make(chan struct{})
	var writer, clients sync.WaitGroup
	writer.Go(func() { run.write(w, l, stop) })
	failures := make(chan error, run.clients)
	for i := range run.clients {
		clients.Go(func() {
			c := &wanderer{
				w: w, check: newChecker(l, []bool{false, true}), lossy: run.bytes < 1<<20,
				r: rand.New(rand.NewPCG(run.seed, uint64(i))),
			}
			if err := c.wander(run.steps); err != nil {
				failures <- fmt.Errorf("client %d: %w", i, err)
			}
		})
	}
	clients.Wait()
	close(stop)
	writer.Wait()
	select {
	case err := <-failures:
		t.Fatal(err)
	default:
	}
	waitFor(t, "all places", func() bool { return w.places.Load() == 0 })
}

// write writes until it is told to stop, and forgets what is old.
func (run stress) write(w *world, l *ledger, stop chan struct{}) {
	r := rand.New(rand.NewPCG(run.seed, 1<<32))
	for {
		select {
		case <-stop:
			return
		default:
		}
		for range 1 + r.IntN(20) {
			event, partition, symbol := r.IntN(2), r.IntN(2), testSymbols[r.IntN(len(testSymbols))]
			l.add(event, partition, written{symbol: symbol})
			w.write(symbol, event, int32(partition), fmt.Sprintf("%q", strings.Repeat("x", r.IntN(900))))
		}
		keep := w.log.Next()
		for _, s := range w.group.shards {
			keep = min(keep, s.Needs())
		}
		w.log.Evict(Since(time.Now()), keep, 1000)
		w.publish()
		for w.log.Full() { // as the router does
			time.Sleep(time.Millisecond)
			keep := w.log.Next()
			for _, s := range w.group.shards {
				keep = min(keep, s.Needs())
			}
			w.log.Evict(Since(time.Now()), keep, 1000)
			w.publish()
		}
		time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond)
	}
}

// wanderer is one client that does things at random, and knows what it may hear.
type wanderer struct {
	w     *world
	r     *rand.Rand
	check *checker
	lossy bool // the history is small: a resume may be lost, a slow client closed
	peer  *peer
	id    int
}

var errClosed = errors.New("closed by the server")

func (c *wanderer) wander(steps int) error {
	defer func() {
		if c.peer != nil {
			c.peer.Close()
		}
	}()
	for range steps {
		if c.peer == nil {
			if err := c.connect(); err != nil {
				return err
			}
		}
		var err error
		switch c.r.IntN(12) {
		case 0, 1, 2, 3:
			err = c.subscribe()
		case 4:
			err = c.unsubscribe()
		case 5, 6, 7:
			err = c.heartbeat()
		case 8, 9:
			time.Sleep(time.Duration(c.r.IntN(60)) * time.Millisecond)
		case 10:
			err = c.heartbeat() // all that came is known then
			time.Sleep(time.Duration(c.r.IntN(20)) * time.Millisecond)
		case 11:
			c.leave()
		}
		if errors.Is(err, errClosed) && c.lossy {
			c.peer.Close()
			c.peer = nil
			continue
		}
		if err != nil {
			return err
		}
	}
	if c.peer == nil {
		return nil
	}
	err := c.heartbeat()
	if errors.Is(err, errClosed) && c.lossy {
		return nil
	}
	return err
}

// leave goes in one of the ways clients go. What is in the socket is lost, and
// the cursor is from before it.
func (c *wanderer) leave() {
	switch c.r.IntN(3) {
	case 0:
		_ = c.peer.frame(socket.OpClose, []byte{3, 232})
	case 1:
		_ = c.peer.Conn.(*net.TCPConn).SetLinger(0)
	}
	c.peer.Close()
	c.peer = nil
}

func (c *wanderer) connect() error {
	p, err := c.w.tryJoin([]int{0, 4096}[c.r.IntN(2)], auth.Anybody)
	if err != nil {
		return err
	}
	c.peer = p
	c.check.connected()
	f, err := p.hear(10 * time.Second)
	if err != nil || f.Type != "welcome" {
		return fmt.Errorf("no welcome: %+v, %w", f, err)
	}
	if c.r.IntN(4) > 0 {
		return c.resumeAll()
	}
	return nil
}

// await hears frames, checks them, and returns the first of a kind with the
// command's id.
func (c *wanderer) await(kinds ...string) (*frameOf, error) {
	for {
		f, err := c.peer.hear(20 * time.Second)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
				return nil, errClosed
			}
			return nil, fmt.Errorf("await %v: %w", kinds, err)
		}
		switch {
		case f.op == socket.OpClose && f.closeCode() == wire.CloseSlowConsumer:
			return nil, errClosed
		case f.Type == "message":
			if err := c.check.message(f); err != nil {
				return nil, fmt.Errorf("%w (awaiting %v, replaying %v)", err, kinds, c.check.last)
			}
		case slices.Contains(kinds, f.Type) && f.ID == c.id:
			return f, nil
		default:
			return nil, fmt.Errorf("heard %s, code %d, awaiting %v", f.payload, f.closeCode(), kinds)
		}
	}
}

func (c *wanderer) say(command string, data any) error {
	c.id++
	b, err := json.Marshal(map[string]any{"type": command, "id": c.id, "data": data})
	if err != nil {
		return err
	}
	if err := c.peer.frame(socket.OpText, b); err != nil {
		return errClosed
	}
	return nil
}

func (c *wanderer) heartbeat() error {
	if err := c.say("heartbeat", map[string]any{}); err != nil {
		return err
	}
	f, err := c.await("pong")
	if err != nil {
		return err
	}
	if f.Sent != c.check.seq {
		return fmt.Errorf("pong says %d were sent, %d came", f.Sent, c.check.seq)
	}
	if err := c.check.cursor(f.Cursor); err != nil {
		return fmt.Errorf("pong: %w", err)
	}
	if f.Merged != c.check.merged && !c.check.unsure {
		return fmt.Errorf("pong says %d were merged, %d did not come", f.Merged, c.check.merged)
	}
	return nil
}

// pattern makes one up.
func (c *wanderer) pattern() wire.Pattern {
	p := wire.Pattern{Symbol: testSymbols[c.r.IntN(len(testSymbols))], Event: testEvents[c.r.IntN(2)]}
	switch c.r.IntN(6) {
	case 0:
		p.Symbol = "*"
	case 1:
		p.Event = "*"
	}
	return p
}

func (c *wanderer) subscribe() error {
	var patterns []wire.Pattern
	for range 1 + c.r.IntN(3) {
		if p := c.pattern(); !slices.Contains(patterns, p) {
			patterns = append(patterns, p)
		}
	}
	switch c.r.IntN(3) {
	case 0:
		return c.replay(patterns)
	case 1:
		return c.newest(patterns)
	}
	return c.begin(patterns, nil, nil, nil)
}

func (c *wanderer) resumeAll() error {
	return c.replay([]wire.Pattern{c.pattern(), c.pattern(), c.pattern()})
}

// replay subscribes with a cursor for the events that are not held.
func (c *wanderer) replay(patterns []wire.Pattern) error {
	patterns = slices.CompactFunc(patterns, func(a, b wire.Pattern) bool { return a == b })
	if len(patterns) == 3 && patterns[0] == patterns[2] {
		patterns = patterns[:2]
	}
	cursor := make(map[string]any)
	var resumed []string
	for e, name := range testEvents {
		held := slices.ContainsFunc(c.check.subs, func(p wire.Pattern) bool { return p.Event == name || p.Event == "*" })
		wanted := slices.ContainsFunc(patterns, func(p wire.Pattern) bool { return p.Event == name || p.Event == "*" })
		if !held && wanted && c.check.placed[e] {
			cursor[name] = map[string]any{"log": "log-" + name, "at": c.check.at[e]}
			resumed = append(resumed, name)
		}
	}
	return c.begin(patterns, cursor, resumed, nil)
}

// newest subscribes with last, to channels that are not got yet.
func (c *wanderer) newest(patterns []wire.Pattern) error {
	var exact []string
	for _, p := range patterns {
		if p.Symbol == "*" || p.Event == "*" {
			continue
		}
		if matches(c.check.subs, p.Symbol, p.Event) {
			return nil
		}
		exact = append(exact, p.String())
	}
	return c.begin(patterns, nil, nil, exact)
}

func (c *wanderer) begin(patterns []wire.Pattern, cursor map[string]any, resumed, last []string) error {
	data := map[string]any{}
	var names []string
	for _, p := range patterns {
		names = append(names, p.String())
	}
	data["channels"] = names
	if cursor != nil {
		data["cursor"] = cursor
	}
	if last != nil {
		data["last"] = 1 + c.r.IntN(20)
	}
	if err := c.say("subscribe", data); err != nil {
		return err
	}
	f, err := c.await("subscription_ack")
	if err != nil {
		return err
	}
	if len(f.Lost) > 0 && !c.lossy {
		return fmt.Errorf("lost: %s", f.payload)
	}
	if err := c.check.subscribed(f, patterns, resumed, last); err != nil {
		return fmt.Errorf("%w: %s", err, f.payload)
	}
	if cursor == nil && last == nil {
		return nil
	}
	if f, err = c.await("replay_complete"); err != nil {
		return err
	}
	c.check.last = nil
	if err := c.check.cursor(f.Cursor); err != nil {
		return fmt.Errorf("replay_complete: %w", err)
	}
	return nil
}

func (c *wanderer) unsubscribe() error {
	if len(c.check.subs) == 0 {
		return nil
	}
	var patterns []wire.Pattern
	var names []string
	for _, p := range c.check.subs {
		if c.r.IntN(2) == 0 {
			patterns = append(patterns, p)
			names = append(names, p.String())
		}
	}
	data := map[string]any{"channels": names}
	if len(names) == 0 {
		patterns, data = slices.Clone(c.check.subs), map[string]any{}
	}
	if err := c.say("unsubscribe", data); err != nil {
		return err
	}
	f, err := c.await("unsubscription_ack")
	if err != nil {
		return err
	}
	return c.check.unsubscribed(f, patterns)
}
