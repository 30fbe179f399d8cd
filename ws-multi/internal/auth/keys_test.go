package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func onlyEC(t *testing.T, kid string) string {
	return keySet(t, map[string]crypto.Signer{kid: signers.ec}, nil)
}

// judged checks what both Verify and, before it, Try say; nil is good.
func judged(t *testing.T, v *Verifier, token string, try, verify error) {
	t.Helper()
	if _, err := v.Try(token); !errors.Is(err, try) {
		t.Errorf("Try: %v, want %v", err, try)
	}
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify) {
		t.Errorf("Verify: %v, want %v", err, verify)
	}
}

func TestKindsOfKeys(t *testing.T) {
	all := func(e *endpoint) { e.serves(keySet(t, everyKey(), nil)) }
	withKeys(t, all, func(t *testing.T, _ *endpoint, v *Verifier) {
		for _, test := range []struct {
			method jwt.SigningMethod
			key    any
			kid    string
			want   error
		}{
			{jwt.SigningMethodRS256, signers.rsa, "rsa", nil},
			{jwt.SigningMethodRS512, signers.rsa, "rsa", nil},
			{jwt.SigningMethodPS256, signers.rsa, "rsa", nil},
			{jwt.SigningMethodES256, signers.ec, "ec", nil},
			{jwt.SigningMethodEdDSA, signers.ed, "ed", nil},
			{jwt.SigningMethodES256, signers.ec, "", nil}, // tried with all
			{jwt.SigningMethodEdDSA, signers.ed, "", nil},
			{jwt.SigningMethodES256, signers.ec, "rsa", ErrInvalid},
			{jwt.SigningMethodES256, signers.ec2, "ec", ErrInvalid},
			{jwt.SigningMethodES256, signers.ec2, "", ErrInvalid},
			{jwt.SigningMethodES256, signers.ec, "other", ErrInvalid},
			{jwt.SigningMethodHS256, []byte(hmacSecret), "", ErrInvalid},
			{jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "ec", ErrInvalid},
			{jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", ErrInvalid},
			// Public keys are no secrets.
			{jwt.SigningMethodHS256, signers.rsa.N.Bytes(), "rsa", ErrInvalid},
			{jwt.SigningMethodHS256, []byte(signers.ed.Public().(ed25519.PublicKey)), "ed", ErrInvalid},
		} {
			judged(t, v, signed(t, test.method, test.key, test.kid, grant(nil)), test.want, test.want)
		}
		strange := jwt.NewWithClaims(jwt.SigningMethodES256, grant(nil))
		strange.Header["kid"] = 7
		text, _ := strange.SignedString(signers.ec)
		judged(t, v, text, ErrInvalid, ErrInvalid)
	})
}

func TestSecretAndKeysTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		e.serves(keySet(t, everyKey(), nil))
		v, err := NewVerifier(t.Context(), Options{Secret: hmacSecret, JWKSURL: "https://id.test", Client: &http.Client{Transport: e}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		synctest.Wait()
		judged(t, v, hmacToken(t, grant(nil)), nil, nil)
		judged(t, v, ecToken(t, signers.ec, "ec"), nil, nil)
		judged(t, v, signed(t, jwt.SigningMethodHS256, signers.rsa.N.Bytes(), "rsa", grant(nil)), ErrInvalid, ErrInvalid)
	})
}

// A token of a new key is taken at once, unless the keys were fetched a moment ago;
// one of a withdrawn key is not taken any more.
func TestRotation(t *testing.T) {
	for _, kid := range []string{"old", ""} {
		withKeys(t, func(e *endpoint) { e.serves(onlyEC(t, kid)) }, func(t *testing.T, e *endpoint, v *Verifier) {
			old := ecToken(t, signers.ec, kid)
			judged(t, v, old, nil, nil)
			next := map[string]string{"old": "new", "": ""}[kid]
			fresh := ecToken(t, signers.ec2, next)
			e.serves(keySet(t, map[string]crypto.Signer{next: signers.ec2}, nil))
			judged(t, v, fresh, ErrInvalid, ErrInvalid) // the set is younger than keysSettled
			time.Sleep(keysSettled)
			judged(t, v, fresh, ErrWouldWait, nil)
			judged(t, v, fresh, nil, nil)
			judged(t, v, old, ErrInvalid, ErrInvalid)
			if n := e.asked.Load(); n != 2 {
				t.Errorf("fetched %d times, want 2", n)
			}
		})
	}
}

