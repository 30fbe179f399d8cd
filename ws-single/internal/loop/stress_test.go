package loop

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// oracle knows every record that was ever published, and so what a client with
// some subscriptions must have seen between two positions.
type oracle struct {
	mu   sync.Mutex
	logs map[string][]entryOf // by event/partition, the index is the offset
}

type entryOf struct {
	symbol, event string
	tombstone     bool
}

func (o *oracle) add(it *kafka.Item) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k := fmt.Sprintf("%s/%d", testEvents[it.Event], it.Partition)
	o.logs[k] = append(o.logs[k], entryOf{string(it.Symbol), testEvents[it.Event], it.Tombstone})
}

// skipped returns the first offset in (from, to) that the patterns match and
// that nothing allows to pass over.
func (o *oracle) skipped(event string, p int, from, to int64, patterns map[wire.Pattern]bool, conflated bool) (int64, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	log := o.logs[fmt.Sprintf("%s/%d", event, p)]
	for offset := from + 1; offset < to; offset++ {
		e := log[offset]
		if !matchesAny(patterns, e) {
			continue
		}
		if conflated && !e.tombstone && slices.ContainsFunc(log[offset+1:], func(n entryOf) bool { return n.symbol == e.symbol }) {
			continue
		}
		return offset, true
	}
	return 0, false
}

func matchesAny(patterns map[wire.Pattern]bool, e entryOf) bool {
	for p := range patterns {
		if p.Matches(e.symbol, e.event) {
			return true
		}
	}
	return false
}

// walker is a client that does things at random and checks every frame against
// the oracle. It keeps a cursor by the rules of PROTOCOL.md.
type walker struct {
	b      *bench
	o      *oracle
	rnd    *rand.Rand
	c      *client
	held   map[wire.Pattern]bool
	asked  map[int]command // commands under way, by id
	cursor wire.Cursor
	inLast bool
	seq    uint64
	again  uint64 // of this connection, brought by replays
	replay bool
	faults []string

	resumes, received, lost, slow int
}

type command struct {
	patterns []wire.Pattern
	cursor   wire.Cursor
	last     bool
}

func (w *walker) fault(format string, args ...any) {
	if len(w.faults) < 5 {
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
	}
}

func (w *walker) connect() {
	rcvbuf := 0
	if w.rnd.IntN(2) == 0 {
		rcvbuf = 4096
	}
	w.c = w.b.dial(rcvbuf, "")
	w.seq, w.again, w.replay, w.inLast = 0, 0, false, false
	w.asked = map[int]command{}
	w.held = map[wire.Pattern]bool{}
}

func (w *walker) patterns() []wire.Pattern {
	var ps []wire.Pattern
	for range 1 + w.rnd.IntN(3) {
		p := wire.Pattern{Symbol: string(rune('A' + w.rnd.IntN(6))), Event: testEvents[w.rnd.IntN(2)]}
		switch w.rnd.IntN(8) {
		case 0:
			p.Symbol = "*"
		case 1:
			p.Event = "*"
		}
		ps = append(ps, p)
	}
	return ps
}

func (w *walker) subscribe(cmd command) {
	data := map[string]any{}
	var names []string
	for _, p := range cmd.patterns {
		names = append(names, p.String())
	}
	data["channels"] = names
	if cmd.cursor != nil {
		data["cursor"] = cmd.cursor
	}
	if cmd.last {
		data["last"] = 1 + w.rnd.IntN(20)
	}
	if w.c.trySend("subscribe", data) == nil {
		w.asked[w.c.id] = cmd
	}
}

// act sends one random command.
func (w *walker) act() {
	switch w.rnd.IntN(6) {
	case 0, 1:
		w.subscribe(command{patterns: w.patterns(), last: w.rnd.IntN(3) == 0})
	case 2:
		for p := range w.held {
			if w.c.trySend("unsubscribe", map[string]any{"channels": []string{p.String()}}) == nil {
				w.asked[w.c.id] = command{patterns: []wire.Pattern{p}}
			}
			break
		}
	default:
		_ = w.c.trySend("heartbeat", nil)
	}
}

// reconnect cuts the line and resumes everything it held.
func (w *walker) reconnect() {
	_ = w.c.ws.Close()
	var ps []wire.Pattern
	for p := range w.held {
		ps = append(ps, p)
	}
	w.connect()
	if len(ps) > 0 {
		w.resumes++
		w.subscribe(command{patterns: ps, cursor: cloneCursor(w.cursor)})
	} else {
		w.cursor = wire.Cursor{}
	}
}

