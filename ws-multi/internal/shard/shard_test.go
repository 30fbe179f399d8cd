package shard

import (
	"fmt"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

func TestALiveClientGetsWhatItWants(t *testing.T) {
	w := newWorld(t, 2, testOptions(), history.Options{})
	a, b := w.join(0), w.join(0)
	w.send(a, `{"type":"subscribe","id":1,"data":{"channels":["BTC.trade"]}}`)
	w.send(b, `{"type":"subscribe","id":2,"data":{"channels":["BTC.*","*.book"]}}`)
	if f := w.expect(a, "subscription_ack"); f.ID != 1 || f.Count != 1 || f.Cursor["trade"].Last(0) != -1 {
		t.Errorf("ack: %s", f.payload)
	}
	w.expect(b, "subscription_ack")
	w.record("BTC", 0, 0, `1`)
	w.record("BTC", 1, 1, `2`)
	w.record("ETH", 1, 0, `3`)
	w.record("ETH", 0, 0, `4`)
	w.record("BTC", 0, 0, `5`)
	want := func(p *peer, values ...string) {
		t.Helper()
		for i, v := range values {
			if f := w.expect(p, "message"); string(f.Data) != v || f.Seq != uint64(i+1) {
				t.Fatalf("message %d is %s, wanted the data %s", i, f.payload, v)
			}
		}
	}
	want(a, "1", "5")
	want(b, "1", "2", "3", "5")
	w.send(a, `{"type":"heartbeat","id":3}`)
	if f := w.expect(a, "pong"); f.Cursor["trade"].Last(0) != 2 || f.Sent != 2 {
		t.Errorf("pong: %s", f.payload)
	}
	w.send(a, `{"type":"unsubscribe","id":4}`)
	if f := w.expect(a, "unsubscription_ack"); f.Count != 0 {
		t.Errorf("ack: %s", f.payload)
	}
}

func TestAResumeMeetsThePresentWithoutASeam(t *testing.T) {
	w := newWorld(t, 2, testOptions(), history.Options{})
	for i := range 500 {
		w.write([]string{"BTC", "ETH"}[i%2], 0, int32(i%2), fmt.Sprint(i))
	}
	w.publish()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 500; ; i++ {
			select {
			case <-stop:
				return
			default:
				w.record([]string{"BTC", "ETH"}[i%2], 0, int32(i%2), fmt.Sprint(i))
				time.Sleep(50 * time.Microsecond)
			}
		}
	}()
	for range 20 {
		p := w.join(0)
		w.send(p, `{"type":"subscribe","id":1,"data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"log-trade","at":[9,249]}}}}`)
		if f := w.expect(p, "subscription_ack"); !f.Recovered || f.Cursor["trade"].Last(0) != 9 {
			t.Fatalf("ack: %s", f.payload)
		}
		complete := false
		for next := int64(10); !complete || next < 300; {
			f, err := p.hear(5 * time.Second)
			if err != nil {
				t.Fatal(err)
			}
			switch f.Type {
			case "message":
				if _, partition, offset := f.offset(); partition != 0 || offset != next {
					t.Fatalf("wanted offset %d, heard %s", next, f.payload)
				}
				next++
			case "replay_complete":
				complete = true
				if f.Replayed < 240 || f.Cursor["trade"].Last(0) != next-1 {
					t.Fatalf("after offset %d: %s", next-1, f.payload)
				}
			default:
				t.Fatalf("heard %s", f.payload)
			}
		}
		p.Close()
	}
	close(stop)
	<-done
}

func TestLastBringsTheNewestFirst(t *testing.T) {
	w := newWorld(t, 1, testOptions(), history.Options{})
	for i := range 10 {
		w.record("BTC", 0, int32(i%2), fmt.Sprint(i))
	}
	p := w.join(0)
	w.send(p, `{"type":"subscribe","id":1,"data":{"channels":["BTC.trade","NEW.trade"],"last":3}}`)
	w.expect(p, "subscription_ack")
	for _, v := range []string{"7", "8", "9"} {
		if f := w.expect(p, "message"); string(f.Data) != v {
			t.Fatalf("wanted %s, heard %s", v, f.payload)
		}
	}
	if f := w.expect(p, "replay_complete"); f.Replayed != 3 || f.Cursor["trade"].Last(1) != 4 {
		t.Errorf("heard %s", f.payload)
	}
	w.record("NEW", 0, 0, `10`)
	if f := w.expect(p, "message"); string(f.Data) != "10" || f.Seq != 4 {
		t.Errorf("heard %s", f.payload)
	}
}

func TestAClientThatReadsNothingHoldsOnlyItsPosition(t *testing.T) {
	w := newWorld(t, 1, testOptions(), history.Options{})
	slow, quick := w.join(4096), w.join(0)
	for _, p := range []*peer{slow, quick} {
		w.send(p, `{"type":"subscribe","id":1,"data":{"channels":["*.trade"]}}`)
		w.expect(p, "subscription_ack")
	}
	value := fmt.Sprintf("%q", make([]byte, 500))
	const n = 1500
	for i := range n {
		w.record("S", 0, int32(i%2), value)
		w.expect(quick, "message")
	}
	waitFor(t, "somebody behind", func() bool { return w.group.shards[0].Snapshot().Full == 1 })
	w.send(slow, `{"type":"heartbeat","id":2}`)
	for i := range n {
		f, err := slow.hear(5 * time.Second)
		if err != nil {
			t.Fatalf("after %d messages: %v", i, err)
		}
		if f.Type == "pong" { // goes before what was missed
			if sum := f.Cursor["trade"].Last(0) + f.Cursor["trade"].Last(1) + 2; sum != int64(i) || f.Sent != uint64(i) {
				t.Fatalf("after %d messages: %s", i, f.payload)
			}
			if f, err = slow.hear(5 * time.Second); err != nil {
				t.Fatal(err)
			}
		}
		if f.Seq != uint64(i+1) {
			t.Fatalf("wanted message %d, heard %s", i+1, f.payload[:80])
		}
	}
	waitFor(t, "nobody behind", func() bool { return w.group.shards[0].Snapshot().Behind == 0 })
}

func TestCloseFramesAreAnswered(t *testing.T) {
	w := newWorld(t, 1, testOptions(), history.Options{})
	p := w.join(0)
	if err := p.frame(socket.OpClose, []byte{3, 232}); err != nil {
		t.Fatal(err)
	}
	if f, err := p.hear(5 * time.Second); err != nil || f.closeCode() != 1000 {
		t.Fatalf("%+v, %v", f, err)
	}
	waitFor(t, "a released place", func() bool { return w.places.Load() == 0 })
}

func waitFor(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("waited in vain for %s", what)
		}
	}
}
