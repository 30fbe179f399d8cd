package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func TestWhoReachesAdmin(t *testing.T) {
	token := NewSecret("token")
	for addr, loopback := range map[string]bool{
		"127.0.0.1:3902": true, "127.8.8.8:3902": true, "[::1]:3902": true, "[::ffff:127.0.0.1]:3902": true, "localhost:3902": true,
		":3902": false, "0.0.0.0:3902": false, "[::]:3902": false, "10.0.0.1:3902": false, "localhost.example.com:3902": false, "": false, "localhost": false,
	} {
		open, shut := Config{AdminAddr: addr}, Config{AdminAddr: addr, AdminToken: token}
		if open.AdminLoopback() != loopback || open.AdminOpen() != loopback {
			t.Errorf("%s: loopback %v, open %v", addr, open.AdminLoopback(), open.AdminOpen())
		}
		if shut.AdminOpen() {
			t.Errorf("%s is open although there is a token", addr)
		}
	}
}

func TestVerifiesTokens(t *testing.T) {
	if mustLoad(t, nil).VerifiesTokens() {
		t.Error("without a key")
	}
	for _, set := range []string{"WS_JWT_SECRET=" + strings.Repeat("k", 32), "WS_JWT_JWKS_URL=https://a/b"} {
		if !mustLoad(t, []string{set}).VerifiesTokens() {
			t.Errorf("not with %s", set)
		}
	}
}

// Whatever is done with a Config, a secret is not in what comes out.
func TestSecretsAreKept(t *testing.T) {
	const hidden = "hunter2.hunter2.hunter2.hunter2.hunter2"
	c := mustLoad(t, []string{
		"WS_ADMIN_TOKEN=" + hidden, "WS_JWT_SECRET=" + hidden,
		"KAFKA_SECURITY_PROTOCOL=sasl_ssl", "KAFKA_SASL_MECHANISM=SCRAM-SHA-256", "KAFKA_SASL_USERNAME=me", "KAFKA_SASL_PASSWORD=" + hidden,
		"KAFKA_PROPERTIES=client.rack=rack1,ssl.key.pem=" + hidden + ",sasl.oauthbearer.client.secret=" + hidden,
	})
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	if printed := out.String(); !strings.Contains(printed, "client.rack=rack1,") || strings.Count(printed, masked) != 5 {
		t.Errorf("printed:\n%s", printed)
	}
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d") {
		_, _ = fmt.Fprintf(&out, verb+verb+verb+verb+verb+"\n", c.JWTSecret, &c.JWTSecret, c.Kafka.Properties, c, *c)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("", "config", c, "token", c.AdminToken, "properties", c.Kafka.Properties)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("", "config", c, "token", c.AdminToken, "properties", c.Kafka.Properties)
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintln(&out, c.Lines(), c.Wrong("WS_JWT_SECRET", "why", "fix"), c.Wrong("KAFKA_PROPERTIES", "why", "fix"))
	for _, form := range []string{"%s", "%x", "%X"} {
		if strings.Contains(out.String(), fmt.Sprintf(form, "hunter2")) {
			t.Errorf("it came out:\n%s", out.String())
		}
	}
	if c.JWTSecret.Reveal() != hidden || c.Kafka.Properties["ssl.key.pem"] != hidden {
		t.Error("it is lost")
	}
	if s := fmt.Sprintf("%v%q", Secret{}, Secret{}); s != "" {
		t.Errorf("no secret looks like %q", s)
	}
}

func TestWrong(t *testing.T) {
	c := mustLoad(t, nil, "--addr=:1")
	for name, want := range map[string]string{
		"WS_ADDR": "WS_ADDR=:1 (--addr): no; yes", "WS_JWT_SECRET": "WS_JWT_SECRET (default): no; yes", "OTHER": "OTHER: no; yes",
	} {
		if got := c.Wrong(name, "no", "yes").Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The size that a resume is taken to have is that of the largest there can be:
// one that the kit takes, and not a byte less.
func TestResumeBytes(t *testing.T) {
	events := []string{strings.Repeat("e", 64), "trade", "x"}
	for _, channels := range []int{1, 2, 300} {
		cursor := wire.Cursor{}
		for _, event := range events {
			at := make([]int64, usualPartitions)
			for i := range at {
				at[i] = wire.MaxOffset
			}
			cursor[event] = wire.Position{Log: "0123456789abcdef", At: at}
		}
		var patterns []string
		for i := range channels {
			patterns = append(patterns, fmt.Sprintf("%064d.%s", i, events[0]))
		}
		command, err := json.Marshal(map[string]any{
			"type": "subscribe", "id": strings.Repeat("i", 64), "data": map[string]any{"channels": patterns, "cursor": cursor},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.ParseCommand(command); err != nil {
			t.Fatalf("the kit refuses it: %v", err)
		}
		// The last pattern has no comma behind it.
		if got, want := resumeBytes(channels, events), int64(len(command))+1; got != want {
			t.Errorf("%d channels: %d, want %d", channels, got, want)
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"WS_ADDR", "WS_ADMIN_ADDR", "WS_SHARDS", "KAFKA_BROKERS", "KAFKA_TOPICS"}
	for slip, want := range map[string]string{
		"WS_ADR": "WS_ADDR", "WS_ADRD": "WS_ADDR", "WS_ADMINADDR": "WS_ADMIN_ADDR", "WS_SHARD": "WS_SHARDS", "KAFKA_BROKER": "KAFKA_BROKERS", "KAFKA_TOPIC": "KAFKA_TOPICS",
		"": "", "WS_PORT": "", "WS_X": "", "KAFKA_GROUP": "",
	} {
		if got := suggest(slip, known); got != want {
			t.Errorf("%s: %s, want %s", slip, got, want)
		}
	}
	if slips("ab", "ba") != 1 || slips("abc", "") != 3 || slips("", "") != 0 || slips("kitten", "sitting") != 3 {
		t.Error("miscounted")
	}
	if suggest("x", nil) != "" {
		t.Error("something of nothing")
	}
}
