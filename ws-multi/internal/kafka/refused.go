package kafka

import (
	"errors"
	"regexp"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// A remedy is what to do about connections that will fail until somebody changes a
// setting or the broker.
type remedy struct {
	setting string
	advice  string
}

// refusals are such failures by what is said of them, each by all of some words and
// the first that fits. librdkafka's codes do not tell them apart, so they are known
// by its words and by OpenSSL's (RFC 8446 section 6.2 has the alerts). A broker of
// scripts/e2e causes every one.
var refusals = []struct {
	words []string
	remedy
}{
	{[]string{"Unsupported SASL mechanism"},
		remedy{"KAFKA_SASL_MECHANISM", "the broker has no such mechanism; take one of those that the error lists"}},
	{[]string{"mechanism handshake failed"},
		remedy{"KAFKA_SECURITY_PROTOCOL", "this port of the broker takes no login; take plaintext or ssl, or the port that does"}},
	{[]string{"SASL authentication error"},
		remedy{"KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD", "the broker refuses this user with this password; set the right ones and restart, or set the broker's right, which needs no restart"}},
	{[]string{"certificate verify failed"},
		remedy{"KAFKA_SSL_CA_LOCATION, KAFKA_BROKERS", "the broker's certificate proves nothing: it must be signed by the authority in KAFKA_SSL_CA_LOCATION (where that is not set, by one that the system trusts), be for the host as KAFKA_BROKERS names it, and not have expired"}},
	{[]string{"alert", "certificate"}, ownCertificate},
	{[]string{"alert unknown ca"}, ownCertificate},
	{[]string{"alert handshake failure"}, ownCertificate},
	{[]string{"closed by peer", "SSL_HANDSHAKE"}, noTLS},
	{[]string{"wrong version number"}, noTLS},
}

var (
	ownCertificate = remedy{"KAFKA_SSL_CERTIFICATE_LOCATION, KAFKA_SSL_KEY_LOCATION", "the broker lets in only servers whose certificate it trusts; set both to one that it does and that has not expired"}
	noTLS          = remedy{"KAFKA_SECURITY_PROTOCOL", "this port of the broker has no TLS; take plaintext or sasl_plaintext, or the port that has"}
	// hungUp is what remains when nobody said anything: a broker that hears another
	// protocol than its own closes the connection.
	hungUp = remedy{"KAFKA_SECURITY_PROTOCOL", "whoever listens there closes connections without a word, as brokers do that hear another protocol than the one of the port"}
)

// refused looks what librdkafka says up among the refusals; nil: it is none.
func refused(text string) *remedy {
	for i, known := range refusals {
		fits := true
		for _, word := range known.words {
			fits = fits && strings.Contains(text, word)
		}
		if fits {
			return &refusals[i].remedy
		}
	}
	return nil
}

// refusedBy is refused of an error; one that has only a code is what is left when
// nobody said more.
func refusedBy(err error) *remedy {
	var e kafka.Error
	switch {
	case !errors.As(err, &e):
		return nil
	case e.Code() == kafka.ErrTransport && wordless(err):
		return &hungUp
	}
	if r := refused(e.String()); r != nil || !atOnce.MatchString(e.String()) {
		return r
	}
	return &hungUp
}

// atOnce is what librdkafka says when somebody who had taken our connection hung up within a second, before we knew more of
// them than their address.
var atOnce = regexp.MustCompile(`/bootstrap: (Disconnected|Receive failed|Send failed)\b.* \(after \d{1,3}ms in state (UP|APIVERSION_QUERY)\)`)

// wordless: the error has a code and nothing besides.
func wordless(err error) bool {
	var e kafka.Error
	return errors.As(err, &e) && e.String() == kafka.NewError(e.Code(), "", false).String()
}

// connected: the error is of a connection that was there. What has words for one
// that was not (nobody listens, no such host) needs no guess about protocols.
func connected(err error) bool {
	text := err.Error()
	return !strings.Contains(text, "Connect to ") && !strings.Contains(text, "Failed to resolve")
}
