package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
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

func TestKeysOfAllKinds(t *testing.T) {
	r, e, d := rsaKey(), ecKey(), edKey()
	world(t, []issued{{"r", r}, {"e", e}, {"d", d}}, func(t *testing.T, s *issuer, v *Verifier) {
		if err := v.Ready(); err != nil {
			t.Fatal(err)
		}
		verify(t, v, rs256(t, "r", r), nil)
		verify(t, v, rs256(t, "e", e), nil)
		verify(t, v, rs256(t, "d", d), nil)
		verify(t, v, sign(t, jwt.SigningMethodPS512, r, claims(nil), map[string]any{"kid": "r"}), nil)
		verify(t, v, rs256(t, "", e), nil) // no key ID: any may be it

		verify(t, v, rs256(t, "r", e), ErrInvalid)       // another kind under a known ID
		verify(t, v, rs256(t, "e", ecKey()), ErrInvalid) // another key under a known ID
		verify(t, v, rs256(t, "", ecKey()), ErrInvalid)
		verify(t, v, rs256(t, "x", e), ErrInvalid)
		verify(t, v, sign(t, jwt.SigningMethodES256, e, claims(nil), map[string]any{"kid": 7}), ErrInvalid)
		verify(t, v, hs256(t, claims(nil)), ErrInvalid)
		if s.count() != 1 {
			t.Errorf("%d fetches, the first was fresh enough for all", s.count())
		}
	})
}

func TestKeyRotation(t *testing.T) {
	old, next := ecKey(), ecKey()
	world(t, []issued{{"1", old}}, func(t *testing.T, s *issuer, v *Verifier) {
		verify(t, v, rs256(t, "1", old), nil)
		time.Sleep(time.Minute)
		s.publish(t, issued{"2", next})
		verify(t, v, rs256(t, "1", old), nil) // nobody knows better yet
		verify(t, v, rs256(t, "2", next), nil)
		verify(t, v, rs256(t, "1", old), ErrInvalid)
		if s.count() != 2 {
			t.Errorf("%d fetches, want 2", s.count())
		}
	})
}

func TestKeyRotationWithoutIDs(t *testing.T) {
	old, next := ecKey(), ecKey()
	world(t, []issued{{"", old}}, func(t *testing.T, s *issuer, v *Verifier) {
		verify(t, v, rs256(t, "", old), nil)
		time.Sleep(time.Minute)
		s.publish(t, issued{"", next})
		verify(t, v, rs256(t, "", next), nil)
		verify(t, v, rs256(t, "", old), ErrInvalid)
	})
}

// TestKeyWithdrawn: a key that was taken back is good for 15 minutes more.
func TestKeyWithdrawn(t *testing.T) {
	k := ecKey()
	world(t, []issued{{"1", k}}, func(t *testing.T, s *issuer, v *Verifier) {
		s.publish(t, issued{"2", ecKey()})
		time.Sleep(keysEvery - time.Second)
		verify(t, v, rs256(t, "1", k), nil)
		time.Sleep(2 * time.Second)
		verify(t, v, rs256(t, "1", k), ErrInvalid)
	})
}

func TestEndpointDownLater(t *testing.T) {
	k := ecKey()
	world(t, []issued{{"1", k}}, func(t *testing.T, s *issuer, v *Verifier) {
		s.fail(http.StatusBadGateway)
		// A token of an unknown key is not called invalid now.
		time.Sleep(time.Minute)
		verify(t, v, rs256(t, "2", k), ErrUnavailable)
		for range 100 {
			time.Sleep(keysEvery)
			verify(t, v, rs256(t, "1", k), nil)
			if err := v.Ready(); err != nil {
				t.Fatalf("keys are kept, and yet: %v", err)
			}
		}
		s.publish(t, issued{"1", k})
		time.Sleep(keysRetryMax + time.Second)
		verify(t, v, rs256(t, "2", k), ErrInvalid)
	})
}

