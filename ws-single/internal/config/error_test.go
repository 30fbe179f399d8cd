package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// golden compares got with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at the change, then renew it by go test ./internal/config -update\ngot:\n%s", path, got)
	}
}

// A wrongCase is a wrong setting: given as a flag, or by the environment where
// it has a = and no dashes.
type wrongCase struct {
	title string
	given []string
	host  func(*Host)
	file  string // content of a file given by --config
}

var wrongCases = []wrongCase{
	{title: "unknown name", given: []string{"WS_PING_INTERVALL=25s"}},
	{title: "unknown name, far from all", given: []string{"WS_X=1"}},
	{title: "unknown Kafka name", given: []string{"KAFKA_BROKER=localhost:9092"}},
	{title: "a name of the tests'", given: []string{"KAFKA_TEST_BROKERS=localhost:9092"}},
	{title: "injected by Kubernetes", given: []string{"KAFKA_PORT=tcp://10.0.0.1:9092"}},
	{title: "injected by Kubernetes, host", given: []string{"WS_SINGLE_SERVICE_HOST=10.0.0.1"}},
	{title: "what looks injected, but is somebody's guess", given: []string{"WS_PORT=3002"}},
	{title: "two unknown names: the first by name", given: []string{"WS_Z=1", "WS_A=1"}},
	{title: "unknown name in a file", file: "WS_ADDR=:1\n\nWS_ADRESS=:2\n"},
	{title: "ws-multi's setting", given: []string{"WS_SHARDS=4"}},
	{title: "ws-multi's setting in a file", file: "WS_SHARDS=4"},
	{title: "ws-multi's setting as a flag", given: []string{"--shards=4"}},
	{title: "unknown flag", given: []string{"--ping-intervall=25s"}},
	{title: "flag with one dash too many", given: []string{"---admin-token=hunter2"}},
	{title: "flag without a value", given: []string{"--addr"}},
	{title: "switch with a wrong value", given: []string{"--reuse-port=maybe"}},
	{title: "value of a switch as a word", given: []string{"--reuse-port", "false"}},
	{title: "word", given: []string{"serve"}},
	{title: "flag after a word", given: []string{"config", "--addr=:1"}},

	{title: "no such file", given: []string{"--config", "no/such.env"}},
	{title: "a folder", given: []string{"--config", "testdata"}},
	{title: "file: no KEY=VALUE", file: "WS_ADDR"},
	{title: "file: space before the =", file: "WS_ADDR = :3002"},
	{title: "file: no name", file: "=x"},
	{title: "file: open quote", file: "# ok\nWS_ADDR=\":3002"},
	{title: "file: text after the quote", file: "WS_ADDR=':3002'x"},
	{title: "file: comment glued to the quote", file: "WS_ADDR=':3002'#x"},
	{title: "file: not text", file: "WS_ADDR=\xff"},
	{title: "file: wrong value", file: "WS_ADDR=:3002\nexport WS_PING_INTERVAL=25 # seconds"},

	{title: "empty", given: []string{"WS_JWT_SECRET="}},
	{title: "empty, with a default", given: []string{"WS_PING_INTERVAL="}},
	{title: "empty, with a derived default", given: []string{"WS_MEMORY_LIMIT= "}},
	{title: "empty, with a long default", given: []string{"KAFKA_TOPICS="}},
	{title: "empty brokers", given: []string{"--kafka-brokers="}},
	{title: "on two lines", given: []string{"WS_JWT_ISSUER=a\nb"}},
	{title: "long value", given: []string{"WS_PING_INTERVAL=" + strings.Repeat("ä", 100)}},
	{title: "value that is no text", given: []string{"WS_JWT_ISSUER=\xff"}},

	{title: "time without a unit", given: []string{"WS_PING_INTERVAL=25"}},
	{title: "no time", given: []string{"WS_PING_INTERVAL=often"}},
	{title: "time too short", given: []string{"WS_PING_INTERVAL=1ns"}},
	{title: "time too long", given: []string{"WS_FLUSH_INTERVAL=2s"}},
	{title: "negative time", given: []string{"WS_MAX_BEHIND=-1s"}},
	{title: "a time that cannot be off", given: []string{"WS_STALL_TIMEOUT=off"}},
	{title: "no size", given: []string{"WS_HISTORY_BYTES=64KB"}},
	{title: "size with a fraction", given: []string{"WS_HISTORY_BYTES=1.5GiB"}},
	{title: "size too small", given: []string{"WS_HISTORY_BYTES=1KiB"}},
	{title: "size beyond 64 bits", given: []string{"WS_HISTORY_BYTES=99999999999TiB"}},
	{title: "negative size", given: []string{"WS_MESSAGE_BYTES=-1"}},
	{title: "no limit", given: []string{"WS_CHANNELS=many"}},
	{title: "limit of 0", given: []string{"WS_CHANNELS=0"}},
	{title: "negative limit", given: []string{"WS_CHANNELS=-5"}},
	{title: "limit beyond all", given: []string{"WS_CHANNELS=99999999999999999999"}},
	{title: "percent over 100", given: []string{"WS_CPU_PAUSE_PERCENT=101%"}},
	{title: "no truth value", given: []string{"WS_ALLOW_NO_ORIGIN=yes"}},
	{title: "no level", given: []string{"LOG_LEVEL=verbose"}},
	{title: "no format", given: []string{"LOG_FORMAT=logfmt"}},

	{title: "address without a colon", given: []string{"WS_ADDR=3002"}},
	{title: "address without a port", given: []string{"WS_ADDR=localhost"}},
	{title: "port beyond all", given: []string{"WS_ADDR=:65536"}},
	{title: "service's name for a port", given: []string{"WS_ADDR=:http"}},
	{title: "address with a scheme", given: []string{"WS_ADDR=http://localhost:80"}},
	{title: "host with a space", given: []string{"WS_ADDR=my host:80"}},
	{title: "one port twice", given: []string{"WS_ADDR=127.0.0.1:3902"}},
	{title: "one port twice, all addresses", given: []string{"WS_ADDR=:3902"}},
	{title: "one port twice, other spelling", given: []string{"WS_ADMIN_ADDR=[::]:3002"}},
	{title: "token that no header can carry", given: []string{"WS_ADMIN_TOKEN=two words"}},

	{title: "origin with a path", given: []string{"WS_ALLOWED_ORIGINS=https://Example.com:443/app"}},
	{title: "origin with a slash", given: []string{"WS_ALLOWED_ORIGINS=https://example.com/"}},
	{title: "origin with a wildcard", given: []string{"WS_ALLOWED_ORIGINS=https://*.example.com"}},
	{title: "origin without a scheme", given: []string{"WS_ALLOWED_ORIGINS=example.com"}},
	{title: "origin without a scheme, with a port", given: []string{"WS_ALLOWED_ORIGINS=example.com:80"}},
	{title: "origin outside ASCII", given: []string{"WS_ALLOWED_ORIGINS=https://bücher.example"}},
	{title: "origin with port 0", given: []string{"WS_ALLOWED_ORIGINS=https://example.com:0"}},
	{title: "origin twice", given: []string{"WS_ALLOWED_ORIGINS=https://example.com,https://EXAMPLE.com:443"}},
	{title: "a comma too many", given: []string{"WS_ALLOWED_ORIGINS=https://example.com,,http://a"}},
	{title: "one origin of two", given: []string{"WS_ALLOWED_ORIGINS=https://example.com, example.com"}},
	{title: "no network", given: []string{"WS_TRUSTED_PROXIES=10.0.0/8"}},
	{title: "network with host bits", given: []string{"WS_TRUSTED_PROXIES=10.1.2.3/8"}},
	{title: "address with a zone", given: []string{"WS_TRUSTED_PROXIES=fe80::1%eth0"}},
	{title: "network across IPv4 in IPv6", given: []string{"WS_TRUSTED_PROXIES=::ffff:0.0.0.0/90"}},

	{title: "short key", given: []string{"WS_JWT_SECRET=short"}},
	{title: "no web address", given: []string{"WS_JWT_JWKS_URL=ftp://example.com/jwks"}},
	{title: "web address with a password", given: []string{"WS_JWT_JWKS_URL=https://me:pw@example.com/jwks"}},
	{title: "issuer without tokens", given: []string{"WS_JWT_ISSUER=https://issuer.example"}},
	{title: "audience without tokens", given: []string{"--jwt-audience=me"}},

	{title: "pong after the next ping", given: []string{"WS_PONG_TIMEOUT=30s"}},
	{title: "pong after the next ping, other way round", given: []string{"--ping-interval=10s"}},
	{title: "closes after the end of the drain", given: []string{"WS_DRAIN_TIMEOUT=20s"}},
	{title: "reject above pause", given: []string{"WS_CPU_REJECT_PERCENT=85"}},
	{title: "history beyond the memory", given: []string{"WS_MEMORY_LIMIT=256MiB"}},
	{title: "history beyond the cgroup", host: func(h *Host) { h.MemoryLimit = 128 << 20 }},
	{title: "message too small for a full resume", given: []string{"WS_MESSAGE_BYTES=32KiB"}},
	{title: "channels too many for a full resume", given: []string{"WS_CHANNELS=1000"}},
	{title: "no room for connections", host: func(h *Host) { h.FileLimit = 500 }},
	{title: "no host to compare", given: []string{"WS_MEASURED_ON=here"}},

	{title: "conflated event without a topic", given: []string{"WS_CONFLATE_EVENTS=quote"}},
	{title: "conflated event that is none", given: []string{"WS_CONFLATE_EVENTS=tr ade"}},
	{title: "conflated event twice", given: []string{"WS_CONFLATE_EVENTS=trade,trade"}},
	{title: "two topics with one event", given: []string{"KAFKA_TOPICS=a.trade,b.trade"}},
	{title: "broker with a scheme", given: []string{"KAFKA_BROKERS=SSL://kafka:9093"}},
	{title: "broker with port 0", given: []string{"KAFKA_BROKERS=kafka:0"}},
	{title: "no broker", given: []string{"KAFKA_BROKERS=kafka;other"}},
	{title: "no broker's host", given: []string{"KAFKA_BROKERS=:9092"}},
	{title: "no protocol", given: []string{"KAFKA_SECURITY_PROTOCOL=tls"}},
	{title: "no mechanism", given: []string{"KAFKA_SASL_MECHANISM=MD5"}},
	{title: "SASL without its protocol", given: []string{"KAFKA_SASL_MECHANISM=PLAIN"}},
	{title: "password without its protocol", given: []string{"KAFKA_SASL_PASSWORD=hunter2"}},
	{title: "SASL without a mechanism", given: []string{"KAFKA_SECURITY_PROTOCOL=sasl_ssl"}},
	{title: "SASL without a password", given: []string{"KAFKA_SECURITY_PROTOCOL=sasl_ssl", "KAFKA_SASL_MECHANISM=PLAIN", "KAFKA_SASL_USERNAME=me"}},
	{title: "certificate without TLS", given: []string{"KAFKA_SSL_CA_LOCATION=/ca.pem"}},
	{title: "certificate that is not there", given: []string{"KAFKA_SECURITY_PROTOCOL=ssl", "KAFKA_SSL_CA_LOCATION=no/such.pem"}},
	{title: "certificate without a key", given: []string{"KAFKA_SECURITY_PROTOCOL=ssl", "KAFKA_SSL_CERTIFICATE_LOCATION=testdata"}},
	{title: "key without a certificate", given: []string{"KAFKA_SECURITY_PROTOCOL=ssl", "KAFKA_SSL_KEY_LOCATION=testdata"}},
	{title: "passphrase without a key", given: []string{"KAFKA_SECURITY_PROTOCOL=ssl", "KAFKA_SSL_KEY_PASSWORD=hunter2"}},
	{title: "property without a value", given: []string{"KAFKA_PROPERTIES=client.rack"}},
	{title: "property without a name", given: []string{"KAFKA_PROPERTIES=a=1,=hunter2"}},
	{title: "property twice", given: []string{"KAFKA_PROPERTIES=a=1,a=hunter2"}},
	{title: "property with a bare comma", given: []string{"KAFKA_PROPERTIES=ssl.cipher.suites=A,B"}},
	{title: "no rate", given: []string{"KAFKA_MAX_RATE=1k"}},
}

