package e2e

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// ownBroker starts one that the test may harm.
func ownBroker(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.Start(within(t), broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// With its broker dead a server stays up, not ready, and keeps its clients;
// when the broker is back, what comes flows on without a hole.
func TestBrokerDies(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		b := ownBroker(t)
		tp := makeTopics(t, b.Addr(), 3, "trade")
		s := start(t, v, tp, nil)
		x := symbol()
		c := dial(t, s)
		c.subscribe(x + ".trade")
		tp.count(t, "trade", x, 1, 10)
		c.counts(x+".trade", 1, 10)

		if err := b.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := s.WaitStatus(within(t), "/readyz", http.StatusServiceUnavailable); err != nil {
			t.Fatal(err)
		}
		isUnhealthy(t, s)
		isRefusal(t, refusal(t, s, check.Options{}), http.StatusServiceUnavailable)
		c.heartbeat()
		eventually(t, "ws_kafka_up to fall", func() bool { return s.metric(t, "ws_kafka_up") == 0 })

		// A server that starts now waits for its broker.
		cold := startCold(t, v, tp, nil)
		if err := cold.WaitStatus(within(t), "/healthz", http.StatusOK); err != nil {
			t.Fatal(err)
		}
		if code := cold.get(t, "/readyz").StatusCode; code != http.StatusServiceUnavailable {
			t.Errorf("/readyz without a broker says %d", code)
		}

		if err := b.Restart(within(t)); err != nil {
			t.Fatal(err)
		}
		ready(t, s)
		ready(t, cold)
		tp.count(t, "trade", x, 11, 20)
		c.counts(x+".trade", 11, 20)
		settled(t, cold, x+".trade", 20)
		late := dial(t, cold)
		late.acked(check.Subscription{Channels: []string{x + ".trade"}, Last: 15})
		late.counts(x+".trade", 6, 20)
		late.replay(15)
		if c.heartbeat().Sent != 20 {
			t.Error("the client got something else than 20 messages")
		}
	})
}

func isUnhealthy(t *testing.T, s *server) {
	t.Helper()
	resp, err := s.Public(within(t), "/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Healthy bool `json:"healthy"`
	}
	if err := json.Unmarshal(resp.Body, &body); err != nil || resp.StatusCode != http.StatusServiceUnavailable || body.Healthy {
		t.Errorf("/health: got %d %s", resp.StatusCode, resp.Body)
	}
}

// A topic that does not exist yet holds nothing up, and is served from its
// beginning when it appears; partitions added later are found too.
func TestTopicAppears(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := nameTopics(t, suite.brokers, "trade", "social")
		create(t, tp, 1, "trade")
		s := start(t, v, tp, nil)
		x := symbol()
		c := dial(t, s)
		ack := c.subscribe(x+".trade", x+".social")
		if p := ack.Cursor["social"]; p.Log != "" || len(p.At) != 0 {
			t.Errorf("the cursor of a topic that does not exist is %+v", p)
		}
		tp.count(t, "trade", x, 1, 3)
		c.counts(x+".trade", 1, 3)

		create(t, tp, 2, "social")
		tp.count(t, "social", x, 1, 3)
		c.counts(x+".social", 1, 3)
		if p := c.heartbeat().Cursor["social"]; len(p.Log) != 16 {
			t.Errorf("the cursor of the topic is %+v", p)
		}
		// Resumed, the cursor from before the topic means its beginning.
		back := dial(t, s)
		back.acked(check.Subscription{Channels: []string{x + ".social"}, Cursor: wire.Cursor{"social": ack.Cursor["social"]}})
		back.counts(x+".social", 1, 3)
		back.replay(3)

		tp.addPartitions(t, "trade", 3)
		tp.publish(t, record{event: "trade", symbol: x, value: []byte(`{"n":4}`), partition: 3})
		c.message(x+".trade", 4)
	})
}

// Records that the log lost before they were read are told as a gap, to those
// who hold a channel of the event, at its place.
func TestGap(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade", "social")
		// So slow that records are deleted before they are read.
		s := start(t, v, tp, settings{"KAFKA_MAX_RATE": "20", "KAFKA_PROPERTIES": "queued.max.messages.kbytes=1,fetch.message.max.bytes=1000"})
		x := symbol()
		c, other := dial(t, s), dial(t, s)
		c.subscribe(x + ".trade")
		other.subscribe(x + ".social")
		const many = 400
		for n := 1; n <= many; n++ {
			tp.publish(t, padded("trade", x, n, 1000)) // a batch each, or all would be fetched at once
		}
		tp.deleteRecords(t, "trade", many-10)
		gap, before := c.until("gap")
		stream := check.NewStream()
		for _, f := range before {
			stream.Take(f)
		}
		if err := stream.Err(nil); err != nil {
			t.Errorf("before the gap: %v", err)
		}
		first := stream.Last(x + ".trade") // n is the offset plus one
		if gap.Event != "trade" || gap.Partition != 0 || gap.From == nil || gap.To == nil || *gap.From != first || *gap.To != many-11 ||
			gap.Cursor["trade"].Last(0) != many-11 {
			t.Fatalf("got %s after n %d, want a gap up to %d", gap, first, many-11)
		}
		stream.After(x+".trade", many-10)
		for stream.Last(x+".trade") < many {
			stream.Take(c.want("message"))
		}
		if err := stream.Err(nil); err != nil {
			t.Errorf("after the gap: %v", err)
		}
		eventually(t, "the gap to be counted", func() bool {
			return s.metric(t, "ws_kafka_gap_records_total", "event", "trade") == float64(many-10-first)
		})
		other.heartbeat() // nothing came before it
		back := dial(t, s)
		cursor := wire.Cursor{"trade": {Log: gap.Cursor["trade"].Log, At: []int64{many - 12}}}
		if ack := back.acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor}); *ack.Recovered {
			t.Errorf("got %s: what lies before a gap cannot be resumed", ack)
		}
	})
}

// A topic made anew is another log.
func TestTopicMadeAnew(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 2, "trade")
		s := start(t, v, tp, nil)
		x := symbol()
		c := dial(t, s)
		before := c.subscribe(x + ".trade").Cursor["trade"].Log
		tp.count(t, "trade", x, 1, 5)
		c.counts(x+".trade", 1, 5)
		old := c.Cursor()
		tp.remake(t, "trade", 2)
		tp.count(t, "trade", x, 6, 8)
		gap := c.want("gap")
		if gap.Event != "trade" || gap.Log == "" || gap.Log == before || gap.From != nil || gap.Cursor["trade"].Log != gap.Log {
			t.Errorf("got %s, want a gap that names another log than %s", gap, before)
		}
		c.counts(x+".trade", 6, 8)
		back := dial(t, s)
		if ack := back.acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: old}); *ack.Recovered {
			t.Errorf("got %s: the old log's cursor means nothing in the new one", ack)
		}
	})
}
