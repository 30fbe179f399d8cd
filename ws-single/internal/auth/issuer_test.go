package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func ecKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func edKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

// issued is a key under an ID; an empty ID stands for none.
type issued struct {
	kid string
	key crypto.Signer
}

// issuer is a key set endpoint, as http.Handler and, without a network, as
// http.RoundTripper.
type issuer struct {
	mu      sync.Mutex
	keys    []any
	answer  http.HandlerFunc // instead of the keys
	hang    bool             // no answer at all
	fetches int
}

func newIssuer(t *testing.T, keys ...issued) *issuer {
	t.Helper()
	s := &issuer{}
	s.publish(t, keys...)
	return s
}

func (s *issuer) publish(t *testing.T, keys ...issued) {
	t.Helper()
	var list []any
	for _, k := range keys {
		jwk, err := jwkset.NewJWKFromKey(k.key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: k.kid}})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, jwk.Marshal())
	}
	s.set(func() { s.keys, s.answer, s.hang = list, nil, false })
}

func (s *issuer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *issuer) fail(status int) {
	s.set(func() { s.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) } })
}

func (s *issuer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches
}

func (s *issuer) document() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return must(json.Marshal(map[string]any{"keys": s.keys}))
}

func (s *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.fetches++
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	_, _ = w.Write(s.document())
}

func (s *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	hang := s.hang
	if hang {
		s.fetches++
	}
	s.mu.Unlock()
	if hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

// world runs a test with an issuer and a verifier of it, on fake time.
func world(t *testing.T, keys []issued, f func(t *testing.T, s *issuer, v *Verifier)) {
	t.Helper()
	rsaKey() // not in the bubble
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(t, keys...)
		v := newVerifier(t, Options{JWKSURL: "https://issuer.example/jwks", HTTPClient: &http.Client{Transport: s}})
		defer v.Close()
		synctest.Wait()
		f(t, s, v)
	})
}

func rs256(t *testing.T, kid string, key any) string {
	t.Helper()
	var header map[string]any
	if kid != "" {
		header = map[string]any{"kid": kid}
	}
	method := jwt.SigningMethod(jwt.SigningMethodRS256)
	switch key.(type) {
	case *ecdsa.PrivateKey:
		method = jwt.SigningMethodES256
	case ed25519.PrivateKey:
		method = jwt.SigningMethodEdDSA
	}
	return sign(t, method, key, claims(nil), header)
}

// verify fails the test unless the error is the wanted one; nil for good.
func verify(t *testing.T, v *Verifier, token string, want error) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
		t.Fatalf("Verify: %v, want %v", err, want)
	}
}
