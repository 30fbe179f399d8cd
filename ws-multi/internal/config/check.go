package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// check holds the settings against each other and against the host. What
// cannot work is an error, what may surprise a warning.
func (c *Config) check(h Host) error {
	c.checkCores(h)
	for _, one := range []func() error{
		func() error { return c.checkHost(h) },
		c.checkAddresses, c.checkTimes, c.checkGuards, c.checkEvents, c.checkResume, c.checkTokens, c.checkSASL, c.checkTLS,
	} {
		if err := one(); err != nil {
			return err
		}
	}
	return nil
}

// Wrong is an error about a setting that reads well and cannot be all the same,
// for what only its user finds out: why, and what would be right.
func (c *Config) Wrong(name, why, fix string) *Error {
	e := &Error{Setting: name, Source: c.sources[name], Why: why, Fix: fix}
	if s, ok := c.setting(name); ok && !s.confidential() {
		e.Value = legible(s.value.String())
	}
	return e
}

func (c *Config) setting(name string) (Setting, bool) {
	all := c.settings()
	i := slices.IndexFunc(all, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return all[i], true
}

// cite is a setting as messages about others have it: NAME=value (source).
func (c *Config) cite(name string) string {
	e := c.Wrong(name, "", "")
	return mention(e.Setting, e.Value, e.Source)
}

func (c *Config) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

func (c *Config) checkCores(h Host) {
	there := h.realCores()
	if there < 1 || c.Shards <= there {
		return
	}
	const why = "shards that wait for a core make latency, not speed"
	if c.sources["WS_SHARDS"] == defaultCores {
		c.warn("GOMAXPROCS=%d makes %d shards, which is more than %s: %s", h.Cores, c.Shards, coresThere(there), why)
		return
	}
	c.warn("%s is more than %s: %s", c.cite("WS_SHARDS"), coresThere(there), why)
}

func coresThere(n int) string {
	if n == 1 {
		return "the one core there is"
	}
	return fmt.Sprintf("the %d cores there are", n)
}

func (c *Config) checkHost(h Host) error {
	room := h.OpenFiles - ownFiles
	switch c.sources["WS_MAX_CONNECTIONS"] {
	case defaultVersion:
	case defaultFiles:
		c.warn("the file limit of %d allows %d connections (WS_MAX_CONNECTIONS), and %d are the default: raise it %s",
			h.OpenFiles, c.MaxConnections, h.MaxConnections, hardLimit(h.MaxConnections+ownFiles))
	default:
		if c.MaxConnections > room {
			c.warn("%s is more than the %d connections that the file limit of %d allows: raise it %s",
				c.cite("WS_MAX_CONNECTIONS"), max(room, 0), h.OpenFiles, hardLimit(c.MaxConnections+ownFiles))
		}
	}
	if h.Memory > 0 && c.MemoryLimit > h.Memory {
		c.warn("%s is more than the %s of the cgroup: the kernel ends the process before the limit acts", c.cite("WS_MEMORY_LIMIT"), sizeText(h.Memory))
	}
	if c.MeasuredOn == "" {
		return nil
	}
	_, on, _ := strings.Cut(c.MeasuredOn, "@")
	if on == "" {
		return c.Wrong("WS_MEASURED_ON", "it names no host", "write FLOOR@HOST; this host is "+h.Fingerprint)
	}
	if on != h.Fingerprint {
		c.warn("WS_MEASURED_ON names the host %s and this is %s: limits measured there may be wrong here", on, h.Fingerprint)
	}
	return nil
}

func (c *Config) checkAddresses() error {
	host, port, _ := net.SplitHostPort(c.Addr)
	adminHost, adminPort, _ := net.SplitHostPort(c.AdminAddr)
	everywhere := func(host string) bool {
		addr, err := netip.ParseAddr(host)
		return host == "" || err == nil && addr.IsUnspecified()
	}
	if port == adminPort && port != "0" && (host == adminHost || everywhere(host) || everywhere(adminHost)) {
		return c.Wrong("WS_ADMIN_ADDR", "its port is taken by "+c.cite("WS_ADDR"), "choose another, like 127.0.0.1:3902")
	}
	if c.ReusePort && port == "0" {
		c.warn("%s with %s: each process takes a free port of its own, and none is shared", c.cite("WS_REUSE_PORT"), c.cite("WS_ADDR"))
	}
	if !c.AdminToken.IsSet() {
		if !c.AdminLoopback() {
			c.warn("%s can be reached from other hosts and WS_ADMIN_TOKEN is not set: nobody can drain, rebalance or profile there", c.cite("WS_ADMIN_ADDR"))
		}
		return nil
	}
	if n := len(c.AdminToken.Reveal()); n < 16 {
		c.warn("%s has only %d bytes, and whoever guesses it can end the server: %s", c.cite("WS_ADMIN_TOKEN"), n, makeOne)
	}
	return nil
}

func (c *Config) checkTimes() error {
	if c.PongTimeout >= c.PingInterval {
		return c.Wrong("WS_PONG_TIMEOUT", "a ping's answer would be due after the next ping", "keep it below "+c.cite("WS_PING_INTERVAL"))
	}
	if c.DrainSpread >= c.DrainTimeout {
		return c.Wrong("WS_DRAIN_SPREAD", "the drain would be over before its last close", "keep it below "+c.cite("WS_DRAIN_TIMEOUT"))
	}
	return nil
}

func (c *Config) checkGuards() error {
	if reject, pause := c.CPURejectPercent, c.CPUPausePercent; pause > 0 && reject >= pause {
		return c.Wrong("WS_CPU_REJECT_PERCENT", "those who are here would wait for Kafka while newcomers are let in", "keep it below "+c.cite("WS_CPU_PAUSE_PERCENT"))
	}
	if c.MemoryLimit == 0 {
		return nil
	}
	if c.HistoryBytes >= c.MemoryLimit {
		return c.Wrong("WS_HISTORY_BYTES", "the history alone would take all of "+c.cite("WS_MEMORY_LIMIT"), "keep it to half of that")
	}
	if c.HistoryBytes > c.MemoryLimit/2 {
		c.warn("%s is more than half of %s: connections and librdkafka have to do with the rest", c.cite("WS_HISTORY_BYTES"), c.cite("WS_MEMORY_LIMIT"))
	}
	return nil
}

func (c *Config) checkEvents() error {
	events := c.Events()
	for _, e := range c.ConflateEvents {
		if !slices.Contains(events, e) {
			return c.Wrong("WS_CONFLATE_EVENTS", e+" is no event of KAFKA_TOPICS ("+string(c.sources["KAFKA_TOPICS"])+")", "choose of "+strings.Join(events, ", "))
		}
	}
	return nil
}

// usualPartitions is how many partitions a topic is taken to have: the brokers
// know, and are not asked before the start.
const usualPartitions = 64

// resumeBytes is the size of the largest command with which a client can take
// up everything it may hold: so many of the longest patterns, and a cursor with
// the largest offsets of every partition, in compact JSON.
func resumeBytes(channels int, events []string) int64 {
	cursor := wire.Cursor{}
	for _, event := range events {
		at := slices.Repeat([]int64{wire.MaxOffset}, usualPartitions)
		cursor[event] = wire.Position{Log: wire.LogNameWithoutID("", ""), At: at}
	}
	const longestName = 64 // of a symbol, an event and an id
	pattern := len(`"."`) + 2*longestName + len(`,`)
	frame := len(`{"type":"subscribe","id":"","data":{"channels":[],"cursor":}}`) + longestName
	return int64(frame + channels*pattern + len(cursor.Append(nil)))
}

// checkResume refuses what would lock clients out: one whose resume is too
// large is closed with 1009, which tells it not to come back.
func (c *Config) checkResume() error {
	if c.MessageBytes == 0 {
		c.warn("%s: any client can have the server hold as large a message as it likes", c.cite("WS_MESSAGE_BYTES"))
		return nil
	}
	if c.Channels == 0 {
		c.warn("%s: whoever holds more channels than fit into %s cannot resume them at once", c.cite("WS_CHANNELS"), c.cite("WS_MESSAGE_BYTES"))
		return nil
	}
	need := resumeBytes(c.Channels, c.Events())
	if need <= c.MessageBytes {
		return nil
	}
	rounded := sizeText((need + kib - 1) / kib * kib)
	return c.Wrong("WS_MESSAGE_BYTES",
		fmt.Sprintf("a full resume has %d bytes, with %s and %d events of %d partitions", need, c.cite("WS_CHANNELS"), len(c.Kafka.Topics), usualPartitions),
		"write "+rounded+" or more, or lower WS_CHANNELS")
}

func (c *Config) checkTokens() error {
	if slices.Contains(c.AllowedOrigins, opaque) {
		c.warn("%s has null in it: any page can make itself one of that origin", c.cite("WS_ALLOWED_ORIGINS"))
	}
	if strings.HasPrefix(strings.ToLower(c.JWTJWKSURL), "http:") {
		c.warn("%s is not https: whoever is in between can sign tokens", c.cite("WS_JWT_JWKS_URL"))
	}
	for _, name := range []string{"WS_JWT_ISSUER", "WS_JWT_AUDIENCE"} {
		if !c.VerifiesTokens() && c.sources[name].chosen() {
			return c.Wrong(name, "without a key no token is looked at", "set WS_JWT_SECRET or WS_JWT_JWKS_URL too, or leave this out")
		}
	}
	return nil
}

func (c *Config) checkSASL() error {
	k := &c.Kafka
	protocol := c.cite("KAFKA_SECURITY_PROTOCOL")
	if !strings.HasPrefix(k.SecurityProtocol, "sasl") {
		for _, name := range []string{"KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"} {
			if c.sources[name].chosen() {
				return c.Wrong(name, "it does nothing with "+protocol, "make that sasl_ssl or sasl_plaintext, or leave this out")
			}
		}
		return nil
	}
	if k.SASLMechanism == "" {
		return c.Wrong("KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISM is not set", "set it to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER")
	}
	if k.SASLMechanism != "OAUTHBEARER" && (k.SASLUsername == "" || !k.SASLPassword.IsSet()) {
		return c.Wrong("KAFKA_SASL_MECHANISM", "it needs a user and a password", "set both KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
	}
	// SCRAM proves that it has the password and does not send it.
	if k.SecurityProtocol == "sasl_plaintext" && !strings.HasPrefix(k.SASLMechanism, "SCRAM") {
		c.warn("%s: everyone on the way can read the credentials of %s", protocol, k.SASLMechanism)
	}
	return nil
}

func (c *Config) checkTLS() error {
	k := &c.Kafka
	const ca, certificate, key = "KAFKA_SSL_CA_LOCATION", "KAFKA_SSL_CERTIFICATE_LOCATION", "KAFKA_SSL_KEY_LOCATION"
	for _, f := range []struct{ name, path string }{
		{ca, k.SSLCALocation}, {certificate, k.SSLCertificateLocation}, {key, k.SSLKeyLocation},
	} {
		if f.path == "" {
			continue
		}
		if !strings.HasSuffix(k.SecurityProtocol, "ssl") {
			return c.Wrong(f.name, "it does nothing with "+c.cite("KAFKA_SECURITY_PROTOCOL"), "make that ssl or sasl_ssl, or leave this out")
		}
		// To librdkafka the word probe is no path: it looks where systems keep them.
		if f.name == ca && f.path == "probe" {
			continue
		}
		file, err := os.Open(f.path)
		if err != nil {
			return c.Wrong(f.name, "it cannot be opened ("+reason(err)+")", "give the path of a file this user may read")
		}
		_ = file.Close()
	}
	switch {
	case k.SSLCertificateLocation != "" && k.SSLKeyLocation == "":
		return c.Wrong(certificate, "a certificate needs its key", "set "+key+" too")
	case k.SSLKeyLocation != "" && k.SSLCertificateLocation == "":
		return c.Wrong(key, "a key needs its certificate", "set "+certificate+" too")
	case k.SSLKeyPassword.IsSet() && k.SSLKeyLocation == "":
		return c.Wrong("KAFKA_SSL_KEY_PASSWORD", "there is no key to open", "set "+key+" too")
	}
	return nil
}
