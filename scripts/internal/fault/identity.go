package fault

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// Who clients say they are.
var identityFaults = []Fault{{
	Name: "origins", Short: true,
	Did:  "pages of 16 origins that are not listed, though they look like one that is, connect",
	Load: "none",
	Run:  origins,
}, {
	Name: "tokens", Short: true,
	Did:  "tokens that are expired, forged, unsigned or for somebody else are presented; keys are rotated, the key server goes down, a token expires",
	Load: "20 clients with good tokens, 50 records/s",
	Run:  tokens,
}, {
	Name: "forged-addresses", Short: true,
	Did:  "one host opens 60 connections, each with another X-Forwarded-For, and 10 with a PROXY header",
	Load: "a limit of 10 connections an address",
	Run:  forgedAddresses,
}}

func origins(t *T) {
	tp := stage.MakeTopics(t, t.Brokers, 1, "trade")
	s := t.Start(tp, stage.Settings{"WS_ALLOWED_ORIGINS": "https://app.example.com,http://localhost:8080", "WS_ALLOW_NO_ORIGIN": "false"})
	admitted := 0
	for _, origin := range []string{
		"", "null", "http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.org", "https://evilapp.example.com",
		"https://example.com", "https://app.example.org", "https://app.example.com@evil.org", "https://sub.app.example.com", "wss://app.example.com",
		"https://app.example.com/path", "https://app.example.com, https://evil.org", "http://localhost", "http://localhost:8081", "file://",
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		c, err := check.Dial(stage.Within(t), s.URL(), check.Options{Header: header})
		var refusal *check.Refusal
		switch {
		case err == nil:
			admitted++
			c.Abort()
			t.Errorf("origin %q was let in", origin)
		case !errors.As(err, &refusal) || refusal.StatusCode != http.StatusForbidden:
			admitted++
			t.Errorf("origin %q: %v, want 403", origin, err)
		}
	}
	t.None("origins not listed that had another answer than 403", admitted)
	// RFC 6454, section 4: scheme and host have no case, and the default port is the port that is not written.
	listed := []string{"https://app.example.com", "https://app.example.com:443", "HTTPS://APP.example.COM", "http://localhost:8080"}
	in := 0
	for _, origin := range listed {
		c, err := check.Dial(stage.Within(t), s.URL(), check.Options{Header: http.Header{"Origin": {origin}}})
		if err != nil {
			t.Errorf("origin %q: %v", origin, err)
			continue
		}
		in++
		c.Close()
	}
	t.All("spellings of listed origins let in", in, len(listed))
}

// keyServer serves a key set that changes, and can be down.
type keyServer struct {
	*httptest.Server
	mu   sync.Mutex
	keys map[string]*rsa.PrivateKey
	down bool
}

func newKeyServer(t *T) *keyServer {
	k := &keyServer{keys: map[string]*rsa.PrivateKey{}}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var set struct {
			Keys []map[string]string `json:"keys"`
		}
		for id, key := range k.keys {
			set.Keys = append(set.Keys, map[string]string{
				"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
				"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
				"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
			})
		}
		_ = json.NewEncoder(w).Encode(set) // a client that is gone does not matter
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *keyServer) set(keys map[string]*rsa.PrivateKey, down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys, k.down = keys, down
}