// A forged token of a known key is bad, and no reason to ask the issuer.
func TestForgeryCausesNoFetch(t *testing.T) {
	withKeys(t, func(e *endpoint) { e.serves(onlyEC(t, "1")) }, func(t *testing.T, e *endpoint, v *Verifier) {
		time.Sleep(keysSettled)
		judged(t, v, ecToken(t, signers.ec2, "1"), ErrInvalid, ErrInvalid)
		judged(t, v, "nonsense", ErrInvalid, ErrInvalid)
		if n := e.asked.Load(); n != 1 {
			t.Errorf("fetched %d times, want 1", n)
		}
	})
}

func TestWithdrawnKeyEndsWithTheNextFetch(t *testing.T) {
	withKeys(t, func(e *endpoint) { e.serves(onlyEC(t, "1")) }, func(t *testing.T, e *endpoint, v *Verifier) {
		token := signed(t, jwt.SigningMethodES256, signers.ec, "1", grant(jwt.MapClaims{"exp": time.Now().Add(24 * time.Hour).Unix()}))
		e.serves(keySet(t, map[string]crypto.Signer{"2": signers.ec2}, nil))
		time.Sleep(keysRefresh - time.Second)
		judged(t, v, token, nil, nil)
		time.Sleep(2 * time.Second)
		judged(t, v, token, ErrInvalid, ErrInvalid)
	})
}

// However long the endpoint is down or answers nonsense, the keys once had are
// good, and no token is called bad for it.
func TestKeysAreKept(t *testing.T) {
	for name, breaks := range map[string]func(*endpoint){
		"down":           (*endpoint).fails,
		"hangs":          (*endpoint).hangs,
		"an error page":  func(e *endpoint) { e.does(func(context.Context) (int, string, error) { return 502, "<html>", nil }) },
		"a page":         func(e *endpoint) { e.serves("<html>") },
		"no keys":        func(e *endpoint) { e.serves(`{"keys":[]}`) },
		"null":           func(e *endpoint) { e.serves(`null`) },
		"too much":       func(e *endpoint) { e.serves(strings.Repeat(" ", longestKeySet+1)) },
		"useless keys":   func(e *endpoint) { e.serves(`{"keys":[{"kty":"oct","k":"AAAA","kid":"1"},{"kty":"XX"},7]}`) },
		"a redirect":     func(e *endpoint) { e.does(func(context.Context) (int, string, error) { return 302, "", nil }) },
		"nothing at all": func(e *endpoint) { e.serves("") },
	} {
		t.Run(name, func(t *testing.T) {
			withKeys(t, func(e *endpoint) { e.serves(onlyEC(t, "1")) }, func(t *testing.T, e *endpoint, v *Verifier) {
				known := signed(t, jwt.SigningMethodES256, signers.ec, "1", grant(jwt.MapClaims{"exp": time.Now().Add(24 * time.Hour).Unix()}))
				unknown := ecToken(t, signers.ec2, "2")
				breaks(e)
				time.Sleep(keysSettled)
				judged(t, v, unknown, ErrWouldWait, ErrUnavailable)
				synctest.Wait()
				began := time.Now()
				judged(t, v, unknown, ErrUnavailable, ErrUnavailable) // known to be down
				if time.Since(began) != 0 {
					t.Errorf("that took %v", time.Since(began))
				}
				for range 3 {
					time.Sleep(keysRefresh)
					judged(t, v, known, nil, nil)
					if v.Ready() != nil {
						t.Error(v.Ready())
					}
				}
				e.serves(keySet(t, map[string]crypto.Signer{"2": signers.ec2}, nil))
				time.Sleep(lastRetry + keysTimeout) // without being asked
				if ring := v.keys.ring.Load(); ring.err != nil {
					t.Errorf("not tried again: %v", ring.err)
				}
			})
		})
	}
}

func TestDownFromTheStart(t *testing.T) {
	withKeys(t, (*endpoint).fails, func(t *testing.T, e *endpoint, v *Verifier) {
		token := signed(t, jwt.SigningMethodES256, signers.ec, "1", grant(jwt.MapClaims{"exp": time.Now().Add(24 * time.Hour).Unix()}))
		err := v.Ready()
		if err == nil || !strings.Contains(err.Error(), "id.test") || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("ready: %v", err)
		}
		for _, secret := range []string{"password", "query", "/keys"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%v shows a part of the URL that may be secret", err)
			}
		}
		judged(t, v, token, ErrUnavailable, ErrUnavailable)
		judged(t, v, "nonsense", ErrInvalid, ErrInvalid) // for which no key is needed
		before := e.asked.Load()
		time.Sleep(time.Hour)
		if n := e.asked.Load() - before; n < 100 || n > 130 {
			t.Errorf("tried %d times in an hour", n)
		}
		e.serves(onlyEC(t, "1"))
		time.Sleep(lastRetry)
		synctest.Wait()
		if v.Ready() != nil {
			t.Error(v.Ready())
		}
		judged(t, v, token, nil, nil)
	})
}

