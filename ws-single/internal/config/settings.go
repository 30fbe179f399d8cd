package config

import (
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// A Setting is one line of the table everything is generated from.
type Setting struct {
	Name    string // in the environment and in files
	Default string // as it would be written; "" for none
	Derived string // how the default is found on the host, where it is not a constant
	Help    string // one line, for --help and the README
	Secret  bool   // its value is shown nowhere
	Bool    bool   // its flag needs no value
	Empty   bool   // its empty value is the empty list

	parse func(*Config, string) error
	print func(*Config) string
}

// A Group is the settings of one subject, in the order they are shown.
type Group struct {
	Title    string
	Settings []Setting
}

// Flag is the setting's name on the command line, without the dashes.
func (s Setting) Flag() string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(s.Name, "WS_"), "_", "-"))
}

// setting is one line of the table: at gives the field that k reads and shows.
func setting[T any](name string, k kind[T], def, help string, at func(*Config) *T) Setting {
	var v any = new(T)
	_, isSecret := v.(*Secret)
	_, isBool := v.(*bool)
	return Setting{
		Name: name, Default: def, Help: help, Secret: isSecret, Bool: isBool, Empty: k.empty,
		parse: func(c *Config, s string) error {
			value, err := k.parse(s)
			if err != nil {
				return err
			}
			*at(c) = value
			return nil
		},
		print: func(c *Config) string { return k.print(*at(c)) },
	}
}

func (s Setting) derived(how string) Setting {
	s.Derived = how
	return s
}

const (
	kib = 1 << 10
	mib = 1 << 20
	tib = 1 << 40

	day = 24 * time.Hour
)

