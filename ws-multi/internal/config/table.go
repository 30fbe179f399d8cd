package config

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// A Setting is a row of the table.
type Setting struct {
	Name    string // in the environment and in files
	Default string // as it would be written; "" for none
	Doc     string // with code between backquotes

	value   Value
	derived string // what the default comes from, where the host gives it
	derive  func(Host) (text string, source Source, err error)
}

// A Section is the settings of one matter.
type Section struct {
	Title    string
	Settings []Setting
}

// Sections are all settings, in the order in which they are shown.
func Sections() []Section { return new(Config).table() }

// Flag is the setting's name on the command line, without its dashes.
func (s Setting) Flag() string {
	name := strings.TrimPrefix(s.Name, "WS_")
	return strings.ToLower(strings.ReplaceAll(name, "_", "-"))
}

// Form is one word for what the setting takes; "" for a switch.
func (s Setting) Form() string { return s.value.Form() }

func (s Setting) confidential() bool {
	_, is := s.value.(confidential)
	return is
}

func (s Setting) takesEmpty() bool {
	v, is := s.value.(emptiable)
	return is && v.emptiable()
}

// settings is the table without its sections.
func (c *Config) settings() []Setting {
	var all []Setting
	for _, section := range c.table() {
		all = append(all, section.Settings...)
	}
	return all
}

// fromHost gives a row a default that depends on the host.
func (s Setting) fromHost(derived string, derive func(Host) (string, Source, error)) Setting {
	s.derived, s.derive = derived, derive
	return s
}

const (
	mostConnections = 10_000_000
	mostRate        = 1_000_000
	mostShards      = 1024
	tick            = 10 * time.Millisecond
)