// Before the first answer, tokens wait for it.
func TestFirstFetchIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		e.does(func(context.Context) (int, string, error) {
			time.Sleep(time.Second)
			return 200, onlyEC(t, "1"), nil
		})
		v, err := NewVerifier(t.Context(), Options{JWKSURL: "https://id.test", Client: &http.Client{Transport: e}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		if v.Ready() == nil {
			t.Error("ready without keys")
		}
		judged(t, v, ecToken(t, signers.ec, "1"), ErrWouldWait, nil)
		if v.Ready() != nil || e.asked.Load() != 1 {
			t.Errorf("%v, fetched %d times", v.Ready(), e.asked.Load())
		}
	})
}

// Made-up key IDs, however many and from however many goroutines, cause one fetch
// in keysSettled, and do not keep good tokens waiting.
func TestFloodOfUnknownKeys(t *testing.T) {
	withKeys(t, func(e *endpoint) { e.serves(onlyEC(t, "1")) }, func(t *testing.T, e *endpoint, v *Verifier) {
		good, made := ecToken(t, signers.ec, "1"), ecToken(t, signers.ec, "made up")
		const rounds = 20
		var flood sync.WaitGroup
		for range 50 {
			flood.Go(func() {
				for range rounds {
					if _, err := v.Verify(t.Context(), made); !errors.Is(err, ErrInvalid) {
						t.Errorf("made up: %v", err)
					}
					began := time.Now()
					if _, err := v.Verify(t.Context(), good); err != nil || time.Since(began) != 0 {
						t.Errorf("good: %v after %v", err, time.Since(began))
					}
					time.Sleep(time.Second)
				}
			})
		}
		flood.Wait()
		if n := e.asked.Load(); n > rounds/5+1 {
			t.Errorf("%d fetches in %d s", n, rounds)
		}
	})
}

func TestVerifyWaitsNoLongerThanItsContext(t *testing.T) {
	withKeys(t, func(e *endpoint) { e.serves(onlyEC(t, "1")) }, func(t *testing.T, e *endpoint, v *Verifier) {
		e.hangs()
		time.Sleep(keysSettled)
		unknown := ecToken(t, signers.ec, "2")
		for _, d := range []time.Duration{0, time.Second, time.Minute} {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			began := time.Now()
			_, err := v.Verify(ctx, unknown)
			cancel()
			if took := time.Since(began); !errors.Is(err, ErrUnavailable) || took > min(d, patience) {
				t.Errorf("given %v: %v after %v", d, err, took)
			}
		}
	})
}