// load returns what the case gives, its file's path shown as test.env.
func (w wrongCase) load(t *testing.T) (*Config, error, func(string) string) {
	h := testHost
	if w.host != nil {
		w.host(&h.Host)
	}
	var args, environ []string
	path := "\x00"
	if w.file != "" {
		path = write(t, "test.env", w.file)
		args = append(args, "--config", path)
	}
	for i, g := range w.given {
		isName := strings.Contains(g, "=") && validName(strings.SplitN(g, "=", 2)[0])
		if isName && i == len(environ) {
			environ = append(environ, g)
		} else {
			args = append(args, g)
		}
	}
	c, err := h.loadEnv(environ, args...)
	return c, err, func(s string) string { return strings.ReplaceAll(s, path, "test.env") }
}

// Every error is one line that says what, where, why, and what would be right.
func TestErrors(t *testing.T) {
	var all strings.Builder
	for _, w := range wrongCases {
		_, err, clean := w.load(t)
		if err == nil {
			t.Errorf("%s: accepted", w.title)
			continue
		}
		var wrong *Error
		if !errors.As(err, &wrong) {
			t.Errorf("%s: not an *Error: %v", w.title, err)
			continue
		}
		line := clean(err.Error())
		if strings.ContainsAny(line, "\n\r\x00") || strings.Contains(line, "hunter2") {
			t.Errorf("%s: not one line without secrets: %q", w.title, line)
		}
		all.WriteString("# " + w.title + "\n" + line + "\n")
	}
	golden(t, "errors.golden", all.String())
}

