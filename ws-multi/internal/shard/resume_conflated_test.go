package shard

import (
	"fmt"
	"testing"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

func TestAResumeIsConflatedAndLastIsNot(t *testing.T) {
	o := testOptions()
	o.Conflate = []string{"book"}
	w := newWorld(t, 1, o, history.Options{})
	for i := range 10 {
		w.record("BTC", 1, 0, fmt.Sprint(i))
	}
	p := w.join(0)
	w.send(p, `{"type":"subscribe","id":1,"data":{"channels":["BTC.book"],"cursor":{"book":{"log":"log-book","at":[1]}}}}`)
	w.expect(p, "subscription_ack")
	if f := w.expect(p, "message"); string(f.Data) != "9" || f.Seq != 1 {
		t.Fatalf("wanted only the newest, heard %s", f.payload)
	}
	if f := w.expect(p, "replay_complete"); f.Replayed != 1 {
		t.Fatalf("heard %s", f.payload)
	}
	w.send(p, `{"type":"heartbeat","id":2}`)
	if f := w.expect(p, "pong"); f.Merged != 7 || f.Cursor["book"].Last(0) != 9 {
		t.Fatalf("wanted 7 merged, heard %s", f.payload)
	}
	q := w.join(0)
	w.send(q, `{"type":"subscribe","id":1,"data":{"channels":["BTC.book"],"last":4}}`)
	w.expect(q, "subscription_ack")
	for _, v := range []string{"6", "7", "8", "9"} {
		if f := w.expect(q, "message"); string(f.Data) != v {
			t.Fatalf("wanted %s, heard %s", v, f.payload)
		}
	}
}
