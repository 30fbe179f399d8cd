package shard

import (
	"strconv"
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

// However many live clients there are to be served, each turn goes on with a
// replay, or beside a fast log it would never come to its end.
func TestLiveOnesDoNotHoldUpAReplay(t *testing.T) {
	for _, clients := range []int{5, 3 * maxSweep / 2} {
		t.Run(strconv.Itoa(clients), func(t *testing.T) { replayBeside(t, clients) })
	}
}

func replayBeside(t *testing.T, clients int) {
	const missed, every = 2000, 1
	w := newStepped(t, testOptions(), history.Options{})
	for range clients {
		w.join(0).say(`{"type":"subscribe","data":{"channels":["A.book"]}}`)
	}
	for range missed {
		w.write("B", 0, 0, `"a message of a replay, rather than a number"`)
	}
	w.show()
	late := w.join(0)
	late.write(saying(nil, `{"type":"subscribe","data":{"channels":["B.trade"],"cursor":{"trade":{"log":"log-trade","at":[]}}}}`))
	visits, last, least := 0, -every, missed
	for turn := 0; w.counts.Replayed < missed; turn++ {
		if turn == 1000 {
			t.Fatalf("%d messages were replayed in %d turns", w.counts.Replayed, turn)
		}
		w.write("A", 1, 0, "1")
		w.source.log.Publish(1)
		sent := w.counts.Sent - w.counts.Replayed
		replayed := w.counts.Replayed
		w.turn()
		late.pull(0)
		if w.counts.Sent-w.counts.Replayed == sent {
			t.Fatal("a turn served nobody live")
		}
		if w.counts.Replayed == replayed {
			continue
		}
		if visits++; visits > 1 {
			least = min(least, turn-last)
		}
		last = turn
	}
	if visits < 3 || least != every {
		t.Errorf("the replay took %d visits, two of them %d turns apart, wanted %d", visits, least, every)
	}
}
