package config

import (
	"errors"
	"flag"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// hostForTests is a host on which no default is the host's own.
type hostForTests struct{ Host }

var testHost = hostForTests{Host{MaxConnections: 12000, FileLimit: 20000, Fingerprint: "amd64/2/6.1/test"}}

func (h hostForTests) load(args ...string) (*Config, error) { return h.loadEnv(nil, args...) }

func (h hostForTests) loadEnv(environ []string, args ...string) (*Config, error) {
	return h.Load(newFlagSet(), args, environ)
}

// write returns the path of a new file.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	c, err := testHost.load()
	if err != nil {
		t.Fatal(err)
	}
	sources := c.sources
	c.sources = nil
	topics, err := wire.ParseTopics(wire.DefaultTopics)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Addr: ":3002", AdminAddr: "127.0.0.1:3902",
		MaxConnections: 12000, HandshakesPerSecond: 2000, HandshakeTimeout: 5 * time.Second,
		CPURejectPercent: 75, CPUPausePercent: 85,
		MessageBytes: 64 << 10, Channels: 256, CommandsPerSecond: 10,
		PingInterval: 25 * time.Second, PongTimeout: 10 * time.Second, MessageTimeout: 10 * time.Second,
		StallTimeout: 10 * time.Second, MaxBehind: 30 * time.Second,
		HistoryWindow: 5 * time.Minute, HistoryBytes: 256 << 20,
		DrainSpread: 20 * time.Second, DrainTimeout: 30 * time.Second,
		Kafka:     Kafka{Brokers: []string{"localhost:9092"}, Topics: topics, SecurityProtocol: "plaintext"},
		LogFormat: "auto",
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	for name, source := range sources {
		if name == "WS_MAX_CONNECTIONS" {
			if source != "default, from VERSION" {
				t.Errorf("%s comes from %q", name, source)
			}
		} else if source != "default" {
			t.Errorf("%s comes from %q", name, source)
		}
	}
}

