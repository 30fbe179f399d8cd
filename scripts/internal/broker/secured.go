package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Security says who may come to the secured listeners, which are two: SASL_SSL
// with SCRAM-SHA-256 and SCRAM-SHA-512, and SSL for clients whose certificate is
// the authority's.
type Security struct {
	User, Password string // of both mechanisms; neither holds , = or ]
}

// users are the credentials as Kafka's StorageTool takes them.
func (s Security) users() (all []string) {
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		all = append(all, fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, s.User, s.Password))
	}
	return all
}

func (n node) authority() string  { return filepath.Join(n.dir, "tls") }
func (n node) keystore() string   { return filepath.Join(n.dir, "tls", "broker-keystore.pem") }
func (n node) clientFile() string { return filepath.Join(n.dir, "tls", "client") }

// securedLines are the properties of the secured listeners.
func (n node) securedLines() []string {
	const login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	return []string{
		"listener.name.sasl.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.sasl.scram-sha-256.sasl.jaas.config=" + login,
		"listener.name.sasl.scram-sha-512.sasl.jaas.config=" + login,
		"listener.name.mutual.ssl.client.auth=required",
		"ssl.keystore.type=PEM",
		"ssl.keystore.location=" + n.keystore(),
		"ssl.truststore.type=PEM",
		"ssl.truststore.location=" + filepath.Join(n.authority(), "ca.pem"),
		// A broker that was killed may register again when its session is over:
		// nine seconds later, by default.
		"broker.session.timeout.ms=4000",
		"broker.heartbeat.interval.ms=500",
	}
}

// secure makes the certificates that a new directory begins with.
func (n node) secure() error {
	a, err := NewAuthority(n.authority())
	if err != nil {
		return err
	}
	if err := a.issueKeystore(n.keystore(), Certificate{Hosts: []string{"127.0.0.1"}}); err != nil {
		return err
	}
	_, _, err = a.Issue(n.clientFile(), Certificate{Name: "client"})
	return err
}

// SASLAddr is the address for clients that come by SCRAM and TLS, "" without
// [Options.Security].
func (b *Broker) SASLAddr() string { return b.localAddr(b.node.sasl) }

// MutualAddr is the address for clients that come by TLS with a certificate of
// their own, "" without [Options.Security].
func (b *Broker) MutualAddr() string { return b.localAddr(b.node.mutual) }

func (b *Broker) localAddr(port int) string {
	if port == 0 {
		return ""
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// CA is the file of the certificate that vouches for the broker, PEM.
func (b *Broker) CA() string { return filepath.Join(b.node.authority(), "ca.pem") }

// ClientCertificate and ClientKey are files of a certificate that MutualAddr
// takes, PEM.
func (b *Broker) ClientCertificate() string { return b.node.clientFile() + ".pem" }

// ClientKey is ClientCertificate's.
func (b *Broker) ClientKey() string { return b.node.clientFile() + "-key.pem" }

// Present gives the broker another certificate of its authority, which it shows
// from its next start on: [Broker.Restart].
func (b *Broker) Present(c Certificate) error {
	if b.node.sasl == 0 {
		return errors.New("present a certificate: the broker has no secured listeners")
	}
	a, err := ReadAuthority(b.node.authority())
	if err != nil {
		return err
	}
	return a.issueKeystore(b.node.keystore(), c)
}

// SetPassword sets a user's password for both mechanisms; a user that is not there
// is made. It counts for connections made from then on.
func (b *Broker) SetPassword(ctx context.Context, user, password string) error {
	return withAdmin(b.Addr(), func(admin *kafka.AdminClient) error {
		// One request may change a user once.
		for _, mechanism := range []kafka.ScramMechanism{kafka.ScramMechanismSHA256, kafka.ScramMechanismSHA512} {
			result, err := admin.AlterUserScramCredentials(ctx, []kafka.UserScramCredentialUpsertion{{
				User:                user,
				ScramCredentialInfo: kafka.ScramCredentialInfo{Mechanism: mechanism, Iterations: 4096},
				Password:            []byte(password),
			}}, nil, kafka.SetAdminRequestTimeout(answerTimeout))
			if err == nil {
				if e := result.Errors[user]; e.Code() != kafka.ErrNoError {
					err = e
				}
			}
			if err != nil {
				return fmt.Errorf("set the password of %s: %w", user, err)
			}
		}
		return nil
	})
}
