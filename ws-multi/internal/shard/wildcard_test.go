package shard

import (
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

func TestAChannelAppearsBetweenTwoVisits(t *testing.T) {
	w := newStepped(t, testOptions(), history.Options{})
	const n = 200 // several visits' share
	for range n {
		w.write("S", 0, 0, kilobyte)
	}
	w.show()
	m := w.join(0)
	m.write(saying(nil, `{"type":"subscribe","data":{"channels":["S.*"],"cursor":{"trade":{"log":"log-trade","at":[]}}}}`))
	for range patience {
		m.pull(time.Millisecond)
		w.turn()
		if r := w.conns[0].replaying(); r != nil && r.reader != nil && r.pos > n/2 {
			break
		}
	}
	if r := w.conns[0].replaying(); r == nil || w.conns[0].late.full || r.reader == nil {
		t.Fatalf("no reader is open, the test shows nothing: %+v", r)
	}
	w.write("S", 1, 0, "new") // by S.*, of which no channel was there
	w.source.log.Publish(Since(time.Now()))
	for range 8 { // until the reader is at its end, with room in the socket
		m.pull(time.Millisecond)
		w.turn()
	}
	m.expect("subscription_ack")
	books := 0
	for i := range n + 1 {
		f := m.expect("message")
		if f.Seq != uint64(i+1) {
			t.Fatalf("heard %s", f.payload)
		}
		if f.Channel == "S.book" {
			books++
		}
	}
	if books != 1 {
		t.Errorf("%d messages of the new channel came", books)
	}
	if f := m.expect("replay_complete"); f.Replayed != n {
		t.Errorf("heard %s", f.payload)
	}
	if w.run(); w.late != 0 {
		t.Error("it is still behind")
	}
}

func TestAChannelAppearsDuringACatchUp(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		// It reads a little, so that its reader is open; and then more comes of it.
		seen := 0
		for ; seen < n/2; seen++ {
			m.expect("message")
		}
		if w.late != 1 {
			t.Fatal("it is not behind: the test shows nothing")
		}
		w.record("S", 1, 0, "new") // by S.*
		for ; seen < n; seen++ {
			if f := m.expect("message"); f.Channel != "S.trade" {
				t.Fatalf("heard %s", f.payload)
			}
		}
		if f := m.expect("message"); f.Channel != "S.book" || f.Seq != uint64(n+1) {
			t.Errorf("heard %s", f.payload)
		}
		if w.late != 0 {
			t.Error("it is still behind")
		}
	})
}

// The router may evict while a shard is in its turn: what the shard's view shows
// is there for the turn, though nobody holds its channel any more.
func TestAChannelIsForgottenDuringACatchUp(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		w.record("S", 1, 0, "only")
		w.record("S", 0, 0, "last")
		w.source.log.Evict(Since(time.Now())+1<<40, w.Needs(), 1<<30) // not published
		if w.source.log.Channels().Find("S", "book") != nil {
			t.Fatal("the channel is still held: the test shows nothing")
		}
		for i := range n {
			if f := m.expect("message"); f.Seq != uint64(i+1) {
				t.Fatalf("heard %s", f.payload)
			}
		}
		if f := m.expect("message"); f.Channel != "S.book" {
			t.Errorf("heard %s", f.payload)
		}
		if f := m.expect("message"); string(f.Data) != `"last"` && f.Channel != "S.trade" {
			t.Errorf("heard %s", f.payload)
		}
	})
}