func tokens(t *T) {
	key := func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	first, second, foreign := key(), key(), key()
	server := newKeyServer(t)
	server.set(map[string]*rsa.PrivateKey{"first": first}, false)
	tp := stage.MakeTopics(t, t.Brokers, 1, "trade")
	s := t.Start(tp, stage.Settings{
		"WS_JWT_JWKS_URL": server.URL, "WS_JWT_ISSUER": "issuer", "WS_JWT_AUDIENCE": "feed", "WS_ALLOW_NO_ORIGIN": "false", "LOG_LEVEL": "debug",
	})
	var made []string
	sign := func(method jwt.SigningMethod, id string, with any, claims jwt.MapClaims) string {
		all := jwt.MapClaims{"sub": "alice", "iss": "issuer", "aud": "feed", "exp": time.Now().Add(time.Hour).Unix()}
		for name, value := range claims {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
		token := jwt.NewWithClaims(method, all)
		token.Header["kid"] = id
		signed, err := token.SignedString(with)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, signed)
		return signed
	}
	rs, none := jwt.SigningMethodRS256, jwt.SigningMethodNone
	good := func(id string, with any) string { return sign(rs, id, with, nil) }
	// dial returns the connection if it got a welcome, else its close code.
	dial := func(token string) (*check.Client, wire.CloseCode) {
		c, err := check.Dial(stage.Within(t), s.URL(), check.Options{Header: http.Header{"Authorization": {"Bearer " + token}}})
		if err != nil {
			t.Fatalf("a token is refused after the upgrade, or a browser could not see why: %v", err)
		}
		f, err := c.Next(stage.Within(t))
		if err == nil && f.Type == "welcome" {
			return c, 0
		}
		c.Abort()
		if stage.IsClose(err, wire.CloseUnauthorized) {
			return nil, wire.CloseUnauthorized
		}
		t.Errorf("got %v, %v, want a welcome or a close with 4501", f, err)
		return nil, wire.CloseInternalError
	}

	crowdToken := good("first", first)
	channels := crowdChannels("trade", 2)
	crowd := t.Gather(audience.Options{
		URLs: []string{s.URL()}, Stay: true, Members: 20, Channels: allOf(channels),
		Header: func(int) http.Header { return http.Header{"Authorization": {"Bearer " + crowdToken}} },
	})
	feed := audience.StartFeed(t, tp, channels, 50, 50)

	// The public key taken for a secret, as a verifier does that lets the token choose how it is checked.
	public := []byte(base64.RawURLEncoding.EncodeToString(first.N.Bytes()))
	bad := map[string]string{
		"expired":        sign(rs, "first", first, jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()}),
		"no expiry":      sign(rs, "first", first, jwt.MapClaims{"exp": nil}),
		"not yet valid":  sign(rs, "first", first, jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()}),
		"wrong key":      good("first", foreign),
		"unknown key":    good("nobody's", foreign),
		"alg none":       sign(none, "first", jwt.UnsafeAllowNoneSignatureType, nil),
		"alg confused":   sign(jwt.SigningMethodHS256, "first", public, nil),
		"wrong audience": sign(rs, "first", first, jwt.MapClaims{"aud": "other"}),
		"wrong issuer":   sign(rs, "first", first, jwt.MapClaims{"iss": "other"}),
		"no subject":     sign(rs, "first", first, jwt.MapClaims{"sub": nil}),
		"garbage":        "a.b.c",
	}
	admitted := 0
	for name, token := range bad {
		if c, _ := dial(token); c != nil {
			admitted++
			c.Abort()
			t.Errorf("a token that is %s was let in", name)
		}
	}
	t.None(fmt.Sprintf("of %d bad tokens, those let in", len(bad)), admitted)

	// A key that is new is found; one that is gone is refused in time; with the key server down, known keys serve.
	server.set(map[string]*rsa.PrivateKey{"first": first, "second": second}, false)
	rotated := time.Now()
	stage.Eventually(t, "the new key to be known", func() bool {
		c, _ := dial(good("second", second))
		if c != nil {
			c.Abort()
		}
		return c != nil
	})
	t.Most("a new key is known", Since(rotated), 35, "s")
	server.set(nil, true)
	out := 0
	for range 5 {
		if c, _ := dial(good("second", second)); c != nil {
			c.Abort()
		} else {
			out++
		}
	}
	t.None("good tokens refused while the key server is down", out)

	expires := time.Now().Add(4 * time.Second).Truncate(time.Second)
	c, _ := dial(sign(rs, "first", first, jwt.MapClaims{"exp": expires.Unix()}))
	if c == nil {
		t.Fatal("a good token was refused")
	}
	if err := c.Ended(stage.Within(t)); !stage.IsClose(err, wire.CloseUnauthorized) {
		t.Errorf("an expired token's connection ended with %v, want 4501", err)
	}
	t.Most("closed with 4501 after its token's end", Since(expires), 25, "s")
	t.Least("closed with 4501 after its token's end, not before", Since(expires), 0, "s")
	t.Whole(crowd, feed)

	logs, seen := s.Process.Logs(), 0
	for _, token := range made {
		if _, signature, _ := strings.Cut(token[strings.IndexByte(token, '.')+1:], "."); signature != "" && strings.Contains(logs, signature) {
			seen++
		}
		if claims := strings.Split(token, ".")[1]; strings.Contains(logs, claims) {
			seen++
		}
	}
	t.None("tokens seen in the log, at LOG_LEVEL=debug", seen)
}

func forgedAddresses(t *T) {
	const limit = 10
	tp := stage.MakeTopics(t, t.Brokers, 1, "trade")
	s := t.Start(tp, stage.Settings{"WS_MAX_CONNECTIONS_PER_ADDR": fmt.Sprint(limit)})
	admitted, refused := 0, 0
	for i := range 60 {
		forged := fmt.Sprintf("203.0.113.%d", i+1)
		c, err := check.Dial(stage.Within(t), s.URL(), check.Options{Header: http.Header{
			"X-Forwarded-For": {forged}, "X-Real-Ip": {forged}, "Forwarded": {"for=" + forged}, "True-Client-Ip": {forged},
		}})
		var refusal *check.Refusal
		switch {
		case err == nil:
			admitted++
			defer c.Abort()
		case errors.As(err, &refusal) && refusal.StatusCode == http.StatusTooManyRequests:
			refused++
		default:
			t.Errorf("got %v, want a connection or 429", err)
		}
	}
	t.Most("connections of one host, by forged headers", float64(admitted), limit, "")
	t.All("refused with 429", refused, 60-limit)
	upgraded := 0
	for i := range 10 {
		if answer := proxyHeader(t, s.Addr, fmt.Sprintf("PROXY TCP4 203.0.113.%d 127.0.0.1 5000 3002\r\n", i+1)); strings.Contains(answer, " 101 ") {
			upgraded++
		} else if i == 0 {
			t.Saw("a PROXY header is answered %q", strings.TrimSpace(answer))
		}
	}
	t.None("upgrades behind a PROXY header", upgraded)
}

// proxyHeader sends the header and a handshake, and returns the answer's first line.
func proxyHeader(t *T, addr, header string) string {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // a TCP connection has deadlines
	_, err = io.WriteString(conn, header+"GET /ws HTTP/1.1\r\nHost: "+addr+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		return err.Error()
	}
	answer := make([]byte, 200)
	n, _ := conn.Read(answer) // an end without an answer is a refusal, too
	line, _, _ := strings.Cut(string(answer[:n]), "\r\n")
	return line
}
