package shard

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// deaf are subscribers of A.trade without a socket: nothing is sent to them.
func (w *stepped) deaf(n int) {
	conns := make([]conn, n)
	for i := range conns {
		w.index.Attach(&conns[i].subs, uint32(i))
		w.index.Add(&conns[i].subs, []wire.Pattern{{Symbol: "A", Event: "trade"}})
		w.seats = append(w.seats, seat{state: live})
	}
}

func TestATurnMarksABoundedNumber(t *testing.T) {
	const clients, records = 1000, 50
	w := newStepped(t, testOptions(), history.Options{})
	w.deaf(clients)
	for range records {
		w.write("A", 0, 0, "1")
	}
	w.source.log.Publish(1)
	w.load()
	offers := 1
	for w.offer() {
		if len(w.due) > offers*(maxMarks+clients) {
			t.Fatalf("%d marks in %d turns", len(w.due), offers)
		}
		offers++
	}
	if len(w.due) != clients*records || offers < 3 || w.pos != w.view.End {
		t.Errorf("%d marks in %d turns", len(w.due), offers)
	}
}

// What is due is bounded: with a flush interval the shard does not wait for its
// end then, and takes no more of the history until everybody was served.
func TestWhatIsDueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 4000
		o := testOptions()
		o.FlushInterval = time.Hour
		w := newStepped(t, o, history.Options{})
		w.deaf(clients)
		for range maxDue/clients + 100 {
			w.write("A", 0, 0, "1")
		}
		w.source.log.Publish(1)
		w.load()
		if w.flushDue() {
			t.Error("a flush of nothing")
		}
		for w.offer() {
			if w.flushDue() {
				t.Fatal("it does not wait for the interval")
			}
		}
		if n := len(w.due); n < maxDue || n > maxDue+clients || w.pos == w.view.End {
			t.Errorf("%d are due, %d of %d are offered", n, w.pos, w.view.End)
		}
		if !w.flushDue() {
			t.Error("it waits for the interval")
		}
		if w.tell(); w.Needs() != 0 {
			t.Errorf("what is due may be forgotten up to %d", w.Needs())
		}
	})
}

func TestTheRouterIsToldOnce(t *testing.T) {
	w := newStepped(t, testOptions(), history.Options{})
	told := make(chan struct{}, 1)
	w.progress = told
	w.record("A", 0, 0, "1")
	if isClosed(told) {
		t.Error("told though nobody waits")
	}
	w.Wait()
	w.run()
	if isClosed(told) {
		t.Error("told though nothing has changed")
	}
	w.record("A", 0, 0, "2")
	if !isClosed(told) {
		t.Error("not told")
	}
	w.record("A", 0, 0, "3")
	if isClosed(told) {
		t.Error("told twice")
	}
}

// A shard with more to do than it can, which never has served everybody, needs
// what it has not come to, and not all since it was last idle.
func TestASaturatedShardNeedsOnlyWhatIsDue(t *testing.T) {
	const clients, records = 3 * maxSweep / 2, 60
	w := newStepped(t, testOptions(), history.Options{})
	for range clients {
		w.join(0).say(`{"type":"subscribe","id":1,"data":{"channels":["A.trade"]}}`)
	}
	w.run()
	for range records {
		w.write("A", 0, 0, "1")
		w.source.log.Publish(1)
		w.turn()
		lowest := w.pos
		for slot := range w.conns {
			if head := w.seats[slot].head; head != 0 {
				lowest = min(lowest, w.due[head-1].n)
			}
		}
		if w.marked.empty() {
			t.Fatal("it has served everybody")
		}
		if needs := w.Needs(); needs > lowest || lowest-needs > 4 {
			t.Fatalf("it needs from %d on, somebody is due %d", needs, lowest)
		}
	}
	if w.run(); w.Needs() != w.view.End {
		t.Errorf("it needs from %d on with all of %d sent", w.Needs(), w.view.End)
	}
}
