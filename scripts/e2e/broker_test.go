package e2e

import (
	"encoding/json"
	"net/http"
	"syscall"
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// ownBroker starts one that the test may harm.
func ownBroker(t *testing.T, o broker.Options) *broker.Broker {
	t.Helper()
	b, err := broker.Start(t.Context(), o)
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
		b := ownBroker(t, broker.Options{})
		tp := stage.MakeTopics(t, b.Addr(), 3, "trade")
		s := start(t, v, tp, nil)
		x := stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		tp.Count(t, "trade", x, 1, 10)
		c.Counts(x+".trade", 1, 10)

		if err := b.Kill(); err != nil {
			t.Fatal(err)
		}
		s.WaitStatus(t, "/readyz", http.StatusServiceUnavailable)
		isUnhealthy(t, s)
		isRefusal(t, stage.Refusal(t, s, check.Options{}), http.StatusServiceUnavailable)
		c.Heartbeat()
		stage.Eventually(t, "ws_kafka_up to fall", func() bool { return s.Metric(t, "ws_kafka_up") == 0 })

		// A server that starts now waits for its broker.
		cold := stage.StartCold(t, suite.binaries[v.Name], tp, nil)
		cold.WaitStatus(t, "/healthz", http.StatusOK)
		if code := cold.Get(t, "/readyz").StatusCode; code != http.StatusServiceUnavailable {
			t.Errorf("/readyz without a broker says %d", code)
		}

		if err := b.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Ready(t)
		cold.Ready(t)
		early := stage.Dial(t, cold)
		early.Join(x + ".trade")
		tp.Count(t, "trade", x, 11, 20)
		c.Counts(x+".trade", 11, 20)
		early.Counts(x+".trade", 11, 20)
		late := stage.Dial(t, cold)
		late.Acked(check.Subscription{Channels: []string{x + ".trade"}, Last: 15})
		late.Counts(x+".trade", 6, 20)
		late.Replay(15)
		if c.Heartbeat().Sent != 20 {
			t.Error("the client got something else than 20 messages")
		}
	})
}

func isUnhealthy(t *testing.T, s *stage.Server) {
	t.Helper()
	resp := s.Public(t, "/health", nil)
	var body struct {
		Healthy bool `json:"healthy"`
	}
	if err := json.Unmarshal(resp.Body, &body); err != nil || resp.StatusCode != http.StatusServiceUnavailable || body.Healthy {
		t.Errorf("/health: got %d %s", resp.StatusCode, resp.Body)
	}
}

// Topics and partitions that are made under a running server are found, and
// are served from their beginning to those who hold a channel already.
func TestTopicGrows(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := stage.NameTopics(t, suite.brokers, "trade", "social")
		tp.Create(t, 1, "trade")
		s := start(t, v, tp, nil)
		x := stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x+".trade", x+".social")
		tp.Create(t, 2, "social")
		tp.Count(t, "social", x, 1, 3)
		c.Counts(x+".social", 1, 3)

		tp.AddPartitions(t, "trade", 3)
		r := stage.Counted("trade", x, 1)
		r.Partition = 3
		tp.Publish(t, r)
		c.Message(x+".trade", 1)
	})
}

// Records that the log lost before they were read are counted.
func TestGapIsCounted(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := stage.MakeTopics(t, suite.brokers, 1, "trade")
		s := start(t, v, tp, nil)
		x := stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		// While the server stands still it reads nothing, but for what an answer
		// that was under way has brought.
		if err := s.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		const published, kept = 60, 51
		for n := 1; n <= published; n++ { // a batch each: an answer brings whole ones
			tp.Publish(t, stage.Counted("trade", x, n))
		}
		tp.DeleteRecords(t, "trade", 0, kept-1)
		if err := s.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		gap, _ := c.UntilType("gap")
		c.Counts(x+".trade", kept, published)
		stage.Eventually(t, "the gap to be counted", func() bool {
			return s.Metric(t, "ws_kafka_gap_records_total", "event", "trade") == float64(*gap.To-*gap.From+1)
		})
	})
}

// A server that may read so many records a second leaves the others for later
// and drops none; a cursor that it has not come to is told to come again, and
// is good then.
func TestMaxRate(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := stage.MakeTopics(t, suite.brokers, 1, "trade")
		const many, rate = 1000, "100" // ten seconds
		s := start(t, v, tp, stage.Settings{"KAFKA_MAX_RATE": rate})
		x := stage.Symbol()
		c, ahead := stage.Dial(t, s), stage.Dial(t, s)
		cursor := c.Join(x + ".trade").Cursor
		tp.Count(t, "trade", x, 1, many)
		cursor["trade"].At[0] = many - 1
		resume := check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor}
		ahead.Refused(resume, wire.Unavailable)
		ahead.Holds()
		c.Counts(x+".trade", 1, many)
		ahead.Acked(resume)
		ahead.Replay(0)
	})
}
