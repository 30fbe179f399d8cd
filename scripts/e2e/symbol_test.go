package e2e

import (
	"strings"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Where a record's symbol comes from; one without is counted by reason and
// passed over, and what comes after it flows.
func TestSymbols(t *testing.T) {
	header := func(values ...string) (list []kafka.Header) {
		for _, value := range values {
			list = append(list, kafka.Header{Key: "symbol", Value: []byte(value)})
		}
		return list
	}
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade")
		s := start(t, v, tp, nil)
		c := dial(t, s)
		c.subscribe("*.trade")
		tests := []struct {
			name, key string
			headers   []kafka.Header
			symbol    string // "" where it is skipped
		}{
			{name: "key", key: "BTC", symbol: "BTC"},
			{name: "header before key", key: "BTC", headers: header("ETH"), symbol: "ETH"},
			{name: "last header", key: "BTC", headers: header("ETH", "SOL"), symbol: "SOL"},
			{name: "header without key", headers: header("ADA"), symbol: "ADA"},
			{name: "other letters", key: "Ä-é_中/"[:len("Ä-é_中")], symbol: "Ä-é_中"},
			{name: "quotes", key: `"\`, symbol: `"\`},
			{name: "64 bytes", key: strings.Repeat("x", 64), symbol: strings.Repeat("x", 64)},
			{name: "neither"},
			{name: "65 bytes", key: strings.Repeat("x", 65)},
			{name: "dot", key: "a.b"},
			{name: "star", key: "*"},
			{name: "slash", key: "a/b"},
			{name: "blank", key: "a b"},
			{name: "control character", key: "a\x01"},
			{name: "no-break space", key: "a\u00a0b"},
			{name: "not UTF-8", key: "a\xff"},
			{name: "unusable header before key", key: "BTC", headers: header("a b")},
		}
		skipped := 0
		for i, test := range tests {
			tp.publish(t, record{event: "trade", symbol: test.key, headers: test.headers, value: []byte("1"), partition: 1})
			if test.symbol == "" {
				skipped++
				continue
			}
			f := c.want("message")
			if f.Channel != test.symbol+".trade" || f.Pos != pos("trade", 0, int64(i)) {
				t.Errorf("%s: got %s", test.name, f)
			}
		}
		tp.publish(t, record{event: "trade", symbol: "END", value: []byte("1"), partition: 1})
		if f := c.want("message"); f.Channel != "END.trade" {
			t.Errorf("got %s", f)
		}
		eventually(t, "the skipped records to be counted", func() bool {
			return s.metric(t, "ws_kafka_records_skipped_total") == float64(skipped) &&
				s.metric(t, "ws_kafka_records_total", "event", "trade") == float64(len(tests)+1)
		})
		// A cursor covers what was passed over, too.
		if pong := c.heartbeat(); pong.Cursor["trade"].Last(0) != int64(len(tests)) {
			t.Errorf("got %s, want the cursor at %d", pong, len(tests))
		}
	})
}
