package config

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// Config is the settings in force. Sizes are bytes, rates are a second, and 0
// stands for a limit that is off.
type Config struct {
	// Cores is how many cores Go can use at once: GOMAXPROCS, or the CPUs there
	// are where that is more. It is the host's to say and no setting; the CPU
	// percentages are of so many.
	Cores int
	// Shards is how many shard loops there are, at least 1.
	Shards int

	Addr       string // public: /ws and /health
	AdminAddr  string
	AdminToken Secret
	ReusePort  bool // several processes on Addr

	MaxConnections        int
	MaxConnectionsPerAddr int
	MaxConnectionsPerSub  int
	HandshakeRate         int // WS_HANDSHAKES_PER_S
	HandshakeRatePerAddr  int
	HandshakeTimeout      time.Duration

	AllowedOrigins []string // as browsers write them: lower case, no default port; none: the same host
	AllowNoOrigin  bool
	TrustedProxies []netip.Prefix // masked, IPv4 never inside IPv6

	JWTSecret   Secret
	JWTJWKSURL  string
	JWTIssuer   string
	JWTAudience string

	MessageBytes   int64
	Channels       int
	CommandRate    int // WS_COMMANDS_PER_S
	PingInterval   time.Duration
	PongTimeout    time.Duration
	MessageTimeout time.Duration
	StallTimeout   time.Duration
	MaxBehind      time.Duration

	FlushInterval  time.Duration // 0: at once
	ConflateEvents []string
	HistoryWindow  time.Duration
	HistoryBytes   int64

	CPURejectPercent int
	CPUPausePercent  int
	MemoryLimit      int64
	MeasuredOn       string // FLOOR@HOST

	DrainSpread  time.Duration
	DrainTimeout time.Duration

	Kafka Kafka

	LogLevel  slog.Level
	LogFormat string // LogAuto, LogText or LogJSON

	// Warnings are lines for the operator of a server that can start all the
	// same. They hold no secret.
	Warnings []string

	sources map[string]Source // by setting
}

// Kafka is the settings whose names begin with KAFKA_.
type Kafka struct {
	Brokers []string // host or host:port
	Topics  []wire.Topic
	MaxRate int // records a second

	SecurityProtocol string // librdkafka's security.protocol, in lower case
	SASLMechanism    string
	SASLUsername     string
	SASLPassword     Secret

	SSLCALocation          string
	SSLCertificateLocation string
	SSLKeyLocation         string
	SSLKeyPassword         Secret

	Properties Properties
}

// What LOG_FORMAT may be.
const (
	LogAuto = "auto" // text where the log goes to a terminal, else JSON
	LogText = "text"
	LogJSON = "json"
)

// Events are the events of Kafka.Topics, in their order.
func (c *Config) Events() []string {
	events := make([]string, 0, len(c.Kafka.Topics))
	for _, topic := range c.Kafka.Topics {
		events = append(events, topic.Event)
	}
	return events
}

// AdminLoopback says whether the admin listener is out of reach for other
// hosts.
func (c *Config) AdminLoopback() bool {
	host, _, err := net.SplitHostPort(c.AdminAddr)
	if err != nil || host == "localhost" {
		return err == nil
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// AdminOpen says whether the admin listener's POSTs and pprof need no token.
// Where they need one and there is none, nobody may use them.
func (c *Config) AdminOpen() bool { return !c.AdminToken.IsSet() && c.AdminLoopback() }

// VerifiesTokens says whether clients need a token.
func (c *Config) VerifiesTokens() bool { return c.JWTSecret.IsSet() || c.JWTJWKSURL != "" }
