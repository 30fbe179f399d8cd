package e2e

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// A wrong setting ends the program with 2 and one line that says which and
// what would be right, before any port is opened.
func TestWrongSettings(t *testing.T) {
	tests := []struct {
		name string
		set  stage.Settings
		args []string
		says []string
	}{
		{name: "unknown name", set: stage.Settings{"WS_MAX_CONECTIONS": "1"}, says: []string{"WS_MAX_CONECTIONS", "WS_MAX_CONNECTIONS"}},
		{name: "unknown Kafka name", set: stage.Settings{"KAFKA_BROKER": "localhost:9092"}, says: []string{"KAFKA_BROKER", "KAFKA_BROKERS"}},
		{name: "not a number", set: stage.Settings{"WS_MAX_CONNECTIONS": "many"}, says: []string{"WS_MAX_CONNECTIONS", "many"}},
		{name: "negative", set: stage.Settings{"WS_CHANNELS": "-1"}, says: []string{"WS_CHANNELS", "-1"}},
		{name: "not a size", set: stage.Settings{"WS_MESSAGE_BYTES": "64kilo"}, says: []string{"WS_MESSAGE_BYTES", "64kilo"}},
		{name: "not a time", set: stage.Settings{"WS_PING_INTERVAL": "25"}, says: []string{"WS_PING_INTERVAL", "25"}},
		{name: "not an address", set: stage.Settings{"WS_ADDR": "nowhere"}, says: []string{"WS_ADDR", "nowhere"}},
		{name: "not a boolean", set: stage.Settings{"WS_REUSE_PORT": "maybe"}, says: []string{"WS_REUSE_PORT", "maybe"}},
		{name: "not a level", set: stage.Settings{"LOG_LEVEL": "loud"}, says: []string{"LOG_LEVEL", "loud"}},
		{name: "not an origin", set: stage.Settings{"WS_ALLOWED_ORIGINS": "example.com"}, says: []string{"WS_ALLOWED_ORIGINS", "example.com"}},
		{name: "not a network", set: stage.Settings{"WS_TRUSTED_PROXIES": "proxy"}, says: []string{"WS_TRUSTED_PROXIES", "proxy"}},
		{name: "two topics with one event", set: stage.Settings{"KAFKA_TOPICS": "a.trade,b.trade"}, says: []string{"KAFKA_TOPICS", "trade"}},
		{name: "no event", set: stage.Settings{"KAFKA_TOPICS": "a=b.c"}, says: []string{"KAFKA_TOPICS", "b.c"}},
		{name: "conflates what it does not have", set: stage.Settings{"KAFKA_TOPICS": "a.trade", "WS_CONFLATE_EVENTS": "weather"}, says: []string{"WS_CONFLATE_EVENTS", "weather"}},
		{name: "a property that breaks a promise", set: stage.Settings{"KAFKA_PROPERTIES": "isolation.level=read_uncommitted"}, says: []string{"KAFKA_PROPERTIES", "isolation.level"}},
		{name: "an unknown property", set: stage.Settings{"KAFKA_PROPERTIES": "no.such.thing=1"}, says: []string{"KAFKA_", "no.such.thing"}},
		{name: "a short secret", set: stage.Settings{"WS_JWT_SECRET": "hush-hush"}, says: []string{"WS_JWT_SECRET"}},
		{name: "shards in ws-single", set: stage.Settings{"WS_SHARDS": "2"}, says: []string{"WS_SHARDS"}},
		{name: "no such file", args: []string{"--config", "/nowhere/single.env"}, says: []string{"/nowhere/single.env"}},
		{name: "a bad file", args: []string{"--config", "FILE"}, says: []string{"FILE", "WS_NONSENSE"}},
		{name: "unknown flag", args: []string{"--nonsense"}, says: []string{"nonsense"}},
		{name: "unknown command", args: []string{"sing"}, says: []string{"sing"}},
		{name: "a bad flag", args: []string{"--max-connections", "lots"}, says: []string{"lots"}},
	}
	each(t, func(t *testing.T, v variant.Variant) {
		path := file(t, "bad.env", "# a comment", "WS_NONSENSE=1")
		for _, test := range tests {
			if v.Name != "ws-single" && test.name == "shards in ws-single" {
				continue
			}
			var args []string
			for _, arg := range test.args {
				args = append(args, strings.ReplaceAll(arg, "FILE", path))
			}
			addr, err := variant.FreeAddr()
			if err != nil {
				t.Fatal(err)
			}
			set := stage.Settings{"WS_ADDR": addr}
			for name, value := range test.set {
				set[name] = value
			}
			began := time.Now()
			code, out := program(t, v, set, args...)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if code != 2 || len(lines) != 1 {
				t.Errorf("%s: ended with %d: %s", test.name, code, out)
			}
			for _, word := range test.says {
				if !strings.Contains(out, strings.ReplaceAll(word, "FILE", path)) {
					t.Errorf("%s: the message lacks %s: %s", test.name, word, out)
				}
			}
			if strings.Contains(out, "hush-hush") {
				t.Errorf("%s: the secret is told: %s", test.name, out)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%s: took %v", test.name, took)
			}
		}
	})
}

// Flags win over the environment, that over files, later files over earlier.
func TestSettingsOrder(t *testing.T) {
	const secret = "a-secret-of-at-least-thirty-two-bytes!"
	each(t, func(t *testing.T, v variant.Variant) {
		one := file(t, "one.env", "WS_CHANNELS=1", "WS_PING_INTERVAL=51s", "WS_PONG_TIMEOUT=1s", "WS_STALL_TIMEOUT=1s")
		two := file(t, "two.env", "WS_PING_INTERVAL=52s", "WS_PONG_TIMEOUT=2s", "WS_STALL_TIMEOUT=2s", "WS_JWT_SECRET="+secret)
		code, out := program(t, v, stage.Settings{"WS_PONG_TIMEOUT": "3s", "WS_STALL_TIMEOUT": "3s"},
			"config", "print", "--config", one, "--config", two, "--stall-timeout", "4s")
		if code != 0 {
			t.Fatalf("config print ended with %d: %s", code, out)
		}
		for name, value := range map[string]string{"WS_CHANNELS": "1", "WS_PING_INTERVAL": "52s", "WS_PONG_TIMEOUT": "3s", "WS_STALL_TIMEOUT": "4s"} {
			if !regexp.MustCompile(`(?m)^` + name + `\s.*\s` + value + `$`).MatchString(out) {
				t.Errorf("%s is not %s:\n%s", name, value, out)
			}
		}
		if strings.Contains(out, secret) {
			t.Errorf("config print tells the secret:\n%s", out)
		}
		if code, out := program(t, v, nil, "config", "check", "--config", one); code != 0 {
			t.Errorf("config check of good settings ended with %d: %s", code, out)
		}
		if code, out := program(t, v, stage.Settings{"WS_CHANNELS": "x"}, "config", "check"); code != 2 {
			t.Errorf("config check of bad settings ended with %d: %s", code, out)
		}
	})
}

func TestBusyPort(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		busy := l.Addr().String()
		for _, name := range []string{"WS_ADDR", "WS_ADMIN_ADDR"} {
			code, out := program(t, v, stage.Settings{name: busy, "KAFKA_BROKERS": suite.brokers})
			if code == 0 || !strings.Contains(out, busy) || !strings.Contains(out, name) {
				t.Errorf("%s busy: ended with %d: %s", name, code, out)
			}
		}
	})
}
