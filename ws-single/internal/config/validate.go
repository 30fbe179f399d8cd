package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// reservedFiles are the descriptors that are not connections: the runtime's,
// the listeners', librdkafka's, and what scrapes and probes open.
const reservedFiles = 500

// derive fills the defaults that depend on the host.
func (c *Config) derive(h Host) error {
	room := h.FileLimit - reservedFiles
	switch {
	case c.sources["WS_MAX_CONNECTIONS"] != fromDefault:
		if c.MaxConnections > room {
			c.warn("%s is beyond the file limit: %d open files, less %d for the server itself, leave %d; raise the limit to %d (LimitNOFILE=, ulimit -n)",
				c.show("WS_MAX_CONNECTIONS"), h.FileLimit, reservedFiles, max(room, 0), c.MaxConnections+reservedFiles)
		}
	case room < 1:
		return errorf("WS_MAX_CONNECTIONS", fromFileLimit, "%d open files, less %d for the server itself, leave no connection: raise the limit to %d (LimitNOFILE=, ulimit -n)",
			h.FileLimit, reservedFiles, h.MaxConnections+reservedFiles)
	case room < h.MaxConnections:
		c.MaxConnections, c.sources["WS_MAX_CONNECTIONS"] = room, fromFileLimit
		c.warn("WS_MAX_CONNECTIONS is %d by default and only %d here, because %d files may be open: for all of them raise that limit to %d (LimitNOFILE=, ulimit -n)",
			h.MaxConnections, room, h.FileLimit, h.MaxConnections+reservedFiles)
	default:
		c.MaxConnections, c.sources["WS_MAX_CONNECTIONS"] = h.MaxConnections, fromVersion
	}

	if c.sources["WS_MEMORY_LIMIT"] == fromDefault && h.MemoryLimit > 0 {
		c.MemoryLimit, c.sources["WS_MEMORY_LIMIT"] = h.MemoryLimit, fromCgroup
	}
	if h.MemoryLimit > 0 && c.MemoryLimit > h.MemoryLimit {
		c.warn("%s is more than the cgroup's %s: the kernel kills the process before the limit is reached", c.show("WS_MEMORY_LIMIT"), printSize(h.MemoryLimit))
	}
	if c.MeasuredOn != "" {
		_, host, ok := strings.Cut(c.MeasuredOn, "@")
		if !ok || host == "" {
			return c.Wrong("WS_MEASURED_ON", "not FLOOR@HOST; this host is %s", h.Fingerprint)
		}
		if host != h.Fingerprint {
			c.warn("WS_MEASURED_ON names the host %s, this one is %s: what was measured there need not hold here", host, h.Fingerprint)
		}
	}
	return nil
}

