package shard

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// everyMS is a test of a shard with a flush interval, in a bubble.
func everyMS(t *testing.T, ms int, test func(t *testing.T, w *stepped, m *mate)) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.FlushInterval, o.PingInterval = time.Duration(ms)*time.Millisecond, 0
		w := newStepped(t, o, history.Options{})
		m := w.join(0)
		m.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
		m.expect("subscription_ack")
		test(t, w, m)
	})
}

func TestOneWriteCarriesAnInterval(t *testing.T) {
	everyMS(t, 20, func(t *testing.T, w *stepped, m *mate) {
		for range 3 {
			began := time.Now()
			first := w.source.log.Next()
			for i := range 10 {
				w.record("A", 0, 0, fmt.Sprint(i))
				time.Sleep(time.Millisecond)
			}
			m.quiet()
			if w.Needs() != first {
				t.Errorf("what is due from %d on may be forgotten up to %d", first, w.Needs())
			}
			if left := time.Until(w.sleepUntil()); left > 11*time.Millisecond {
				t.Errorf("the shard sleeps for %v", left)
			}
			for m.in.Len() == 0 {
				time.Sleep(time.Millisecond)
				w.run()
				m.pull(time.Millisecond)
			}
			between(t, "the flush came", began, 20*time.Millisecond, 21*time.Millisecond)
			for i := range 10 {
				if f := m.next(0); f == nil || string(f.Data) != fmt.Sprint(i) {
					t.Fatalf("message %d is not in the write: %+v", i, f)
				}
			}
			if w.Needs() != w.source.log.Next() {
				t.Error("what was sent is still needed")
			}
		}
	})
}

func TestAnAnswerDoesNotWaitForTheFlush(t *testing.T) {
	everyMS(t, 20, func(t *testing.T, w *stepped, m *mate) {
		w.record("A", 0, 0, "1")
		m.quiet()
		m.say(`{"type":"heartbeat"}`)
		m.expect("message")
		if f := m.expect("pong"); f.Sent != 1 || f.Cursor["trade"].Last(0) != 0 {
			t.Errorf("heard %s", f.payload)
		}
		w.record("A", 0, 0, "2")
		m.say(`{"type":"unsubscribe"}`)
		m.expect("message")
		m.expect("unsubscription_ack")
		w.elapse(100 * time.Millisecond)
		m.quiet()
	})
}

func TestAnIntervalBelowTheClocksUnit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.FlushInterval = 300 * time.Microsecond
		w := newStepped(t, o, history.Options{})
		m := w.join(0)
		m.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
		m.expect("subscription_ack")
		w.record("A", 0, 0, "1")
		m.quiet()
		time.Sleep(time.Millisecond)
		m.expect("message")
	})
}

// A flush of many takes several turns. What is published meanwhile waits for the
// next one: taken into this one, it would never end under load, and the interval
// save nothing.
func TestAFlushEnds(t *testing.T) {
	everyMS(t, 20, func(t *testing.T, w *stepped, m *mate) {
		for range 3 * maxSweep {
			other := w.join(0)
			other.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
			other.expect("subscription_ack")
		}
		w.record("A", 0, 0, "0")
		time.Sleep(21 * time.Millisecond)
		for turns := 1; ; turns++ {
			w.write("A", 0, 0, fmt.Sprint(turns))
			w.source.log.Publish(Since(time.Now()))
			w.turn()
			if !w.flushing {
				break
			}
			if turns > 10 {
				t.Fatalf("%d turns, and the flush goes on", turns)
			}
		}
		// Two records were there when it began.
		if sent := w.counts.Sent; sent != 2*(3*maxSweep+1) {
			t.Errorf("%d messages were sent in the flush, to %d clients", sent, 3*maxSweep+1)
		}
	})
}
