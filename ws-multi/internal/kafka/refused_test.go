package kafka

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SASL authentication error: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 (after 319ms in state AUTH_REQ)": "KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD",
		"SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: SCRAM-SHA-512":                                             "KAFKA_SASL_MECHANISM",
		"SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Request not valid in current SASL state: broker's supported mechanisms:":                                      "KAFKA_SECURITY_PROTOCOL",
		"SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified":                                              "KAFKA_SSL_CA_LOCATION, KAFKA_BROKERS",
		"Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42 (after 1ms in state APIVERSION_QUERY)":                                 "KAFKA_SSL_CERTIFICATE_LOCATION, KAFKA_SSL_KEY_LOCATION",
		"Receive failed: error:0A000418:SSL routines::tlsv1 alert unknown ca: SSL alert number 48":                                                                            "KAFKA_SSL_CERTIFICATE_LOCATION, KAFKA_SSL_KEY_LOCATION",
		"Disconnected: SSL connection closed by peer (after 1ms in state SSL_HANDSHAKE)":                                                                                      "KAFKA_SECURITY_PROTOCOL",
		"Connect to ipv4#127.0.0.1:9093 failed: Connection refused (after 0ms in state CONNECT)":                                                                              "",
		"Disconnected: connection closed by peer: receive 0 after POLLIN (after 4ms in state UP)":                                                                             "",
	} {
		text = "sasl_ssl://b:9093/bootstrap: " + text
		got := ""
		if r := refused(text); r != nil {
			got = r.setting
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]*remedy{
		"ssl://b:9093/bootstrap: Send failed: SSL transport error: Broken pipe (after 0ms in state UP)": &hungUp,
		"ssl://b:9093/bootstrap: Disconnected (after 4ms in state APIVERSION_QUERY)":                    &hungUp,
		"ssl://b:9093/bootstrap: Disconnected (after 4000ms in state UP)":                               nil,
		"ssl://b:9093/1: Disconnected (after 4ms in state UP)":                                          nil,
	} {
		if got := refusedBy(kafka.NewError(kafka.ErrTransport, text, false)); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	for code, want := range map[kafka.ErrorCode]*remedy{kafka.ErrTransport: &hungUp, kafka.ErrTimedOut: nil} {
		if got := refusedBy(kafka.NewError(code, "", false)); got != want {
			t.Errorf("%v alone: got %v, want %v", code, got, want)
		}
	}
}

// librdkafka says why only once in a while; the log says it with every line, until
// Kafka answers.
func TestRefusedIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		d := &discovery{log: log, rarely: newRarely(log), counters: newCounters(1), brokers: []string{"b"}, heard: time.Now()}
		wrong := kafka.NewError(kafka.ErrAuthentication, "b: SASL authentication error: no", false)
		nothing := kafka.NewError(kafka.ErrTransport, "", false)
		late := kafka.NewError(kafka.ErrTimedOut, "", false)
		cut := kafka.NewError(kafka.ErrTransport, "ssl://b:9093/bootstrap: Disconnected: closed (after 7000ms in state UP)", false)
		dead := kafka.NewError(kafka.ErrTransport, "ssl://b:9093/bootstrap: Connect to ipv4#127.0.0.1:9093 failed: Connection refused", false)
		for i, c := range []struct {
			err  error
			want string
		}{{wrong, "KAFKA_SASL_PASSWORD"}, {nothing, "KAFKA_SASL_PASSWORD"}, {late, "KAFKA_SASL_PASSWORD"}, {nil, "Kafka answers"},
			{late, "Kafka does not answer"}, {nothing, "KAFKA_SECURITY_PROTOCOL"}, {late, "KAFKA_SECURITY_PROTOCOL"},
			{cut, "Kafka does not answer"}, {nothing, "KAFKA_SECURITY_PROTOCOL"}, {dead, "Connection refused"}, {nothing, "Connection refused"}} {
			out.Reset()
			d.hear(0, c.err)
			if i == 4 { // it was up: silence has to last
				time.Sleep(silence)
				d.hear(0, c.err)
			}
			if strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), c.want) {
				t.Errorf("%d: %v says %q, want one line with %s", i, fmt.Sprint(c.err), out.String(), c.want)
			}
			time.Sleep(rarelyEvery)
		}
	})
}

// Who has never answered may be asked in the wrong way: the log says what to look at, also where nobody hung up in a way that
// librdkafka tells.
func TestSilenceFromTheStartNamesSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		d := &discovery{log: log, rarely: newRarely(log), counters: newCounters(1), brokers: []string{"b"}, heard: time.Now()}
		late := kafka.NewError(kafka.ErrTimedOut, "", false)
		says := func(what string, want bool) {
			t.Helper()
			out.Reset()
			d.hear(0, late)
			if out.Len() == 0 || strings.Contains(out.String(), "KAFKA_SECURITY_PROTOCOL") != want {
				t.Errorf("%s: %q", what, out.String())
			}
		}
		says("at once", false)
		time.Sleep(max(strange, rarelyEvery))
		says("after a while", true)
		d.hear(0, nil)
		time.Sleep(max(strange, rarelyEvery))
		says("once it had answered", false)
	})
}
