package shard

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// During a resume the other events of the connection go on live
// (kit/PROTOCOL.md, P7.5).
func TestOtherEventsGoOnDuringAResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStepped(t, unpinged(), history.Options{})
		const missed = 2000
		for range missed {
			w.write("S", 0, 0, kilobyte)
		}
		w.show()
		m := w.join(4096)
		m.say(`{"type":"subscribe","data":{"channels":["S.book"]}}`)
		m.expect("subscription_ack")
		m.say(`{"type":"subscribe","data":{"channels":["S.trade"],"cursor":{"trade":{"log":"log-trade","at":[]}}}}`)
		m.expect("subscription_ack")
		replayed, books := 0, 0
		for replayed < missed {
			if replayed == missed/4 && books == 0 {
				w.record("S", 1, 0, "now") // long before the end of the replay
				books = -1
			}
			f := m.expect("message")
			switch {
			case f.Channel == "S.trade":
				replayed++
			case replayed > missed/2:
				t.Fatalf("it waited until %d of %d were replayed", replayed, missed)
			default:
				books = 1
			}
			time.Sleep(0)
		}
		if books != 1 {
			t.Error("the other event did not come")
		}
		if f := m.expect("replay_complete"); f.Replayed != missed || f.Cursor["book"].Last(0) != 0 {
			t.Errorf("heard %s", f.payload)
		}
	})
}
