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
	return ownBroker(t, broker.Options{Security: &broker.Security{User: reader, Password: rightSecret}})
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

// refusal is a way to come to a secured broker that is refused, and what one line
// of the log has to say about it.
type refusal struct {
	name  string
	set   stage.Settings
	names []string
}

// A broker that asks for proofs is one like any other: what comes is delivered,
// and a client goes on at another server that has come in another way.
func TestSecuredKafka(t *testing.T) {
	t.Parallel()
	b := securedBroker(t)
	tp := stage.MakeTopics(t, b.Addr(), 3, "trade")
	strangers, err := broker.NewAuthority(filepath.Join(t.TempDir(), "strangers"))
	if err != nil {
		t.Fatal(err)
	}
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

	refusals := []refusal{
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
			first := stage.StartCold(t, binary, tp, byLogin(b, nil))
			others := []*stage.Server{
				stage.StartCold(t, binary, tp, byLogin(b, stage.Settings{"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"})),
				stage.StartCold(t, binary, tp, byLogin(b, stage.Settings{"KAFKA_SASL_PASSWORD": ""}), "--config", secret),
				stage.StartCold(t, binary, tp, byCertificate(b, nil)),
				// A property of librdkafka's own: the certificate's host is not looked at.
				stage.StartCold(t, binary, tp, byLogin(b, stage.Settings{
					"KAFKA_BROKERS": "localhost:" + port, "KAFKA_PROPERTIES": "ssl.endpoint.identification.algorithm=none",
				})),
			}
			first.Ready(t)
			c := stage.Dial(t, first)
			c.Join(x + ".trade")
			tp.Count(t, "trade", x, 1, 10)
			c.Counts(x+".trade", 1, 10)
			cursor := c.Cursor()
			c.Close()
			tp.Count(t, "trade", x, 11, 30)
			stream := check.NewStream()
			stream.After(x+".trade", 10)
			for i, other := range others {
				other.Ready(t)
				c := stage.Dial(t, other)
				c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor})
				to, complete := 30+20*i, false
				for !complete || stream.Last(x+".trade") < int64(to) {
					f := c.Take() // what this server has not read yet comes after the replay
					stream.Take(f)
					complete = complete || f.Type == "replay_complete"
				}
				cursor = c.Cursor()
				c.Close()
				tp.Count(t, "trade", x, to+1, to+20)
			}
			if err := stream.Err(nil); err != nil {
				t.Error(err)
			}
		})
		t.Run(v.Name+"/refused", func(t *testing.T) {
			t.Parallel()
			stayOut(t, v, tp, refusals)
		})
		t.Run(v.Name+"/a password that is set right at the broker", func(t *testing.T) {
			t.Parallel()
			user, x := stage.Symbol(), stage.Symbol()
			if err := b.SetPassword(stage.Within(t), user, "an old one"); err != nil {
				t.Fatal(err)
			}
			s := stage.StartCold(t, binary, tp, byLogin(b, stage.Settings{"KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": wrongSecret}))
			complains(t, s, "KAFKA_SASL_PASSWORD")
			tp.Count(t, "trade", x, 1, 5)
			if err := b.SetPassword(stage.Within(t), user, wrongSecret); err != nil {
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

// A broker whose certificate has expired lets nobody in; with a right one all
// come by themselves. A password that is changed under a running server costs its
// clients time and no message.
func TestBrokerProvesItself(t *testing.T) {
	t.Parallel()
	b := securedBroker(t)
	tp := stage.MakeTopics(t, b.Addr(), 2, "trade")
	const other, otherSecret = "other", "a password that stays"
	setPassword := func(user, password string) {
		t.Helper()
		if err := b.SetPassword(stage.Within(t), user, password); err != nil {
			t.Fatal(err)
		}
	}
	setPassword(other, otherSecret)
	start := func(set stage.Settings) (all []*stage.Server) {
		for _, v := range suite.variants {
			all = append(all, stage.StartCold(t, suite.binaries[v.Name], tp, set))
		}
		return all
	}
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

	running := start(byLogin(b, nil))
	x := stage.Symbol()
	var clients []*stage.Conn
	for _, s := range running {
		s.Ready(t)
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		clients = append(clients, c)
	}
	tp.Count(t, "trade", x, 1, 10)
	for _, c := range clients {
		c.Counts(x+".trade", 1, 10)
	}

	setPassword(reader, "another")
	present(broker.Certificate{Hosts: here, NotAfter: time.Now().Add(-time.Hour)})
	tp.Count(t, "trade", x, 11, 20) // nobody can read them yet
	cold := start(byLogin(b, stage.Settings{"KAFKA_SASL_USERNAME": other, "KAFKA_SASL_PASSWORD": otherSecret}))
	for _, s := range slices.Concat(running, cold) {
		complains(t, s, "KAFKA_BROKERS", "KAFKA_SSL_CA_LOCATION", "expired")
		s.WaitStatus(t, "/readyz", http.StatusServiceUnavailable)
	}

	present(broker.Certificate{Hosts: here})
	for _, s := range cold {
		s.Ready(t)
		c := stage.Dial(t, s)
		c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Last: 20})
		c.Counts(x+".trade", 1, 20)
		c.Replay(20)
		silentAbout(t, s, otherSecret)
	}
	for i, s := range running {
		complains(t, s, "KAFKA_SASL_PASSWORD")
		s.WaitStatus(t, "/readyz", http.StatusServiceUnavailable)
		clients[i].Heartbeat()
	}
	setPassword(reader, rightSecret)
	for i, s := range running {
		s.Ready(t)
		clients[i].Counts(x+".trade", 11, 20)
		clients[i].Heartbeat() // nothing else came
		silentAbout(t, s, rightSecret)
	}
}

// stayOut starts a server for each refusal, all at once. Each lives and is not
// ready, says in one line which settings to look at, says it again and not often,
// and gives nothing secret away.
func stayOut(t *testing.T, v variant.Variant, tp *stage.Topics, refusals []refusal) {
	t.Helper()
	servers, said := make([]*stage.Server, len(refusals)), make([]int, len(refusals))
	for i, r := range refusals {
		servers[i] = stage.StartCold(t, suite.binaries[v.Name], tp, r.set)
	}
	for i, r := range refusals {
		t.Run("says so/"+r.name, func(t *testing.T) {
			complains(t, servers[i], r.names...)
			set := changed(stage.Settings{"KAFKA_TOPICS": tp.Setting()}, r.set)
			code, shown := program(t, v, set, "config", "print")
			if code != 0 || set["KAFKA_SASL_PASSWORD"] != "" && !strings.Contains(shown, "***") ||
				strings.Contains(shown, rightSecret) || strings.Contains(shown, wrongSecret) {
				t.Errorf("config print ended with %d and shows\n%s", code, shown)
			}
		})
	}
	for i, s := range servers {
		said[i] = len(s.Process.Logs())
	}
	time.Sleep(logInterval)
	since := make([]string, len(refusals))
	for i, s := range servers {
		since[i] = s.Process.Logs()[said[i]:]
	}
	for i, r := range refusals {
		t.Run("stays out/"+r.name, func(t *testing.T) {
			s := servers[i]
			if lines := strings.Split(strings.TrimSpace(since[i]), "\n"); len(lines) > loggedAtMost {
				t.Errorf("%d lines in %v:\n%s", len(lines), logInterval, since[i])
			}
			complainsAfter(t, s, said[i], r.names...)
			s.WaitStatus(t, "/healthz", http.StatusOK)
			if r := s.Get(t, "/readyz"); r.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("/readyz says %d", r.StatusCode)
			}
			if r := s.Public(t, "/health", nil); r.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("/health says %d", r.StatusCode)
			}
			isRefusal(t, stage.Refusal(t, s, check.Options{}), http.StatusServiceUnavailable)
			silentAbout(t, s, rightSecret)
			silentAbout(t, s, wrongSecret)
		})
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
	defer func() {
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.Process.Logs())
		}
	}()
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
