package broker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// A broker whose secured listeners let in those who may come, and nobody else.
func TestSecured(t *testing.T) {
	b, err := Start(t.Context(), Options{Security: &Security{User: "reader", Password: "correct horse"}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop() //nolint:errcheck // what counts is asserted below
	if found, err := Find(b.Dir()); err != nil || found.SASLAddr() != b.SASLAddr() || found.MutualAddr() != b.MutualAddr() {
		t.Errorf("found %+v, %v, want the addresses of %+v", found, err, b.node)
	}
	other, err := NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	strange, strangeKey, err := other.Issue(filepath.Join(t.TempDir(), "client"), Certificate{Name: "stranger"})
	if err != nil {
		t.Fatal(err)
	}
	sasl := func(mechanism, password string) kafka.ConfigMap {
		return kafka.ConfigMap{
			"bootstrap.servers": b.SASLAddr(), "security.protocol": "sasl_ssl", "ssl.ca.location": b.CA(),
			"sasl.mechanism": mechanism, "sasl.username": "reader", "sasl.password": password,
		}
	}
	mutual := func(certificate, key string) kafka.ConfigMap {
		m := kafka.ConfigMap{"bootstrap.servers": b.MutualAddr(), "security.protocol": "ssl", "ssl.ca.location": b.CA()}
		if certificate != "" {
			m["ssl.certificate.location"], m["ssl.key.location"] = certificate, key
		}
		return m
	}
	const refused = "Authentication failed"
	says := func(m kafka.ConfigMap, want string) {
		t.Helper()
		if got := complaint(t, m); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	says(sasl("SCRAM-SHA-256", "correct horse"), "")
	says(sasl("SCRAM-SHA-512", "correct horse"), "")
	says(sasl("SCRAM-SHA-512", "wrong"), refused)
	says(mutual(b.ClientCertificate(), b.ClientKey()), "")
	says(mutual(strange, strangeKey), "SSL")
	says(mutual("", ""), "SSL")

	if err := b.SetPassword(t.Context(), "reader", "battery staple"); err != nil {
		t.Fatal(err)
	}
	says(sasl("SCRAM-SHA-512", "correct horse"), refused)
	says(sasl("SCRAM-SHA-512", "battery staple"), "")

	for _, c := range []struct {
		certificate Certificate
		want        string
	}{
		{Certificate{Hosts: []string{"elsewhere.example"}}, "SSL"},
		{Certificate{Hosts: []string{"127.0.0.1"}, NotAfter: time.Now().Add(-time.Hour)}, "SSL"},
		{Certificate{Hosts: []string{"127.0.0.1"}}, ""},
	} {
		if err := b.Present(c.certificate); err != nil {
			t.Fatal(err)
		}
		if err := b.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		says(sasl("SCRAM-SHA-512", "battery staple"), c.want)
	}
	if info, err := os.Stat(b.ClientKey()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the client's key: %v, %v", info, err)
	}
}

// complaint is why a client cannot come in, "" if it can.
func complaint(t *testing.T, m kafka.ConfigMap) string {
	t.Helper()
	m["group.id"], m["log_level"] = "none", 0
	c, err := kafka.NewConsumer(&m)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var last string
	for end := time.Now().Add(answerTimeout); time.Now().Before(end); {
		if _, err := c.GetMetadata(nil, true, 500); err == nil {
			return ""
		}
		for e := c.Poll(0); e != nil; e = c.Poll(0) {
			if e, ok := e.(kafka.Error); ok && e.Code() != kafka.ErrAllBrokersDown {
				t.Logf("%d %v %q", e.Code(), e.Code(), e.String())
				last = e.String()
			}
		}
		if last != "" {
			return last
		}
	}
	return "no answer"
}
