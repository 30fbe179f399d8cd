package shard

import (
	"testing"
	"testing/synctest"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// gap hears of lost offsets.
func (m *mate) gap(partition int32, from, to int64) {
	m.w.Helper()
	f := m.expect("gap")
	if f.Event != "trade" || f.Partition != partition || f.From != from || f.To != to || f.Log != "" {
		m.w.Errorf("gap %d: %d to %d is told as %s", partition, from, to, f.payload)
	}
	if at := f.Cursor["trade"].Last(partition); at != to {
		m.w.Errorf("the cursor does not cover the gap: %s", f.payload)
	}
}

func (m *mate) remade(log string) {
	m.w.Helper()
	f := m.expect("gap")
	if f.Event != "trade" || f.Log != log || f.Cursor["trade"].Log != log {
		m.w.Errorf("the log %s is told as %s", log, f.payload)
	}
}

func TestGapsAreToldAtTheirPlace(t *testing.T) {
	w := newStepped(t, unpinged(), history.Options{})
	var all []*mate
	for _, pattern := range []string{"A.trade", "B.trade", "*.trade", "A.*"} {
		m := w.join(0)
		m.say(`{"type":"subscribe","data":{"channels":[%q]}}`, pattern)
		m.expect("subscription_ack")
		all = append(all, m)
	}
	other := w.join(0)
	other.say(`{"type":"subscribe","data":{"channels":["A.book","*.book"]}}`)
	other.expect("subscription_ack")
	w.join(0) // wants nothing

	w.write("A", 0, 1, "before")
	from, to := w.lose(0, 1, 10)
	w.write("A", 0, 1, "after")
	w.remake(0, "another")
	w.write("A", 0, 1, "anew")
	w.show()
	for i, m := range all {
		for _, value := range []string{"before", "gap", "after", "remade", "anew"} {
			switch {
			case value == "gap":
				m.gap(1, from, to)
			case value == "remade":
				m.remade("another")
			case i != 1:
				if f := m.expect("message"); len(f.Pos) == 0 {
					t.Errorf("heard %s", f.payload)
				}
			}
		}
		m.say(`{"type":"heartbeat"}`)
		if f := m.expect("pong"); f.Cursor["trade"].Log != "another" || f.Cursor["trade"].Last(1) != 0 {
			t.Errorf("heard %s", f.payload)
		}
	}
	other.quiet()
}

func TestGapsReachThoseWhoAreBehind(t *testing.T) {
	withFullSocket(t, func(t *testing.T, w *stepped, m *mate, n int) {
		from, to := w.lose(0, 0, 7)
		w.write("S", 0, 0, "1")
		w.remake(0, "another")
		w.write("S", 0, 0, "2")
		w.show()
		m.say(`{"type":"heartbeat"}`)
		for i := range n {
			f := m.hear()
			if f.Type == "pong" {
				if at := f.Cursor["trade"]; at.Log != "log-trade" || at.Last(0)+at.Last(1)+2 != int64(i) {
					t.Errorf("after %d messages: %s", i, f.payload)
				}
				f = m.hear()
			}
			if f.Seq != uint64(i+1) {
				t.Fatalf("message %d is %s", i+1, f.payload)
			}
		}
		m.gap(0, from, to)
		m.expect("message")
		m.remade("another")
		if f := m.expect("message"); f.Pos != "trade/0:0" || f.Seq != uint64(n+2) {
			t.Errorf("heard %s", f.payload)
		}
	})
}

func TestAGapBoundsNewResumesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStepped(t, unpinged(), history.Options{})
		const resume = `{"type":"subscribe","data":{"channels":["S.trade"],"cursor":{"trade":{"log":"log-trade","at":[%d]}}}}`
		for range 1000 {
			w.write("S", 0, 0, kilobyte)
		}
		w.show()
		m := w.join(4096)
		m.say(resume, 4)
		w.lose(0, 0, 7)
		w.record("S", 0, 0, "1")
		other := w.join(0)
		other.say(resume, 4)
		if f := other.expect("subscription_ack"); f.Recovered || len(f.Lost) != 1 {
			t.Errorf("heard %s", f.payload)
		}
		other.expect("replay_complete")
		other.quiet()
		other = w.join(0)
		other.say(resume, 1006)
		other.expect("subscription_ack")
		if f := other.expect("message"); f.Pos != "trade/0:1007" {
			t.Errorf("heard %s", f.payload)
		}
		other.expect("replay_complete")

		m.expect("subscription_ack")
		for offset := 5; offset < 1000; offset++ {
			if f := m.expect("message"); f.Pos != "trade/0:"+itoa(offset) {
				t.Fatalf("wanted offset %d, heard %s", offset, f.payload)
			}
		}
		m.gap(0, 1000, 1006) // at its place; the replay ends where the live ones are
		m.expect("message")
		if f := m.expect("replay_complete"); f.Cursor["trade"].Last(0) != 1007 || f.Replayed != 996 {
			t.Errorf("heard %s", f.payload)
		}
	})
}
