package kafka

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing.pem")
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	property := func(name, value string) Config {
		return Config{Properties: map[string]string{name: value}}
	}
	const password = "correct horse"
	for name, c := range map[string]struct {
		cfg  Config
		says []string // nil: it is fine
	}{
		"nothing":              {Config{}, nil},
		"TLS":                  {Config{SecurityProtocol: "ssl"}, nil},
		"SASL":                 {Config{SecurityProtocol: "sasl_ssl", SASLMechanism: "SCRAM-SHA-256", SASLUsername: "u", SASLPassword: password}, nil},
		"a property":           {property("fetch.wait.max.ms", "100"), nil},
		"one of ours, changed": {property("queued.max.messages.kbytes", "2048"), nil},
		"librdkafka's log":     {property("debug", "fetch,topic"), nil},

		"an unknown property":     {property("no.such.thing", "1"), []string{"KAFKA_PROPERTIES: no.such.thing:", "No such configuration property"}},
		"a value of another type": {property("fetch.wait.max.ms", "soon"), []string{"KAFKA_PROPERTIES: fetch.wait.max.ms:"}},
		"a value out of range":    {property("fetch.wait.max.ms", "-1"), []string{"KAFKA_PROPERTIES: fetch.wait.max.ms:", "range"}},
		"an unknown protocol":     {Config{SecurityProtocol: "tls"}, []string{"KAFKA_SECURITY_PROTOCOL:"}},
		"an unknown mechanism":    {Config{SecurityProtocol: "sasl_ssl", SASLMechanism: "PALIN", SASLPassword: password}, []string{"KAFKA_SASL", "PALIN"}},
		"no CA file":              {Config{SecurityProtocol: "ssl", SSLCALocation: missing}, []string{"KAFKA_SSL_CA_LOCATION:"}},
		"a key that is none":      {Config{SecurityProtocol: "ssl", SSLKeyLocation: garbage, SSLKeyPassword: password}, []string{"KAFKA_SSL_KEY_LOCATION:"}},

		"a position of its own":     {property("auto.offset.reset", "latest"), []string{"KAFKA_PROPERTIES: auto.offset.reset", "leave it out"}},
		"records not committed":     {property("isolation.level", "read_uncommitted"), []string{"KAFKA_PROPERTIES: isolation.level", "leave it out"}},
		"offsets committed":         {property("enable.auto.commit", "true"), []string{"KAFKA_PROPERTIES: enable.auto.commit", "leave it out"}},
		"offsets stored":            {property("offset.store.method", "file"), []string{"KAFKA_PROPERTIES: offset.store.method"}},
		"no ends":                   {property("enable.partition.eof", "false"), []string{"KAFKA_PROPERTIES: enable.partition.eof"}},
		"a group":                   {property("group.id", "g"), []string{"KAFKA_PROPERTIES: group.id", "leave it out"}},
		"a group's member":          {property("group.instance.id", "g"), []string{"KAFKA_PROPERTIES: group.instance.id"}},
		"brokers":                   {property("bootstrap.servers", "b:1"), []string{"use KAFKA_BROKERS"}},
		"a password":                {property("sasl.password", password), []string{"use KAFKA_SASL_PASSWORD"}},
		"a producer's":              {property("linger.ms", "1"), []string{"KAFKA_PROPERTIES: linger.ms", "producer"}},
		"a producer's, of a family": {property("queue.buffering.max.ms", "1"), []string{"producer"}},
		"the Go library's":          {property("go.logs.channel.enable", "true"), []string{"no property of librdkafka"}},
		"topics made by the way":    {property("allow.auto.create.topics", "true"), []string{"KAFKA_PROPERTIES: allow.auto.create.topics"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Brokers, c.cfg.Topics = []string{"127.0.0.1:1"}, []wire.Topic{{Name: "t", Event: "e"}}
			_, err := New(c.cfg, logOf(t))
			if c.says == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it is taken")
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("%q tells a secret", err)
			}
		})
	}
	if _, err := New(Config{Brokers: []string{"b"}}, logOf(t)); err == nil || !strings.HasPrefix(err.Error(), "KAFKA_TOPICS:") {
		t.Errorf("no topics: %v", err)
	}
}

func TestLogLevel(t *testing.T) {
	for value, want := range map[string]int{"": -1, "debug=fetch": 7, "log_level=6": 6, "debug=fetch,log_level=3": 3} {
		p := map[string]string{}
		for pair := range strings.SplitSeq(value, ",") {
			name, v, _ := strings.Cut(pair, "=")
			p[name] = v
		}
		if got := logLevel(Config{Properties: p}); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}
