package e2e

import (
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// smallBuffer is a receive buffer that is full soon, and yet large enough for
// the kernel to tell at once when there is room again.
const smallBuffer = 128 << 10

// flood publishes n = from..to of about 1 KB on each of the symbols' trades.
func flood(t *testing.T, tp *stage.Topics, symbols []string, from, to int) map[string]int64 {
	t.Helper()
	var records []stage.Record
	ends := map[string]int64{}
	for n := from; n <= to; n++ {
		for _, x := range symbols {
			records = append(records, stage.Padded("trade", x, n, 1000))
			ends[x+".trade"] = int64(to)
		}
	}
	tp.Publish(t, records...)
	return ends
}

func fiveSymbols() []string {
	return []string{stage.Symbol(), stage.Symbol(), stage.Symbol(), stage.Symbol(), stage.Symbol()}
}

// complete takes messages until all channels are at their ends, and checks
// that nothing was lost, double or out of order.
func complete(t *testing.T, c *stage.Conn, ends map[string]int64) {
	t.Helper()
	stream := check.NewStream()
	for missing := true; missing; {
		stream.Take(c.Want("message"))
		missing = false
		for channel, n := range ends {
			missing = missing || stream.Last(channel) < n
		}
	}
	if err := stream.Err(ends); err != nil {
		t.Fatal(err)
	}
}

// A client that stops reading for a while is counted as behind, and what it is
// spared as merged; its neighbour feels nothing of it.
func TestBehind(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := stage.MakeTopics(t, suite.brokers, 3, "trade", "social")
		s := start(t, v, tp, stage.Settings{"WS_CONFLATE_EVENTS": "social", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		slow, neighbour := stage.DialWith(t, s, check.Options{ReadBuffer: smallBuffer}), stage.Dial(t, s)
		symbols := fiveSymbols()
		x := symbols[0]
		slow.Join("*.trade", x+".social")
		neighbour.Join("*.trade")
		slow.Stall()
		ends := flood(t, tp, symbols, 1, 1000) // 5 MB
		complete(t, neighbour, ends)
		stage.Eventually(t, "the slow client to be behind", func() bool { return s.Metric(t, "ws_connections_behind") == 1 })
		tp.Count(t, "social", x, 1, 100)
		stage.Eventually(t, "all to be read", func() bool { return s.Metric(t, "ws_kafka_records_total", "event", "social") == 100 })
		slow.Unstall()
		complete(t, slow, ends)
		slow.Message(x+".social", 100)
		if pong := slow.Heartbeat(); pong.Sent != 5001 || pong.Merged != 99 {
			t.Errorf("got %s, want sent 5001 and merged 99", pong)
		}
		if pong := neighbour.Heartbeat(); pong.Sent != 5000 || pong.Merged != 0 {
			t.Errorf("the neighbour got %s, want sent 5000", pong)
		}
		stage.Eventually(t, "it to have caught up, and the merged to be counted", func() bool {
			return s.Metric(t, "ws_connections_behind") == 0 && s.Metric(t, "ws_messages_merged_total") == 99
		})
	})
}

// Memory is bounded by the history, not by the clients: one that falls out of
// it is closed, and is not waited for.
func TestOutOfHistory(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := stage.MakeTopics(t, suite.brokers, 1, "trade")
		s := start(t, v, tp, stage.Settings{"WS_HISTORY_BYTES": "4MiB", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		slow := stage.DialWith(t, s, check.Options{ReadBuffer: smallBuffer})
		slow.Join("*.trade")
		slow.Stall()
		flood(t, tp, fiveSymbols(), 1, 3000) // 15 MB
		stage.Eventually(t, "the slow client to be closed", func() bool {
			return s.Metric(t, "ws_connections_closed_total", "code", "4001") == 1
		})
		if bytes := s.Metric(t, "ws_history_bytes"); bytes > 8<<20 {
			t.Errorf("the history holds %.0f bytes, 4 MiB are allowed", bytes)
		}
		slow.Unstall()
		slow.Closed(wire.CloseSlowConsumer)
	})
}