// table binds the settings to the fields of c.
func (c *Config) table() []Section {
	row := func(name, def string, v Value, doc string) Setting {
		return Setting{Name: name, Default: def, Doc: doc, value: v}
	}
	k := &c.Kafka
	return []Section{
		{"Addresses", []Setting{
			row("WS_ADDR", ":3002", parsed{&c.Addr, "ADDRESS", readAddress},
				"where clients connect: `/ws`, and `/health` for load balancers"),
			row("WS_ADMIN_ADDR", "127.0.0.1:3902", parsed{&c.AdminAddr, "ADDRESS", readAddress},
				"where operators ask: metrics, probes, drain, profiles; not for the public"),
			row("WS_ADMIN_TOKEN", "", secret{&c.AdminToken, bearer},
				"what POSTs and profiles at the admin address must bear; with none they work on loopback only"),
			row("WS_REUSE_PORT", "false", Switch(&c.ReusePort),
				"processes with this set share one public port; each has an admin address of its own"),
		}},
		{"Cores", []Setting{
			row("WS_SHARDS", "", number{to: &c.Shards, least: 1, most: mostShards},
				"shard loops, each with its own connections").
				fromHost("one for each core", shardsOfHost),
		}},
		{"Limits", []Setting{
			row("WS_MAX_CONNECTIONS", "", limit(&c.MaxConnections, mostConnections),
				"connections at one time; more get 503").
				fromHost("max_connections of VERSION, or the file limit less 500 where that is smaller", connectionsOfHost),
			row("WS_MAX_CONNECTIONS_PER_ADDR", off, limit(&c.MaxConnectionsPerAddr, mostConnections),
				"connections of one address at one time; more get 429"),
			row("WS_MAX_CONNECTIONS_PER_SUB", off, limit(&c.MaxConnectionsPerSub, mostConnections),
				"connections of one `sub` of tokens at one time; more are closed with 4503"),
			row("WS_HANDSHAKES_PER_S", "2000", limit(&c.HandshakeRate, mostRate),
				"newcomers a second; the others wait in the backlog"),
			row("WS_HANDSHAKES_PER_S_PER_ADDR", off, limit(&c.HandshakeRatePerAddr, mostRate),
				"newcomers a second from one address; more get 429"),
			row("WS_HANDSHAKE_TIMEOUT", "5s", Span(&c.HandshakeTimeout, tick, time.Minute),
				"how long a request to upgrade may take to arrive"),
			row("WS_CPU_REJECT_PERCENT", "75", percentage(&c.CPURejectPercent),
				"share of all cores in use from which newcomers are refused"),
			row("WS_CPU_PAUSE_PERCENT", "85", percentage(&c.CPUPausePercent),
				"share of all cores in use from which Kafka is not read on; nothing is dropped"),
			row("WS_MEMORY_LIMIT", "", size{to: &c.MemoryLimit, least: 32 * mib, most: 64 * tib, off: true},
				"memory of the process; near it those furthest behind are closed with 4004").
				fromHost("the limit of the cgroup", memoryOfHost),
			row("WS_MEASURED_ON", "", line(&c.MeasuredOn, "FLOOR@HOST"),
				"where limits were measured, a floor and a host as `version --json` names it; elsewhere a start warns"),
		}},
		{"Who may connect", []Setting{
			row("WS_ALLOWED_ORIGINS", "", texts(&c.AllowedOrigins, readOrigin),
				"pages that may connect, by origin, like `https://example.com`; with none, pages of the same host"),
			row("WS_ALLOW_NO_ORIGIN", "false", Switch(&c.AllowNoOrigin),
				"what sends no Origin, as programs do, needs no token"),
			row("WS_TRUSTED_PROXIES", "", list[netip.Prefix]{to: &c.TrustedProxies, read: readNetwork, show: showNetwork},
				"networks of proxies that are believed when they say whom they forward"),
			row("WS_JWT_SECRET", "", secret{&c.JWTSecret, signingKey},
				"key of tokens signed by HS256, HS384 or HS512, 32 bytes or more; with neither this nor `WS_JWT_JWKS_URL` nobody needs a token"),
			row("WS_JWT_JWKS_URL", "", quiet{parsed{&c.JWTJWKSURL, "URL", readWeb}},
				"where to get the public keys of tokens signed by RSA, ECDSA or EdDSA"),
			row("WS_JWT_ISSUER", "", line(&c.JWTIssuer, "TEXT"), "the `iss` of every token; with none, any"),
			row("WS_JWT_AUDIENCE", "", line(&c.JWTAudience, "TEXT"), "the `aud` of every token; with none, any"),
		}},
		{"What a client may do", []Setting{
			row("WS_MESSAGE_BYTES", "64KiB", size{to: &c.MessageBytes, least: 64, most: 64 * mib, off: true},
				"size of a client's message; larger: 1009"),
			row("WS_CHANNELS", "256", limit(&c.Channels, 100_000),
				"patterns a connection may hold; more: `CHANNEL_LIMIT`"),
			row("WS_COMMANDS_PER_S", "10", limit(&c.CommandRate, mostRate),
				"commands a second of a connection; more: `RATE_LIMIT_EXCEEDED`, much more: 4006"),
			row("WS_PING_INTERVAL", "25s", Span(&c.PingInterval, tick, time.Hour),
				"how often the server pings, and `heartbeat_ms` of the welcome"),
			row("WS_PONG_TIMEOUT", "10s", Span(&c.PongTimeout, time.Millisecond, time.Hour),
				"how soon something must come after a ping; else 4002"),
			row("WS_MESSAGE_TIMEOUT", "10s", Span(&c.MessageTimeout, time.Millisecond, time.Hour),
				"how soon a message must be whole; else 4002"),
			row("WS_STALL_TIMEOUT", "10s", Span(&c.StallTimeout, tick, time.Hour),
				"how soon a full socket must take a byte; else 4001"),
			row("WS_MAX_BEHIND", "30s", span{to: &c.MaxBehind, least: tick, most: day, off: true},
				"how old what a live connection has not been sent may be; older: 4001"),
		}},
		{"What is sent", []Setting{
			row("WS_FLUSH_INTERVAL", "0s", Span(&c.FlushInterval, 0, time.Second),
				"0s: at once; `10ms`: what comes within it leaves in one write, which costs several times less"),
			row("WS_CONFLATE_EVENTS", "", texts(&c.ConflateEvents, readEvent),
				"events of which one who is behind is spared all but the newest of a channel"),
			row("WS_HISTORY_WINDOW", "5m", Span(&c.HistoryWindow, time.Second, 7*day),
				"how long messages are kept for clients that resume"),
			row("WS_HISTORY_BYTES", "256MiB", size{to: &c.HistoryBytes, least: 4 * mib, most: tib},
				"how much memory they may take; all shards share it"),
		}},
		{"How it ends", []Setting{
			row("WS_DRAIN_SPREAD", "20s", Span(&c.DrainSpread, 0, time.Hour),
				"the closes of a drain are spread over this"),
			row("WS_DRAIN_TIMEOUT", "30s", Span(&c.DrainTimeout, tick, 2*time.Hour),
				"a drain is over after this, whoever is left"),
		}},
		{"Kafka", []Setting{
			row("KAFKA_BROKERS", "localhost:9092", list[string]{to: &k.Brokers, read: readBroker, show: strings.Clone, needed: true},
				"brokers that name the others"),
			row("KAFKA_TOPICS", wire.DefaultTopics, topics{&k.Topics},
				"`topic=event` each; a topic alone has its last dot-part for event"),
			row("KAFKA_MAX_RATE", off, limit(&k.MaxRate, math.MaxInt32),
				"records a second to read; the others wait in Kafka"),
			row("KAFKA_SECURITY_PROTOCOL", "plaintext", word{&k.SecurityProtocol, []string{"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"}},
				"`plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`"),
			row("KAFKA_SASL_MECHANISM", "", word{&k.SASLMechanism, []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}},
				"`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, or `OAUTHBEARER` with its endpoint in `KAFKA_PROPERTIES`"),
			row("KAFKA_SASL_USERNAME", "", line(&k.SASLUsername, "TEXT"), "for PLAIN and SCRAM"),
			row("KAFKA_SASL_PASSWORD", "", secret{to: &k.SASLPassword}, "for PLAIN and SCRAM"),
			row("KAFKA_SSL_CA_LOCATION", "", line(&k.SSLCALocation, "PATH"),
				"certificates that vouch for brokers, a file or a folder; with none, the system's"),
			row("KAFKA_SSL_CERTIFICATE_LOCATION", "", line(&k.SSLCertificateLocation, "PATH"),
				"the certificate that this client shows, PEM"),
			row("KAFKA_SSL_KEY_LOCATION", "", line(&k.SSLKeyLocation, "PATH"), "its key, PEM"),
			row("KAFKA_SSL_KEY_PASSWORD", "", secret{to: &k.SSLKeyPassword}, "what opens the key"),
			row("KAFKA_PROPERTIES", "", properties{&k.Properties},
				"`name=value` each, as librdkafka has them, a comma in a value as `\\,`; what would break a promise is refused"),
		}},
		{"Log", []Setting{
			row("LOG_LEVEL", "info", level{&c.LogLevel}, "`debug`, `info`, `warn` or `error`"),
			row("LOG_FORMAT", LogAuto, word{&c.LogFormat, []string{LogAuto, LogText, LogJSON}},
				"`auto`, `text` or `json`; auto is text on a terminal"),
		}},
	}
}

