package shard

import (
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// alone is the group of a stepped shard, for what does not wait for the shard.
func (w *stepped) alone() *Group {
	return &Group{shards: []*Shard{w.Shard}, done: make(chan struct{})}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// sentAway hears a notice and then, perhaps after messages, how it ends.
func (m *mate) sentAway(t *testing.T, notice string, code int) {
	t.Helper()
	if f := m.expect("notice"); string(f.Code) != `"`+notice+`"` || f.Delay == nil || *f.Delay < 0 || *f.Delay > maxReconnectDelay {
		t.Errorf("heard %s", f.payload)
	}
	m.closes(code, true)
}

func TestADrainIsEven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.PingInterval = 0
		w := newStepped(t, o, history.Options{})
		var all []*mate
		for range 40 {
			all = append(all, w.join(0))
		}
		w.alone().Drain(20*time.Second, 30*time.Second)
		w.run()
		for second := range 20 {
			closed := w.counts.closed[4000]
			if want := uint64(2 * second); closed < want || closed > want+2 {
				t.Errorf("%d are closed after %d s", closed, second)
			}
			w.elapse(time.Second)
		}
		w.elapse(100 * time.Millisecond)
		if w.open != 0 {
			t.Errorf("%d are left", w.open)
		}
		for _, m := range all {
			m.sentAway(t, "DRAIN", 4000)
		}
	})
}

func TestWhoComesDuringADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.PingInterval = 0
		w := newStepped(t, o, history.Options{})
		g := w.alone()
		g.Drain(20*time.Second, 30*time.Second) // of nobody
		w.run()
		var all []*mate
		for range 40 {
			w.elapse(250 * time.Millisecond)
			all = append(all, w.join(0))
		}
		empty, again := g.Emptied(), g.Emptied()
		w.run()
		w.elapse(5 * time.Second)
		// Each at a time of its own in what is left: about 26, give or take 3.
		if n := w.counts.closed[4000]; n < 12 || n > 39 {
			t.Errorf("%d are closed at three quarters of the time", n)
		}
		w.elapse(5200 * time.Millisecond)
		for _, m := range all {
			if isClosed(empty) && w.held > 0 {
				t.Fatal("emptied before all had hung up")
			}
			m.sentAway(t, "DRAIN", 4000)
			m.hangUp()
		}
		w.released(0)
		synctest.Wait()
		if !isClosed(empty) || !isClosed(again) {
			t.Error("nobody is left, and it is not told to all who asked")
		}
		last := w.join(0) // after the time
		last.sentAway(t, "DRAIN", 4000)
	})
}

func TestADrainWaitsForWhatIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.StallTimeout, o.PingInterval = 0, 0
		w := newStepped(t, o, history.Options{})
		slow, stalled := w.join(4096), w.join(4096)
		for _, m := range []*mate{slow, stalled} {
			m.say(`{"type":"subscribe","data":{"channels":["S.trade"]}}`)
			m.expect("subscription_ack")
		}
		n := w.stuff(kilobyte)
		g := w.alone()
		empty := g.Emptied()
		g.Drain(20*time.Second, 30*time.Second)
		w.run()
		w.elapse(25 * time.Second)
		if w.open != 2 {
			t.Fatalf("%d are open", w.open)
		}
		noticed := false
		for i := 0; i < n; {
			f := slow.hear()
			if f != nil && f.Type == "notice" {
				noticed = true
				continue
			}
			if i++; f == nil || f.Seq != uint64(i) {
				t.Fatalf("message %d is %+v", i, f)
			}
		}
		if !noticed {
			t.Error("no notice")
		}
		slow.closes(4000, true)
		slow.hangUp()
		w.released(1)
		w.elapse(5200 * time.Millisecond)
		if w.open != 0 {
			t.Error("who stalls is waited for after the timeout")
		}
		if isClosed(empty) {
			t.Error("emptied too soon")
		}
		lastWordsOf(t, stalled, 4000)
		stalled.hangUp()
		w.released(0)
		synctest.Wait()
		if !isClosed(empty) {
			t.Error("nobody is left, and it is not told")
		}
	})
}

