package config

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// Config is every setting, parsed and checked. Sizes are bytes; a limit of 0
// is off.
type Config struct {
	Addr       string // public listener: /ws and /health
	AdminAddr  string // admin listener
	AdminToken Secret
	ReusePort  bool // SO_REUSEPORT on the public listener
	MeasuredOn string

	MaxConnections             int
	MaxConnectionsPerAddr      int
	MaxConnectionsPerSub       int
	HandshakesPerSecond        int
	HandshakesPerSecondPerAddr int
	HandshakeTimeout           time.Duration

	CPURejectPercent int // of the one core
	CPUPausePercent  int
	MemoryLimit      int64

	MessageBytes      int64
	Channels          int
	CommandsPerSecond int

	PingInterval   time.Duration
	PongTimeout    time.Duration
	MessageTimeout time.Duration
	StallTimeout   time.Duration
	MaxBehind      time.Duration // 0: off

	FlushInterval  time.Duration // 0: at once
	ConflateEvents []string
	HistoryWindow  time.Duration
	HistoryBytes   int64

	DrainSpread  time.Duration
	DrainTimeout time.Duration

	AllowedOrigins []string       // scheme://host[:port], lower case, default port left out; empty: same host
	AllowNoOrigin  bool           // a request without Origin needs no token
	TrustedProxies []netip.Prefix // masked; IPv4 as IPv4

	JWTSecret   Secret
	JWTJWKSURL  string
	JWTIssuer   string
	JWTAudience string

	Kafka Kafka

	LogLevel  slog.Level
	LogFormat string // LogAuto, LogText or LogJSON

	// Warnings are what an operator should know although the server can start:
	// one line each, without secrets.
	Warnings []string

	sources map[string]Source
}

// Kafka is the settings named KAFKA_*.
type Kafka struct {
	Brokers []string // host or host:port
	Topics  []wire.Topic
	MaxRate int // messages/s; 0: off

	SecurityProtocol       string // as librdkafka's security.protocol
	SASLMechanism          string
	SASLUsername           string
	SASLPassword           Secret
	SSLCALocation          string
	SSLCertificateLocation string
	SSLKeyLocation         string
	SSLKeyPassword         Secret

	Properties Properties // straight to librdkafka
}

// The values of LOG_FORMAT.
const (
	LogAuto = "auto" // text on a terminal, JSON elsewhere
	LogText = "text"
	LogJSON = "json"
)

// AdminLoopback says whether only this host can reach the admin listener.
func (c *Config) AdminLoopback() bool {
	host, _, err := net.SplitHostPort(c.AdminAddr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// AdminOpen says whether the admin listener's POSTs and pprof answer without a
// token. When it is false they need AdminToken, and where AdminToken is empty
// they are refused.
func (c *Config) AdminOpen() bool {
	return c.AdminLoopback() && c.AdminToken == ""
}

// TokensChecked says whether a client needs a token: WS_JWT_* is set.
func (c *Config) TokensChecked() bool {
	return c.JWTSecret != "" || c.JWTJWKSURL != ""
}