func cloneCursor(c wire.Cursor) wire.Cursor {
	d := wire.Cursor{}
	for e, p := range c {
		d[e] = wire.Position{Log: p.Log, At: slices.Clone(p.At)}
	}
	return d
}

// move takes a cursor: nothing that was held may lie between the old and it.
func (w *walker) move(what string, cur wire.Cursor, forget []string) {
	for event, pos := range cur {
		old, had := w.cursor[event]
		for p, at := range pos.At {
			if !had || slices.Contains(forget, event) || !w.holds(event) {
				continue
			}
			if at < old.Last(int32(p)) {
				w.fault("%s: cursor of %s/%d went back from %d to %d", what, event, p, old.Last(int32(p)), at)
			}
			if n, bad := w.o.skipped(event, p, old.Last(int32(p)), at+1, w.held, event == "quote"); bad {
				w.fault("%s: %s/%d:%d was never sent, cursor moved from %d to %d", what, event, p, n, old.Last(int32(p)), at)
			}
		}
		w.cursor[event] = wire.Position{Log: pos.Log, At: slices.Clone(pos.At)}
	}
}

func (w *walker) holds(event string) bool {
	for p := range w.held {
		if p.Event == event || p.Event == "*" {
			return true
		}
	}
	return false
}

func (w *walker) handle(f *frame) {
	switch f.Type {
	case "message":
		w.message(f)
	case "subscription_ack":
		cmd := w.asked[f.ID]
		if cmd.cursor != nil && fmt.Sprint(w.cursor) != fmt.Sprint(cmd.cursor) {
			w.fault("cursor moved before the ack of a resume")
		}
		for e, pos := range cmd.cursor {
			if got := f.Cursor[e]; w.matched(cmd.patterns, e) && !slices.Contains(f.Lost, e) {
				for p := range testPartitions {
					if got.Last(int32(p)) != pos.Last(int32(p)) {
						w.fault("ack of a resume: %s/%d at %d, asked from %d", e, p, got.Last(int32(p)), pos.Last(int32(p)))
					}
				}
			}
		}
		w.lost += len(f.Lost)
		w.move("ack", f.Cursor, f.Lost)
		for _, p := range cmd.patterns {
			w.held[p] = true
		}
		w.inLast = w.inLast || cmd.last
		w.replay = w.replay || cmd.last || cmd.cursor != nil
		if f.Count != len(w.held) {
			w.fault("count %d, held %v", f.Count, w.held)
		}
	case "replay_complete":
		if !w.replay {
			w.fault("replay_complete without a replay")
		}
		w.inLast, w.replay = false, false
		w.again += f.Replayed
		w.move("replay_complete", f.Cursor, nil)
	case "unsubscription_ack":
		for _, p := range w.asked[f.ID].patterns {
			delete(w.held, p)
		}
	case "pong":
		if f.Sent != w.seq {
			w.fault("pong says %d sent, received %d", f.Sent, w.seq)
		}
		if !w.replay && f.Replayed != w.again {
			w.fault("pong says %d replayed, replays brought %d", f.Replayed, w.again)
		}
		w.move("pong", f.Cursor, nil)
	case "error":
	default:
		w.fault("unexpected %+v", f)
	}
}

func (w *walker) matched(ps []wire.Pattern, event string) bool {
	return slices.ContainsFunc(ps, func(p wire.Pattern) bool { return p.Event == event || p.Event == "*" })
}

func (w *walker) message(f *frame) {
	w.received++
	if w.seq++; f.Seq != w.seq {
		w.fault("seq %d, want %d", f.Seq, w.seq)
		w.seq = f.Seq
	}
	event, rest, _ := strings.Cut(f.Pos, "/")
	part, off, _ := strings.Cut(rest, ":")
	p, _ := strconv.Atoi(part)
	offset, _ := strconv.ParseInt(off, 10, 64)
	symbol, _, _ := strings.Cut(f.Channel, ".")
	if !matchesAny(w.held, entryOf{symbol: symbol, event: event}) {
		w.fault("%s came, held %v", f.Channel, w.held)
	}
	pos := w.cursor[event]
	at := pos.Last(int32(p))
	if offset <= at {
		if !w.inLast {
			w.fault("%s came again: at %d", f.Pos, at)
		}
		return
	}
	if n, bad := w.o.skipped(event, p, at, offset, w.held, event == "quote"); bad {
		w.fault("%s came, but %d was never sent: at %d, held %v", f.Pos, n, at, w.held)
	}
	for len(pos.At) <= p {
		pos.At = append(pos.At, -1)
	}
	pos.At[p] = offset
	w.cursor[event] = pos
}

