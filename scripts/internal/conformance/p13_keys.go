package conformance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// issuer is a key server of a case: it serves a key set, or fails.
type issuer struct {
	*httptest.Server
	mu   sync.Mutex
	keys []map[string]string
	down bool
}

func newIssuer(t *T, keys ...map[string]string) *issuer {
	i := &issuer{keys: keys}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

// ServeHTTP serves the key set; when it is down, it hangs up.
func (i *issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": i.keys})
}

func (i *issuer) set(down bool, keys ...map[string]string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down, i.keys = down, keys
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signer is a private key and how it signs.
type signer struct {
	kid    string
	key    crypto.Signer
	method jwt.SigningMethod
}

func newEC(t *T, kid string) signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{kid, key, jwt.SigningMethodES256}
}

func newRSA(t *T, kid string) signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signer{kid, key, jwt.SigningMethodRS256}
}

// jwk is the public key as RFC 7517 writes it.
func (s signer) jwk() map[string]string {
	switch key := s.key.Public().(type) {
	case *rsa.PublicKey:
		return map[string]string{
			"kty": "RSA", "kid": s.kid, "alg": "RS256", "use": "sig", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes()),
		}
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4, x, y
		if err != nil {
			panic(err) // of a key on P-256 it cannot
		}
		return map[string]string{
			"kty": "EC", "kid": s.kid, "alg": "ES256", "use": "sig", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:]),
		}
	default:
		panic("a key of another kind")
	}
}

// token signs a good token with the key, which it names.
func (s signer) token(t *T) string {
	return signed(t, s.method, s.key, who(stage.Symbol(), later), map[string]any{"kid": s.kid})
}

// unknownFor is how long a server may take the key set that it has for the newest: a token of a key that is not in it is
// refused so long without asking again.
const unknownFor = 5 * time.Second