func TestEndpointDownAtStart(t *testing.T) {
	k := ecKey()
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{}
		s.fail(http.StatusInternalServerError)
		v := newVerifier(t, Options{Secret: secret, JWKSURL: "https://issuer.example/jwks?key=hidden", HTTPClient: &http.Client{Transport: s}})
		defer v.Close()
		synctest.Wait()
		err := v.Ready()
		if err == nil || !strings.Contains(err.Error(), "issuer.example") || !strings.Contains(err.Error(), "500") || strings.Contains(err.Error(), "hidden") {
			t.Fatalf("Ready: %v, want the host and the status, and no query", err)
		}
		verify(t, v, rs256(t, "1", k), ErrUnavailable)
		verify(t, v, rs256(t, "", k), ErrUnavailable)
		verify(t, v, hs256(t, claims(nil)), nil) // needs no keys
		time.Sleep(time.Hour)
		if n := s.count(); n < 30 || n > 80 {
			t.Errorf("%d fetches in an hour of failing, want about one a minute", n)
		}
		s.publish(t, issued{"1", k})
		time.Sleep(keysRetryMax + time.Second)
		if err := v.Ready(); err != nil {
			t.Fatal(err)
		}
		verify(t, v, rs256(t, "1", k), nil)
	})
}

// TestUnknownKeyFlood: made-up key IDs cost one fetch in 5 s, and hold up nobody.
func TestUnknownKeyFlood(t *testing.T) {
	k := ecKey()
	world(t, []issued{{"1", k}}, func(t *testing.T, s *issuer, v *Verifier) {
		time.Sleep(time.Minute)
		before := s.count()
		begin := time.Now()
		for i := range 1000 {
			verify(t, v, rs256(t, fmt.Sprint("forged", i), k), ErrInvalid)
			verify(t, v, rs256(t, "1", k), nil)
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("the flood took %v, so something waited", took)
		}
		if n := s.count() - before; n < 2 || n > 3 {
			t.Errorf("%d fetches in 10 s, want one in 5 s", n)
		}
	})
}

// TestEndpointHangs: waiting is bounded and shared, and after it all know at
// once for 5 s.
func TestEndpointHangs(t *testing.T) {
	k := ecKey()
	world(t, []issued{{"1", k}}, func(t *testing.T, s *issuer, v *Verifier) {
		time.Sleep(time.Minute)
		s.set(func() { s.hang = true })
		before, begin := s.count(), time.Now()
		var wg sync.WaitGroup
		for i := range 50 {
			token := rs256(t, fmt.Sprint("other", i), k)
			wg.Go(func() {
				if _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrUnavailable) {
					t.Errorf("Verify: %v, want unavailable", err)
				}
			})
		}
		verify(t, v, rs256(t, "1", k), nil) // the known key does not wait
		if took := time.Since(begin); took != 0 {
			t.Errorf("a known key waited %v", took)
		}
		wg.Wait()
		if took := time.Since(begin); took > waitForKeys {
			t.Errorf("waited %v, want at most %v", took, waitForKeys)
		}
		synctest.Wait()
		if n := s.count() - before; n != 1 {
			t.Errorf("%d fetches for 50 waiting, want 1", n)
		}
		begin = time.Now()
		verify(t, v, rs256(t, "other", k), ErrUnavailable)
		if took := time.Since(begin); took != 0 {
			t.Errorf("right after a failure another waited %v", took)
		}
		// A caller in a hurry is not kept.
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := v.Verify(ctx, rs256(t, "other", k)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Verify: %v, want unavailable", err)
		}
	})
}

// TestAskedWhenDue: a fetch that is asked for at the moment it is due happens
// once, and the next one can be asked for.
func TestAskedWhenDue(t *testing.T) {
	k := ecKey()
	world(t, []issued{{"1", k}}, func(t *testing.T, s *issuer, v *Verifier) {
		due := time.Now().Add(keysEvery)
		for i := range 200 {
			before := s.count()
			time.Sleep(time.Until(due))
			verify(t, v, rs256(t, "2", k), ErrInvalid)
			synctest.Wait()
			if n := s.count() - before; n != 1 {
				t.Fatalf("round %d: %d fetches, want 1", i, n)
			}
			due = time.Now().Add(keysEvery)
		}
	})
}

