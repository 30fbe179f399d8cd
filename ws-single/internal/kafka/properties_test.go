package kafka

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

func TestProperties(t *testing.T) {
	t.Parallel()
	noCA := filepath.Join(t.TempDir(), "none.pem")
	badKey := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(badKey, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) func(*Config) {
		return func(c *Config) { c.Properties = map[string]string{name: value} }
	}
	for _, c := range []struct {
		name  string
		do    func(*Config)
		wants string // in the error; empty: none
	}{
		{"defaults", func(*Config) {}, ""},
		{"harmless", set("socket.keepalive.enable", "false"), ""},
		{"ours, changed", set("queued.max.messages.kbytes", "1024"), ""},
		{"debug", set("debug", "broker"), ""},
		{"TLS", func(c *Config) { c.SecurityProtocol = "ssl" }, ""},
		{"SASL", func(c *Config) {
			c.SecurityProtocol, c.SASLMechanism, c.SASLUsername, c.SASLPassword = "sasl_ssl", "SCRAM-SHA-512", "u", "p"
		}, ""},

		{"unknown", set("no.such.thing", "1"), `No such configuration property: "no.such.thing"`},
		{"bad value", set("socket.timeout.ms", "soon"), `"socket.timeout.ms"`},
		{"out of range", set("queued.min.messages", "0"), `"queued.min.messages"`},
		{"CA not there", func(c *Config) { c.SecurityProtocol, c.SSLCALocation = "ssl", noCA }, "ssl.ca.location"},
		{"key unreadable", func(c *Config) {
			c.SecurityProtocol, c.SSLKeyLocation = "ssl", badKey
		}, "ssl.key.location"},
		{"mechanism", func(c *Config) { c.SecurityProtocol, c.SASLMechanism = "sasl_ssl", "ROT13" }, "ROT13"},

		{"reset", set("auto.offset.reset", "latest"), "auto.offset.reset is not to be set"},
		{"isolation", set("isolation.level", "read_uncommitted"), "isolation.level is not to be set"},
		{"commit", set("enable.auto.commit", "true"), "nothing is committed"},
		{"eof", set("enable.partition.eof", "false"), "enable.partition.eof is not to be set"},
		{"group", set("group.id", "mine"), "without a consumer group"},
		{"group instance", set("group.instance.id", "mine"), "without a consumer group"},
		{"assignment", set("partition.assignment.strategy", "range"), "without a consumer group"},
		{"brokers", set("bootstrap.servers", "a:1"), "use KAFKA_BROKERS"},
		{"password", set("sasl.password", "secret"), "use KAFKA_SASL_PASSWORD"},
		{"producer", set("linger.ms", "5"), "it is a producer's"},
		{"producer's queue", set("queue.buffering.max.ms", "5"), "it is a producer's"},
		{"Go client", set("go.events.channel.enable", "true"), "no property of librdkafka"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Brokers: []string{"127.0.0.1:1"}, Topics: []wire.Topic{{Name: "t", Event: "t"}}}
			c.do(&cfg)
			_, err := New(cfg, testLog(t))
			if c.wants == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.wants) || !strings.Contains(err.Error(), "KAFKA_") {
				t.Errorf("%v; want it to name KAFKA_… and %q", err, c.wants)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("shows a secret: %v", err)
			}
		})
	}
	if _, err := New(Config{}, testLog(t)); err == nil || !strings.Contains(err.Error(), "KAFKA_TOPICS") {
		t.Errorf("no topics: %v", err)
	}
}
