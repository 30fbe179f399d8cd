package shard

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// until lets time pass until the client hears a frame, and returns it.
func (m *mate) until(most time.Duration) *frameOf {
	m.w.Helper()
	for end := time.Now().Add(most); time.Now().Before(end); {
		m.w.elapse(50 * time.Millisecond)
		if f := m.next(0); f != nil {
			return f
		}
		m.pull(0)
	}
	m.w.Fatalf("heard nothing in %v", most)
	return nil
}

func between(t *testing.T, what string, since time.Time, least, most time.Duration) {
	t.Helper()
	if d := time.Since(since); d < least || d > most {
		t.Errorf("%s after %v, wanted %v to %v", what, d, least, most)
	}
}

func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.PingInterval, o.PongTimeout = 25*time.Second, 10*time.Second
		w := newStepped(t, o, history.Options{})
		m := w.join(0)
		joined := time.Now()
		if f := m.until(26 * time.Second); f.op != socket.OpPing {
			t.Fatalf("heard %s", f.payload)
		}
		between(t, "the first ping came", joined, 0, 25300*time.Millisecond)
		w.elapse(9 * time.Second)
		m.raw(masked(nil, socket.OpPong, nil))
		since := time.Now()
		if f := m.until(26 * time.Second); f.op != socket.OpPing {
			t.Fatalf("heard %s", f.payload)
		}
		between(t, "the second ping came", since, 15*time.Second, 17*time.Second)
		w.elapse(5 * time.Second)
		m.say(`{"type":"heartbeat","id":1}`) // any frame will do
		m.expect("pong")
		if f := m.until(26 * time.Second); f.op != socket.OpPing {
			t.Fatalf("heard %s", f.payload)
		}
		since = time.Now()
		if f := m.until(12 * time.Second); f.Type != "bye" {
			t.Fatalf("heard %s", f.payload)
		}
		between(t, "the close came", since, 10*time.Second, 10300*time.Millisecond)
		m.closes(4002, false)
	})
}

func TestAMessageMustBeWholeInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStepped(t, unpinged(), history.Options{})
		m := w.join(0)
		began := time.Now()
		m.raw(maskedPiece(nil, 0x01, []byte(`{"type":`))) // not the last fragment
		for range 4 {
			w.elapse(time.Second)
			m.raw(masked(nil, socket.OpPing, []byte("x")))
			if f := m.next(patience); f.op != socket.OpPong || string(f.payload) != "x" {
				t.Fatalf("heard %s", f.payload)
			}
			m.raw(maskedPiece(nil, 0x00, []byte(` `)))
		}
		if f := m.until(2 * time.Second); f.Type != "bye" {
			t.Fatalf("heard %s", f.payload)
		}
		between(t, "the close came", began, 5*time.Second, 5300*time.Millisecond)
		m.closes(4002, false)
	})
}

func TestEachMessageHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStepped(t, unpinged(), history.Options{})
		m := w.join(0)
		b := saying(nil, `{"type":"heartbeat","id":1}`)
		for range 5 {
			m.raw(b[:4])
			w.elapse(3 * time.Second)
			// The end of one and the beginning of the next, in one read.
			m.raw(append(append([]byte(nil), b[4:]...), b[:4]...))
			m.expect("pong")
			w.elapse(3 * time.Second)
			m.raw(b[4:])
			m.expect("pong")
		}
	})
}

// stuff has a client that reads nothing fill up, and returns what was written.
func (w *stepped) stuff(value string) int {
	w.Helper()
	n := 0
	for ; w.full == 0 && n < 20_000; n++ {
		w.record("S", 0, int32(n%2), value)
	}
	if w.full == 0 {
		w.Fatal("the socket is never full")
	}
	for range 200 { // of which it takes nothing
		w.write("S", 0, 0, value)
	}
	w.show()
	return n + 200
}

// takeSome reads until the server's socket has taken more.
func (m *mate) takeSome() {
	m.w.Helper()
	before := m.w.counts.BytesSent
	for range patience {
		m.pull(time.Millisecond)
		if m.w.run(); m.w.counts.BytesSent > before {
			return
		}
	}
	m.w.Fatal("nothing was taken")
}

var kilobyte = `"` + strings.Repeat("x", 1000) + `"`

func TestASocketThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := unpinged()
		o.StallTimeout, o.MaxBehind = 10*time.Second, 0
		w := newStepped(t, o, history.Options{})
		m := w.join(4096)
		m.say(`{"type":"subscribe","data":{"channels":["S.trade"]}}`)
		m.expect("subscription_ack")
		w.stuff(kilobyte)
		// It takes a little now and then: that is enough.
		for range 4 {
			w.elapse(8 * time.Second)
			m.takeSome()
			w.stuff(kilobyte)
		}
		since := time.Now()
		for w.open == 1 && time.Since(since) < time.Minute {
			w.elapse(50 * time.Millisecond)
		}
		between(t, "the close came", since, 9*time.Second, 11500*time.Millisecond)
		lastWordsOf(t, m, 4001)
	})
}

// lastWordsOf reads what a client that had slept is left, and the close frame
// behind it.
func lastWordsOf(t *testing.T, m *mate, code int) (seq uint64) {
	t.Helper()
	for {
		f := m.next(patience)
		switch {
		case f == nil:
			t.Fatalf("no close frame, after %d messages", seq)
		case f.op == socket.OpClose:
			if int(f.closeCode()) != code {
				t.Fatalf("closed with %d", f.closeCode())
			}
			return seq
		case f.Type == "message":
			seq++
			if f.Seq != seq {
				t.Fatalf("message %d instead of %d", f.Seq, seq)
			}
		}
	}
}

// One frame that is taken bit by bit is progress, too.
func TestALongFrameMayTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := unpinged()
		o.StallTimeout, o.MaxBehind = 10*time.Second, 30*time.Second
		w := newStepped(t, o, history.Options{})
		m := w.join(4096)
		m.say(`{"type":"subscribe","data":{"channels":["S.trade"]}}`)
		m.expect("subscription_ack")
		w.record("S", 0, 0, `"`+strings.Repeat("x", 4<<20)+`"`)
		for range 6 {
			w.elapse(8 * time.Second)
			m.takeSome()
			if len(w.conns[0].late.rest) == 0 {
				t.Fatal("all was taken: the test shows nothing")
			}
		}
		if f := m.expect("message"); len(f.Data) != 4<<20+2 {
			t.Errorf("%d bytes came", len(f.Data))
		}
	})
}

func TestTooFarBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := unpinged()
		o.StallTimeout, o.MaxBehind = 0, 30*time.Second
		w := newStepped(t, o, history.Options{})
		m := w.join(4096)
		m.say(`{"type":"subscribe","data":{"channels":["S.trade"]}}`)
		m.expect("subscription_ack")
		w.stuff(kilobyte)
		since := time.Now()
		for w.open == 1 && time.Since(since) < 2*time.Minute {
			w.elapse(50 * time.Millisecond)
		}
		between(t, "the close came", since, 30*time.Second, 32*time.Second)
		lastWordsOf(t, m, 4001)
	})
}

func TestFallenOutOfTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := unpinged()
		o.StallTimeout, o.MaxBehind = 0, 0
		w := newStepped(t, o, history.Options{Window: 60_000})
		m := w.join(4096)
		m.say(`{"type":"subscribe","data":{"channels":["S.trade"]}}`)
		m.expect("subscription_ack")
		w.stuff(kilobyte)
		since := time.Now()
		for w.open == 1 && time.Since(since) < 2*time.Minute {
			w.elapse(50 * time.Millisecond)
			w.source.log.Evict(Since(time.Now()), w.Needs(), 1<<30)
			w.show()
		}
		between(t, "the close came", since, time.Minute, time.Minute+1500*time.Millisecond)
		lastWordsOf(t, m, 4001)
	})
}

// Who wakes up only then is told at once.
func TestWakingUpBehindTheHistory(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		w.source.log.Evict(Since(time.Now())+1<<40, w.Needs(), 1<<30)
		w.show()
		if w.open != 1 {
			t.Fatal("closed before it could say anything")
		}
		if seq := lastWordsOf(t, m, 4001); seq >= uint64(n) {
			t.Error("everything came: the test shows nothing")
		}
	})
}

func TestAReplayMayBeOldButMustGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := unpinged()
		o.StallTimeout, o.MaxBehind = 10*time.Second, 30*time.Second
		w := newStepped(t, o, history.Options{})
		for i := range 2000 {
			w.write("S", 0, int32(i%2), kilobyte)
		}
		w.show()
		w.elapse(time.Hour)
		m := w.join(4096)
		m.say(`{"type":"subscribe","data":{"channels":["S.trade"],"cursor":{"trade":{"log":"log-trade","at":[]}}}}`)
		m.expect("subscription_ack")
		for i := range 2000 {
			if i%200 == 0 {
				w.elapse(5 * time.Second)
			}
			if f := m.expect("message"); f.Seq != uint64(i+1) {
				t.Fatalf("message %d instead of %d", f.Seq, i+1)
			}
		}
		m.expect("replay_complete")
	})
}
