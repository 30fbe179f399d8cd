package fault

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
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

// tellsWithin is how long what becomes of keys and tokens may take to be told, in seconds.
const tellsWithin = 25

func tokens(t *T) {
	first, second, foreign := rsaKey(t), rsaKey(t), rsaKey(t)
	server := newKeyServer(t)
	server.set(map[string]*rsa.PrivateKey{"first": first}, false)
	tp := stage.MakeTopics(t, t.Brokers, 1, "trade")
	s := t.Start(tp, stage.Settings{
		"WS_JWT_JWKS_URL": server.URL, "WS_JWT_ISSUER": "issuer", "WS_JWT_AUDIENCE": "feed", "WS_ALLOW_NO_ORIGIN": "false", "LOG_LEVEL": "debug",
	})
	p := &presenter{t: t, s: s, holder: func() string { return goodToken(t, "first", first) }}
	crowdToken := p.holder()
	p.shown = append(p.shown, crowdToken)
	channels := crowdChannels("trade", 2)
	crowd := t.Gather(audience.Options{
		URLs: []string{s.URL()}, Stay: true, Members: 20, Channels: allOf(channels),
		Header: func(int) http.Header { return http.Header{"Authorization": {"Bearer " + crowdToken}} },
	})
	feed := audience.StartFeed(t, tp, channels, 50, 50)

	bad := badTokens(t, first, foreign)
	t.None(fmt.Sprintf("of %d bad tokens, in three ways, those that were not refused for good", len(bad)), p.others(invalid, bad))
	good := map[string]string{"good": goodToken(t, "first", first)}
	t.None("good tokens, in three ways, that were not taken", p.others(taken, good))

	// A key that is new is found.
	server.set(map[string]*rsa.PrivateKey{"first": first, "second": second}, false)
	t.Most("a new key is known", p.await(taken, func() string { return goodToken(t, "second", second) }), 35, "s")
	p.holder = func() string { return goodToken(t, "second", second) }

	// What cannot be looked up while the key server is down may be good later; the keys at hand serve on.
	server.set(nil, true)
	unknown := func() string { return goodToken(t, "nobody's", foreign) }
	asked := p.await(later, unknown)
	t.Most("a token of an unknown key is refused as for a time, after the key server went down", asked, tellsWithin, "s")
	t.None("tokens of an unknown key, in three ways, that were then not refused as for a time",
		p.others(later, map[string]string{"of an unknown key": unknown()}))
	t.None("good tokens, of both keys in three ways, that were then not taken", p.others(taken, map[string]string{
		"of the first key": goodToken(t, "first", first), "of the second key": goodToken(t, "second", second),
	}))
	if code := s.Get(t, "/readyz").StatusCode; code != http.StatusOK {
		t.Errorf("/readyz says %d while the key server is down", code)
	}

	// It is back without a key: a token of one that is not known makes a server ask, and then the withdrawn one is not, either.
	server.set(map[string]*rsa.PrivateKey{"second": second}, false)
	withdrawn := p.await(invalid, func() string {
		p.present(byHeader, unknown())
		return goodToken(t, "first", first)
	})
	t.Most("a withdrawn key's tokens are refused, after the key server was back", withdrawn, tellsWithin, "s")
	t.None("a withdrawn key's tokens, in three ways, that were then not refused for good",
		p.others(invalid, map[string]string{"of a withdrawn key": goodToken(t, "first", first)}))
	t.None("the other key's tokens, in three ways, that were then not taken",
		p.others(taken, map[string]string{"of the second key": goodToken(t, "second", second)}))

	p.expires(second)
	t.Whole(crowd, feed) // who came with the withdrawn key's token stays until that ends
	p.logged()
}

