package auth

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

const secret = "0123456789abcdef0123456789abcdef"

// start is when the tests' tokens are made.
var start = time.Unix(1_700_000_000, 0)

func claims(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "alice", "exp": start.Add(time.Hour).Unix(), "iss": "https://issuer.example", "aud": "ws"}
	for k, v := range changes {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

// sign fails the test rather than return an error; header changes go on top.
func sign(t *testing.T, m jwt.SigningMethod, key any, c jwt.MapClaims, header map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(m, c)
	maps.Copy(token.Header, header)
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func hs256(t *testing.T, c jwt.MapClaims) string {
	t.Helper()
	return sign(t, jwt.SigningMethodHS256, []byte(secret), c, nil)
}

func newVerifier(t *testing.T, o Options) *Verifier {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return start }
	}
	if o.Logger == nil {
		o.Logger = quiet()
	}
	v, err := NewVerifier(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func TestVerifySecret(t *testing.T) {
	other := []byte("another secret, as long as needed")
	hs := func(changes jwt.MapClaims) string { return hs256(t, claims(changes)) }
	v := newVerifier(t, Options{Secret: secret, Issuer: "https://issuer.example", Audience: "ws"})
	if err := v.Ready(); err != nil {
		t.Fatalf("not ready: %v", err)
	}
	good := hs(nil)
	for _, tc := range []struct {
		name, token string
		why         string // "" when good
	}{
		{"good", good, ""},
		{"HS384", sign(t, jwt.SigningMethodHS384, []byte(secret), claims(nil), nil), ""},
		{"HS512", sign(t, jwt.SigningMethodHS512, []byte(secret), claims(nil), nil), ""},
		{"aud is a list", hs(jwt.MapClaims{"aud": []string{"x", "ws"}}), ""},
		{"nbf within the leeway", hs(jwt.MapClaims{"nbf": start.Unix() + 4}), ""},
		{"iat within the leeway", hs(jwt.MapClaims{"iat": start.Unix() + 4}), ""},
		{"a second left", hs(jwt.MapClaims{"exp": start.Unix() + 1}), ""},
		{"a key ID", sign(t, jwt.SigningMethodHS256, []byte(secret), claims(nil), map[string]any{"kid": "k"}), ""},

		{"empty", "", "there is none"},
		{"no JWT", "hello", "not a JWT"},
		{"two parts", good[:strings.LastIndexByte(good, '.')], "not a JWT"},
		{"four parts", good + ".x", "not a JWT"},
		{"too long", strings.Repeat("a", maxToken+1), "too long"},
		{"another secret", sign(t, jwt.SigningMethodHS256, other, claims(nil), nil), "signature"},
		{"changed", flip(good), "signature"},
		{"alg none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil), nil), "not accepted"},
		{"alg NONE", forge(t, map[string]any{"alg": "NONE"}, claims(nil)), "not accepted"},
		{"alg unknown", forge(t, map[string]any{"alg": "XX1"}, claims(nil)), "not accepted"},
		{"alg a number", forge(t, map[string]any{"alg": 1}, claims(nil)), "not accepted"},
		{"no alg", forge(t, map[string]any{}, claims(nil)), "not accepted"},
		{"RS256 without keys for it", sign(t, jwt.SigningMethodRS256, rsaKey(), claims(nil), nil), "not accepted"},
		{"critical header", sign(t, jwt.SigningMethodHS256, []byte(secret), claims(nil), map[string]any{"crit": []string{"b64"}, "b64": true}), "critical"},
		{"expired", hs(jwt.MapClaims{"exp": start.Unix() - 1}), "expired"},
		{"expired long ago", hs(jwt.MapClaims{"exp": start.Unix() - 3600}), "expired"},
		{"expires now, no leeway", hs(jwt.MapClaims{"exp": start.Unix()}), "expired"},
		{"no exp", hs(jwt.MapClaims{"exp": nil}), "required"},
		{"exp a string", hs(jwt.MapClaims{"exp": "2099"}), "refused"},
		{"exp after the year 9999", hs(jwt.MapClaims{"exp": 1e12}), "bad exp"},
		{"exp overflows", hs(jwt.MapClaims{"exp": 1e300}), ""},
		{"exp far below", hs(jwt.MapClaims{"exp": -1e300}), "expired"},
		{"not valid yet", hs(jwt.MapClaims{"nbf": start.Unix() + 60}), "not valid yet"},
		{"issued in the future", hs(jwt.MapClaims{"iat": start.Unix() + 60}), "future"},
		{"another issuer", hs(jwt.MapClaims{"iss": "https://evil.example"}), "issuer"},
		{"no issuer", hs(jwt.MapClaims{"iss": nil}), "required"},
		{"another audience", hs(jwt.MapClaims{"aud": "other"}), "audience"},
		{"no audience", hs(jwt.MapClaims{"aud": nil}), "required"},
		{"no sub", hs(jwt.MapClaims{"sub": nil}), "no sub"},
		{"empty sub", hs(jwt.MapClaims{"sub": ""}), "no sub"},
		{"sub a number", hs(jwt.MapClaims{"sub": 7}), "no sub"},
		{"Sub is not sub", hs(jwt.MapClaims{"sub": nil, "Sub": "alice"}), "no sub"},
		{"channels a string", hs(jwt.MapClaims{"channels": "BTC.*"}), "channels"},
		{"channels null", forgeSigned(t, `{"sub":"a","exp":1800000000,"iss":"https://issuer.example","aud":"ws","channels":null}`), "channels"},
		{"channels a map", hs(jwt.MapClaims{"channels": map[string]any{}}), "channels"},
		{"channels hold a number", hs(jwt.MapClaims{"channels": []any{"BTC.*", 1}}), "channels"},
		{"channels hold everything", hs(jwt.MapClaims{"channels": []any{"*.*"}}), "channels"},
		{"channels hold nonsense", hs(jwt.MapClaims{"channels": []any{"BTC"}}), "channels"},
		{"claims are a list", forgeSigned(t, `["sub"]`), "not a JWT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id, err := v.Verify(t.Context(), tc.token)
			if tc.name == "exp overflows" {
				tc.why = "exp" // either way of overflowing is refused
			}
			if tc.why == "" {
				if err != nil || id.Subject != "alice" {
					t.Fatalf("%+v, %v; want alice", id, err)
				}
				return
			}
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tc.why) {
				t.Fatalf("%v, want invalid because of %q", err, tc.why)
			}
			if len(err.Error()) > 123 {
				t.Errorf("%q is too long for a close reason", err)
			}
			for part := range strings.SplitSeq(tc.token, ".") {
				if len(part) > 3 && strings.Contains(err.Error(), part) {
					t.Errorf("%q quotes the token", err)
				}
			}
		})
	}
}

func TestVerifyIssuerAndAudienceOff(t *testing.T) {
	v := newVerifier(t, Options{Secret: secret})
	if _, err := v.Verify(t.Context(), hs256(t, claims(jwt.MapClaims{"iss": nil, "aud": nil}))); err != nil {
		t.Error(err)
	}
	if _, err := v.Verify(t.Context(), hs256(t, claims(jwt.MapClaims{"iss": "any", "aud": "any"}))); err != nil {
		t.Error(err)
	}
}

func TestIdentity(t *testing.T) {
	v := newVerifier(t, Options{Secret: secret})
	for _, tc := range []struct {
		channels any
		all      bool
		allows   []string
		refuses  []string
	}{
		{nil, true, []string{"BTC.trade", "BTC.*", "*.trade"}, nil},
		{[]string{}, false, nil, []string{"BTC.trade", "BTC.*", "*.trade"}},
		{[]string{"BTC.trade"}, false, []string{"BTC.trade"}, []string{"BTC.liquidity", "ETH.trade", "BTC.*", "*.trade", "btc.trade"}},
		{[]string{"BTC.*"}, false, []string{"BTC.trade", "BTC.*"}, []string{"ETH.trade", "*.trade"}},
		{[]string{"*.trade"}, false, []string{"BTC.trade", "*.trade"}, []string{"BTC.liquidity", "BTC.*"}},
		{[]string{"ETH.trade", "BTC.*"}, false, []string{"BTC.trade", "ETH.trade"}, []string{"ETH.liquidity"}},
	} {
		id, err := v.Verify(t.Context(), hs256(t, claims(jwt.MapClaims{"channels": tc.channels})))
		if err != nil {
			t.Fatal(err)
		}
		if id.Subject != "alice" || !id.Expires.Equal(start.Add(time.Hour)) || id.AllChannels != tc.all {
			t.Errorf("%v: %+v", tc.channels, id)
		}
		for _, s := range slices.Concat(tc.allows, tc.refuses) {
			p, err := wire.ParsePattern(s)
			if err != nil {
				t.Fatal(err)
			}
			if want := slices.Contains(tc.allows, s); id.Allows(p) != want {
				t.Errorf("%v allows %s: %v, want %v", tc.channels, s, !want, want)
			}
		}
	}
}

func TestVerifyMovesWithTheClock(t *testing.T) {
	now := start
	v := newVerifier(t, Options{Secret: secret, Now: func() time.Time { return now }})
	token := hs256(t, claims(nil))
	now = start.Add(time.Hour - time.Millisecond)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	now = start.Add(time.Hour)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrInvalid) {
		t.Fatalf("%v at exp, want invalid", err)
	}
}

