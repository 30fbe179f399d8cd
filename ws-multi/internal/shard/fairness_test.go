package shard

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

func TestOneWhoFloodsDoesNotKeepOthersBack(t *testing.T) {
	o := testOptions()
	o.Limits.MessageBytes = 64 << 20
	w := newStepped(t, o, history.Options{})
	flood, m := w.join(0), w.join(0)
	fd := w.conns[0].fd
	if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
		t.Skip("this needs a large receive buffer:", err)
	}
	// One huge message, of which the kernel takes far more than a turn's share:
	// what an event says is unread, and what a turn before has left.
	const share = 2 * maxReceives * receiveBytes
	huge := masked(nil, socket.OpText, make([]byte, 4<<20))
	sent := 0
	for range patience {
		sent += flood.write(huge[sent:])
		if fd.Unread() > 2*share {
			break
		}
		_, _ = unix.Poll(nil, 1)
	}
	before := fd.Unread()
	if before <= 2*share {
		t.Fatalf("the kernel takes only %d bytes", before)
	}
	m.write(saying(nil, `{"type":"heartbeat"}`))
	more := w.turn()
	m.pull(0)
	if f := m.next(0); f == nil || f.Type != "pong" {
		t.Error("no answer in the turn of the flood")
	}
	if read := before - fd.Unread(); read > share {
		t.Errorf("%d bytes were read in one turn", read)
	}
	if !more {
		t.Error("the shard would sleep on unread bytes")
	}
	for sent < len(huge) {
		sent += flood.write(huge[sent:])
		w.turn()
	}
	flood.closes(4500, true)
}