func rsaKey(t *T) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signed is a token of alice for an hour, with some claims changed, or taken away by nil.
func signed(t *T, method jwt.SigningMethod, id string, with any, claims jwt.MapClaims) string {
	all := jwt.MapClaims{"sub": "alice", "iss": "issuer", "aud": "feed", "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range claims {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	token := jwt.NewWithClaims(method, all)
	token.Header["kid"] = id
	text, err := token.SignedString(with)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func goodToken(t *T, id string, key *rsa.PrivateKey) string {
	return signed(t, jwt.SigningMethodRS256, id, key, nil)
}

// badTokens are tokens that will never be good, for servers that know the first key.
func badTokens(t *T, first, foreign *rsa.PrivateKey) map[string]string {
	rs := jwt.SigningMethodRS256
	with := func(claim string, value any) string {
		return signed(t, rs, "first", first, jwt.MapClaims{claim: value})
	}
	// The public key taken for a secret, as a verifier does that lets the token choose how it is checked.
	public := []byte(base64.RawURLEncoding.EncodeToString(first.N.Bytes()))
	return map[string]string{
		"expired":        with("exp", time.Now().Add(-time.Hour).Unix()),
		"no expiry":      with("exp", nil),
		"not yet valid":  with("nbf", time.Now().Add(time.Hour).Unix()),
		"wrong key":      goodToken(t, "first", foreign),
		"unknown key":    goodToken(t, "nobody's", foreign),
		"alg none":       signed(t, jwt.SigningMethodNone, "first", jwt.UnsafeAllowNoneSignatureType, nil),
		"alg confused":   signed(t, jwt.SigningMethodHS256, "first", public, nil),
		"wrong audience": with("aud", "other"),
		"wrong issuer":   with("iss", "other"),
		"no subject":     with("sub", nil),
		"garbage":        strings.ToLower(rand.Text() + "." + rand.Text() + "." + rand.Text()),
	}
}

// The ways to bring a token (P13.2, P13.4).
type way string

const (
	byHeader      way = "in Authorization"
	bySubprotocol way = "as a subprotocol"
	byCommand     way = "by an auth command"
)

// What comes of it.
const (
	taken   = "taken"
	invalid = "refused for good"
	later   = "refused for a time"
)

// presenter presents tokens, and knows all that it has presented.
type presenter struct {
	t      *T
	s      *stage.Server
	holder func() string // a good token, of one who then brings another by a command
	shown  []string
}

// present brings a token in a way and says what came of it.
func (p *presenter) present(by way, token string) string {
	t := p.t
	p.shown = append(p.shown, token)
	o := check.Options{Header: http.Header{"Authorization": {"Bearer " + token}}}
	switch by {
	case bySubprotocol: // which is how browsers do it, who name the page's origin
		o = check.Options{Header: stage.Origin("http://" + p.s.Addr), Subprotocols: []string{"ws.v1", "bearer." + token}}
	case byCommand:
		held := p.holder()
		p.shown = append(p.shown, held)
		o.Header.Set("Authorization", "Bearer "+held)
	}
	c, err := check.Dial(stage.Within(t), p.s.URL(), o)
	var refusal *check.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.StatusCode == http.StatusServiceUnavailable:
		return later
	case err != nil:
		return fmt.Sprintf("not told after the upgrade, where a browser could see why: %v", err)
	}
	defer c.Close()
	if chosen := c.Subprotocol(); chosen != "ws.v1" {
		t.Errorf("the subprotocol %q was selected", chosen)
	}
	f, err := c.Next(stage.Within(t))
	switch {
	case stage.IsClose(err, wire.CloseUnauthorized):
		return invalid
	case err != nil || f.Type != "welcome":
		return fmt.Sprintf("answered by %v, %v", f, err)
	case by != byCommand:
		return taken
	}
	id, err := c.Command("auth", map[string]string{"token": token})
	if err == nil {
		f, _, err = c.Until(stage.Within(t), func(f *check.Frame) bool { return string(f.ID) == id })
	}
	switch {
	case err != nil:
		return err.Error()
	case f.Type == "auth_ack":
		return taken
	case f.ErrorCode() == string(wire.Unauthorized):
		return invalid
	case f.ErrorCode() == string(wire.Unavailable):
		return later
	}
	return "answered by " + f.String()
}

// others is of how many tokens, in each way, something else came than what is wanted.
func (p *presenter) others(want string, named map[string]string) (n int) {
	for name, token := range named {
		for _, by := range []way{byHeader, bySubprotocol, byCommand} {
			if got := p.present(by, token); got != want {
				n++
				p.t.Errorf("a token that is %s, %s, was %s, want %s", name, by, got, want)
			}
		}
	}
	return n
}

// await presents tokens until what is wanted comes of one, and returns after how many seconds.
func (p *presenter) await(want string, token func() string) float64 {
	began, got := time.Now(), ""
	stage.Eventually(p.t, "a token to be "+want, func() bool {
		got = p.present(byHeader, token())
		return got == want
	})
	return Since(began)
}

// expires holds the end of a connection to the end of its token.
func (p *presenter) expires(key *rsa.PrivateKey) {
	t := p.t
	expires := time.Now().Add(10 * time.Second).Truncate(time.Second)
	token := signed(t, jwt.SigningMethodRS256, "second", key, jwt.MapClaims{"exp": expires.Unix()})
	p.shown = append(p.shown, token)
	c, err := check.Dial(stage.Within(t), p.s.URL(), check.Options{Header: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	if f, err := c.Next(stage.Within(t)); err != nil || f.Type != "welcome" {
		t.Fatalf("a good token was answered by %v, %v", f, err)
	}
	if err := c.Ended(stage.Within(t)); !stage.IsClose(err, wire.CloseUnauthorized) {
		t.Errorf("an expired token's connection ended with %v, want 4501", err)
	}
	t.Most("closed with 4501 after its token's end", Since(expires), tellsWithin, "s")
	t.Least("closed with 4501 after its token's end, not before", Since(expires), 0, "s")
}

// logged looks for all that was presented in the log: for a signature, and for claims, which no other text has either.
func (p *presenter) logged() {
	t := p.t
	logs, seen := p.s.Process.Logs(), 0
	for _, token := range p.shown {
		parts := strings.Split(token, ".")
		if strings.Contains(logs, parts[1]) || parts[2] != "" && strings.Contains(logs, parts[2]) {
			seen++
		}
	}
	// A log that tells nothing of a connection proves nothing.
	t.Least("lines of the log, at LOG_LEVEL=debug", float64(strings.Count(logs, "\n")), 50, "")
	t.None("tokens seen in it", seen)
	t.Saw("tokens were presented %d times", len(p.shown))
}