// live acts and reads until the deadline, then reads to the end.
func (w *walker) live(until time.Time) {
	w.cursor = wire.Cursor{}
	w.connect()
	for time.Now().Before(until) {
		switch n := w.rnd.IntN(100); {
		case n < 6:
			w.act()
		case n < 7:
			w.reconnect()
		case n < 8:
			time.Sleep(time.Duration(w.rnd.IntN(150)) * time.Millisecond) // a slow reader
		}
		if !w.readOne(20 * time.Millisecond) {
			w.slow++
			w.reconnect()
		}
	}
	_ = w.c.trySend("heartbeat", nil)
	for quiet := 0; quiet < 3; {
		before := w.received
		if !w.readOne(100 * time.Millisecond) {
			w.reconnect()
			_ = w.c.trySend("heartbeat", nil)
			continue
		}
		if w.received == before {
			quiet++
		} else {
			quiet = 0
		}
	}
	_ = w.c.trySend("heartbeat", nil)
	w.readOne(time.Second)
}

// readOne reads a frame if one comes in time. It reports false when the
// connection is closed. gorilla cannot go on after a deadline, so frames are
// read by a goroutine of their own.
func (w *walker) readOne(wait time.Duration) bool {
	if w.c.frames == nil {
		w.c.pump()
	}
	select {
	case f, ok := <-w.c.frames:
		if ok {
			w.handle(&f)
		}
		return ok
	case <-time.After(wait):
		return true
	}
}

func (c *client) pump() {
	c.frames = make(chan frame)
	c.b.t.Cleanup(func() { // after the connection's own
		for range c.frames {
		}
	})
	go func() {
		defer close(c.frames)
		for {
			_, p, err := c.ws.ReadMessage()
			if err != nil {
				return
			}
			var f frame
			if json.Unmarshal(p, &f) != nil {
				return
			}
			select {
			case c.frames <- f:
			case <-time.After(20 * time.Second):
				return
			}
		}
	}()
}

// TestRandomClientsAgainstOracle is the test that every promise of the delivery
// path has to pass: random subscriptions, resumes, slow readers and conflation,
// in a history so short that some fall out of it.
func TestRandomClientsAgainstOracle(t *testing.T) {
	o := testOptions()
	o.Conflate = []string{"quote"}
	o.HistoryBytes = 2 << 20
	o.Limits.CommandsPerSecond = 0
	o.Limits.Channels = 0
	b := start(t, o)
	know := &oracle{logs: map[string][]entryOf{}}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	until := time.Now().Add(4 * time.Second)

	var wg sync.WaitGroup
	walkers := make([]*walker, 24)
	for i := range walkers {
		w := &walker{b: b, o: know, rnd: rand.New(rand.NewPCG(seed, uint64(i)))}
		walkers[i] = w
		wg.Go(func() { w.live(until) })
	}
	rnd := rand.New(rand.NewPCG(seed, 99))
	for time.Now().Before(until) {
		batch := &kafka.Batch{}
		for range 1 + rnd.IntN(30) {
			value := pad("1")
			if rnd.IntN(20) == 0 {
				value = ""
			}
			it := b.log.record(string(rune('A'+rnd.IntN(6))), rnd.IntN(2), value)
			know.add(&it)
			batch.Items = append(batch.Items, it)
		}
		b.log.batches <- batch
		time.Sleep(time.Duration(rnd.IntN(8)) * time.Millisecond)
	}
	wg.Wait()
	sum := walker{}
	for i, w := range walkers {
		for _, f := range w.faults {
			t.Errorf("client %d: %s", i, f)
		}
		sum.received += w.received
		sum.resumes += w.resumes
		sum.lost += w.lost
		sum.slow += w.slow
	}
	t.Logf("%d messages received, %d resumes, %d events lost, %d closes by the server", sum.received, sum.resumes, sum.lost, sum.slow)
	if sum.received < 1000 || sum.resumes < 20 {
		t.Error("too little happened for a verdict")
	}
}