// everySetting is a value other than the default for each setting, and what it
// makes of its field.
func everySetting(t *testing.T) (map[string]string, *Config) {
	pem := write(t, "cert.pem", "not looked into")
	values := map[string]string{
		"WS_ADDR": "[::1]:0", "WS_ADMIN_ADDR": "0.0.0.0:1234", "WS_ADMIN_TOKEN": "0123456789abcdef==", "WS_REUSE_PORT": "true",
		"WS_MAX_CONNECTIONS": "100", "WS_MAX_CONNECTIONS_PER_ADDR": "7", "WS_MAX_CONNECTIONS_PER_SUB": "8",
		"WS_HANDSHAKES_PER_S": "9", "WS_HANDSHAKES_PER_S_PER_ADDR": "11", "WS_HANDSHAKE_TIMEOUT": "1500ms",
		"WS_ALLOWED_ORIGINS": "HTTPS://Example.com:443, http://[::1]:8080", "WS_ALLOW_NO_ORIGIN": "true", "WS_TRUSTED_PROXIES": "10.0.0.0/8,::ffff:192.0.2.1",
		"WS_JWT_SECRET": strings.Repeat("k", 32), "WS_JWT_JWKS_URL": "https://example.com/jwks", "WS_JWT_ISSUER": "issuer", "WS_JWT_AUDIENCE": "audience",
		"WS_MESSAGE_BYTES": "1MiB", "WS_CHANNELS": "12", "WS_COMMANDS_PER_S": "off",
		"WS_PING_INTERVAL": "1m", "WS_PONG_TIMEOUT": "11s", "WS_MESSAGE_TIMEOUT": "12s", "WS_STALL_TIMEOUT": "13s", "WS_MAX_BEHIND": "off",
		"WS_FLUSH_INTERVAL": "10ms", "WS_CONFLATE_EVENTS": "quote", "WS_HISTORY_WINDOW": "1h", "WS_HISTORY_BYTES": "512MiB",
		"WS_CPU_REJECT_PERCENT": "70%", "WS_CPU_PAUSE_PERCENT": "off", "WS_MEMORY_LIMIT": "4GiB", "WS_MEASURED_ON": "4us@amd64/2/6.1/test",
		"WS_DRAIN_SPREAD": "0s", "WS_DRAIN_TIMEOUT": "1s",
		"KAFKA_BROKERS": "a:1,b", "KAFKA_TOPICS": "x.quote", "KAFKA_MAX_RATE": "5000", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
		"KAFKA_SASL_MECHANISM": "scram-sha-512", "KAFKA_SASL_USERNAME": "user", "KAFKA_SASL_PASSWORD": "pass word",
		"KAFKA_SSL_CA_LOCATION": pem, "KAFKA_SSL_CERTIFICATE_LOCATION": pem, "KAFKA_SSL_KEY_LOCATION": pem, "KAFKA_SSL_KEY_PASSWORD": "phrase",
		"KAFKA_PROPERTIES": `ssl.cipher.suites=A\,B,client.rack=r1`,
		"LOG_LEVEL":        "DEBUG", "LOG_FORMAT": "json",
	}
	return values, &Config{
		Addr: "[::1]:0", AdminAddr: "0.0.0.0:1234", AdminToken: "0123456789abcdef==", ReusePort: true,
		MaxConnections: 100, MaxConnectionsPerAddr: 7, MaxConnectionsPerSub: 8,
		HandshakesPerSecond: 9, HandshakesPerSecondPerAddr: 11, HandshakeTimeout: 1500 * time.Millisecond,
		AllowedOrigins: []string{"https://example.com", "http://[::1]:8080"}, AllowNoOrigin: true,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")},
		JWTSecret:      Secret(strings.Repeat("k", 32)), JWTJWKSURL: "https://example.com/jwks", JWTIssuer: "issuer", JWTAudience: "audience",
		MessageBytes: 1 << 20, Channels: 12, CommandsPerSecond: 0,
		PingInterval: time.Minute, PongTimeout: 11 * time.Second, MessageTimeout: 12 * time.Second, StallTimeout: 13 * time.Second, MaxBehind: 0,
		FlushInterval: 10 * time.Millisecond, ConflateEvents: []string{"quote"}, HistoryWindow: time.Hour, HistoryBytes: 512 << 20,
		CPURejectPercent: 70, CPUPausePercent: 0, MemoryLimit: 4 << 30, MeasuredOn: "4us@amd64/2/6.1/test",
		DrainSpread: 0, DrainTimeout: time.Second,
		Kafka: Kafka{
			Brokers: []string{"a:1", "b"}, Topics: []wire.Topic{{Name: "x.quote", Event: "quote"}}, MaxRate: 5000, SecurityProtocol: "sasl_ssl",
			SASLMechanism: "SCRAM-SHA-512", SASLUsername: "user", SASLPassword: "pass word",
			SSLCALocation: pem, SSLCertificateLocation: pem, SSLKeyLocation: pem, SSLKeyPassword: "phrase",
			Properties: Properties{"ssl.cipher.suites": "A,B", "client.rack": "r1"},
		},
		LogLevel: slog.LevelDebug, LogFormat: "json",
	}
}

// Every setting can be given in each of the three places, and reaches its field.
func TestEverySetting(t *testing.T) {
	values, want := everySetting(t)
	var environ, args, lines []string
	for _, s := range Settings() {
		v, ok := values[s.Name]
		if !ok {
			t.Fatalf("add %s to everySetting", s.Name)
		}
		environ = append(environ, s.Name+"="+v)
		args = append(args, "--"+s.Flag()+"="+v)
		lines = append(lines, s.Name+"='"+v+"'")
	}
	path := write(t, "all.env", strings.Join(lines, "\n"))
	for _, from := range []struct {
		name    string
		environ []string
		args    []string
		source  func(i int, s Setting) Source
	}{
		{"flags", nil, args, func(_ int, s Setting) Source { return Source("--" + s.Flag()) }},
		{"environment", environ, nil, func(int, Setting) Source { return "environment" }},
		{"file", nil, []string{"--config", path}, func(i int, _ Setting) Source { return fromFile(path, i+1) }},
	} {
		t.Run(from.name, func(t *testing.T) {
			c, err := testHost.loadEnv(from.environ, from.args...)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range Settings() {
				if got := c.sources[s.Name]; got != from.source(i, s) {
					t.Errorf("%s comes from %q", s.Name, got)
				}
			}
			c.sources, c.Warnings = nil, nil
			if !reflect.DeepEqual(c, want) {
				t.Errorf("got  %+v\nwant %+v", c, want)
			}
		})
	}
}

