package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

var signers struct {
	rsa, shortRSA *rsa.PrivateKey
	ec, ec2       *ecdsa.PrivateKey
	ed            ed25519.PrivateKey
}

func makeSigners() (big *rsa.PrivateKey, ec, ec2 *ecdsa.PrivateKey, ed ed25519.PrivateKey, small *rsa.PrivateKey) {
	var errs [5]error
	big, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	small, errs[1] = rsa.GenerateKey(rand.Reader, 1024)
	ec, errs[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ec2, errs[3] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, errs[4] = ed25519.GenerateKey(rand.Reader)
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
	return
}

func everyKey() map[string]crypto.Signer {
	return map[string]crypto.Signer{"rsa": signers.rsa, "ec": signers.ec, "ed": signers.ed}
}

const hmacSecret = "thirty-two bytes and some more, ok"

// grant is a good token's claims, with changes; a nil value takes a claim out.
func grant(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "iss": "https://id.test", "aud": "feed"}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// signed makes a token. An empty kid is none.
func signed(t testing.TB, method jwt.SigningMethod, key any, kid string, c jwt.Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func hmacToken(t testing.TB, c jwt.Claims) string {
	t.Helper()
	return signed(t, jwt.SigningMethodHS256, []byte(hmacSecret), "", c)
}

func ecToken(t testing.TB, key *ecdsa.PrivateKey, kid string) string {
	t.Helper()
	return signed(t, jwt.SigningMethodES256, key, kid, grant(nil))
}

// handSigned makes a token of a header and a payload that no library would write.
func handSigned(header, payload string) string {
	e := base64.RawURLEncoding.EncodeToString
	text := e([]byte(header)) + "." + e([]byte(payload))
	mac, _ := jwt.SigningMethodHS256.Sign(text, []byte(hmacSecret))
	return text + "." + e(mac)
}

// keySet renders public keys by their IDs as a JWK Set; extra members are added to
// each.
func keySet(t testing.TB, byID map[string]crypto.Signer, extra map[string]any) string {
	t.Helper()
	list := []any{}
	for kid, key := range byID {
		jwk, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(jwk.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		members := map[string]any{}
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		if kid == "" {
			delete(members, "kid")
		}
		maps.Copy(members, extra)
		list = append(list, members)
	}
	text, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// endpoint is an issuer's key set without a network: an http.RoundTripper. Its
// answer may be changed while it is asked.
type endpoint struct {
	answer atomic.Pointer[func(context.Context) (int, string, error)]
	asked  atomic.Int64
}

func (e *endpoint) does(f func(context.Context) (int, string, error)) { e.answer.Store(&f) }

func (e *endpoint) serves(body string) {
	e.does(func(context.Context) (int, string, error) { return http.StatusOK, body, nil })
}

func (e *endpoint) fails() {
	e.does(func(context.Context) (int, string, error) { return 0, "", fmt.Errorf("connection refused") })
}

func (e *endpoint) hangs() {
	e.does(func(ctx context.Context) (int, string, error) { <-ctx.Done(); return 0, "", ctx.Err() })
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.asked.Add(1)
	status, body, err := (*e.answer.Load())(r.Context())
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// withKeys runs f in a bubble of fake time with a verifier whose first fetch has
// ended.
func withKeys(t *testing.T, prepare func(*endpoint), f func(t *testing.T, e *endpoint, v *Verifier)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		prepare(e)
		v, err := NewVerifier(t.Context(), Options{
			JWKSURL: "https://user:password@id.test/keys?token=query", Client: &http.Client{Transport: e}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		synctest.Wait()
		f(t, e, v)
	})
}
