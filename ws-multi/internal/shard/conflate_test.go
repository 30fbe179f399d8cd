package shard

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// withBooks is a test of a client that is behind and gets books, which are
// conflated, and trades, which are not.
func withBooks(t *testing.T, test func(t *testing.T, w *stepped, m *mate, n int)) {
	synctest.Test(t, func(t *testing.T) {
		o := unpinged()
		o.Conflate = []string{"book"}
		w := newStepped(t, o, history.Options{})
		m := w.join(4096)
		m.say(`{"type":"subscribe","data":{"channels":["*.trade","*.book"]}}`)
		m.expect("subscription_ack")
		test(t, w, m, w.stuff(kilobyte))
	})
}

func TestConflation(t *testing.T) {
	withBooks(t, func(t *testing.T, w *stepped, m *mate, n int) {
		for i := range 100 {
			w.write("A", 1, 0, fmt.Sprint(i))
			w.write("B", 1, 1, fmt.Sprint(i))
			w.write("A", 0, 0, fmt.Sprint(i))
		}
		w.write("A", 1, 0, "") // a tombstone is never passed over
		w.write("A", 1, 0, "100")
		w.show()
		for i := range n {
			if f := m.expect("message"); f.Seq != uint64(i+1) {
				t.Fatalf("heard %s", f.payload)
			}
		}
		for i := range 99 {
			if f := m.expect("message"); f.Channel != "A.trade" || string(f.Data) != fmt.Sprint(i) {
				t.Fatalf("heard %s", f.payload)
			}
		}
		for _, want := range []string{`B.book 99`, `A.trade 99`, `A.book null`, `A.book 100`} {
			if f := m.expect("message"); f.Channel+" "+string(f.Data) != want {
				t.Fatalf("wanted %s, heard %s", want, f.payload)
			}
		}
		m.say(`{"type":"heartbeat"}`)
		f := m.expect("pong")
		if f.Merged != 100+99 || f.Sent != uint64(n+103) || f.Cursor["book"].Last(0) != 101 {
			t.Errorf("heard %s", f.payload)
		}
		if w.counts.Merged != f.Merged || w.counts.Sent != f.Sent {
			t.Errorf("counted %+v", w.counts.Counters)
		}
	})
}

func TestTheLiveGetEverything(t *testing.T) {
	o := unpinged()
	o.Conflate = []string{"book"}
	w := newStepped(t, o, history.Options{})
	m := w.join(0)
	m.say(`{"type":"subscribe","data":{"channels":["A.book"]}}`)
	m.expect("subscription_ack")
	for i := range 50 {
		w.write("A", 1, 0, fmt.Sprint(i))
	}
	w.show()
	for i := range 50 {
		if f := m.expect("message"); string(f.Data) != fmt.Sprint(i) {
			t.Fatalf("heard %s", f.payload)
		}
	}
}

// What was passed over is counted once, when a replay_complete behind it is not
// taken: it is not looked at again.
func TestPassedOverBeforeWhatIsNotTaken(t *testing.T) {
	for _, another := range []bool{false, true} {
		t.Run(fmt.Sprint("message behind it: ", another), func(t *testing.T) {
			withBooks(t, func(t *testing.T, w *stepped, m *mate, n int) {
				c, o := w.conns[0], &w.out
				c.late.replay = new(replay)
				stands, merged := w.view.End, uint64(3+7)
				o.begin(c, c.late.pos, 0)
				o.main.passed = 3
				o.control(aComplete)
				o.text([]byte(`{"type":"replay_complete"}`))
				if another {
					o.main.passed += 5
					w.message(o, aMessage, w.view.End-1, &o.main)
					stands, merged = w.view.End-1, 3+5
				}
				o.main = progress{at: w.view.End, first: none, passed: o.main.passed + 7}
				if w.Shard.send(c) {
					t.Fatal("the kernel took it: the test shows nothing")
				}
				if c.rare.merged != merged || c.late.pos != stands {
					t.Errorf("%d are counted, it stands at %d; wanted %d, and %d", c.rare.merged, c.late.pos, merged, stands)
				}
				c.late.replay = nil
			})
		})
	}
}