func TestADrainOvertakesARebalance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.PingInterval = 0
		w := newStepped(t, o, history.Options{})
		var all []*mate
		for range 5 {
			all = append(all, w.join(0))
		}
		w.call(func() { w.beginRebalance(5, 0.01, time.Hour) })
		w.run()
		w.alone().Drain(time.Second, 2*time.Second)
		w.run()
		w.elapse(time.Second)
		if n := w.counts.closed; n[4005] != 1 || n[4000] != 4 {
			t.Errorf("closed %v", n)
		}
		for _, m := range all {
			if f := m.expect("notice"); string(f.Code) != `"REBALANCE"` {
				t.Errorf("heard %s", f.payload)
			}
			switch f := m.hear(); {
			case f.Type == "notice" && string(f.Code) == `"DRAIN"`:
				m.closes(4000, true)
			case f.Type == "bye": // it was closed before
				m.closes(4005, false)
			default:
				t.Errorf("heard %s", f.payload)
			}
		}
	})
}

// end is how a connection of a world ended.
type end struct {
	notices []string
	codes   []int // of the bye and of the close frame
	at      time.Duration
	err     error
}

// follow hears everything until the end.
func (p *peer) follow(since time.Time) (e end) {
	for {
		f, err := p.hear(20 * time.Second)
		switch {
		case err != nil:
			if !errors.Is(err, io.EOF) {
				e.err = err
			}
			return e
		case f.op == socket.OpClose:
			e.codes = append(e.codes, int(f.closeCode()))
			e.at = time.Since(since)
		case f.Type == "notice":
			e.notices = append(e.notices, string(f.Code))
		case f.Type == "bye":
			e.codes = append(e.codes, atoi(string(f.Code)))
		}
	}
}

// followAll follows clients each on a goroutine, until they are gone.
func followAll(peers []*peer, since time.Time) []end {
	ends := make([]end, len(peers))
	var all sync.WaitGroup
	for i, p := range peers {
		all.Go(func() {
			ends[i] = p.follow(since)
			p.Close()
		})
	}
	all.Wait()
	return ends
}

func TestADrainOverShards(t *testing.T) {
	w := newWorld(t, 3, testOptions(), history.Options{})
	var peers []*peer
	for range 30 {
		peers = append(peers, w.join(0))
	}
	const spread = 600 * time.Millisecond
	since := time.Now()
	w.group.Drain(spread, 10*time.Second)
	empty := w.group.Emptied()
	ends := followAll(peers, since)
	var at []time.Duration
	for i, e := range ends {
		if !slices.Equal(e.notices, []string{`"DRAIN"`}) || !slices.Equal(e.codes, []int{4000, 4000}) || e.err != nil {
			t.Errorf("client %d: %+v", i, e)
		}
		at = append(at, e.at)
	}
	slices.Sort(at)
	// No sooner than they should; a busy machine is late.
	if at[29] < spread*8/10 || at[15] < spread*3/10 {
		t.Errorf("closed at %v", at)
	}
	select {
	case <-empty:
	case <-time.After(5 * time.Second):
		t.Error("nobody is left, and it is not told")
	}
	if n := w.group.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

func TestADrainWithoutSpread(t *testing.T) {
	const n = 200_000
	w := newStepped(t, testOptions(), history.Options{})
	e := new(exodus)
	began := time.Now()
	for range n {
		w.depart(e, &conn{closing: closed}, 5)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("it took %v to note when %d go", d, n)
	}
	if len(e.queue) != n || !slices.IsSortedFunc(e.queue, func(a, b departure) int { return int(a.at - b.at) }) {
		t.Error("they do not go in order")
	}
}