// TestErrorsHideTheURL: it may hold a secret.
func TestErrorsHideTheURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{hang: true}
		v := newVerifier(t, Options{JWKSURL: "https://user:hidden@issuer.example/jwks?key=hidden", HTTPClient: &http.Client{Transport: s}})
		defer v.Close()
		if err := v.Ready(); err == nil {
			t.Error("ready before the first set")
		}
		time.Sleep(keysTimeout + time.Millisecond)
		if err := v.Ready(); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("Ready: %v, want the timeout and nothing of the URL but its host", err)
		}
	})
}

func TestCloseEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &issuer{hang: true}
		v := newVerifier(t, Options{JWKSURL: "https://issuer.example/jwks", HTTPClient: &http.Client{Transport: s}})
		k := ecKey()
		done := make(chan error)
		go func() {
			_, err := v.Verify(t.Context(), rs256(t, "1", k))
			done <- err
		}()
		synctest.Wait()
		begin := time.Now()
		v.Close()
		v.Close()
		if err := <-done; !errors.Is(err, ErrUnavailable) {
			t.Errorf("Verify: %v, want unavailable", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("closing took %v", took)
		}
		verify(t, v, rs256(t, "1", k), ErrUnavailable)
	})
}

// TestBadKeySets: each of these is a failed fetch, and the keys before stay.
func TestBadKeySets(t *testing.T) {
	k := ecKey()
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	weak := newIssuer(t, issued{"weak", small})
	encryption := strings.Replace(string(newIssuer(t, issued{"enc", k}).document()), `"kid":"enc"`, `"kid":"enc","use":"enc"`, 1)
	for name, body := range map[string]string{
		"not JSON":         "<html>login</html>",
		"empty":            "",
		"an object":        "{}",
		"a list":           "[]",
		"no keys":          `{"keys":[]}`,
		"keys a string":    `{"keys":"none"}`,
		"a secret":         `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"1","alg":"HS256"}]}`,
		"an unknown kind":  `{"keys":[{"kty":"XY","kid":"1"}]}`,
		"half a key":       `{"keys":[{"kty":"RSA","kid":"1"}]}`,
		"a point nowhere":  `{"keys":[{"kty":"EC","kid":"1","crv":"P-256","x":"AQ","y":"AQ"}]}`,
		"RSA of 1024 bits": string(weak.document()),
		"for encryption":   encryption,
		"too large":        string(newIssuer(t, issued{"2", k}).document()) + strings.Repeat(" ", keysMaxBody),
	} {
		t.Run(name, func(t *testing.T) {
			world(t, []issued{{"1", k}}, func(t *testing.T, s *issuer, v *Verifier) {
				s.set(func() { s.answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) } })
				time.Sleep(keysEvery + time.Second)
				if s.count() < 2 {
					t.Fatal("the bad set was not fetched")
				}
				verify(t, v, rs256(t, "1", k), nil)
				verify(t, v, sign(t, jwt.SigningMethodHS256, []byte("secret"), claims(nil), map[string]any{"kid": "1"}), ErrInvalid)
			})
		})
	}
}

// TestBadKeyAmongGood: one strange key does not take the others with it.
func TestBadKeyAmongGood(t *testing.T) {
	k := ecKey()
	world(t, []issued{{"1", k}}, func(t *testing.T, s *issuer, v *Verifier) {
		s.set(func() {
			s.keys = append([]any{
				"text", map[string]any{"kty": "XY"}, map[string]any{"kty": "oct", "k": "c2VjcmV0", "kid": "s"},
				map[string]any{"kty": "RSA", "n": "!", "e": "AQAB"},
			}, s.keys...)
		})
		time.Sleep(keysEvery + time.Second)
		verify(t, v, rs256(t, "2", k), ErrInvalid) // fetched: the set is good
		verify(t, v, rs256(t, "1", k), nil)
	})
}