// TestKeyConfusion uses every public form of an RSA key as an HMAC secret.
func TestKeyConfusion(t *testing.T) {
	s := newIssuer(t, issued{"rsa", rsaKey()})
	pub := &rsaKey().PublicKey
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(pub)
	forms := [][]byte{
		der, pkcs1, pub.N.Bytes(), s.document(),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}),
		{},
	}
	for _, o := range []Options{{}, {Secret: secret}} {
		o.JWKSURL, o.HTTPClient = "https://issuer.example/jwks", &http.Client{Transport: s}
		v := newVerifier(t, o)
		for i, form := range forms {
			for _, header := range []map[string]any{nil, {"kid": "rsa"}} {
				token := sign(t, jwt.SigningMethodHS256, form, claims(nil), header)
				if id, err := v.Verify(t.Context(), token); !errors.Is(err, ErrInvalid) {
					t.Errorf("form %d, header %v: %+v, %v", i, header, id, err)
				}
			}
		}
		for _, header := range []map[string]any{nil, {"kid": "rsa"}} {
			token := sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil), header)
			if id, err := v.Verify(t.Context(), token); !errors.Is(err, ErrInvalid) {
				t.Errorf("alg none, header %v: %+v, %v", header, id, err)
			}
		}
		token := sign(t, jwt.SigningMethodRS256, rsaKey(), claims(nil), map[string]any{"kid": "rsa"})
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("the real key: %v", err)
		}
	}
}

