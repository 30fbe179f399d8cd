package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs certificates for tests. It lives in a directory: ca.pem and
// ca-key.pem, which nobody else may read.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Certificate says what a certificate holds. The zero value: no name, of a client,
// valid for a day.
type Certificate struct {
	Name     string
	Hosts    []string  // names and IP addresses that it is for, of a server
	NotAfter time.Time // zero: a day from now
}

// NewAuthority makes an authority in a directory.
func NewAuthority(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make certificate directory: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "test authority " + filepath.Base(filepath.Dir(dir))},
		NotBefore:    time.Now().Add(-30 * 24 * time.Hour), // so that certificates may have ended
		NotAfter:     time.Now().Add(24 * time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	if err := writePair(filepath.Join(dir, "ca"), der, key); err != nil {
		return nil, err
	}
	return ReadAuthority(dir)
}

// ReadAuthority reads one that was made.
func ReadAuthority(dir string) (*Authority, error) {
	certificate, err := readPEM(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	keyBytes, err := readPEM(filepath.Join(dir, "ca-key.pem"))
	if err != nil {
		return nil, err
	}
	a := &Authority{}
	if a.certificate, err = x509.ParseCertificate(certificate); err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBytes)
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	var ok bool
	if a.key, ok = key.(*ecdsa.PrivateKey); !ok {
		return nil, errors.New("read authority: its key is of another kind")
	}
	return a, nil
}

// Issue signs a certificate and writes it to path.pem and its key to path-key.pem.
func (a *Authority) Issue(path string, c Certificate) (certificate, key string, err error) {
	der, private, err := a.sign(c)
	if err != nil {
		return "", "", err
	}
	return path + ".pem", path + "-key.pem", writePair(path, der, private)
}

// issueKeystore writes key and certificate into one file, as Kafka takes them.
func (a *Authority) issueKeystore(path string, c Certificate) error {
	der, private, err := a.sign(c)
	if err != nil {
		return err
	}
	key, err := keyPEM(private)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(key, certificatePEM(der)...), 0o600); err != nil {
		return fmt.Errorf("write keystore: %w", err)
	}
	return nil
}

func (a *Authority) sign(c Certificate) (der []byte, key *ecdsa.PrivateKey, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: c.Name},
		NotBefore:    a.certificate.NotBefore,
		NotAfter:     c.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = a.certificate.NotAfter
	}
	for _, host := range c.Hosts {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key); err != nil {
		return nil, nil, fmt.Errorf("sign certificate: %w", err)
	}
	return der, key, nil
}

// serial is a random number of 128 bits.
func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	return new(big.Int).SetBytes(b[:])
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func writePair(path string, der []byte, key *ecdsa.PrivateKey) error {
	private, err := keyPEM(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".pem", certificatePEM(der), 0o644); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	if err := os.WriteFile(path+"-key.pem", private, 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("read authority: %s is not PEM", path)
	}
	return block.Bytes, nil
}