// TestRealEndpoint fetches over a real connection, with TLS.
func TestRealEndpoint(t *testing.T) {
	k := ecKey()
	srv := httptest.NewTLSServer(newIssuer(t, issued{"1", k}))
	defer srv.Close()
	v := newVerifier(t, Options{JWKSURL: srv.URL + "/jwks", HTTPClient: srv.Client()})
	verify(t, v, rs256(t, "1", k), nil) // waits for the first set
	if err := v.Ready(); err != nil {
		t.Fatal(err)
	}
	verify(t, v, rs256(t, "2", k), ErrInvalid)
}

func TestRedirects(t *testing.T) {
	at := func(urls ...string) (all []*http.Request) {
		for _, u := range urls {
			all = append(all, httptest.NewRequest(http.MethodGet, u, nil))
		}
		return all
	}
	for _, tc := range []struct {
		next string
		via  []*http.Request
		ok   bool
	}{
		{"https://b/", at("https://a/"), true},
		{"https://b/", at("http://a/"), true},
		{"http://b/", at("http://a/"), true},
		{"http://b/", at("https://a/"), false},
		{"http://b/", at("http://a/", "https://a/"), false},
		{"https://b/", at("https://1/", "https://2/", "https://3/", "https://4/", "https://5/", "https://6/"), false},
	} {
		if err := noDowngrade(at(tc.next)[0], tc.via); (err == nil) != tc.ok {
			t.Errorf("%s after %d requests, the last to %s: %v", tc.next, len(tc.via), tc.via[len(tc.via)-1].URL, err)
		}
	}
}

// TestOwnClient: without a client of the caller's, Close leaves no connection.
func TestOwnClient(t *testing.T) {
	k := ecKey()
	srv := httptest.NewServer(newIssuer(t, issued{"1", k}))
	defer srv.Close()
	v := newVerifier(t, Options{JWKSURL: srv.URL})
	verify(t, v, rs256(t, "1", k), nil)

	// Nobody listens where this one looks.
	gone := httptest.NewServer(nil)
	gone.Close()
	w := newVerifier(t, Options{JWKSURL: gone.URL})
	verify(t, w, rs256(t, "1", k), ErrUnavailable)
}

func TestLogsOnlyChanges(t *testing.T) {
	k := ecKey()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		s := newIssuer(t, issued{"1", k})
		s.fail(http.StatusNotFound)
		v := newVerifier(t, Options{
			JWKSURL: "https://issuer.example/jwks?key=hidden", HTTPClient: &http.Client{Transport: s},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		time.Sleep(time.Hour)
		s.publish(t, issued{"1", k})
		time.Sleep(time.Hour)
		s.fail(http.StatusNotFound)
		time.Sleep(time.Hour)
		v.Close()
		want := []string{"WARN", "INFO", "WARN"}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != len(want) || strings.Contains(log.String(), "hidden") {
			t.Fatalf("log:\n%s\nwant %v and no query", log.String(), want)
		}
		for i, level := range want {
			if !strings.Contains(lines[i], "level="+level) {
				t.Errorf("line %d: %s, want %s", i, lines[i], level)
			}
		}
	})
}

// FuzzReadKeys: nothing that is taken can be used for anything but verifying.
func FuzzReadKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"1"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","use":"sig"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		set, err := readKeys(t.Context(), body)
		if err != nil {
			return
		}
		keys, err := set.find(&jwt.Token{Header: map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		all, ok := keys.(jwt.VerificationKeySet)
		if !ok || len(all.Keys) == 0 {
			t.Fatalf("%T with no keys", keys)
		}
		for _, key := range all.Keys {
			if _, secret := key.([]byte); secret {
				t.Fatal("a secret was taken")
			}
		}
	})
}