func shardsOfHost(h Host) (string, Source, error) {
	return strconv.Itoa(min(max(h.Cores, 1), mostShards)), defaultCores, nil
}

// ownFiles are the descriptors that are no clients': the runtime's, the
// listeners', the shards' epoll sets, librdkafka's, those of handshakes and of
// whoever asks the admin address.
const ownFiles = 500

func connectionsOfHost(h Host) (string, Source, error) {
	room := h.OpenFiles - ownFiles
	switch {
	case room >= h.MaxConnections:
		return strconv.Itoa(h.MaxConnections), defaultVersion, nil
	case room < 1:
		return "", "", &Error{Setting: "WS_MAX_CONNECTIONS", Source: defaultFiles,
			Why: fmt.Sprintf("of %d open files the server needs %d itself, and none is left for a connection", h.OpenFiles, ownFiles),
			Fix: "raise the file limit " + hardLimit(h.MaxConnections+ownFiles)}
	}
	return strconv.Itoa(room), defaultFiles, nil
}

func hardLimit(files int) string { return fmt.Sprintf("to %d (LimitNOFILE=, ulimit -n)", files) }

func memoryOfHost(h Host) (string, Source, error) {
	if h.Memory <= 0 {
		return off, byDefault, nil
	}
	return sizeText(h.Memory), defaultCgroup, nil
}