// Groups is every setting, by subject.
func Groups() []Group {
	return []Group{
		{"Listeners", []Setting{
			setting("WS_ADDR", address(), ":3002", "public address: `/ws` and `/health`",
				func(c *Config) *string { return &c.Addr }),
			setting("WS_ADMIN_ADDR", address(), "127.0.0.1:3902", "admin address: metrics, probes, drain, pprof; never publish it",
				func(c *Config) *string { return &c.AdminAddr }),
			setting("WS_ADMIN_TOKEN", secret(headerToken), "", "bearer token for the admin address's POSTs and pprof; without it they answer only where that address is on loopback",
				func(c *Config) *Secret { return &c.AdminToken }),
			setting("WS_REUSE_PORT", boolean(), "false", "let several processes share the public port, each with an admin address of its own",
				func(c *Config) *bool { return &c.ReusePort }),
		}},
		{"Admission", []Setting{
			setting("WS_MAX_CONNECTIONS", limit(10_000_000), "", "open connections; beyond: 503",
				func(c *Config) *int { return &c.MaxConnections }).
				derived("the smaller of VERSION's max_connections and the file limit less 500"),
			setting("WS_MAX_CONNECTIONS_PER_ADDR", limit(10_000_000), off, "open connections of one client address; beyond: 429",
				func(c *Config) *int { return &c.MaxConnectionsPerAddr }),
			setting("WS_MAX_CONNECTIONS_PER_SUB", limit(10_000_000), off, "open connections of one token's `sub`; beyond: closed with 4503",
				func(c *Config) *int { return &c.MaxConnectionsPerSub }),
			setting("WS_HANDSHAKES_PER_S", limit(1_000_000), "2000", "new connections a second; more wait in the backlog",
				func(c *Config) *int { return &c.HandshakesPerSecond }),
			setting("WS_HANDSHAKES_PER_S_PER_ADDR", limit(1_000_000), off, "new connections a second from one client address; beyond: 429",
				func(c *Config) *int { return &c.HandshakesPerSecondPerAddr }),
			setting("WS_HANDSHAKE_TIMEOUT", duration(10*time.Millisecond, time.Minute), "5s", "time for a client's upgrade request to arrive",
				func(c *Config) *time.Duration { return &c.HandshakeTimeout }),
		}},
		{"Security", []Setting{
			setting("WS_ALLOWED_ORIGINS", list(origin()), "", "origins of pages that may connect, such as `https://example.com`, parted by commas; none: the same host",
				func(c *Config) *[]string { return &c.AllowedOrigins }),
			setting("WS_ALLOW_NO_ORIGIN", boolean(), "false", "let clients without an Origin header (no browser) in without a token",
				func(c *Config) *bool { return &c.AllowNoOrigin }),
			setting("WS_TRUSTED_PROXIES", list(prefix()), "", "networks of proxies whose X-Forwarded-For is believed, parted by commas",
				func(c *Config) *[]netip.Prefix { return &c.TrustedProxies }),
			setting("WS_JWT_SECRET", secret(hmacKey), "", "key of HS256, HS384 and HS512 tokens, at least 32 bytes; without this and the next one no client needs a token",
				func(c *Config) *Secret { return &c.JWTSecret }),
			setting("WS_JWT_JWKS_URL", webURL(), "", "where the public keys of RSA, ECDSA and EdDSA tokens are fetched",
				func(c *Config) *string { return &c.JWTJWKSURL }),
			setting("WS_JWT_ISSUER", text(), "", "`iss` a token must have; none: any",
				func(c *Config) *string { return &c.JWTIssuer }),
			setting("WS_JWT_AUDIENCE", text(), "", "`aud` a token must have; none: any",
				func(c *Config) *string { return &c.JWTAudience }),
		}},
		{"Clients", []Setting{
			setting("WS_MESSAGE_BYTES", sizeOrOff(64, 64*mib), "64KiB", "largest message a client may send; beyond: closed with 1009",
				func(c *Config) *int64 { return &c.MessageBytes }),
			setting("WS_CHANNELS", limit(100_000), "256", "channel patterns of one connection; beyond: `CHANNEL_LIMIT`",
				func(c *Config) *int { return &c.Channels }),
			setting("WS_COMMANDS_PER_S", limit(1_000_000), "10", "commands a second of one connection; beyond: `RATE_LIMIT_EXCEEDED`, then 4006",
				func(c *Config) *int { return &c.CommandsPerSecond }),
			setting("WS_PING_INTERVAL", duration(10*time.Millisecond, time.Hour), "25s", "time between the server's pings, and the `heartbeat_ms` of `welcome`",
				func(c *Config) *time.Duration { return &c.PingInterval }),
			setting("WS_PONG_TIMEOUT", duration(time.Millisecond, time.Hour), "10s", "time for a frame to come after a ping; beyond: closed with 4002",
				func(c *Config) *time.Duration { return &c.PongTimeout }),
			setting("WS_MESSAGE_TIMEOUT", duration(time.Millisecond, time.Hour), "10s", "time for a message to arrive whole; beyond: closed with 4002",
				func(c *Config) *time.Duration { return &c.MessageTimeout }),
			setting("WS_STALL_TIMEOUT", duration(10*time.Millisecond, time.Hour), "10s", "time a socket may take no byte; beyond: closed with 4001",
				func(c *Config) *time.Duration { return &c.StallTimeout }),
			setting("WS_MAX_BEHIND", durationOrOff(10*time.Millisecond, day), "30s", "age of a live connection's oldest unsent message; beyond: closed with 4001",
				func(c *Config) *time.Duration { return &c.MaxBehind }),
		}},
		{"Delivery and history", []Setting{
			setting("WS_FLUSH_INTERVAL", duration(0, time.Second), "0s", "0s sends at once; `10ms` lets one write carry all that came meanwhile, several times cheaper",
				func(c *Config) *time.Duration { return &c.FlushInterval }),
			setting("WS_CONFLATE_EVENTS", list(event()), "", "events of which a client that is behind gets only the newest message of each channel, parted by commas",
				func(c *Config) *[]string { return &c.ConflateEvents }),
			setting("WS_HISTORY_WINDOW", duration(time.Second, 7*day), "5m", "age of the oldest message kept for resuming clients",
				func(c *Config) *time.Duration { return &c.HistoryWindow }),
			setting("WS_HISTORY_BYTES", size(4*mib, tib), "256MiB", "memory for the messages kept",
				func(c *Config) *int64 { return &c.HistoryBytes }),
		}},
		{"Guard", []Setting{
			setting("WS_CPU_REJECT_PERCENT", percent(), "75", "CPU use, of one core, from which new connections are refused",
				func(c *Config) *int { return &c.CPURejectPercent }),
			setting("WS_CPU_PAUSE_PERCENT", percent(), "85", "CPU use, of one core, from which reading Kafka pauses; nothing is dropped",
				func(c *Config) *int { return &c.CPUPausePercent }),
			setting("WS_MEMORY_LIMIT", sizeOrOff(32*mib, 64*tib), "", "memory the process may use; near it those furthest behind are closed with 4004",
				func(c *Config) *int64 { return &c.MemoryLimit }).
				derived("the cgroup's limit"),
			setting("WS_MEASURED_ON", text(), "", "`FLOOR@HOST` the limits were measured on (`version --json` shows the host); a start elsewhere warns",
				func(c *Config) *string { return &c.MeasuredOn }),
		}},
		{"Drain", []Setting{
			setting("WS_DRAIN_SPREAD", duration(0, time.Hour), "20s", "time over which a drain closes its connections",
				func(c *Config) *time.Duration { return &c.DrainSpread }),
			setting("WS_DRAIN_TIMEOUT", duration(10*time.Millisecond, 2*time.Hour), "30s", "time after which a drain ends, empty or not",
				func(c *Config) *time.Duration { return &c.DrainTimeout }),
		}},
		{"Kafka", []Setting{
			setting("KAFKA_BROKERS", atLeastOne(list(broker())), "localhost:9092", "brokers to begin with, parted by commas",
				func(c *Config) *[]string { return &c.Kafka.Brokers }),
			setting("KAFKA_TOPICS", topics(), wire.DefaultTopics, "`topic=event`, parted by commas; without `=event` the event is the topic's last dot-part",
				func(c *Config) *[]wire.Topic { return &c.Kafka.Topics }),
			setting("KAFKA_MAX_RATE", limit(math.MaxInt32), off, "messages a second read from Kafka; beyond: paused, nothing is dropped",
				func(c *Config) *int { return &c.Kafka.MaxRate }),
			setting("KAFKA_SECURITY_PROTOCOL", oneOf("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"), "plaintext", "`plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`",
				func(c *Config) *string { return &c.Kafka.SecurityProtocol }),
			setting("KAFKA_SASL_MECHANISM", oneOf("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"), "", "`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER` (its endpoint by `KAFKA_PROPERTIES`)",
				func(c *Config) *string { return &c.Kafka.SASLMechanism }),
			setting("KAFKA_SASL_USERNAME", text(), "", "user of PLAIN and SCRAM",
				func(c *Config) *string { return &c.Kafka.SASLUsername }),
			setting("KAFKA_SASL_PASSWORD", secret(anySecret), "", "password of that user",
				func(c *Config) *Secret { return &c.Kafka.SASLPassword }),
			setting("KAFKA_SSL_CA_LOCATION", text(), "", "file or folder of the certificates that vouch for the brokers; none: the system's",
				func(c *Config) *string { return &c.Kafka.SSLCALocation }),
			setting("KAFKA_SSL_CERTIFICATE_LOCATION", text(), "", "file of the client's own certificate, PEM",
				func(c *Config) *string { return &c.Kafka.SSLCertificateLocation }),
			setting("KAFKA_SSL_KEY_LOCATION", text(), "", "file of the client's own key, PEM",
				func(c *Config) *string { return &c.Kafka.SSLKeyLocation }),
			setting("KAFKA_SSL_KEY_PASSWORD", secret(anySecret), "", "passphrase of that key",
				func(c *Config) *Secret { return &c.Kafka.SSLKeyPassword }),
			setting("KAFKA_PROPERTIES", properties(), "", "`name=value,…` straight to librdkafka (a comma in a value as `\\,`); refused where it would break a promise",
				func(c *Config) *Properties { return &c.Kafka.Properties }),
		}},
		{"Logs", []Setting{
			setting("LOG_LEVEL", level(), "info", "`debug`, `info`, `warn` or `error`",
				func(c *Config) *slog.Level { return &c.LogLevel }),
			setting("LOG_FORMAT", oneOf(LogAuto, LogText, LogJSON), LogAuto, "`text`, `json`, or `auto`: text on a terminal, JSON elsewhere",
				func(c *Config) *string { return &c.LogFormat }),
		}},
	}
}

// Settings is every setting, in the order of Groups.
func Settings() []Setting {
	var all []Setting
	for _, g := range Groups() {
		all = append(all, g.Settings...)
	}
	return all
}

// elsewhere are names that a setting of this project has, but not this server:
// why, and what to do.
var elsewhere = map[string]string{
	"WS_SHARDS": "ws-single has one loop on one core and nothing to shard: leave it out, or run ws-multi, whose setting it is",
}