// Every field of Config is somebody's: a field that no setting changes would
// be a setting that does nothing.
func TestEveryField(t *testing.T) {
	defaults, err := testHost.load()
	if err != nil {
		t.Fatal(err)
	}
	_, c := everySetting(t)
	fields := 0
	var compare func(path string, a, b reflect.Value)
	compare = func(path string, a, b reflect.Value) {
		for i := range a.NumField() {
			f := a.Type().Field(i)
			switch {
			case !f.IsExported() || f.Name == "Warnings":
			case f.Name == "Kafka":
				compare("Kafka.", a.Field(i), b.Field(i))
			default:
				fields++
				if reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
					t.Errorf("no setting changes %s%s", path, f.Name)
				}
			}
		}
	}
	compare("", reflect.ValueOf(*defaults), reflect.ValueOf(*c))
	if settings := len(Settings()); fields != settings {
		t.Errorf("%d fields, %d settings", fields, settings)
	}
}

// A printed value is read as the same value again, secrets aside.
func TestPrintedValuesAreRead(t *testing.T) {
	values, _ := everySetting(t)
	for _, s := range Settings() {
		if s.Secret {
			continue
		}
		for _, v := range []string{values[s.Name], s.Default} {
			if v == "" && !s.Empty {
				continue
			}
			var first, second Config
			if err := s.parse(&first, v); err != nil {
				t.Errorf("%s=%s: %v", s.Name, v, err)
				continue
			}
			printed := s.print(&first)
			if err := s.parse(&second, printed); err != nil || !reflect.DeepEqual(first, second) {
				t.Errorf("%s=%s is printed as %s, which is read as another value (%v)", s.Name, v, printed, err)
			}
		}
	}
}

func TestPrecedence(t *testing.T) {
	first := write(t, "first.env", "WS_CHANNELS=1\nWS_COMMANDS_PER_S=1\nWS_MAX_CONNECTIONS=1\nWS_HANDSHAKES_PER_S=1\n")
	second := write(t, "second.env", "WS_COMMANDS_PER_S=2\nWS_MAX_CONNECTIONS=2\nWS_HANDSHAKES_PER_S=2\n")
	c, err := testHost.loadEnv([]string{"WS_MAX_CONNECTIONS=3", "WS_HANDSHAKES_PER_S=3"},
		"--config", first, "--handshakes-per-s=9", "--config="+second, "--handshakes-per-s=4")
	if err != nil {
		t.Fatal(err)
	}
	got := []int{c.Channels, c.CommandsPerSecond, c.MaxConnections, c.HandshakesPerSecond, c.CPURejectPercent}
	if want := []int{1, 2, 3, 4, 75}; !slices.Equal(got, want) {
		t.Errorf("file, later file, environment, later flag, default: got %v, want %v", got, want)
	}
}

func TestHelpIsNoError(t *testing.T) {
	for _, arg := range []string{"-h", "--help"} {
		if _, err := testHost.load(arg); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

func TestSwitches(t *testing.T) {
	for args, want := range map[string]bool{"--reuse-port": true, "--reuse-port=true": true, "--reuse-port=false": false} {
		if c, err := testHost.load(args); err != nil || c.ReusePort != want {
			t.Errorf("%s: %v, %v", args, c.ReusePort, err)
		}
	}
}

// What is not this server's may be in its environment.
func TestForeignEnvironment(t *testing.T) {
	c, err := testHost.loadEnv([]string{"PATH=/bin", "LOG_DIR=/x", "WSL_DISTRO=y", "=C:", "broken"})
	if err != nil || len(c.Warnings) != 0 {
		t.Errorf("%v, %v", c, err)
	}
}

func TestAdmin(t *testing.T) {
	for _, tt := range []struct {
		addr           string
		token          Secret
		loopback, open bool
	}{
		{"127.0.0.1:3902", "", true, true},
		{"127.9.9.9:3902", "", true, true},
		{"[::1]:3902", "", true, true},
		{"[::ffff:127.0.0.1]:3902", "", true, true},
		{"localhost:3902", "", true, true},
		{"localhost:3902", "token", true, false},
		{":3902", "", false, false},
		{":3902", "token", false, false},
		{"0.0.0.0:3902", "", false, false},
		{"10.0.0.1:3902", "", false, false},
		{"localhost.example.com:3902", "", false, false},
		{"", "", false, false},
	} {
		c := &Config{AdminAddr: tt.addr, AdminToken: tt.token}
		if c.AdminLoopback() != tt.loopback || c.AdminOpen() != tt.open {
			t.Errorf("%s with %q: loopback %v, open %v", tt.addr, string(tt.token), c.AdminLoopback(), c.AdminOpen())
		}
	}
}

func newFlagSet() *flag.FlagSet { return flag.NewFlagSet("", flag.ContinueOnError) }
