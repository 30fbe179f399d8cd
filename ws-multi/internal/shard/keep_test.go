package shard

import (
	"fmt"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-multi/internal/router"
)

// routed has a router write the history of a world.
func (w *world) routed() *router.Router {
	stop := make(chan struct{})
	w.Cleanup(func() { close(stop) })
	var readers []router.Reader
	for _, s := range w.group.Shards() {
		readers = append(readers, s)
	}
	return router.New(w.log, readers, w.group.Progress(), func() int64 { return Since(time.Now()) }, stop)
}

func TestTheRouterWaitsForAShardThatLags(t *testing.T) {
	w := newWorld(t, 2, testOptions(), history.Options{Bytes: 3 << 20})
	r := w.routed()
	var peers []*peer
	for range 2 { // one on each shard
		p := w.join(0)
		w.send(p, `{"type":"subscribe","data":{"channels":["S.trade"]}}`)
		w.expect(p, "subscription_ack")
		peers = append(peers, p)
	}
	release, blocked := make(chan struct{}), make(chan struct{})
	w.group.shards[0].call(func() { close(blocked); <-release })
	<-blocked
	needed := w.group.shards[0].Needs()

	const more = 20
	total := make(chan int64, 1)
	go func() {
		record := func(offset int64) {
			r.Record(&kafka.Record{
				Partition: 0, Offset: offset, Timestamp: time.Now().UnixMilli(), Symbol: []byte("S"), Value: []byte(kilobyte),
			})
			if offset%50 == 0 {
				_ = r.Flush(t.Context())
				time.Sleep(time.Millisecond) // the others keep up
			}
		}
		offset := int64(0)
		// One after the other until it has waited, and some after.
		for ; w.log.Bytes() <= 3<<20; offset++ {
			record(offset)
		}
		for range more {
			record(offset)
			offset++
		}
		_ = r.Flush(t.Context())
		total <- offset
	}()
	waitFor(t, "the router to wait", func() bool { return r.Snapshot().Waiting })
	// The other shard does not wait with it.
	other, served := peers[1], int64(0)
	end := w.log.View().End
	for ; served < int64(end); served++ {
		if f := w.expect(other, "message"); f.Seq != uint64(served+1) {
			t.Fatalf("message %d is %.100s", served+1, f.payload)
		}
	}
	time.Sleep(100 * time.Millisecond)
	if v := w.log.View(); v.First > needed || v.End != end || !r.Snapshot().Waiting {
		t.Errorf("the history is %d to %d, the shard that lags needs %d", v.First, v.End, needed)
	}
	close(release)
	written := <-total
	for i, p := range peers {
		n := int64(0)
		if i == 1 {
			n = served
		}
		for ; n < written; n++ {
			f := w.expect(p, "message")
			if f.Pos != fmt.Sprint("trade/0:", n) || f.Seq != uint64(n+1) {
				t.Fatalf("client %d: message %d is %.100s", i, n, f.payload)
			}
		}
	}
	if v := w.log.View(); v.First <= needed {
		t.Errorf("nothing was forgotten in the end: %d to %d", v.First, v.End)
	}
}
