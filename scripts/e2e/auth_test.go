package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const secret = "a-secret-of-at-least-thirty-two-bytes!"

func token(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func bearer(token string) check.Options {
	return check.Options{Header: http.Header{"Authorization": {"Bearer " + token}}}
}

func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// A refused token completes the upgrade and closes without a welcome: a
// browser cannot see a refused upgrade's status.
func TestTokens(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade", "social"), settings{
			"WS_JWT_SECRET": secret, "WS_JWT_ISSUER": "issuer", "WS_JWT_AUDIENCE": "feed", "WS_ALLOW_NO_ORIGIN": "false",
		})
		good := jwt.MapClaims{"sub": "alice", "exp": in(time.Hour), "iss": "issuer", "aud": "feed"}
		with := func(name string, value any) jwt.MapClaims {
			claims := jwt.MapClaims{}
			for k, v := range good {
				claims[k] = v
			}
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
			return claims
		}
		none, err := jwt.NewWithClaims(jwt.SigningMethodNone, good).SignedString(jwt.UnsafeAllowNoneSignatureType)
		if err != nil {
			t.Fatal(err)
		}
		forged, err := jwt.NewWithClaims(jwt.SigningMethodHS256, good).SignedString([]byte("another secret of thirty-two bytes!!"))
		if err != nil {
			t.Fatal(err)
		}
		for name, bad := range map[string]string{
			"nonsense":         "nonsense",
			"forged":           forged,
			"unsigned":         none,
			"expired":          token(t, with("exp", in(-time.Hour))),
			"no expiry":        token(t, with("exp", nil)),
			"no subject":       token(t, with("sub", nil)),
			"not yet":          token(t, with("nbf", in(time.Hour))),
			"another issuer":   token(t, with("iss", "other")),
			"another audience": token(t, with("aud", "other")),
		} {
			c := dialSilent(t, s, bearer(bad))
			if before := c.closed(wire.CloseUnauthorized); len(before) > 0 {
				t.Errorf("%s: %v came before the close", name, before)
			}
		}
		noToken := dialSilent(t, s, check.Options{Header: origin("http://" + s.Addr)})
		if before := noToken.closed(wire.CloseUnauthorized); len(before) > 0 {
			t.Errorf("no token: %v came before the close", before)
		}

		// A verified token allows a missing Origin.
		fine := token(t, good)
		dialWith(t, s, bearer(fine)).subscribe("A.trade", "*.social")
		browser := dialWith(t, s, check.Options{Header: origin("http://" + s.Addr), Subprotocols: []string{"ws.v1", "bearer." + fine}})
		if browser.Subprotocol() != "ws.v1" {
			t.Errorf("subprotocol %q was selected", browser.Subprotocol())
		}
		browser.subscribe("A.trade")
		for _, part := range strings.Split(fine, ".") {
			if strings.Contains(s.Logs(), part) {
				t.Error("a token stands in the log")
			}
		}
	})
}

func TestClaims(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade", "social"), settings{"WS_JWT_SECRET": secret, "WS_COMMANDS_PER_S": "100"})
		claims := func(channels ...string) string {
			return token(t, jwt.MapClaims{"sub": "alice", "exp": in(time.Hour), "channels": append([]string{}, channels...)})
		}
		c := dialWith(t, s, bearer(claims("BTC.*", "*.social", "ETH.trade")))
		for _, allowed := range []string{"BTC.trade", "BTC.*", "*.social", "X.social", "ETH.trade"} {
			c.subscribe(allowed)
		}
		for _, forbidden := range []string{"*.trade", "ETH.*", "SOL.trade"} {
			c.refused(check.Subscription{Channels: []string{"BTC.social", forbidden}}, wire.Forbidden)
		}
		c.holds("BTC.trade", "BTC.*", "*.social", "X.social", "ETH.trade")

		c.subscribe("BTC.trade")
		renew := func(token string) *check.Frame {
			f, _ := c.command("auth", map[string]string{"token": token})
			return f
		}
		c.isError(renew("nonsense"), wire.Unauthorized)
		c.isError(renew(token(t, jwt.MapClaims{"sub": "bob", "exp": in(time.Hour)})), wire.Unauthorized)
		if f := renew(claims("ETH.*")); f.Type != "error" {
			t.Errorf("a token that does not cover what is held: got %s", f)
		}
		c.subscribe("X.social") // the old token stays
		expires := in(2 * time.Hour)
		f := renew(token(t, jwt.MapClaims{"sub": "alice", "exp": expires, "channels": []string{"BTC.*", "X.*"}}))
		if f.Type != "auth_ack" || f.Expires != expires*1000 {
			t.Errorf("got %s, want an auth_ack that expires at %d", f, expires*1000)
		}
		c.subscribe("X.trade")
		c.refused(check.Subscription{Channels: []string{"ETH.trade"}}, wire.Forbidden)

		nothing := dialWith(t, s, bearer(claims()))
		nothing.refused(check.Subscription{Channels: []string{"BTC.trade"}}, wire.Forbidden)
	})
}

func TestTokenExpires(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade"), settings{"WS_JWT_SECRET": secret})
		short := func() string { return token(t, jwt.MapClaims{"sub": "alice", "exp": in(3 * time.Second)}) }
		expiring, renewed := dialWith(t, s, bearer(short())), dialWith(t, s, bearer(short()))
		if f, _ := renewed.command("auth", map[string]string{"token": token(t, jwt.MapClaims{"sub": "alice", "exp": in(time.Hour)})}); f.Type != "auth_ack" {
			t.Fatalf("got %s", f)
		}
		expiring.farewell(wire.CloseUnauthorized)
		renewed.heartbeat()
	})
}

func TestIdentityLimit(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade"), settings{"WS_JWT_SECRET": secret, "WS_MAX_CONNECTIONS_PER_SUB": "1"})
		alice := bearer(token(t, jwt.MapClaims{"sub": "alice", "exp": in(time.Hour)}))
		bob := bearer(token(t, jwt.MapClaims{"sub": "bob", "exp": in(time.Hour)}))
		first := dialWith(t, s, alice)
		second := dialSilent(t, s, alice)
		if before := second.closed(wire.CloseConnectionLimit); len(before) > 0 {
			t.Errorf("%v came before the close", before)
		}
		dialWith(t, s, bob)
		first.heartbeat()
		first.Close()
		eventually(t, "the place to be free", func() bool {
			client, err := check.Dial(within(t), s.URL(), alice)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Abort()
			f, err := client.Next(within(t))
			return err == nil && f.Type == "welcome"
		})
	})
}

// Keys of a JWKS endpoint are kept when it is down.
func TestKeySet(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	set, err := json.Marshal(map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig",
		"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	sign := func(kid string) string {
		tk := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": "alice", "exp": in(time.Hour)})
		tk.Header["kid"] = kid
		signed, err := tk.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	each(t, func(t *testing.T, v variant.Variant) {
		endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(set)
		}))
		defer endpoint.Close()
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade"), settings{"WS_JWT_JWKS_URL": endpoint.URL})
		dialWith(t, s, bearer(sign("one")))
		endpoint.Close()
		dialWith(t, s, bearer(sign("one")))
		dialSilent(t, s, bearer(sign("two"))).closed(wire.CloseUnauthorized)
		// The public key must not pass for a shared secret.
		confused, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "alice", "exp": in(time.Hour)}).SignedString(key.N.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		dialSilent(t, s, bearer(confused)).closed(wire.CloseUnauthorized)
		if s.get(t, "/readyz").StatusCode != http.StatusOK {
			t.Error("a dead key endpoint makes the server not ready")
		}
	})
}
