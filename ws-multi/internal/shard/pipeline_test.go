package shard

import (
	"fmt"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// A client that reads may send as much behind a resume as it may otherwise: its
// answers do not pile up only because the turn to catch up with it has not come.
func TestWhoReadsMayPipelineBehindAResume(t *testing.T) {
	o := testOptions()
	w := newWorld(t, 1, o, history.Options{})
	for i := range 10 {
		w.record("BTC", 0, 0, fmt.Sprint(i))
	}
	p := w.join(0)
	var packet []byte
	add := func(text string) { packet = masked(packet, socket.OpText, []byte(text)) }
	add(`{"type":"subscribe","id":1,"data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"log-trade","at":[4]}}}}`)
	const beats = 3 * maxOutbox
	for i := range beats {
		add(fmt.Sprintf(`{"type":"heartbeat","id":%d}`, i+2))
	}
	if _, err := p.Write(packet); err != nil {
		t.Fatal(err)
	}
	for pongs := 0; pongs < beats; {
		f, err := p.hear(5 * time.Second)
		if err != nil {
			t.Fatalf("after %d pongs: %v", pongs, err)
		}
		if f.op == socket.OpClose {
			t.Fatalf("closed with %d after %d pongs", f.closeCode(), pongs)
		}
		if f.Type == "pong" {
			pongs++
		}
	}
}
