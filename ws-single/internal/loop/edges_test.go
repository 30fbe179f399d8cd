package loop

import (
	"strconv"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// A burst larger than the history waits in Kafka until its first part was sent:
// nothing that a live connection is due is evicted under it.
func TestBurstLargerThanTheHistory(t *testing.T) {
	for _, flush := range []time.Duration{0, 300 * time.Millisecond} {
		t.Run(flush.String(), func(t *testing.T) {
			o := testOptions()
			o.HistoryBytes, o.FlushInterval = 64<<10, flush
			b := start(t, o)
			const conns, each = 200, 50
			var clients []*client
			for i := range conns {
				c := b.dial(0, "")
				c.subscribe("S" + strconv.Itoa(i) + ".trade")
				clients = append(clients, c)
			}
			for n := 1; n <= each; n++ {
				batch := &kafka.Batch{}
				for i := range conns {
					batch.Items = append(batch.Items, b.log.record("S"+strconv.Itoa(i), 0, strconv.Itoa(n)))
				}
				b.log.batches <- batch
			}
			for _, c := range clients {
				c.expectData(numbers(1, each)...)
			}
			if closed := b.loop.Snapshot().ClosedByCode[wire.CloseSlowConsumer]; closed != 0 {
				t.Errorf("%d closed as slow", closed)
			}
		})
	}
}

func TestFlushInterval(t *testing.T) {
	o := testOptions()
	o.FlushInterval = 300 * time.Millisecond
	b := start(t, o)
	c := b.dial(0, "")
	c.subscribe("A.trade")
	go func() {
		for i := range 200 {
			b.log.publish("A", 0, strconv.Itoa(i))
			time.Sleep(5 * time.Millisecond)
		}
	}()
	groups, last := 0, time.Time{}
	for range 200 {
		c.expect("message")
		if now := time.Now(); now.Sub(last) > 50*time.Millisecond {
			groups++
			last = now
		}
	}
	if groups < 2 || groups > 6 {
		t.Errorf("about a second of messages came in %d groups, want one each 300 ms", groups)
	}
}

// What follows an ack comes after it, also when much was due before.
func TestAckComesBeforeItsMessages(t *testing.T) {
	b := start(t, testOptions())
	c := b.dial(0, "")
	c.subscribe("A.trade")
	batch := &kafka.Batch{}
	for _, v := range pads(1, 600) { // several buffers
		batch.Items = append(batch.Items, b.log.record("A", 0, v))
	}
	b.log.batches <- batch
	c.send("subscribe", map[string]any{"channels": []string{"B.trade"}})
	go func() {
		for range 200 {
			b.log.publish("B", 0, `"b"`)
		}
	}()
	acked := false
	for got := 0; got < 600 || !acked; {
		switch f := c.read(); {
		case f.Type == "subscription_ack":
			acked = true
		case f.Channel == "B.trade" && !acked:
			t.Fatal("a message of B before its ack")
		case f.Channel == "A.trade":
			got++
		}
	}
}

// The ack of a resume names the log and the partitions as they are now, also
// where another event of the same resume goes back to before they were known.
func TestResumeAcrossALogThatIsNew(t *testing.T) {
	b := start(t, testOptions())
	b.log.publish("A", 0, numbers(1, 5)...)
	b.log.batches <- &kafka.Batch{Items: []kafka.Item{
		{Kind: kafka.NewLog, Event: 1, Log: "again"},
		{Kind: kafka.Started, Event: 1, Partition: 0}, {Kind: kafka.Started, Event: 1, Partition: 1},
		{Kind: kafka.Started, Event: 0, Partition: 3},
	}}
	b.until("taken", func() bool { return b.next() == 6 })
	cursor := wire.Cursor{
		"trade": {Log: "log-trade", At: []int64{-1, -1, 1, -1}},
		"quote": {Log: "again", At: []int64{-1, -1}},
	}
	c := b.dial(0, "")
	c.send("subscribe", map[string]any{"channels": []string{"A.*"}, "cursor": cursor})
	ack := c.expect("subscription_ack")
	for e, want := range cursor {
		got := ack.Cursor[e]
		if got.Log != want.Log || len(got.At) != len(want.At) {
			t.Errorf("%s: acked %+v, asked from %+v", e, got, want)
		}
	}
	c.expectData("3", "4", "5")
	c.expect("replay_complete")
}

// After an unsubscribe from all that a stalled client missed, its position moves
// on with the history and does not fall back to the log's beginning.
func TestPositionOfAStalledClientWhoWantsNothing(t *testing.T) {
	o := testOptions()
	o.StallTimeout, o.MaxBehind, o.HistoryBytes = 0, 0, 1<<20
	b := start(t, o)
	c := b.dial(4096, "")
	c.subscribe("A.trade", "B.trade")
	next := b.fill("A", 1)
	b.log.publish("A", 0, pads(next, next+99)...)
	c.send("unsubscribe", map[string]any{"channels": []string{"A.trade"}})
	b.until("unsubscribed", func() bool {
		return b.ask(func() bool { return b.loop.conns[0].subs.Count() == 1 })
	})
	c.send("heartbeat", nil)
	for i := 0; i < 2000; i += 50 {
		b.log.publish("C", 0, pads(i, i+49)...)
	}
	b.until("taken", func() bool { return b.next() >= next-1+100+2000 })
	for {
		f := c.read()
		if f.Type != "pong" {
			continue
		}
		if got := f.Cursor["trade"].Last(2); got < int64(next+98) {
			t.Errorf("the pong's cursor is at %d, %d was dealt with", got, next+98)
		}
		return
	}
}

// When a full socket takes nothing of what was rendered for it, the first entry
// that is due is still the first: were it a later one, what the history forgets
// in between would be skipped and nobody told.
func TestNothingTakenMovesNothing(t *testing.T) {
	b := start(t, testOptions())
	c := b.dial(4096, "")
	c.subscribe("A.trade")
	next := b.fill("A", 1)
	b.log.publish("A", 0, pads(next, next+99)...)
	b.until("taken", func() bool { return b.next() == next-1+100 })
	var at, first uint64
	b.ask(func() bool {
		k := b.loop.conns[0]
		k.full = false // as if there were room
		b.loop.visit(k)
		at, first = k.at, k.first
		return k.full
	})
	if first != at {
		t.Errorf("it stands at %d, and the first it is due is said to be %d", at, first)
	}
}