func TestSecretBesideKeys(t *testing.T) {
	s := newIssuer(t, issued{"rsa", rsaKey()})
	v := newVerifier(t, Options{Secret: secret, JWKSURL: "https://issuer.example/jwks", HTTPClient: &http.Client{Transport: s}})
	for name, token := range map[string]string{
		"secret": hs256(t, claims(nil)),
		"key":    sign(t, jwt.SigningMethodRS256, rsaKey(), claims(nil), map[string]any{"kid": "rsa"}),
	} {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewVerifierErrors(t *testing.T) {
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{}, "WS_JWT_SECRET"},
		{Options{Secret: "short"}, "WS_JWT_SECRET has 5 bytes"},
		{Options{JWKSURL: "issuer.example/jwks"}, "WS_JWT_JWKS_URL"},
		{Options{JWKSURL: "ftp://issuer.example/jwks"}, "WS_JWT_JWKS_URL"},
		{Options{JWKSURL: "https:///jwks"}, "WS_JWT_JWKS_URL"},
		{Options{JWKSURL: "https://user:hidden@issuer.example/%zz"}, "WS_JWT_JWKS_URL"},
	} {
		v, err := NewVerifier(t.Context(), tc.o)
		if err == nil {
			v.Close()
			t.Errorf("%+v was taken", tc.o)
			continue
		}
		if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "short") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%+v: %v, want %q and no secret", tc.o, err, tc.want)
		}
	}
}

// FuzzVerify: nobody without the secret is let in, and no error is unknown.
func FuzzVerify(f *testing.F) {
	f.Add("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwiZXhwIjo0MDAwMDAwMDAwfQ.")
	f.Add("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwiZXhwIjo0MDAwMDAwMDAwfQ.AAAA")
	f.Add("..")
	v, err := NewVerifier(f.Context(), Options{Secret: secret, Logger: quiet()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if id, err := v.Verify(t.Context(), token); !errors.Is(err, ErrInvalid) {
			t.Fatalf("%q: %+v, %v", token, id, err)
		}
	})
}

// forge makes an unsigned token with any header.
func forge(t *testing.T, header map[string]any, c jwt.MapClaims) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding
	return fmt.Sprintf("%s.%s.", enc.EncodeToString(h), enc.EncodeToString(b))
}

// forgeSigned signs claims that the library would not write.
func forgeSigned(t *testing.T, claims string) string {
	t.Helper()
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + enc.EncodeToString([]byte(claims))
	sig, err := jwt.SigningMethodHS256.Sign(text, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + enc.EncodeToString(sig)
}

// flip changes the first character of the claims' middle.
func flip(token string) string {
	b := []byte(token)
	i := len(b) - 10
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}
