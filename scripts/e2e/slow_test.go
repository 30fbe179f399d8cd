package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// flood publishes n = from..to of about 1 KB on each of the symbols' trades.
func flood(t *testing.T, tp topics, symbols []string, from, to int) map[string]int64 {
	t.Helper()
	var records []record
	ends := map[string]int64{}
	for n := from; n <= to; n++ {
		for _, x := range symbols {
			records = append(records, padded("trade", x, n, 1000))
			ends[x+".trade"] = int64(to)
		}
	}
	tp.publish(t, records...)
	return ends
}

func fiveSymbols() []string {
	return []string{symbol(), symbol(), symbol(), symbol(), symbol()}
}

// A client that stops reading for a while gets everything, once and in order,
// and its neighbour does not feel it.
func TestCatchUp(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 3, "trade")
		// A window this small is opened by the kernel's probes, ever more seldom the
		// longer the stall was: the client may take nothing for seconds after it.
		s := start(t, v, tp, settings{"WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		slow, neighbour := dialWith(t, s, check.Options{ReadBuffer: 4096}), dial(t, s)
		slow.subscribe("*.trade")
		neighbour.subscribe("*.trade")
		slow.Stall()
		symbols := fiveSymbols()
		ends := flood(t, tp, symbols, 1, 1000) // 5 MB
		complete(t, neighbour, ends, nil)
		eventually(t, "the slow client to be behind", func() bool { return s.metric(t, "ws_connections_behind") == 1 })
		slow.Unstall()
		stream := complete(t, slow, ends, nil)
		eventually(t, "it to have caught up", func() bool { return s.metric(t, "ws_connections_behind") == 0 })

		ends = flood(t, tp, symbols[:1], 1001, 1010)
		complete(t, slow, ends, stream)
		if pong := slow.heartbeat(); pong.Merged != 0 || pong.Sent != 5010 || pong.Replayed != 0 {
			t.Errorf("got %s, want sent 5010", pong)
		}
	})
}

// complete takes messages until all channels are at their ends, and checks
// that nothing was lost, double or out of order.
func complete(t *testing.T, c *conn, ends map[string]int64, stream *check.Stream) *check.Stream {
	t.Helper()
	if stream == nil {
		stream = check.NewStream()
	}
	for {
		missing := false
		for channel, n := range ends {
			missing = missing || stream.Last(channel) < n
		}
		if !missing {
			break
		}
		stream.Take(c.want("message"))
	}
	if err := stream.Err(ends); err != nil {
		t.Fatal(err)
	}
	return stream
}

// With conflation a client that is behind gets what is newest; tombstones and
// events that are not conflated come all the same, in order.
func TestConflation(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade", "social")
		s := start(t, v, tp, settings{"WS_CONFLATE_EVENTS": "trade", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		slow, neighbour := dialWith(t, s, check.Options{ReadBuffer: 4096}), dial(t, s)
		symbols := fiveSymbols()
		x := symbols[0]
		slow.subscribe("*.trade", x+".social")
		neighbour.subscribe("*.trade")
		slow.Stall()
		flood(t, tp, symbols, 1, 400)
		tombstone := tp.publishOne(t, record{event: "trade", symbol: x})
		tp.count(t, "social", x, 1, 50)
		ends := flood(t, tp, symbols, 401, 800)

		// Who is not behind is spared nothing, but for what could not be sent at once.
		last := map[string]int64{}
		took := uint64(0)
		for !reached(last, ends) {
			note(t, last, neighbour.want("message"))
			took++
		}
		if pong := neighbour.heartbeat(); pong.Sent != took || pong.Sent+pong.Merged != 5*800+1 {
			t.Errorf("got %s after %d messages", pong, took)
		}

		slow.Unstall()
		last = map[string]int64{}
		tombstones := 0
		for !reached(last, ends) || last[x+".social"] < 50 {
			f := slow.want("message")
			if string(f.Data) == "null" {
				tombstones++
				if f.Pos != tombstone {
					t.Errorf("got %s, the tombstone is at %s", f, tombstone)
				}
				continue
			}
			note(t, last, f)
		}
		pong := slow.heartbeat()
		if tombstones != 1 || pong.Merged == 0 || pong.Sent+pong.Merged != 5*800+1+50 {
			t.Errorf("got %s and %d tombstones, want %d in all of which some merged, and one tombstone", pong, tombstones, 5*800+1+50)
		}
		eventually(t, "the merged to be counted", func() bool {
			return s.metric(t, "ws_messages_merged_total") >= float64(pong.Merged)
		})
	})
}

