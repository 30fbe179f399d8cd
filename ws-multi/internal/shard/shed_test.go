package shard

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

func TestShedClosesThoseFurthestBehind(t *testing.T) {
	o := testOptions()
	o.StallTimeout, o.MaxBehind = 0, 0
	w := newWorld(t, 2, o, history.Options{})
	if n, _ := w.group.Shed(1 << 20); n != 0 {
		t.Errorf("closed %d of nobody", n)
	}

	full := func() (n int) {
		for _, s := range w.group.shards {
			w.group.ask(s, func() { n += s.full })
		}
		return n
	}
	live := w.join(0)
	var peers []*peer
	for i := range 6 { // each stops a little later in the history than the one before
		p := w.join(4096)
		w.send(p, `{"type":"subscribe","data":{"channels":["S.trade"]}}`)
		w.expect(p, "subscription_ack")
		peers = append(peers, p)
		for full() <= i {
			w.record("S", 0, 0, kilobyte)
			time.Sleep(time.Millisecond)
		}
	}
	for range 200 {
		w.record("S", 0, 0, kilobyte)
	}
	// A client that is full holds as much as shedEach, and the rest of a frame besides: less than a message here.
	if n, freed := w.group.Shed(2*int64(shedEach+2*len(kilobyte)) + 1); n != 3 || freed < 3*shedEach {
		t.Errorf("closed %d for %d bytes, want 3", n, freed)
	}
	codes := make([]int, 6)
	for i, p := range peers {
		for {
			f, err := p.hear(2 * time.Second)
			if err != nil {
				break
			}
			if f.Type == "bye" && atoi(string(f.Code)) != 4004 {
				t.Errorf("client %d: %s", i, f.payload)
			}
			if f.op == socket.OpClose {
				codes[i] = int(f.closeCode())
				break
			}
			if f.Type == "message" && i >= 3 && f.Seq > 100 {
				break // it goes on
			}
		}
	}
	if !slices.Equal(codes, []int{4004, 4004, 4004, 0, 0, 0}) {
		t.Errorf("closed with %v", codes)
	}
	waitFor(t, "the memory of those who were closed", func() bool { return w.group.Connections() == 4 })
	w.send(live, `{"type":"heartbeat"}`)
	w.expect(live, "pong")
}

// What the server keeps of a frame that a socket did not take whole counts as well: one client in the middle of a large message
// is enough where many in small ones would be closed.
func TestShedCountsTheRestOfAFrame(t *testing.T) {
	o := testOptions()
	o.StallTimeout, o.MaxBehind = 0, 0
	w := newWorld(t, 2, o, history.Options{})
	for range 4 {
		p := w.join(4096)
		w.send(p, `{"type":"subscribe","data":{"channels":["S.trade"]}}`)
		w.expect(p, "subscription_ack")
	}
	w.record("S", 0, 0, strings.Repeat("x", 6<<20))
	waitFor(t, "all to be full", func() bool {
		full := 0
		for _, s := range w.group.shards {
			w.group.ask(s, func() { full += s.full })
		}
		return full == 4
	})
	if n, freed := w.group.Shed(300 << 10); n != 1 || freed < 1<<20 {
		t.Errorf("closed %d for %d bytes, want one that holds more than enough", n, freed)
	}
}
