package shard

import (
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

func TestACloseFrameIsEchoed(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
		counted wire.CloseCode
	}{
		{"normal", []byte{3, 232}, wire.CloseNormal},
		{"going away, with a reason", append([]byte{3, 233}, "page closed"...), wire.CloseGoingAway},
		{"none", nil, socket.NoStatus},
		{"made up", binary.BigEndian.AppendUint16(nil, 4999), socket.NoStatus},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newStepped(t, unpinged(), history.Options{})
			m := w.join(0)
			m.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
			m.expect("subscription_ack")
			w.write("A", 0, 0, "1") // comes before the echo, or not at all
			m.raw(masked(nil, socket.OpClose, c.payload))
			f := m.hear()
			if f == nil || f.op != socket.OpClose || string(f.payload) != string(c.payload[:min(2, len(c.payload))]) {
				t.Fatalf("heard %+v", f)
			}
			w.released(0)
			if w.counts.closed[c.counted] != 1 || w.open != 0 {
				t.Errorf("counted %v, %d open", w.counts.closed, w.open)
			}
		})
	}
}

func TestBrokenRulesClose(t *testing.T) {
	o := unpinged()
	o.Limits.MessageBytes = 1000
	big := []byte(`"` + strings.Repeat("x", 1000) + `"`)
	for _, c := range []struct {
		name string
		sent []byte
		code int
		bye  bool
	}{
		{"without a mask", []byte{0x81, 2, '{', '}'}, 1002, false},
		{"continuation of nothing", maskedPiece(nil, 0x80, []byte("{}")), 1002, false},
		{"reserved bits", maskedPiece(nil, 0xc1, []byte("{}")), 1002, false},
		{"close frame with half a code", masked(nil, socket.OpClose, []byte{3}), 1002, false},
		{"not UTF-8", masked(nil, socket.OpText, []byte{'"', 0xff, '"'}), 1007, false},
		{"too big", masked(nil, socket.OpText, big), 1009, false},
		{"too big, by its header", masked(nil, socket.OpText, big)[:8], 1009, false},
		{"binary", masked(nil, socket.OpBinary, []byte("{}")), 4500, true},
		{"not JSON", saying(nil, "hello"), 4500, true},
		{"no object", saying(nil, `["subscribe"]`), 4500, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newStepped(t, o, history.Options{})
			m := w.join(0)
			m.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
			m.expect("subscription_ack")
			// What stands before it is done, what stands behind is not.
			b := saying(nil, `{"type":"heartbeat","id":1}`)
			b = append(b, c.sent...)
			b = saying(b, `{"type":"heartbeat","id":2}`)
			m.raw(b)
			m.expect("pong")
			m.closes(c.code, c.bye)
			w.record("A", 0, 0, "1")
			m.raw(saying(nil, `{"type":"heartbeat","id":3}`))
			m.quiet()
			if w.held != 1 || w.open != 0 || w.counts.closed[wire.CloseCode(c.code)] != 1 {
				t.Errorf("%d held, %d open, closed %v", w.held, w.open, w.counts.closed)
			}
			m.hangUp()
			w.released(0)
		})
	}
}

func TestAClosedConnectionLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStepped(t, unpinged(), history.Options{})
		m := w.join(0)
		m.say("hello")
		m.closes(4500, true)
		w.elapse(4900 * time.Millisecond)
		if w.held != 1 {
			t.Error("it was released before the client hung up")
		}
		w.elapse(400 * time.Millisecond)
		if w.held != 0 || w.assigned.Load() != 0 {
			t.Error("it is held for ever")
		}
	})
}

// withFullSocket is a test of a client whose socket is full, in a bubble.
func withFullSocket(t *testing.T, test func(t *testing.T, w *stepped, m *mate, n int)) {
	synctest.Test(t, func(t *testing.T) {
		w := newStepped(t, unpinged(), history.Options{})
		m := w.join(4096)
		m.say(`{"type":"subscribe","data":{"channels":["S.trade","S.*"]}}`)
		m.expect("subscription_ack")
		test(t, w, m, w.stuff(kilobyte))
	})
}

func TestWhatIsPendingComesBeforeTheClose(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		m.say("hello")
		w.elapse(2 * time.Second)
		if w.open != 1 {
			t.Fatal("closed before all was sent")
		}
		m.say(`{"type":"heartbeat"}`) // is not heard any more
		for i := range n {
			if f := m.expect("message"); f.Seq != uint64(i+1) {
				t.Fatalf("message %d instead of %d", f.Seq, i+1)
			}
		}
		f := m.closes(4500, true)
		if f.Sent != uint64(n) || f.Cursor["trade"].Last(0)+f.Cursor["trade"].Last(1)+2 != int64(n) {
			t.Errorf("after %d messages: %s", n, f.payload)
		}
		m.hangUp()
		w.released(0)
	})
}

func TestACloseDoesNotWaitForEver(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		since := time.Now()
		m.say("hello")
		for w.open == 1 && time.Since(since) < time.Minute {
			w.elapse(50 * time.Millisecond)
		}
		between(t, "the close came", since, farewell, farewell+300*time.Millisecond)
		// Who wakes hears where it stands.
		var sent uint64
		for f := m.hear(); ; f = m.hear() {
			if f == nil {
				t.Fatal("there is no bye")
			}
			if f.Type == "bye" {
				if f.Sent != sent || f.Cursor["trade"].Last(0)+f.Cursor["trade"].Last(1)+2 != int64(sent) {
					t.Errorf("after %d messages: %s", sent, f.payload)
				}
				break
			}
			sent = f.Seq
		}
		if sent == uint64(n) {
			t.Error("all was sent: the test shows nothing")
		}
		m.closes(4500, false)
	})
}

func TestACloseFrameWhileTheSocketIsFull(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		m.raw(masked(nil, socket.OpClose, []byte{3, 232}))
		if w.held != 0 {
			t.Fatal("it is still held")
		}
		lastWordsOf(t, m, 1000)
	})
}

func TestAClientResets(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		m.hangUp() // with unread bytes: an RST
		w.released(0)
		if w.counts.closed[socket.Abnormal] != 1 || w.full != 0 || w.late != 0 || w.open != 0 {
			t.Errorf("closed %v, %d full, %d late, %d open", w.counts.closed, w.full, w.late, w.open)
		}
		w.record("S", 0, 0, "1")
	})
}
