package kafka

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// What librdkafka said to real brokers; scripts/e2e has them say it again.
func TestAdvice(t *testing.T) {
	t.Parallel()
	const tls = "sasl_ssl://b:9093/bootstrap: "
	own := Config{SecurityProtocol: "ssl", SSLCertificateLocation: "c.pem"}
	login := Config{SecurityProtocol: "sasl_ssl", SASLMechanism: "SCRAM-SHA-512", SASLUsername: "u", SASLPassword: "p4ss", SSLCALocation: "ca.pem"}
	for _, c := range []struct {
		cfg   Config
		code  kafka.ErrorCode
		text  string
		wants []string // in the advice; none: there is none
	}{
		{login, kafka.ErrAuthentication, tls + "SASL authentication error: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 (after 319ms in state AUTH_REQ)", []string{"KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"}},
		{Config{SASLMechanism: "OAUTHBEARER"}, kafka.ErrAuthentication, tls + "SASL authentication error: invalid token", []string{"KAFKA_PROPERTIES", "sasl.oauthbearer"}},
		{login, kafka.ErrAuthentication, tls + "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: SCRAM-SHA-512 (after 130ms in state AUTH_HANDSHAKE)", []string{"KAFKA_SASL_MECHANISM"}},
		{login, kafka.ErrAuthentication, tls + "SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Request not valid in current SASL state: broker's supported mechanisms:  (after 4ms in state AUTH_HANDSHAKE)", []string{"KAFKA_SECURITY_PROTOCOL", "or ssl"}},
		{login, kafka.ErrSsl, tls + "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified (after 93ms in state SSL_HANDSHAKE)", []string{"KAFKA_SSL_CA_LOCATION has to", "KAFKA_BROKERS", "expired"}},
		{own, kafka.ErrSsl, tls + "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified (after 93ms in state SSL_HANDSHAKE)", []string{"KAFKA_SSL_CA_LOCATION is not set"}},
		{login, kafka.ErrTransport, "ssl://b:9093/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42 (after 1ms in state APIVERSION_QUERY)", []string{"KAFKA_SSL_CERTIFICATE_LOCATION, KAFKA_SSL_KEY_LOCATION", "set both"}},
		{own, kafka.ErrTransport, "ssl://b:9093/bootstrap: Receive failed: error:0A000418:SSL routines::tlsv1 alert unknown ca: SSL alert number 48", []string{"KAFKA_SSL_CERTIFICATE_LOCATION:", "does not take"}},
		{own, kafka.ErrSsl, "ssl://b:9093/bootstrap: SSL handshake failed: error:0A000410:SSL routines::sslv3 alert handshake failure: SSL alert number 40", nil},
		{login, kafka.ErrTransport, tls + "Disconnected: SSL connection closed by peer (after 1ms in state SSL_HANDSHAKE)", []string{"KAFKA_SECURITY_PROTOCOL"}},
		{Config{}, kafka.ErrTransport, "", []string{"KAFKA_SECURITY_PROTOCOL"}},
		{own, kafka.ErrTransport, "ssl://b:9093/bootstrap: Send failed: SSL transport error: Broken pipe (after 0ms in state UP)", []string{"KAFKA_SECURITY_PROTOCOL"}},
		{own, kafka.ErrTransport, "ssl://b:9093/bootstrap: Disconnected (after 4ms in state APIVERSION_QUERY)", []string{"KAFKA_SECURITY_PROTOCOL"}},
		{own, kafka.ErrTransport, "ssl://b:9093/bootstrap: Disconnected (after 4000ms in state UP)", nil},
		{own, kafka.ErrTransport, "ssl://b:9093/1: Send failed: SSL transport error: Broken pipe (after 5000ms in state UP)", nil},
		{login, kafka.ErrTimedOut, "", nil},
		{login, kafka.ErrTransport, tls + "Connect to ipv4#127.0.0.1:9093 failed: Connection refused (after 0ms in state CONNECT)", nil},
		{login, kafka.ErrResolve, tls + "Failed to resolve 'b:9093': Name or service not known", nil},
	} {
		got := advice(c.cfg, kafka.NewError(c.code, c.text, false))
		if (got == "") != (len(c.wants) == 0) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.wants)
		}
		for _, want := range c.wants {
			if !strings.Contains(got, want) {
				t.Errorf("%q: got %q, want %q", c.text, got, want)
			}
		}
		if strings.Contains(got, "p4ss") {
			t.Errorf("shows the password: %q", got)
		}
	}
	if got := advice(login, errors.New("certificate verify failed")); got != "" {
		t.Errorf("of an error that is not librdkafka's: %q", got)
	}
}

// Who has never answered may be asked in the wrong way: the log says what to look at, also where librdkafka does not tell that
// somebody hung up.
func TestSilenceFromTheStartNamesSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		d := newDiscovery(&Consumer{log: slog.New(slog.NewTextHandler(&out, nil)), counters: newCounters(0)}, nil)
		says := func(what string, err kafka.Error, want bool) {
			t.Helper()
			time.Sleep(max(neverAnswered, quietPeriod))
			out.Reset()
			d.silent(err)
			if out.Len() == 0 || strings.Contains(out.String(), "KAFKA_SECURITY_PROTOCOL") != want {
				t.Errorf("%s: %q", what, out.String())
			}
		}
		late := kafka.NewError(kafka.ErrTimedOut, "", false)
		says("nobody listens", kafka.NewError(kafka.ErrTransport, "b:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused", false), false)
		says("it never answered", late, true)
		d.answers(time.Millisecond)
		says("it has answered", late, false)
	})
}
