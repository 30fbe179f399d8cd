package loop

import (
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// pad makes records so large that a socket with small buffers is soon full.
func pad(n string) string { return `{"n":` + n + `,"pad":"` + strings.Repeat("x", 2000) + `"}` }

func pads(from, to int) []string {
	s := numbers(from, to)
	for i := range s {
		s[i] = pad(s[i])
	}
	return s
}

// fill publishes to a client that does not read until its socket is full.
func (b *bench) fill(symbol string, from int) (next int) {
	b.t.Helper()
	for i := from; i < from+5000; i += 20 {
		b.log.publish(symbol, 0, pads(i, i+19)...)
		b.until("taken", func() bool {
			return b.ask(func() bool {
				return b.loop.sweeps.len() == 0 && b.loop.batch == nil && len(b.log.batches) == 0
			})
		})
		if b.someoneFull() {
			return i + 20
		}
	}
	b.t.Fatal("the socket was never full")
	return 0
}

// ask asks the loop on its own goroutine.
func (b *bench) ask(question func() bool) bool {
	answer := make(chan bool, 1)
	b.loop.put(input{kind: inCall, run: func() { answer <- question() }})
	return <-answer
}

func (b *bench) someoneFull() bool {
	return b.ask(func() bool {
		for _, c := range b.loop.conns {
			if c != nil && c.full {
				return true
			}
		}
		return false
	})
}

func TestSlowClientCatchesUp(t *testing.T) {
	b := start(t, testOptions())
	c := b.dial(4096, "")
	c.subscribe("A.trade")
	next := b.fill("A", 1)
	b.log.publish("A", 0, pads(next, next+499)...)
	// Commands are answered ahead of what is behind, and cover what was before.
	c.send("heartbeat", nil)
	sent := uint64(0)
	for i := 1; i < next+500; {
		f := c.read()
		if f.Type == "pong" {
			if f.Sent != sent || f.Cursor["trade"].Last(2) != int64(i-2) {
				t.Fatalf("pong %+v after message %d", f, i-1)
			}
			continue
		}
		if f.Seq != uint64(i) || string(f.Data) != pad(numbers(i, i)[0]) {
			t.Fatalf("message %d is %.80s with seq %d", i, f.Data, f.Seq)
		}
		sent = f.Seq
		i++
	}
	b.log.publish("A", 0, "1")
	c.expectData("1")
}

func TestConflation(t *testing.T) {
	o := testOptions()
	o.Conflate = []string{"trade"}
	b := start(t, o)
	c := b.dial(4096, "")
	c.subscribe("A.trade", "B.trade", "A.quote")
	next := b.fill("A", 1)
	b.log.publish("A", 1, `"kept"`, `"kept too"`) // an event that is not conflated
	b.log.publish("A", 0, "")                     // a tombstone never is passed over
	b.log.publish("A", 0, pads(next, next+99)...)
	b.log.publish("B", 0, `"b"`)
	b.until("taken", func() bool { return b.next() == next-1+2+1+100+1 })

	var late []frame
	received := uint64(0)
	for {
		f := c.expect("message")
		received++
		if string(f.Data) == `"b"` {
			break
		}
		if len(late) > 0 || f.Channel == "A.quote" {
			late = append(late, f)
		}
	}
	if len(late) != 4 || string(late[0].Data) != `"kept"` || string(late[1].Data) != `"kept too"` ||
		string(late[2].Data) != "null" || string(late[3].Data) != pad(numbers(next+99, next+99)[0]) {
		t.Fatalf("%d messages after the stall", len(late))
	}
	c.send("heartbeat", nil)
	pong := c.expect("pong")
	if total := uint64(b.next()); pong.Sent != received || pong.Sent+pong.Merged != total {
		t.Fatalf("sent %d (%d received), merged %d, published %d", pong.Sent, received, pong.Merged, total)
	}
	if got := pong.Cursor["trade"].Last(2); got != int64(next-1+1+100-1) {
		t.Fatalf("cursor %d", got)
	}
}

func TestStalledClientIsClosed(t *testing.T) {
	o := testOptions()
	o.StallTimeout = 500 * time.Millisecond
	b := start(t, o)
	c := b.dial(4096, "")
	c.subscribe("A.trade")
	b.fill("A", 1)
	b.until("closed", func() bool { return b.loop.Snapshot().ClosedByCode[wire.CloseSlowConsumer] == 1 })
	// One that wakes reads what was taken, whole frames only, and the code.
	last := c.expectClose(4001)
	if last.Type != "message" {
		t.Fatalf("last frame %+v: 4001 comes without a bye", last)
	}
}

func TestTooFarBehindIsClosed(t *testing.T) {
	o := testOptions()
	o.StallTimeout, o.MaxBehind = 0, 1500*time.Millisecond
	b := start(t, o)
	c := b.dial(4096, "")
	c.subscribe("A.trade")
	b.fill("A", 1)
	b.log.publish("A", 0, pads(1, 50)...)
	b.until("closed", func() bool { return b.loop.Snapshot().ClosedByCode[wire.CloseSlowConsumer] == 1 })
	c.expectClose(4001)
}

func TestFallingOutOfTheHistoryIsClosed(t *testing.T) {
	o := testOptions()
	o.StallTimeout, o.MaxBehind, o.HistoryBytes = 0, 0, 1<<20
	b := start(t, o)
	c, live := b.dial(4096, ""), b.dial(0, "")
	c.subscribe("A.trade")
	next := b.fill("A", 1)
	for i := next; i < next+1000; i += 50 {
		b.log.publish("A", 0, pads(i, i+49)...)
	}
	live.subscribe("B.trade")
	b.until("closed", func() bool { return b.loop.Snapshot().ClosedByCode[wire.CloseSlowConsumer] == 1 })
	c.expectClose(4001)
	b.log.publish("B", 0, "1")
	live.expectData("1")
}

// A client whose socket is full but who missed nothing is not closed when the
// history passes the place where it stood.
func TestFullClientWhoMissedNothingStays(t *testing.T) {
	o := testOptions()
	o.StallTimeout, o.MaxBehind, o.HistoryBytes = 0, 2*time.Second, 4<<20
	b := start(t, o)
	c := b.dial(4096, "")
	c.subscribe("A.trade")
	large := `"` + strings.Repeat("x", 3<<20) + `"` // more than a socket takes
	b.log.publish("A", 0, large)
	b.until("full", b.someoneFull)
	for i := 0; i < 4000; i += 50 {
		b.log.publish("B", 0, pads(i, i+49)...)
	}
	time.Sleep(3 * time.Second)
	b.log.publish("A", 0, `"still here"`)
	c.expectData(large, `"still here"`)
}

func TestUnsubscribeWhileBehindTakesEffectAtOnce(t *testing.T) {
	b := start(t, testOptions())
	c := b.dial(4096, "")
	c.subscribe("A.trade", "B.trade")
	next := b.fill("A", 1)
	b.log.publish("A", 0, pads(next, next+300)...)
	b.log.publish("B", 0, `"b"`)
	c.send("unsubscribe", map[string]any{"channels": []string{"A.trade"}})
	unsubscribed := false
	for {
		f := c.read()
		switch {
		case f.Type == "unsubscription_ack":
			unsubscribed = true
		case string(f.Data) == `"b"`:
			if !unsubscribed {
				t.Fatal("no ack")
			}
			return
		case unsubscribed:
			t.Fatalf("a message of A after the ack: %.80s", f.Data)
		}
	}
}

// A pong that waits for a full socket covers what was sent before it, also when
// the channel is given up meanwhile and its messages leave the history.
func TestPongThatWaitsCoversWhatWasSent(t *testing.T) {
	o := testOptions()
	o.HistoryBytes = 1 << 20
	b := start(t, o)
	c := b.dial(4096, "")
	c.subscribe("A.trade")
	next := b.fill("A", 1)
	c.send("heartbeat", nil)
	c.send("unsubscribe", map[string]any{"channels": []string{"A.trade"}})
	b.until("both to wait", func() bool {
		return b.ask(func() bool {
			for _, c := range b.loop.conns {
				if c != nil && len(c.control) == 2 {
					return true
				}
			}
			return false
		})
	})
	for range 200 { // the history is now of others
		b.log.publish("X", 0, pads(1, 20)...)
	}
	b.until("A to leave the history", func() bool {
		return b.ask(func() bool { return b.loop.log.First() > uint64(next) })
	})
	sent := int64(0)
	for {
		f := c.read()
		switch f.Type {
		case "message":
			sent++
		case "pong":
			if got := f.Cursor["trade"].Last(2); got != sent-1 || f.Sent != uint64(sent) {
				t.Errorf("after %d messages the pong covers up to offset %d and says %d were sent", sent, got, f.Sent)
			}
		case "unsubscription_ack":
			return
		}
	}
}