func TestCloseFreesWhoWaits(t *testing.T) {
	withKeys(t, func(e *endpoint) { e.serves(onlyEC(t, "1")) }, func(t *testing.T, e *endpoint, v *Verifier) {
		e.hangs()
		time.Sleep(keysSettled)
		var waiting sync.WaitGroup
		for range 10 {
			waiting.Go(func() {
				if _, err := v.Verify(context.Background(), ecToken(t, signers.ec, "2")); !errors.Is(err, ErrUnavailable) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		v.Close()
		waiting.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("that took %v", took)
		}
		v.Close() // again
		judged(t, v, ecToken(t, signers.ec, "1"), nil, nil)
		judged(t, v, ecToken(t, signers.ec, "2"), ErrWouldWait, ErrUnavailable)
	})
}

func TestUsableKeys(t *testing.T) {
	for name, test := range map[string]struct {
		document string
		key      any
		method   jwt.SigningMethod
		ok       bool
	}{
		"for signatures":      {keySet(t, map[string]crypto.Signer{"1": signers.ec}, map[string]any{"use": "sig"}), signers.ec, jwt.SigningMethodES256, true},
		"of this algorithm":   {keySet(t, map[string]crypto.Signer{"1": signers.ec}, map[string]any{"alg": "ES256"}), signers.ec, jwt.SigningMethodES256, true},
		"for encryption":      {keySet(t, map[string]crypto.Signer{"1": signers.ec}, map[string]any{"use": "enc"}), signers.ec, jwt.SigningMethodES256, false},
		"of another":          {keySet(t, map[string]crypto.Signer{"1": signers.rsa}, map[string]any{"alg": "RS512"}), signers.rsa, jwt.SigningMethodRS256, false},
		"too short":           {keySet(t, map[string]crypto.Signer{"1": signers.shortRSA}, nil), signers.shortRSA, jwt.SigningMethodRS256, false},
		"a secret":            {`{"keys":[{"kty":"oct","kid":"1","alg":"HS256","k":"dGhpcnR5LXR3byBieXRlcyBhbmQgc29tZSBtb3JlLCBvaw"}]}`, []byte(hmacSecret), jwt.SigningMethodHS256, false},
		"beside useless ones": {strings.Replace(keySet(t, map[string]crypto.Signer{"1": signers.ec}, nil), "[", `[7,{"kty":"XX"},{"kty":"RSA","n":"!"},{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"},`, 1), signers.ec, jwt.SigningMethodES256, true},
	} {
		t.Run(name, func(t *testing.T) {
			withKeys(t, func(e *endpoint) { e.serves(test.document) }, func(t *testing.T, _ *endpoint, v *Verifier) {
				_, err := v.Verify(t.Context(), signed(t, test.method, test.key, "1", grant(nil)))
				if (err == nil) != test.ok {
					t.Errorf("%v, keys: %v", err, v.Ready())
				}
			})
		})
	}
}

// A line in the log when the endpoint goes down and when it is back, and nothing
// in it that should not be known.
func TestLogOfTurnsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		e := &endpoint{}
		e.fails()
		v, err := NewVerifier(t.Context(), Options{
			JWKSURL: "https://user:password@id.test/keys?token=query", Client: &http.Client{Transport: e}, Log: slog.New(slog.NewTextHandler(&out, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, serve := range []func(){e.fails, func() { e.serves(onlyEC(t, "1")) }, e.hangs} {
			serve()
			time.Sleep(time.Hour)
		}
		_, _ = v.Verify(t.Context(), ecToken(t, signers.ec, "2"))
		v.Close()
		if n := strings.Count(out.String(), "\n"); n != 3 || strings.Count(out.String(), "id.test") != 3 {
			t.Errorf("%d lines, want 3:\n%s", n, &out)
		}
		for _, secret := range []string{"password", "query", "eyJ"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s stands in the log:\n%s", secret, &out)
			}
		}
	})
}

// With real sockets and the verifier's own client: from answers to a closed port
// and back. Handshakes and shards verify meanwhile.
func TestRealEndpoint(t *testing.T) {
	document := onlyEC(t, "1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, document) }))
	v, err := NewVerifier(t.Context(), Options{JWKSURL: server.URL, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	good, unknown := ecToken(t, signers.ec, "1"), ecToken(t, signers.ec, "2")
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if _, err := v.Verify(t.Context(), good); err != nil {
					t.Error(err)
				}
				if _, err := v.Try(unknown); !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrWouldWait) {
					t.Error(err)
				}
				if v.Ready() != nil {
					t.Error(v.Ready())
				}
			}
		})
	}
	server.Close()
	all.Wait()
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Error(err)
	}
}

func TestNoWayDownFromTLS(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, onlyEC(t, "1")) }))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer secure.Close()
	client := secure.Client()
	client.CheckRedirect = staySecure
	v, err := NewVerifier(t.Context(), Options{JWKSURL: secure.URL, Client: client, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	defer v.Close()
	if _, err := v.Verify(t.Context(), ecToken(t, signers.ec, "1")); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if err := v.Ready(); err == nil || !strings.Contains(err.Error(), "redirected") {
		t.Error(err)
	}
	up := httptest.NewServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer up.Close()
	fine, err := NewVerifier(t.Context(), Options{JWKSURL: up.URL, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer fine.Close()
	if _, err := fine.Verify(t.Context(), ecToken(t, signers.ec, "1")); err != nil {
		t.Error(err)
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"1"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":[null,[],{}]}`))
	token := &jwt.Token{Header: map[string]any{"alg": "RS256", "kid": "1"}, Method: jwt.SigningMethodRS256}
	f.Fuzz(func(t *testing.T, document []byte) {
		lookup, err := parseKeys(document)
		if (lookup == nil) != (err != nil) {
			t.Fatalf("%v, %v", lookup == nil, err)
		}
		if err == nil {
			_, _ = lookup(token)
		}
	})
}