func TestWarnings(t *testing.T) {
	var all strings.Builder
	for _, w := range []wrongCase{
		{title: "few files", host: func(h *Host) { h.FileLimit = 1024 }},
		{title: "more connections than files", given: []string{"WS_MAX_CONNECTIONS=30000"}},
		{title: "more memory than the cgroup has", given: []string{"WS_MEMORY_LIMIT=8GiB"}, host: func(h *Host) { h.MemoryLimit = 4 << 30 }},
		{title: "history of more than half the memory", given: []string{"WS_MEMORY_LIMIT=400MiB"}},
		{title: "another host", given: []string{"WS_MEASURED_ON=4us@arm64/4/6.8/0xd0c"}},
		{title: "admin address open and no token", given: []string{"WS_ADMIN_ADDR=:3902"}},
		{title: "short token", given: []string{"WS_ADMIN_TOKEN=secret"}},
		{title: "messages of any size", given: []string{"WS_MESSAGE_BYTES=off"}},
		{title: "channels without number", given: []string{"WS_CHANNELS=off"}},
		{title: "origin null", given: []string{"WS_ALLOWED_ORIGINS=null"}},
		{title: "keys fetched openly", given: []string{"WS_JWT_JWKS_URL=http://example.com/jwks"}},
		{title: "password sent openly", given: []string{"KAFKA_SECURITY_PROTOCOL=sasl_plaintext", "KAFKA_SASL_MECHANISM=PLAIN", "KAFKA_SASL_USERNAME=me", "KAFKA_SASL_PASSWORD=hunter2"}},
		{title: "foreign name in a file", file: "COMPOSE_PROJECT_NAME=x\nLOG_LEVL=debug\n"},
		{title: "name twice in a file", file: "WS_ADDR=:1\nWS_ADDR=:2\n"},
		{title: "what the host could not tell", host: func(h *Host) { h.Warnings = []string{"cannot read it"} }},
	} {
		c, err, clean := w.load(t)
		if err != nil {
			t.Errorf("%s: %v", w.title, err)
			continue
		}
		if len(c.Warnings) == 0 {
			t.Errorf("%s: no warning", w.title)
		}
		all.WriteString("# " + w.title + "\n")
		for _, line := range c.Warnings {
			line = clean(line)
			if strings.Contains(line, "\n") || strings.Contains(line, "hunter2") {
				t.Errorf("%s: not one line without secrets: %q", w.title, line)
			}
			all.WriteString(line + "\n")
		}
	}
	golden(t, "warnings.golden", all.String())
}

// What is printed is what an operator sees: the settings in force.
func TestWrite(t *testing.T) {
	c, err := testHost.loadEnv([]string{"WS_JWT_SECRET=" + strings.Repeat("k", 32), "KAFKA_TOPICS=a=b"}, "--ping-interval=30s")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "print.golden", out.String())
}