// note checks that n ascends on the message's channel; on social, which is
// not conflated, by one.
func note(t *testing.T, last map[string]int64, f *check.Frame) {
	t.Helper()
	if string(f.Data) == "null" {
		return // a tombstone
	}
	var payload struct{ N int64 }
	if err := json.Unmarshal(f.Data, &payload); err != nil {
		t.Fatalf("%v: %s", err, f)
	}
	step := payload.N - last[f.Channel]
	if step < 1 || strings.HasSuffix(f.Channel, ".social") && step > 1 {
		t.Fatalf("%d came after %d on %s", payload.N, last[f.Channel], f.Channel)
	}
	last[f.Channel] = payload.N
}

func reached(last, ends map[string]int64) bool {
	for channel, n := range ends {
		if last[channel] < n {
			return false
		}
	}
	return true
}

// Who takes nothing for too long is closed with 4001, can read the code when
// it wakes, and resumes without a hole.
func TestSlowConsumer(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 3, "trade")
		s := start(t, v, tp, settings{"WS_STALL_TIMEOUT": "1s"})
		slow, neighbour := dialWith(t, s, check.Options{ReadBuffer: 4096}), dial(t, s)
		slow.subscribe("*.trade")
		neighbour.subscribe("*.trade")
		slow.Stall()
		ends := flood(t, tp, fiveSymbols(), 1, 600)
		eventually(t, "the slow client to be closed", func() bool {
			return s.metric(t, "ws_connections_closed_total", "code", "4001") == 1
		})
		slow.Unstall()
		stream := check.NewStream()
		for _, f := range slow.closed(wire.CloseSlowConsumer) {
			stream.Take(f)
		}
		if err := stream.Err(nil); err != nil {
			t.Errorf("before the close: %v", err)
		}
		back := dial(t, s)
		ack := back.acked(check.Subscription{Channels: []string{"*.trade"}, Cursor: slow.Cursor()})
		if ack.Recovered == nil || !*ack.Recovered {
			t.Fatalf("got %s, want recovered", ack)
		}
		_, replayed := back.until("replay_complete")
		for _, f := range replayed {
			stream.Take(f)
		}
		if err := stream.Err(ends); err != nil {
			t.Error(err)
		}
		complete(t, neighbour, ends, nil)
		neighbour.heartbeat()
	})
}

// A live connection whose oldest unsent message is too old is closed, though
// its socket still takes a byte now and then.
func TestMaxBehind(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade")
		s := start(t, v, tp, settings{"WS_MAX_BEHIND": "2s", "WS_STALL_TIMEOUT": "20s"})
		slow := dialWith(t, s, check.Options{ReadBuffer: 4096})
		slow.subscribe("*.trade")
		slow.Stall()
		flood(t, tp, fiveSymbols(), 1, 600)
		closed := false
		for end := time.Now().Add(patience); !closed && time.Now().Before(end); {
			// Read a little, as a line too thin does.
			slow.Unstall()
			time.Sleep(time.Millisecond)
			slow.Stall()
			time.Sleep(300 * time.Millisecond)
			closed = s.metric(t, "ws_connections_closed_total", "code", "4001") == 1
		}
		if !closed {
			t.Fatal("the slow client was not closed")
		}
		slow.Unstall()
		slow.closed(wire.CloseSlowConsumer)
	})
}

// A client that falls out of the history is closed: memory is bounded by the
// history, not by the clients.
func TestOutOfHistory(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade")
		s := start(t, v, tp, settings{"WS_HISTORY_BYTES": "4MiB"})
		slow := dialWith(t, s, check.Options{ReadBuffer: 4096})
		slow.subscribe("*.trade")
		slow.Stall()
		flood(t, tp, fiveSymbols(), 1, 3000) // 15 MB
		eventually(t, "the slow client to be closed", func() bool {
			return s.metric(t, "ws_connections_closed_total", "code", "4001") == 1
		})
		if bytes := s.metric(t, "ws_history_bytes"); bytes > 8<<20 {
			t.Errorf("the history holds %.0f bytes, 4 MiB are allowed", bytes)
		}
		slow.Unstall()
		slow.closed(wire.CloseSlowConsumer)
		back := dial(t, s)
		ack := back.acked(check.Subscription{Channels: []string{"*.trade"}, Cursor: slow.Cursor()})
		if ack.Recovered == nil || *ack.Recovered || fmt.Sprint(ack.Lost) != "[trade]" {
			t.Errorf("got %s, want trade lost", ack)
		}
		back.replay(0)
	})
}
