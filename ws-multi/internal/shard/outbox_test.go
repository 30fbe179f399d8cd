package shard

import (
	"fmt"
	"testing"

	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

func TestWhoReadsNothingMayNotAskForEver(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		for range maxOutbox {
			m.say(`{"type":"heartbeat"}`)
		}
		if w.open != 1 {
			t.Fatal("closed too soon")
		}
		m.say(`{"type":"heartbeat"}`)
		if w.open != 0 {
			t.Fatal("it is still open")
		}
		lastWordsOf(t, m, 4001)
	})
}

func TestOnlyTheNewestPingIsAnswered(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		for i := range 2 * maxOutbox {
			m.raw(masked(nil, socket.OpPing, fmt.Append(nil, i)))
		}
		m.say(`{"type":"heartbeat"}`)
		pongs, seq := 0, uint64(0)
		for seq < uint64(n) {
			switch f := m.hear(); {
			case f == nil:
				t.Fatalf("no message %d", seq+1)
			case f.op == socket.OpPong:
				if pongs++; string(f.payload) != fmt.Sprint(2*maxOutbox-1) {
					t.Errorf("a pong to %s", f.payload)
				}
			case f.Type == "pong":
				if pongs != 1 || f.Sent != seq || f.Cursor["trade"].Last(0)+f.Cursor["trade"].Last(1)+2 != int64(seq) {
					t.Errorf("after %d messages and %d pongs: %s", seq, pongs, f.payload)
				}
			default:
				seq = f.Seq
			}
		}
	})
}

func TestAnswersOfTheBehindKeepTheirOrder(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		m.say(`{"type":"heartbeat","id":1}`)
		m.say(`{"type":"subscribe","id":2,"data":{"channels":["A.trade"]}}`)
		m.say(`{"type":"unsubscribe","id":3,"data":{"channels":["S.trade","S.*"]}}`)
		m.say(`{"type":"heartbeat","id":4}`)
		w.record("A", 0, 0, "1")
		w.record("S", 0, 0, "2")
		var seq uint64
		for id := 1; id <= 4; {
			f := m.hear()
			if f == nil {
				t.Fatalf("no answer %d", id)
			}
			if f.Type == "message" {
				if seq++; f.Channel != "S.trade" || f.Seq != seq {
					t.Fatalf("message %d: %s", seq, f.payload)
				}
				continue
			}
			if f.ID != id {
				t.Fatalf("answer %d is %s", id, f.payload)
			}
			if f.Cursor != nil {
				// All stand where the connection does: behind what was sent.
				if at := f.Cursor["trade"].Last(0) + f.Cursor["trade"].Last(1) + 2; at != int64(seq) {
					t.Errorf("after %d messages: %s", seq, f.payload)
				}
				if _, ok := f.Cursor["book"]; ok != (id <= 2) {
					t.Errorf("answer %d: %s", id, f.payload)
				}
			}
			id++
		}
		if f := m.expect("message"); f.Channel != "A.trade" || f.Seq != seq+1 {
			t.Errorf("after %d: %s", seq, f.payload)
		}
		if seq >= uint64(n) {
			t.Error("it was not behind: the test shows nothing")
		}
		m.quiet()
	})
}
