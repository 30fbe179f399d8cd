package shard

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

func TestASlotIsUsedAgain(t *testing.T) {
	w := newStepped(t, testOptions(), history.Options{})
	stays := w.join(0)
	var before ident
	for i := range 20 {
		m := w.join(0)
		c := w.conns[1]
		if c.id == before || c.id.slot() != 1 {
			t.Fatalf("client %d is %x, the one before it was %x", i, c.id, before)
		}
		before = c.id
		m.say(`{"type":"subscribe","data":{"channels":["A.trade","*.book","B.*"]}}`)
		m.expect("subscription_ack")
		m.raw(masked(nil, socket.OpClose, nil))
		w.released(1)
		w.answer(before, func(*conn) { t.Error("an answer reached somebody") })
		w.record("A", 0, 0, "1")
		w.record("B", 1, 0, "1")
	}
	if len(w.conns) != 2 || len(w.free) != 1 {
		t.Errorf("%d slots, %d free", len(w.conns), len(w.free))
	}
	stays.quiet()
}

// What was noted of a slot's former connection does not reach the next one.
func TestWhatIsLeftOfAFormerConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.FlushInterval, o.PingInterval = 50*time.Millisecond, 0
		w := newStepped(t, o, history.Options{})
		m := w.join(0)
		m.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
		m.expect("subscription_ack")
		w.record("A", 0, 0, "1")
		c := w.conns[0]
		if !w.seats[0].marked {
			t.Fatal("nothing is due: the test shows nothing")
		}
		// Its end, its place in all rings, and its deadline all come late.
		w.unread.push(0)
		w.pulls.push(0)
		w.wakeFor(c, w.clock.now+100)
		w.release(c)
		w.elapse(time.Second) // first with nobody there
		w.unread.push(0)
		w.pulls.push(0)
		next := w.join(0)
		if w.conns[0] == c || w.conns[0] == nil {
			t.Fatal("the slot was not used again")
		}
		w.elapse(time.Second)
		next.quiet()
		next.say(`{"type":"heartbeat"}`)
		if f := next.expect("pong"); f.Sent != 0 {
			t.Errorf("heard %s", f.payload)
		}
		if w.Needs() != w.source.log.Next() {
			t.Error("what nobody is due is still needed")
		}
	})
}
