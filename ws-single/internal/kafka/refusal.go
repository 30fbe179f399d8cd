package kafka

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// advice names the setting to look at when a connection fails because one side
// does not trust, know or understand the other, and says what would be right. ""
// for all other trouble, which passes by itself or is the network's.
//
// librdkafka has one code for a wrong password and for a mechanism that the broker
// does not offer, none for a broker that refuses our certificate, and no word at
// all when a broker hangs up on another protocol. So its words and OpenSSL's are
// looked at; scripts/e2e has a real broker say each of them.
func advice(cfg Config, why error) string {
	var e kafka.Error
	if !errors.As(why, &e) {
		return ""
	}
	text := e.String()
	says := func(words ...string) bool {
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	}
	switch {
	case says("mechanism handshake failed", "Unsupported SASL mechanism"):
		return "KAFKA_SASL_MECHANISM: the broker does not offer it, and names those that it does"
	case says("mechanism handshake failed"):
		return fmt.Sprintf("KAFKA_SECURITY_PROTOCOL: the broker wants no login at this port: another port, or %s", without(cfg.SecurityProtocol))
	case e.Code() == kafka.ErrAuthentication && cfg.SASLMechanism == "OAUTHBEARER":
		return "KAFKA_PROPERTIES: the broker does not take the token that sasl.oauthbearer.* gets"
	case e.Code() == kafka.ErrAuthentication:
		return "KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: the broker does not know this user with this password; " +
			"correct them and restart, or the user at the broker, and it connects by itself"
	case says("certificate verify failed"):
		authority := "KAFKA_SSL_CA_LOCATION has to name the authority that signed it"
		if cfg.SSLCALocation == "" {
			authority = "KAFKA_SSL_CA_LOCATION is not set, so an authority of the system has to have signed it"
		}
		return authority + ", KAFKA_BROKERS the host that it is for, and it must not have expired: the broker's certificate fails one of these"
	case says("alert", "certificate"), says("alert unknown ca"), says("alert handshake failure") && cfg.SSLCertificateLocation == "":
		if cfg.SSLCertificateLocation == "" {
			return "KAFKA_SSL_CERTIFICATE_LOCATION, KAFKA_SSL_KEY_LOCATION: the broker wants a certificate of this server; set both"
		}
		return "KAFKA_SSL_CERTIFICATE_LOCATION: the broker does not take this certificate: an authority that it trusts has to have signed it, and it must not have expired"
	case says("closed by peer", "SSL_HANDSHAKE"), says("wrong version number"):
		return "KAFKA_SECURITY_PROTOCOL: the broker does not speak TLS at this port: another port, or plaintext or sasl_plaintext"
	case hungUp(e):
		return "KAFKA_SECURITY_PROTOCOL: if a broker runs there, it hung up without a word, as one does whose port speaks another protocol"
	}
	return ""
}

// hungUp: a connection broke, and that is all that is known. What librdkafka says
// of one just made means no more.
func hungUp(err error) bool {
	var e kafka.Error
	if !errors.As(err, &e) || e.Code() != kafka.ErrTransport {
		return false
	}
	text := e.String()
	return text == kafka.NewError(e.Code(), "", false).String() || soon.MatchString(text)
}

// soon: less than a second after a connection was made, to a broker of which no more than its address was known yet.
var soon = regexp.MustCompile(`/bootstrap: (Disconnected|Receive failed|Send failed)\b.*\(after [0-9]{1,3}ms in state (UP|APIVERSION_QUERY)\)`)

// nobody: there was no connection, for want of a listener or an address.
func nobody(err error) bool {
	return strings.Contains(err.Error(), "Connect to ") || strings.Contains(err.Error(), "Failed to resolve")
}

// without is a protocol without its login.
func without(protocol string) string {
	if protocol == "sasl_ssl" {
		return "ssl"
	}
	return "plaintext"
}
