package shard

import (
	"slices"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

func TestHistogramsAddUp(t *testing.T) {
	bounds := []float64{1, 2}
	a, b := newHistogram(bounds), newHistogram(bounds)
	for _, v := range []float64{0.5, 1, 1.5} { // a bound belongs to what lies below it
		a.observe(v)
	}
	b.observe(9)
	var sum Histogram
	sum.Add(a)
	sum.Add(b)
	if !slices.Equal(sum.Counts, []uint64{2, 1, 1}) || sum.Sum != 12 {
		t.Errorf("the sum is %+v", sum)
	}
	if !slices.Equal(a.Counts, []uint64{2, 1, 0}) {
		t.Errorf("an addend became %+v", a)
	}
}

func TestASnapshotIsNeverChanged(t *testing.T) {
	w := newStepped(t, testOptions(), history.Options{})
	m := w.join(0)
	m.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
	m.expect("subscription_ack")
	w.record("A", 0, 0, "1")
	m.expect("message")
	w.publish(time.Now(), time.Second)
	s := w.Snapshot()
	if s.Connections != 1 || s.Opened != 1 || s.Sent != 1 || s.Lag != 0 || s.Commands[CommandResult{"subscribe", "ok"}] != 1 {
		t.Errorf("the snapshot is %+v", s)
	}
	latency := slices.Clone(s.Latency.Counts)
	w.record("A", 0, 0, "1")
	m.say("hello")
	if s.Sent != 1 || len(s.ClosedByCode) != 0 || !slices.Equal(s.Latency.Counts, latency) {
		t.Errorf("it became %+v", s)
	}
	w.publish(time.Now(), time.Second)
	if s := w.Snapshot(); s.Sent != 2 || s.ClosedByCode[4500] != 1 || s.Connections != 0 {
		t.Errorf("the next one is %+v", s)
	}
}

// What the kernel did not take was not delivered.
func TestTheLatencyIsOfWhatWasSent(t *testing.T) {
	w := newStepped(t, testOptions(), history.Options{})
	m := w.join(4 << 10)
	m.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
	m.expect("subscription_ack")
	for n := 1; n > 0; {
		n, _ = w.conns[0].fd.Send(make([]byte, 64<<10)) // behind the shard's back
	}
	for w.late == 0 { // the kernel may yet have room for a few
		w.record("A", 0, 0, "1")
	}
	observed := uint64(0)
	for _, n := range w.counts.latency.Counts {
		observed += n
	}
	if observed != w.counts.Sent {
		t.Errorf("%d deliveries were observed, %d were sent", observed, w.counts.Sent)
	}
}
