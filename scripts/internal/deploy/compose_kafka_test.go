package deploy

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
)

// The broker of compose is of the release that is tested with, and a real one of it has each property that is set. Its image
// makes KAFKA_NODE_ID node.id.
func TestComposeKafka(t *testing.T) {
	s := compose(t, "ab").Services["kafka"]
	if want := "apache/kafka:" + broker.Version; s.Image != want {
		t.Errorf("it is %s, tests run on %s", s.Image, want)
	}
	known := properties(t, brokers(t))
	env := environment(s)
	for name := range env {
		rest, ok := strings.CutPrefix(name, "KAFKA_")
		if property := strings.ReplaceAll(strings.ToLower(rest), "_", "."); !ok || !known[property] {
			t.Errorf("a broker has no %s (%s)", property, name)
		}
	}
	if known["node.ids"] || len(known) < 100 {
		t.Errorf("a broker has %d properties", len(known))
	}
	// Who comes by a name is told the same name, and listeners are all mapped.
	for _, name := range []string{"INSIDE", "HOST", "CONTROLLER"} {
		if !strings.Contains(env["KAFKA_LISTENERS"], name+"://") || !strings.Contains(env["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"], name+":") {
			t.Errorf("the listener %s is not whole: %v", name, env)
		}
	}
}

// brokers is the test run's broker, or one of the test's own.
func brokers(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("KAFKA_TEST_BROKERS"); given != "" {
		return given
	}
	b, err := broker.Start(t.Context(), broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop() })
	return b.Addr()
}

// properties are all that a broker can be configured with.
func properties(t *testing.T, brokers string) map[string]bool {
	t.Helper()
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	results, err := admin.DescribeConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceBroker, Name: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if code := results[0].Error.Code(); code != kafka.ErrNoError {
		t.Fatal(results[0].Error)
	}
	known := map[string]bool{}
	for name := range results[0].Config {
		known[name] = true
	}
	return known
}