// validate checks the settings against each other.
func (c *Config) validate() error {
	for _, check := range []func() error{
		c.checkListeners, c.checkTimes, c.checkGuard, c.checkEvents, c.checkMessageBytes, c.checkTokens, c.checkSASL, c.checkSSL,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) checkListeners() error {
	host, port, _ := net.SplitHostPort(c.Addr)
	adminHost, adminPort, _ := net.SplitHostPort(c.AdminAddr)
	all := func(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
	if port == adminPort && port != "0" && (host == adminHost || all(host) || all(adminHost)) {
		return c.Wrong("WS_ADMIN_ADDR", "has the port of %s: give it another one, such as 127.0.0.1:3902", c.show("WS_ADDR"))
	}
	if !c.AdminLoopback() && c.AdminToken == "" {
		c.warn("%s is not on loopback and WS_ADMIN_TOKEN is not set: drain, rebalance and pprof are refused there", c.show("WS_ADMIN_ADDR"))
	}
	if c.AdminToken != "" && len(c.AdminToken) < 16 {
		c.warn("WS_ADMIN_TOKEN is short (%d bytes): whoever guesses it can drain the server; make one by: openssl rand -hex 32", len(c.AdminToken))
	}
	return nil
}

func (c *Config) checkTimes() error {
	if c.PongTimeout >= c.PingInterval {
		return c.Wrong("WS_PONG_TIMEOUT", "must be less than %s: the answer to one ping is due before the next", c.show("WS_PING_INTERVAL"))
	}
	if c.DrainSpread >= c.DrainTimeout {
		return c.Wrong("WS_DRAIN_SPREAD", "must be less than %s: the closes must have begun before the drain ends", c.show("WS_DRAIN_TIMEOUT"))
	}
	return nil
}

func (c *Config) checkGuard() error {
	if c.CPURejectPercent > 0 && c.CPUPausePercent > 0 && c.CPURejectPercent >= c.CPUPausePercent {
		return c.Wrong("WS_CPU_REJECT_PERCENT", "must be less than %s: new connections are refused before those there are wait for Kafka", c.show("WS_CPU_PAUSE_PERCENT"))
	}
	if c.MemoryLimit > 0 {
		switch {
		case c.HistoryBytes >= c.MemoryLimit:
			return c.Wrong("WS_HISTORY_BYTES", "must be less than %s: keep it to half of that or less", c.show("WS_MEMORY_LIMIT"))
		case c.HistoryBytes > c.MemoryLimit/2:
			c.warn("%s is more than half of %s: little is left for connections and librdkafka", c.show("WS_HISTORY_BYTES"), c.show("WS_MEMORY_LIMIT"))
		}
	}
	return nil
}

func (c *Config) checkEvents() error {
	configured := make([]string, len(c.Kafka.Topics))
	for i, t := range c.Kafka.Topics {
		configured[i] = t.Event
	}
	for _, e := range c.ConflateEvents {
		if !slices.Contains(configured, e) {
			return c.Wrong("WS_CONFLATE_EVENTS", "no topic of KAFKA_TOPICS (%s) has the event %s: choose of %s", c.sources["KAFKA_TOPICS"], e, strings.Join(configured, ", "))
		}
	}
	return nil
}

const (
	// assumedPartitions is the number a topic may have before a cursor could
	// outgrow a message; the real number is the cluster's and is not known yet.
	assumedPartitions = 64
	// maxPattern is symbol.event (64 bytes each), with quotes and comma.
	maxPattern = 64 + 1 + 64 + len(`"",`)
	// maxOffset is the longest offset of a cursor, 2^53-1, with its comma.
	maxOffset = len("9007199254740991,")
	// maxLog is a log's name: 16 hex digits.
	maxLog = 16
)

// fullResume is the size in bytes of the largest subscribe that a client which
// has everything it may have sends to resume: an upper bound for compact JSON.
func fullResume(channels int, topics []wire.Topic) int64 {
	n := len(`{"type":"subscribe","id":"","data":{"channels":[],"cursor":{}}}`) + 64
	n += channels * maxPattern
	for _, t := range topics {
		n += len(`"":{"log":"","at":[]},`) + len(t.Event) + maxLog + assumedPartitions*maxOffset
	}
	return int64(n)
}

// checkMessageBytes: a client whose resume is too big is closed with 1009, and
// does not come back.
func (c *Config) checkMessageBytes() error {
	if c.MessageBytes == 0 {
		c.warn("%s: one client may make the server hold a message of any size", c.show("WS_MESSAGE_BYTES"))
		return nil
	}
	if c.Channels == 0 {
		c.warn("%s: a client with more channels than fit in WS_MESSAGE_BYTES (%s) cannot resume them in one message", c.show("WS_CHANNELS"), printSize(c.MessageBytes))
		return nil
	}
	need := fullResume(c.Channels, c.Kafka.Topics)
	if c.MessageBytes >= need {
		return nil
	}
	return c.Wrong("WS_MESSAGE_BYTES", "a full resume (%s, %d events of %d partitions) takes %d bytes: write at least %s, or lower WS_CHANNELS",
		c.show("WS_CHANNELS"), len(c.Kafka.Topics), assumedPartitions, need, printSize((need+kib-1)/kib*kib))
}

func (c *Config) checkTokens() error {
	if slices.Contains(c.AllowedOrigins, nullOrigin) {
		c.warn("WS_ALLOWED_ORIGINS (%s) has null: any page can have itself loaded with that origin", c.sources["WS_ALLOWED_ORIGINS"])
	}
	if !c.TokensChecked() {
		for _, name := range []string{"WS_JWT_ISSUER", "WS_JWT_AUDIENCE"} {
			if c.sources[name] != fromDefault {
				return c.Wrong(name, "without WS_JWT_SECRET or WS_JWT_JWKS_URL no token is looked at: set one of them, or leave this out")
			}
		}
	}
	if strings.HasPrefix(strings.ToLower(c.JWTJWKSURL), "http://") {
		c.warn("WS_JWT_JWKS_URL (%s) is not https: whoever sits on the way can sign tokens", c.sources["WS_JWT_JWKS_URL"])
	}
	return nil
}

func (c *Config) checkSASL() error {
	k := &c.Kafka
	if !strings.HasPrefix(k.SecurityProtocol, "sasl_") {
		for _, name := range []string{"KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"} {
			if c.sources[name] != fromDefault {
				return c.Wrong(name, "is not used with %s: set that to sasl_ssl or sasl_plaintext", c.show("KAFKA_SECURITY_PROTOCOL"))
			}
		}
		return nil
	}
	switch k.SASLMechanism {
	case "":
		return c.Wrong("KAFKA_SECURITY_PROTOCOL", "needs KAFKA_SASL_MECHANISM: set it to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER")
	case "OAUTHBEARER":
	default:
		if k.SASLUsername == "" || k.SASLPassword == "" {
			return c.Wrong("KAFKA_SASL_MECHANISM", "needs both KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
		}
	}
	if k.SecurityProtocol == "sasl_plaintext" && k.SASLMechanism != "SCRAM-SHA-256" && k.SASLMechanism != "SCRAM-SHA-512" {
		c.warn("%s sends the credentials of %s readable on the network", c.show("KAFKA_SECURITY_PROTOCOL"), k.SASLMechanism)
	}
	return nil
}

func (c *Config) checkSSL() error {
	k := &c.Kafka
	names := []string{"KAFKA_SSL_CA_LOCATION", "KAFKA_SSL_CERTIFICATE_LOCATION", "KAFKA_SSL_KEY_LOCATION"}
	for i, path := range []string{k.SSLCALocation, k.SSLCertificateLocation, k.SSLKeyLocation} {
		if path == "" {
			continue
		}
		if !strings.HasSuffix(k.SecurityProtocol, "ssl") {
			return c.Wrong(names[i], "is not used with %s: set that to ssl or sasl_ssl", c.show("KAFKA_SECURITY_PROTOCOL"))
		}
		// librdkafka takes a word in the place of the CA's path: probe.
		if i == 0 && path == "probe" {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			var pathErr *os.PathError
			if errors.As(err, &pathErr) {
				err = pathErr.Err
			}
			return c.Wrong(names[i], "cannot be read: %v", err)
		}
		_ = f.Close()
	}
	if (k.SSLCertificateLocation == "") != (k.SSLKeyLocation == "") {
		has, needs := names[1], names[2]
		if k.SSLKeyLocation != "" {
			has, needs = needs, has
		}
		return c.Wrong(has, "needs %s too", needs)
	}
	if k.SSLKeyPassword != "" && k.SSLKeyLocation == "" {
		return c.Wrong("KAFKA_SSL_KEY_PASSWORD", "needs KAFKA_SSL_KEY_LOCATION, the file it opens")
	}
	return nil
}

// headerToken takes what can stand in an Authorization header after Bearer
// (RFC 6750, section 2.1).
func headerToken(s string) error {
	body := strings.TrimRight(s, "=")
	if body == "" || strings.ContainsFunc(body, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~+/", r))
	}) {
		return errors.New("has characters that a bearer token cannot have: make one by: openssl rand -hex 32")
	}
	return nil
}

// hmacKey takes keys of at least the hash's size (RFC 7518, section 3.2): a
// shorter one is found out from one token.
func hmacKey(s string) error {
	if len(s) < 32 {
		return fmt.Errorf("%d bytes are too few, 32 are the least: make one by: openssl rand -hex 32", len(s))
	}
	return nil
}

func anySecret(string) error { return nil }

func (c *Config) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// Wrong is an error about a setting that was parsed, for what only its user can
// find out: why it cannot be, and what would be right.
func (c *Config) Wrong(name, format string, args ...any) *Error {
	e := errorf(name, c.sources[name], format, args...)
	if s, ok := find(name); ok && s.quotable() {
		e.value = shown(s.print(c))
	}
	return e
}

// show is a setting as it stands in a message: NAME=value (source).
func (c *Config) show(name string) string {
	s, _ := find(name)
	value := ""
	if s.quotable() {
		value = shown(s.print(c))
	}
	return subject(name, value, c.sources[name])
}

func find(name string) (Setting, bool) {
	all := Settings()
	i := slices.IndexFunc(all, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return all[i], true
}
