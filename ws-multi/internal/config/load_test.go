package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// The defaults are the ones of the design's table.
func TestDefaults(t *testing.T) {
	c := mustLoad(t, nil)
	for _, l := range c.Lines() {
		want := byDefault
		switch l.Name {
		case "WS_SHARDS":
			want = defaultCores
		case "WS_MAX_CONNECTIONS":
			want = defaultVersion
		}
		if l.Source != want {
			t.Errorf("%s comes from %q, want %q", l.Name, l.Source, want)
		}
	}
	c.sources = nil
	names, _ := wire.ParseTopics(wire.DefaultTopics)
	want := &Config{
		Cores: 4, Shards: 4, Addr: ":3002", AdminAddr: "127.0.0.1:3902",
		MaxConnections: 50000, HandshakeRate: 2000, HandshakeTimeout: 5 * time.Second,
		CPURejectPercent: 75, CPUPausePercent: 85,
		MessageBytes: 65536, Channels: 256, CommandRate: 10,
		PingInterval: 25 * time.Second, PongTimeout: 10 * time.Second, MessageTimeout: 10 * time.Second,
		StallTimeout: 10 * time.Second, MaxBehind: 30 * time.Second,
		HistoryWindow: 5 * time.Minute, HistoryBytes: 256 << 20,
		DrainSpread: 20 * time.Second, DrainTimeout: 30 * time.Second,
		Kafka:     Kafka{Brokers: []string{"localhost:9092"}, Topics: names, SecurityProtocol: "plaintext"},
		LogFormat: LogAuto,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
}

// A trial sets a setting to what is not its default, and says what its field
// must be then.
type trial struct {
	name, text string
	field      func(*Config) any
	want       any
}

func trials(pem string) []trial {
	key := strings.Repeat("k", 32)
	return []trial{
		{"WS_ADDR", "[::1]:0", func(c *Config) any { return c.Addr }, "[::1]:0"},
		{"WS_ADMIN_ADDR", "0.0.0.0:1234", func(c *Config) any { return c.AdminAddr }, "0.0.0.0:1234"},
		{"WS_ADMIN_TOKEN", "0123456789abcdef==", func(c *Config) any { return c.AdminToken.Reveal() }, "0123456789abcdef=="},
		{"WS_REUSE_PORT", "true", func(c *Config) any { return c.ReusePort }, true},
		{"WS_SHARDS", "3", func(c *Config) any { return c.Shards }, 3},
		{"WS_MAX_CONNECTIONS", "100", func(c *Config) any { return c.MaxConnections }, 100},
		{"WS_MAX_CONNECTIONS_PER_ADDR", "7", func(c *Config) any { return c.MaxConnectionsPerAddr }, 7},
		{"WS_MAX_CONNECTIONS_PER_SUB", "8", func(c *Config) any { return c.MaxConnectionsPerSub }, 8},
		{"WS_HANDSHAKES_PER_S", "9", func(c *Config) any { return c.HandshakeRate }, 9},
		{"WS_HANDSHAKES_PER_S_PER_ADDR", "11", func(c *Config) any { return c.HandshakeRatePerAddr }, 11},
		{"WS_HANDSHAKE_TIMEOUT", "1500ms", func(c *Config) any { return c.HandshakeTimeout }, 1500 * time.Millisecond},
		{"WS_CPU_REJECT_PERCENT", "70%", func(c *Config) any { return c.CPURejectPercent }, 70},
		{"WS_CPU_PAUSE_PERCENT", "off", func(c *Config) any { return c.CPUPausePercent }, 0},
		{"WS_MEMORY_LIMIT", "4GiB", func(c *Config) any { return c.MemoryLimit }, int64(4 << 30)},
		{"WS_MEASURED_ON", "4us@amd64/4/6.8/some-cpu", func(c *Config) any { return c.MeasuredOn }, "4us@amd64/4/6.8/some-cpu"},
		{"WS_ALLOWED_ORIGINS", "HTTPS://Example.com:443, http://[::1]:8080", func(c *Config) any { return c.AllowedOrigins }, []string{"https://example.com", "http://[::1]:8080"}},
		{"WS_ALLOW_NO_ORIGIN", "true", func(c *Config) any { return c.AllowNoOrigin }, true},
		{"WS_TRUSTED_PROXIES", "10.0.0.0/8,::ffff:192.0.2.1", func(c *Config) any { return c.TrustedProxies },
			[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}},
		{"WS_JWT_SECRET", key, func(c *Config) any { return c.JWTSecret.Reveal() }, key},
		{"WS_JWT_JWKS_URL", "https://example.com/jwks", func(c *Config) any { return c.JWTJWKSURL }, "https://example.com/jwks"},
		{"WS_JWT_ISSUER", "issuer", func(c *Config) any { return c.JWTIssuer }, "issuer"},
		{"WS_JWT_AUDIENCE", "audience", func(c *Config) any { return c.JWTAudience }, "audience"},
		{"WS_MESSAGE_BYTES", "1 MiB", func(c *Config) any { return c.MessageBytes }, int64(1 << 20)},
		{"WS_CHANNELS", "12", func(c *Config) any { return c.Channels }, 12},
		{"WS_COMMANDS_PER_S", "off", func(c *Config) any { return c.CommandRate }, 0},
		{"WS_PING_INTERVAL", "1m", func(c *Config) any { return c.PingInterval }, time.Minute},
		{"WS_PONG_TIMEOUT", "11s", func(c *Config) any { return c.PongTimeout }, 11 * time.Second},
		{"WS_MESSAGE_TIMEOUT", "12s", func(c *Config) any { return c.MessageTimeout }, 12 * time.Second},
		{"WS_STALL_TIMEOUT", "13s", func(c *Config) any { return c.StallTimeout }, 13 * time.Second},
		{"WS_MAX_BEHIND", "off", func(c *Config) any { return c.MaxBehind }, time.Duration(0)},
		{"WS_FLUSH_INTERVAL", "10ms", func(c *Config) any { return c.FlushInterval }, 10 * time.Millisecond},
		{"WS_CONFLATE_EVENTS", "quote", func(c *Config) any { return c.ConflateEvents }, []string{"quote"}},
		{"WS_HISTORY_WINDOW", "1h", func(c *Config) any { return c.HistoryWindow }, time.Hour},
		{"WS_HISTORY_BYTES", "512MiB", func(c *Config) any { return c.HistoryBytes }, int64(512 << 20)},
		{"WS_DRAIN_SPREAD", "0s", func(c *Config) any { return c.DrainSpread }, time.Duration(0)},
		{"WS_DRAIN_TIMEOUT", "1s", func(c *Config) any { return c.DrainTimeout }, time.Second},
		{"KAFKA_BROKERS", "a:1,b", func(c *Config) any { return c.Kafka.Brokers }, []string{"a:1", "b"}},
		{"KAFKA_TOPICS", "x.quote", func(c *Config) any { return c.Kafka.Topics }, []wire.Topic{{Name: "x.quote", Event: "quote"}}},
		{"KAFKA_MAX_RATE", "5000", func(c *Config) any { return c.Kafka.MaxRate }, 5000},
		{"KAFKA_SECURITY_PROTOCOL", "SASL_SSL", func(c *Config) any { return c.Kafka.SecurityProtocol }, "sasl_ssl"},
		{"KAFKA_SASL_MECHANISM", "scram-sha-512", func(c *Config) any { return c.Kafka.SASLMechanism }, "SCRAM-SHA-512"},
		{"KAFKA_SASL_USERNAME", "user", func(c *Config) any { return c.Kafka.SASLUsername }, "user"},
		{"KAFKA_SASL_PASSWORD", "pass word", func(c *Config) any { return c.Kafka.SASLPassword.Reveal() }, "pass word"},
		{"KAFKA_SSL_CA_LOCATION", pem, func(c *Config) any { return c.Kafka.SSLCALocation }, pem},
		{"KAFKA_SSL_CERTIFICATE_LOCATION", pem, func(c *Config) any { return c.Kafka.SSLCertificateLocation }, pem},
		{"KAFKA_SSL_KEY_LOCATION", pem, func(c *Config) any { return c.Kafka.SSLKeyLocation }, pem},
		{"KAFKA_SSL_KEY_PASSWORD", "phrase", func(c *Config) any { return c.Kafka.SSLKeyPassword.Reveal() }, "phrase"},
		{"KAFKA_PROPERTIES", `ssl.cipher.suites=A\,B, client.rack=r1`, func(c *Config) any { return c.Kafka.Properties },
			Properties{"ssl.cipher.suites": "A,B", "client.rack": "r1"}},
		{"LOG_LEVEL", "WARN", func(c *Config) any { return c.LogLevel }, slog.LevelWarn},
		{"LOG_FORMAT", "json", func(c *Config) any { return c.LogFormat }, LogJSON},
	}
}

// Every setting reaches its field from each place where it can be written, and
// no field is without a setting.
func TestEverySettingFromEverywhere(t *testing.T) {
	all := trials(tempFile(t, "not looked into"))
	var lines, args, environ []string
	places := map[string]func(trial) Source{}
	tried := map[string]bool{}
	for i, tr := range all {
		tried[tr.name] = true
		flag := Setting{Name: tr.name}.Flag()
		lines = append(lines, tr.name+"='"+tr.text+"'")
		environ = append(environ, tr.name+"="+tr.text)
		if i%2 == 0 && tr.text != "true" {
			args = append(args, "--"+flag, tr.text)
		} else {
			args = append(args, "--"+flag+"="+tr.text)
		}
	}
	path := tempFile(t, strings.Join(lines, "\n"))
	line := map[string]int{}
	for i, tr := range all {
		line[tr.name] = i + 1
	}
	places["flag"] = func(tr trial) Source { return Source("--" + Setting{Name: tr.name}.Flag()) }
	places["environment"] = func(trial) Source { return environment }
	places["file"] = func(tr trial) Source { return fileLine(path, line[tr.name]) }
	loads := map[string]*Config{
		"flag": mustLoad(t, nil, args...), "environment": mustLoad(t, environ), "file": mustLoad(t, nil, "--config", path),
	}
	defaults := mustLoad(t, nil)
	for place, c := range loads {
		for _, tr := range all {
			if got := tr.field(c); !reflect.DeepEqual(got, tr.want) {
				t.Errorf("%s by %s: %v, want %v", tr.name, place, got, tr.want)
			}
			if reflect.DeepEqual(tr.field(defaults), tr.want) {
				t.Errorf("%s: %v is the default", tr.name, tr.want)
			}
		}
		for _, l := range c.Lines() {
			i := line[l.Name] - 1
			if !tried[l.Name] {
				t.Errorf("there is no trial of %s", l.Name)
			} else if want := places[place](all[i]); l.Source != want {
				t.Errorf("%s by %s comes from %q, want %q", l.Name, place, l.Source, want)
			}
		}
	}
	c := *loads["flag"]
	c.Cores = 1 // the host's
	unlike(t, "", reflect.ValueOf(*defaults), reflect.ValueOf(c))
}

// unlike finds fields that no trial has changed.
func unlike(t *testing.T, in string, a, b reflect.Value) {
	t.Helper()
	for i := range a.NumField() {
		switch f := a.Type().Field(i); {
		case f.Type == reflect.TypeFor[Kafka]():
			unlike(t, "Kafka.", a.Field(i), b.Field(i))
		case f.IsExported() && f.Name != "Warnings" && reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			t.Errorf("no setting is for %s%s", in, f.Name)
		}
	}
}

// What is printed sets the same value again, secrets aside.
func TestTextIsReadAgain(t *testing.T) {
	all := trials("/a.pem")
	for i, s := range new(Config).settings() {
		if _, hidden := s.value.(secret); hidden {
			continue
		}
		for _, text := range []string{all[indexOf(all, s.Name)].text, s.Default} {
			if text == "" {
				continue
			}
			var first, second Config
			one, other := first.settings()[i].value, second.settings()[i].value
			if err := one.Set(text); err != nil {
				t.Errorf("%s=%s: %v", s.Name, text, err)
				continue
			}
			if err := other.Set(one.String()); err != nil || !reflect.DeepEqual(first, second) {
				t.Errorf("%s=%s is shown as %s, and that is something else (%v)", s.Name, text, one, err)
			}
		}
	}
}

func indexOf(all []trial, name string) int {
	for i, tr := range all {
		if tr.name == name {
			return i
		}
	}
	panic("no trial of " + name)
}

func TestTheStrongerWins(t *testing.T) {
	one := tempFile(t, "WS_CHANNELS=1\nWS_COMMANDS_PER_S=1\nWS_MAX_CONNECTIONS=1\nKAFKA_MAX_RATE=1\n")
	two := tempFile(t, "WS_COMMANDS_PER_S=2\nWS_MAX_CONNECTIONS=2\nKAFKA_MAX_RATE=2\n")
	c := mustLoad(t, []string{"KAFKA_MAX_RATE=3", "WS_MAX_CONNECTIONS=3", "PATH=/bin", "odd", "=C:"},
		"--config", one, "--kafka-max-rate=5", "--config="+two, "-kafka-max-rate", "4")
	got := [5]int{c.Channels, c.CommandRate, c.MaxConnections, c.Kafka.MaxRate, c.CPURejectPercent}
	if want := [5]int{1, 2, 3, 4, 75}; got != want {
		t.Errorf("a file, a later one, the environment, a later flag, the default: %v, want %v", got, want)
	}
	if len(c.Warnings) != 0 {
		t.Errorf("warned: %q", c.Warnings)
	}
}

func TestSwitchesAndHelp(t *testing.T) {
	for arg, want := range map[string]bool{"--reuse-port": true, "-reuse-port": true, "--reuse-port=true": true, "--reuse-port=false": false} {
		if c := mustLoad(t, []string{"WS_REUSE_PORT=true"}, arg); c.ReusePort != want {
			t.Errorf("%s: %v", arg, c.ReusePort)
		}
	}
	for _, arg := range []string{"-h", "--help", "-help"} {
		if _, err := Load(fourCores, []string{"--addr=:1", arg, "more"}, nil); !errors.Is(err, ErrHelp) {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

func TestParseFlags(t *testing.T) {
	var asJSON bool
	wait := time.Second
	own := []Flag{{Name: "json", Value: Switch(&asJSON)}, {Name: "wait", Value: Span(&wait, 0, time.Minute)}}
	if err := ParseFlags([]string{"--json", "--wait", "2s"}, own...); err != nil || !asJSON || wait != 2*time.Second {
		t.Errorf("%v, json %v, wait %v", err, asJSON, wait)
	}
	for arg, want := range map[string]string{
		"--addr=:1":     "--addr: there is no such flag; --help lists those there are",
		"--wait=-1s":    "--wait=-1s: out of range; write a time from 0s to 1m",
		"--wait":        "--wait: it has no value; write --wait=TIME",
		"--json=yes":    "--json=yes: neither true nor false; write one of them",
		"--jso=hunter2": "--jso: there is no such flag; the nearest is --json",
		"--j=hunter2":   "--j: there is no such flag; --help lists those there are",
		"\n":            `"\n": it is not expected here; write a command before all flags, a flag with --, and the value of a switch as --flag=false`,
		"--wait=\x1b[1": `--wait="\x1b[1": not a time; write it like 500ms, 25s or 5m`,
	} {
		if err := ParseFlags([]string{arg}, own...); err == nil || err.Error() != want {
			t.Errorf("%q: %v", arg, err)
		}
	}
}

// What the host has is what the defaults come to.
func TestDefaultsFollowTheHost(t *testing.T) {
	h := fourCores
	h.OpenFiles, h.Memory, h.Cores, h.Warnings = 1500, 2<<30, 1, []string{"odd host"}
	c, err := Load(h, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxConnections != 1000 || c.MemoryLimit != 2<<30 || c.Shards != 1 || c.Cores != 1 {
		t.Errorf("got %+v", c)
	}
	for name, want := range map[string]Source{"WS_MAX_CONNECTIONS": defaultFiles, "WS_MEMORY_LIMIT": defaultCgroup, "WS_SHARDS": defaultCores} {
		if got := c.sources[name]; got != want {
			t.Errorf("%s comes from %q", name, got)
		}
	}
	if len(c.Warnings) != 2 || c.Warnings[0] != "odd host" {
		t.Errorf("warned %q", c.Warnings)
	}
	c, err = Load(h, []string{"--memory-limit=off", "--max-connections=off"}, nil)
	if err != nil || c.MemoryLimit != 0 || c.MaxConnections != 0 {
		t.Errorf("off: %+v, %v", c, err)
	}
	// There are no more shards by default than can be set.
	h.Cores, h.CPUs = 5000, 5000
	if c, err = Load(h, nil, nil); err != nil || c.Shards != 1024 {
		t.Errorf("5000 cores: %d shards, %v", c.Shards, err)
	}
	// As many as the files leave is no reason for a warning.
	h.Warnings = nil
	if c, err = Load(h, []string{"--max-connections=1000"}, nil); err != nil || len(c.Warnings) != 0 {
		t.Errorf("warned %q, %v", c.Warnings, err)
	}
}