var keyCases = []Case{{
	ID: "P13.3e", Says: "tokens of a key set's keys are valid: RSA and ECDSA, by the key's name, or without one", Run: func(t *T) {
		r, e := newRSA(t, "rsa"), newEC(t, "ec")
		keys := newIssuer(t, r.jwk(), e.jwk())
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_JWT_JWKS_URL": keys.URL, "WS_ALLOW_NO_ORIGIN": "false"})
		for _, k := range []signer{r, e} {
			stage.DialWith(t, s, bearer(k.token(t))).Heartbeat()
			nameless := signed(t, k.method, k.key, who(stage.Symbol(), later), nil)
			stage.DialWith(t, s, bearer(nameless)).Heartbeat()
		}
	},
}, {
	ID: "P13.3f", Says: "a public key is no shared secret, and a token brings no key of its own", Run: func(t *T) {
		r, e, stranger := newRSA(t, "rsa"), newEC(t, "ec"), newRSA(t, "rsa")
		secret := map[string]string{"kty": "oct", "kid": "shared", "alg": "HS256", "k": b64([]byte(tokenSecret))}
		keys := newIssuer(t, r.jwk(), e.jwk(), secret)
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_JWT_JWKS_URL": keys.URL, "WS_ALLOW_NO_ORIGIN": "false", "LOG_LEVEL": "debug"})
		public := r.key.Public().(*rsa.PublicKey)
		spki, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(r.jwk())
		if err != nil {
			t.Fatal(err)
		}
		hs := func(key []byte, kid string) string {
			return signed(t, jwt.SigningMethodHS256, key, who(stage.Symbol(), later), map[string]any{"kid": kid})
		}
		good := who(stage.Symbol(), later)
		invalid(t, s, map[string]string{
			"HS256 with the modulus":    hs(public.N.Bytes(), "rsa"),
			"HS256 with the DER":        hs(spki, "rsa"),
			"HS256 with the PEM":        hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), "rsa"),
			"HS256 with the PKCS1":      hs(x509.MarshalPKCS1PublicKey(public), "rsa"),
			"HS256 with the PKCS1 PEM":  hs(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(public)}), "rsa"),
			"HS256 with the JWK":        hs(asJSON, "rsa"),
			"HS256 with a set's secret": hs([]byte(tokenSecret), "shared"),
			"HS256 with nothing":        hs([]byte{}, "rsa"),
			"a stranger's key":          stranger.token(t),
			"a stranger's, nameless":    signed(t, jwt.SigningMethodRS256, stranger.key, good, nil),
			"with its own jwk":          signed(t, jwt.SigningMethodRS256, stranger.key, good, map[string]any{"kid": "rsa", "jwk": stranger.jwk()}),
			"with its own jku":          signed(t, jwt.SigningMethodRS256, stranger.key, good, map[string]any{"kid": "rsa", "jku": keys.URL + "/evil"}),
			"the EC key's name":         signed(t, jwt.SigningMethodRS256, r.key, good, map[string]any{"kid": "ec"}),
			"none":                      handmade(t, map[string]any{"alg": "none", "kid": "rsa"}, good, ""),
			"an unknown name":           signed(t, jwt.SigningMethodRS256, r.key, good, map[string]any{"kid": "../../dev/null"}),
		})
		stage.DialWith(t, s, bearer(r.token(t))).Heartbeat()
	},
}, {
	ID: "P13.3g", Says: "with a secret and a key set the token's algorithm decides, and does not mix them up", Run: func(t *T) {
		r := newRSA(t, "rsa")
		keys := newIssuer(t, r.jwk())
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_JWT_JWKS_URL": keys.URL, "WS_JWT_SECRET": tokenSecret, "WS_ALLOW_NO_ORIGIN": "false"})
		stage.DialWith(t, s, bearer(r.token(t))).Heartbeat()
		stage.DialWith(t, s, bearer(token(t, who(stage.Symbol(), later)))).Heartbeat()
		public := r.key.Public().(*rsa.PublicKey)
		spki, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		invalid(t, s, map[string]string{
			"HS256 with the PEM": signed(t, jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), who(stage.Symbol(), later), map[string]any{"kid": "rsa"}),
			"none":               handmade(t, map[string]any{"alg": "none"}, who(stage.Symbol(), later), ""),
		})
	},
}, {
	ID: "P13.3h", Says: "a key that the issuer adds is good within seconds, one that it withdrew is good no more", Run: func(t *T) {
		old, fresh := newEC(t, "old"), newEC(t, "fresh")
		keys := newIssuer(t, old.jwk())
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_JWT_JWKS_URL": keys.URL, "WS_ALLOW_NO_ORIGIN": "false"})
		began := time.Now()
		kept := stage.DialWith(t, s, bearer(old.token(t)))
		keys.set(false, fresh.jwk())
		waitFor(t, s, fresh, "welcome", "4501")
		if took := time.Since(began); took > unknownFor+20*time.Second {
			t.Errorf("the new key was good after %v", took)
		}
		if got := verdict(t, s, bearer(old.token(t))); got != "4501" {
			t.Errorf("a token of the withdrawn key: %s, want 4501", got)
		}
		kept.Heartbeat() // who is in stays in until its exp
	},
}, {
	ID: "P13.3i", Says: "while the issuer is down the keys at hand stay good, and what they cannot tell is told as temporary", Run: func(t *T) {
		known, unknown := newEC(t, "known"), newEC(t, "unknown")
		keys := newIssuer(t, known.jwk())
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_JWT_JWKS_URL": keys.URL, "WS_ALLOW_NO_ORIGIN": "false"})
		alice := who(stage.Symbol(), later)
		c := stage.DialWith(t, s, bearer(signed(t, known.method, known.key, alice, map[string]any{"kid": "known"})))
		keys.set(true)
		stage.DialWith(t, s, bearer(known.token(t))).Heartbeat()
		waitFor(t, s, unknown, "503", "4501")
		isRefusal(t, stage.Refusal(t, s, bearer(unknown.token(t))), http.StatusServiceUnavailable, "not_ready")
		f, _ := c.Ask("auth", map[string]string{"token": signed(t, unknown.method, unknown.key, alice, map[string]any{"kid": "unknown"})})
		c.IsError(f, wire.Unavailable)
		c.Join("A.trade") // the old token stays
		stage.DialWith(t, s, bearer(known.token(t))).Heartbeat()
		if code := s.Get(t, "/readyz").StatusCode; code != http.StatusOK {
			t.Errorf("/readyz says %d", code)
		}
	},
}, {
	ID: "P13.3j", Says: "a server that has no keys yet is not ready, and is as soon as it has some", Run: func(t *T) {
		k := newEC(t, "key")
		keys := newIssuer(t)
		keys.set(true)
		s := t.StartCold(t.Topics(1, "trade"), stage.Settings{"WS_JWT_JWKS_URL": keys.URL, "WS_ALLOW_NO_ORIGIN": "false"})
		s.WaitStatus(t, "/healthz", http.StatusOK)
		s.WaitStatus(t, "/readyz", http.StatusServiceUnavailable)
		refused(t, s, bearer(k.token(t)), http.StatusServiceUnavailable, "not_ready")
		keys.set(false, k.jwk())
		s.Ready(t)
		stage.DialWith(t, s, bearer(k.token(t))).Heartbeat()
	},
}}

// waitFor connects with tokens of a key until it comes to what is wanted; before, it may only come to what is told too.
func waitFor(t *T, s *stage.Server, k signer, want string, meanwhile ...string) {
	stage.Eventually(t, "a token of the key "+k.kid+" to get "+want, func() bool {
		got := verdict(t, s, bearer(k.token(t)))
		if got != want && !slices.Contains(meanwhile, got) {
			t.Fatalf("a token of the key %s: %s", k.kid, got)
		}
		return got == want
	})
}
