package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const (
	reader       = "reader"
	rightSecret  = "Right-pa55-of-the-reader"
	wrongSecret  = "Wrong-pa55-that-nobody-may-see"
	logInterval  = 10 * time.Second // the least between two lines about the same thing
	loggedAtMost = 4                // in one interval, of everything: two sources, each with a line at both ends
)

// securedBroker is a broker whose secured listeners take the reader.
func securedBroker(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Options{Security: &broker.Security{User: reader, Password: rightSecret}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// byLogin are the settings of the reader, with other ones for some; "" leaves one out.
func byLogin(b *broker.Broker, others stage.Settings) stage.Settings {
	return changed(stage.Settings{
		"KAFKA_BROKERS":           b.SASLAddr(),
		"KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
		"KAFKA_SASL_MECHANISM":    "SCRAM-SHA-512",
		"KAFKA_SASL_USERNAME":     reader,
		"KAFKA_SASL_PASSWORD":     rightSecret,
		"KAFKA_SSL_CA_LOCATION":   b.CA(),
	}, others)
}

// byCertificate is the same with a certificate in the place of a login.
func byCertificate(b *broker.Broker, others stage.Settings) stage.Settings {
	return changed(stage.Settings{
		"KAFKA_BROKERS":                  b.MutualAddr(),
		"KAFKA_SECURITY_PROTOCOL":        "ssl",
		"KAFKA_SSL_CA_LOCATION":          b.CA(),
		"KAFKA_SSL_CERTIFICATE_LOCATION": b.ClientCertificate(),
		"KAFKA_SSL_KEY_LOCATION":         b.ClientKey(),
	}, others)
}

func changed(set, others stage.Settings) stage.Settings {
	maps.Copy(set, others)
	maps.DeleteFunc(set, func(_, value string) bool { return value == "" })
	return set
}

// A broker that asks for proofs is one like any other: what comes is delivered,
// and a client goes on at another server that has come in another way.
func TestSecuredKafka(t *testing.T) {
	t.Parallel()
	b := securedBroker(t)
	tp := stage.MakeTopics(t, b.Addr(), 3, "trade")
	strangers := authority(t)
	stranger, strangerKey, err := strangers.Issue(filepath.Join(t.TempDir(), "stranger"), broker.Certificate{Name: "stranger"})
	if err != nil {
		t.Fatal(err)
	}
	secret := file(t, "kafka.env", "KAFKA_SASL_PASSWORD="+rightSecret)
	otherCA := filepath.Join(t.TempDir(), "ca")
	if _, err := broker.NewAuthority(otherCA); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(b.SASLAddr(), ":")

	refusals := []struct {
		name  string
		set   stage.Settings
		names []string // what one line has to say
	}{
		{"password", byLogin(b, stage.Settings{"KAFKA_SASL_PASSWORD": wrongSecret}), []string{"KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"}},
		{"password, as text", byLogin(b, stage.Settings{"KAFKA_SASL_PASSWORD": wrongSecret, "LOG_FORMAT": "text"}), []string{"KAFKA_SASL_PASSWORD"}},
		{"user", byLogin(b, stage.Settings{"KAFKA_SASL_USERNAME": "nobody", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"}), []string{"KAFKA_SASL_USERNAME"}},
		{"mechanism", byLogin(b, stage.Settings{"KAFKA_SASL_MECHANISM": "PLAIN"}), []string{"KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"}},
		{"authority", byLogin(b, stage.Settings{"KAFKA_SSL_CA_LOCATION": filepath.Join(otherCA, "ca.pem")}), []string{"KAFKA_SSL_CA_LOCATION"}},
		{"no authority", byLogin(b, stage.Settings{"KAFKA_SSL_CA_LOCATION": ""}), []string{"KAFKA_SSL_CA_LOCATION", "not set"}},
		{"host", byLogin(b, stage.Settings{"KAFKA_BROKERS": "localhost:" + port}), []string{"KAFKA_SSL_CA_LOCATION", "KAFKA_BROKERS", "host"}},
		{"no certificate", byCertificate(b, stage.Settings{"KAFKA_SSL_CERTIFICATE_LOCATION": "", "KAFKA_SSL_KEY_LOCATION": ""}), []string{"KAFKA_SSL_CERTIFICATE_LOCATION"}},
		{"a stranger's certificate", byCertificate(b, stage.Settings{"KAFKA_SSL_CERTIFICATE_LOCATION": stranger, "KAFKA_SSL_KEY_LOCATION": strangerKey}), []string{"KAFKA_SSL_CERTIFICATE_LOCATION"}},
		{"no TLS", stage.Settings{"KAFKA_BROKERS": b.SASLAddr()}, []string{"KAFKA_SECURITY_PROTOCOL"}},
		{"no login", stage.Settings{"KAFKA_BROKERS": b.SASLAddr(), "KAFKA_SECURITY_PROTOCOL": "ssl", "KAFKA_SSL_CA_LOCATION": b.CA()}, []string{"KAFKA_SECURITY_PROTOCOL"}},
		{"a login where none is", byLogin(b, stage.Settings{"KAFKA_BROKERS": b.Addr(), "KAFKA_SECURITY_PROTOCOL": "sasl_plaintext", "KAFKA_SSL_CA_LOCATION": ""}), []string{"KAFKA_SECURITY_PROTOCOL"}},
		{"TLS where none is", byLogin(b, stage.Settings{"KAFKA_BROKERS": b.Addr()}), []string{"KAFKA_SECURITY_PROTOCOL"}},
	}

	for _, v := range suite.variants {
		binary := suite.binaries[v.Name]
		t.Run(v.Name+"/delivers", func(t *testing.T) {
			t.Parallel()
			x := stage.Symbol()
			first := stage.Start(t, binary, tp, byLogin(b, nil))
			c := stage.Dial(t, first)
			c.Join(x + ".trade")
			tp.Count(t, "trade", x, 1, 10)
			c.Counts(x+".trade", 1, 10)
			cursor := c.Cursor()
			c.Close()
			tp.Count(t, "trade", x, 11, 30)
			done := 10
			for _, other := range []struct {
				set  stage.Settings
				args []string
			}{
				{set: byLogin(b, stage.Settings{"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"})},
				{set: byLogin(b, stage.Settings{"KAFKA_SASL_PASSWORD": ""}), args: []string{"--config", secret}},
				{set: byCertificate(b, nil)},
				// A property of librdkafka's own: the certificate's host is not looked at.
				{set: byLogin(b, stage.Settings{"KAFKA_BROKERS": "localhost:" + port, "KAFKA_PROPERTIES": "ssl.endpoint.identification.algorithm=none"})},
			} {
				c := stage.Dial(t, startWith(t, binary, tp, other.set, other.args...))
				c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor})
				c.Counts(x+".trade", done+1, done+20)
				c.Replay(20)
				cursor, done = c.Cursor(), done+20
				c.Close()
				tp.Count(t, "trade", x, done+1, done+20)
			}
		})
		for _, r := range refusals {
			t.Run(v.Name+"/refused/"+r.name, func(t *testing.T) {
				t.Parallel()
				s := stage.StartCold(t, binary, tp, r.set)
				staysOut(t, v, s, r.set, r.names...)
			})
		}
		t.Run(v.Name+"/a password that is set right at the broker", func(t *testing.T) {
			t.Parallel()
			user, x := stage.Symbol(), stage.Symbol()
			if err := b.SetPassword(within(t), user, "an old one"); err != nil {
				t.Fatal(err)
			}
			s := stage.StartCold(t, binary, tp, byLogin(b, stage.Settings{"KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": wrongSecret}))
			complains(t, s, "KAFKA_SASL_PASSWORD")
			tp.Count(t, "trade", x, 1, 5)
			if err := b.SetPassword(within(t), user, wrongSecret); err != nil {
				t.Fatal(err)
			}
			s.Ready(t)
			c := stage.Dial(t, s)
			c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Last: 5})
			c.Counts(x+".trade", 1, 5)
			c.Replay(5)
		})
	}
}

// A broker whose certificate does not hold lets nobody in; with the right one all
// come by themselves. A password that is changed under a running server costs its
// clients time and no message.
func TestBrokerProvesItself(t *testing.T) {
	t.Parallel()
	b := securedBroker(t)
	tp := stage.MakeTopics(t, b.Addr(), 2, "trade")
	present := func(c broker.Certificate) {
		t.Helper()
		if err := b.Present(c); err != nil {
			t.Fatal(err)
		}
		if err := b.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	here := []string{"127.0.0.1"}
	present(broker.Certificate{Hosts: []string{"elsewhere.example"}})
	var servers []*stage.Server
	for _, v := range suite.variants {
		servers = append(servers, stage.StartCold(t, suite.binaries[v.Name], tp, byLogin(b, nil)))
	}
	for _, s := range servers {
		complains(t, s, "KAFKA_BROKERS", "KAFKA_SSL_CA_LOCATION")
	}
	present(broker.Certificate{Hosts: here, NotAfter: time.Now().Add(-time.Hour)})
	before := make([]int, len(servers))
	for i, s := range servers {
		before[i] = len(s.Process.Logs())
	}
	for i, s := range servers {
		complainsAfter(t, s, before[i], "expired")
	}
	present(broker.Certificate{Hosts: here})
	var clients []*stage.Conn
	x := stage.Symbol()
	for _, s := range servers {
		s.Ready(t)
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		clients = append(clients, c)
	}
	tp.Count(t, "trade", x, 1, 10)
	for _, c := range clients {
		c.Counts(x+".trade", 1, 10)
	}

	if err := b.SetPassword(within(t), reader, "another"); err != nil {
		t.Fatal(err)
	}
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	tp.Count(t, "trade", x, 11, 20) // nobody can read them yet
	for i, s := range servers {
		s.WaitStatus(t, "/readyz", http.StatusServiceUnavailable)
		complains(t, s, "KAFKA_SASL_PASSWORD")
		clients[i].Heartbeat()
	}
	if err := b.SetPassword(within(t), reader, rightSecret); err != nil {
		t.Fatal(err)
	}
	for i, s := range servers {
		s.Ready(t)
		clients[i].Counts(x+".trade", 11, 20)
		clients[i].Heartbeat() // nothing else came
		silentAbout(t, s, rightSecret)
	}
}

// startWith is stage.Start with a command line.
func startWith(t *testing.T, binary string, tp *stage.Topics, set stage.Settings, args ...string) *stage.Server {
	t.Helper()
	set["KAFKA_TOPICS"] = tp.Setting()
	p, err := variant.Start(variant.Options{Binary: binary, Args: args, Env: set})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage.Server{Addr: p.Addr, AdminAddr: p.AdminAddr, Topics: tp, Process: p}
	t.Cleanup(func() {
		if err := s.End(); err != nil {
			t.Error(err)
		}
	})
	s.Ready(t)
	return s
}

func authority(t *testing.T) *broker.Authority {
	t.Helper()
	a, err := broker.NewAuthority(filepath.Join(t.TempDir(), "authority"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// staysOut: the server lives and is not ready, says in one line which settings to
// look at, says it again and not often, and gives nothing secret away.
func staysOut(t *testing.T, v variant.Variant, s *stage.Server, set stage.Settings, names ...string) {
	t.Helper()
	complains(t, s, names...)
	first := len(s.Process.Logs())
	time.Sleep(logInterval)
	if lines := strings.Split(strings.TrimSpace(s.Process.Logs()[first:]), "\n"); len(lines) > loggedAtMost {
		t.Errorf("%d lines in %v:\n%s", len(lines), logInterval, strings.Join(lines, "\n"))
	}
	complainsAfter(t, s, first, names...)
	s.WaitStatus(t, "/healthz", http.StatusOK)
	if r := s.Get(t, "/readyz"); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz says %d", r.StatusCode)
	}
	if r := s.Public(t, "/health", nil); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/health says %d", r.StatusCode)
	}
	isRefusal(t, stage.Refusal(t, s, check.Options{}), http.StatusServiceUnavailable)
	for _, secret := range []string{rightSecret, wrongSecret} {
		silentAbout(t, s, secret)
		settings := settings(maps.Clone(set))
		settings["KAFKA_TOPICS"] = s.Topics.Setting()
		code, shown := program(t, v, settings, "config", "print")
		if code != 0 || strings.Contains(shown, secret) || set["KAFKA_SASL_PASSWORD"] != "" && !strings.Contains(shown, "***") {
			t.Errorf("config print ended with %d and shows\n%s", code, shown)
		}
	}
}

// silentAbout: nothing that the server says or shows has the secret.
func silentAbout(t *testing.T, s *stage.Server, secret string) {
	t.Helper()
	if strings.Contains(s.Process.Logs(), secret) {
		t.Error("the log shows a password")
	}
	for _, path := range []string{"/metrics", "/version", "/readyz", "/healthz", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2"} {
		if strings.Contains(string(s.Get(t, path).Body), secret) {
			t.Errorf("%s shows a password", path)
		}
	}
}

// complains waits for a line of the log, a warning, that has all names.
func complains(t *testing.T, s *stage.Server, names ...string) {
	t.Helper()
	complainsAfter(t, s, 0, names...)
}

// complainsAfter looks only at the log from an offset on.
func complainsAfter(t *testing.T, s *stage.Server, after int, names ...string) {
	t.Helper()
	stage.Eventually(t, fmt.Sprintf("a line of the log with %v", names), func() bool {
		select {
		case <-s.Process.Done():
			t.Fatalf("the server has ended:\n%s", s.Process.Logs())
		default:
		}
		for line := range strings.Lines(s.Process.Logs()[after:]) {
			if (strings.Contains(line, "WARN") || strings.Contains(line, "WRN")) && !slices.ContainsFunc(names, func(name string) bool { return !strings.Contains(line, name) }) {
				return true
			}
		}
		return false
	})
}
