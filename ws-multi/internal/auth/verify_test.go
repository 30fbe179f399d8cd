package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func secretVerifier(t testing.TB) *Verifier {
	t.Helper()
	v, err := NewVerifier(t.Context(), Options{Secret: hmacSecret, Issuer: "https://id.test", Audience: "feed"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := secretVerifier(t)
		now := time.Now().Unix()
		with := func(name string, value any) string { return hmacToken(t, grant(jwt.MapClaims{name: value})) }
		good := hmacToken(t, grant(nil))
		dot := strings.LastIndexByte(good, '.')
		// The good token's claims, in other hands.
		under := func(header string) string {
			payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(good, ".")[1])
			return handSigned(header, string(payload))
		}
		for name, test := range map[string]struct {
			token string
			says  string // of the refusal; empty: it is good
		}{
			"good":                         {good, ""},
			"HS384":                        {signed(t, jwt.SigningMethodHS384, []byte(hmacSecret), "", grant(nil)), ""},
			"HS512":                        {signed(t, jwt.SigningMethodHS512, []byte(hmacSecret), "", grant(nil)), ""},
			"a key ID means nothing":       {signed(t, jwt.SigningMethodHS256, []byte(hmacSecret), "k", grant(nil)), ""},
			"one of its audiences":         {with("aud", []string{"other", "feed"}), ""},
			"a clock ahead of ours":        {with("nbf", now+5), ""},
			"issued a little ahead":        {with("iat", now+5), ""},
			"its last second":              {with("exp", now+1), ""},
			"hand-made, but well":          {under(`{"alg":"HS256"}`), ""},
			"none":                         {"", "there is none"},
			"nonsense":                     {"nonsense", "no JWT"},
			"with blanks":                  {" " + good, "no JWT"},
			"two parts":                    {good[:dot], "no JWT"},
			"four parts":                   {good + ".a", "no JWT"},
			"no signature":                 {good[:dot+1], "signature"},
			"too long":                     {good + strings.Repeat("a", longestToken), "too long"},
			"another signature":            {good[:dot+1] + strings.Repeat("A", len(good)-dot-1), "signature"},
			"loose bits in its base64":     {good[:len(good)-1] + loose(good[len(good)-1]), "no JWT"},
			"another secret":               {signed(t, jwt.SigningMethodHS256, []byte("another secret of thirty-two bytes"), "", grant(nil)), "signature"},
			"no algorithm":                 {signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", grant(nil)), "not accepted"},
			"no algorithm, in capitals":    {under(`{"alg":"NONE"}`), "not accepted"},
			"an algorithm of no kind":      {under(`{"alg":7}`), "not accepted"},
			"without alg":                  {under(`{}`), "not accepted"},
			"a header that is a list":      {under(`[]`), "no JWT"},
			"a header that is null":        {under(`null`), "not accepted"},
			"a public key's, without keys": {signed(t, jwt.SigningMethodES256, signers.ec, "", grant(nil)), "not accepted"},
			"a critical extension":         {under(`{"alg":"HS256","crit":["b64"],"b64":true}`), "critical"},
			"expired":                      {with("exp", now), "expired"},
			"expired within the leeway":    {with("exp", now-1), "expired"},
			"no exp":                       {with("exp", nil), "missing"},
			"exp is 0":                     {with("exp", 0), "missing"},
			"exp is a text":                {with("exp", "2999-01-01"), "wrong kind"},
			"exp in milliseconds":          {with("exp", (now+3600)*1000), "exp"},
			"exp beyond int64":             {with("exp", 1e300), ""},
			"exp before int64":             {with("exp", -1e300), "expired"},
			"not yet":                      {with("nbf", now+60), "not valid yet"},
			"from the future":              {with("iat", now+60), "future"},
			"another issuer":               {with("iss", "https://evil.test"), "issuer"},
			"no issuer":                    {with("iss", nil), "missing"},
			"another audience":             {with("aud", "other"), "audience"},
			"no audience":                  {with("aud", nil), "missing"},
			"no sub":                       {with("sub", nil), "sub"},
			"an empty sub":                 {with("sub", ""), "sub"},
			"sub is a number":              {with("sub", 7), "sub"},
			"Sub is another claim":         {hmacToken(t, grant(jwt.MapClaims{"sub": nil, "Sub": "ann"})), "sub"},
			"channels is a text":           {with("channels", "BTC.trade"), "channels"},
			"channels is null":             {handSigned(`{"alg":"HS256"}`, `{"sub":"a","exp":2000000000,"iss":"https://id.test","aud":"feed","channels":null}`), "channels"},
			"channels is an object":        {with("channels", map[string]any{"BTC.trade": true}), "channels"},
			"a channel that is a number":   {with("channels", []any{"BTC.trade", 1}), "channels"},
			"a channel that is no pattern": {with("channels", []any{"BTC.trade", "BTC"}), "channels"},
			"all channels by two stars":    {with("channels", []any{"*.*"}), "channels"},
			"claims that are a list":       {handSigned(`{"alg":"HS256"}`, `[]`), "no JWT"},
			"claims that are null":         {handSigned(`{"alg":"HS256"}`, `null`), "missing"},
		} {
			if name == "exp beyond int64" {
				test.says = "e" // which of two checks sees it first is the machine's affair
			}
			id, err := v.Verify(t.Context(), test.token)
			_, tried := v.Try(test.token)
			switch {
			case (err == nil) != (tried == nil):
				t.Errorf("%s: Verify says %v, Try %v", name, err, tried)
			case test.says == "":
				if err != nil || id.Subject != "ann" {
					t.Errorf("%s: %+v, %v", name, id, err)
				}
			case !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.says) || id.Subject != "":
				t.Errorf("%s: %+v, %v, want it to say %q", name, id, err, test.says)
			case len(err.Error()) > wire.MaxCloseReason:
				t.Errorf("%s: %v does not fit into a close frame", name, err)
			}
		}
	})
}

// loose is a base64 digit that differs from c in bits that stand for nothing.
func loose(c byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, c)^1])
}

func TestIdentityOfToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := secretVerifier(t)
		exp := time.Now().Add(time.Hour)
		for name, test := range map[string]struct {
			channels any
			yes, no  string
		}{
			"no claim":     {nil, "BTC.trade *.trade BTC.*", ""},
			"an empty one": {[]string{}, "", "BTC.trade *.trade BTC.*"},
			"a list":       {[]string{"BTC.*", "*.social"}, "BTC.trade X.social BTC.*", "*.trade X.trade"},
		} {
			id, err := v.Verify(t.Context(), hmacToken(t, grant(jwt.MapClaims{"channels": test.channels, "exp": float64(exp.Unix()) + 0.9})))
			if err != nil || !id.Expires.Equal(exp) {
				t.Fatalf("%s: %+v, %v", name, id, err)
			}
			for _, p := range patterns(t, test.yes) {
				if !id.Allows(p) {
					t.Errorf("%s: %s is not allowed", name, p)
				}
			}
			for _, p := range patterns(t, test.no) {
				if id.Allows(p) {
					t.Errorf("%s: %s is allowed", name, p)
				}
			}
		}
	})
}

func TestExpiryIsToTheSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := secretVerifier(t)
		token := hmacToken(t, grant(jwt.MapClaims{"exp": time.Now().Add(10 * time.Second).Unix()}))
		time.Sleep(10*time.Second - time.Nanosecond)
		if _, err := v.Try(token); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := v.Try(token); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	})
}

func TestIssuerAndAudienceOff(t *testing.T) {
	v, err := NewVerifier(t.Context(), Options{Secret: hmacSecret})
	if err != nil {
		t.Fatal(err)
	}
	for _, changes := range []jwt.MapClaims{nil, {"iss": nil, "aud": nil}, {"iss": "x", "aud": "y"}} {
		if _, err := v.Verify(t.Context(), hmacToken(t, grant(changes))); err != nil {
			t.Errorf("%v: %v", changes, err)
		}
	}
	if v.Ready() != nil {
		t.Error("a secret is always ready")
	}
	v.Close()
}

func TestBadOptions(t *testing.T) {
	for _, test := range []struct {
		o    Options
		says string
	}{
		{Options{}, "WS_JWT_SECRET"},
		{Options{Issuer: "x"}, "WS_JWT_JWKS_URL"},
		{Options{Secret: hmacSecret[:31]}, "31 bytes"},
		{Options{Secret: hmacSecret, JWKSURL: "id.test/keys"}, "WS_JWT_JWKS_URL"},
		{Options{JWKSURL: "ftp://id.test/keys"}, "WS_JWT_JWKS_URL"},
		{Options{JWKSURL: "https:///keys"}, "WS_JWT_JWKS_URL"},
		{Options{JWKSURL: "https://id.test/%zz?hidden"}, "WS_JWT_JWKS_URL"},
	} {
		_, err := NewVerifier(t.Context(), test.o)
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), hmacSecret[:31]) {
			t.Errorf("%+v: %v", test.o, err)
		}
	}
}

// Any other text than the issuer's is refused, as ErrInvalid, and not quoted.
func FuzzVerify(f *testing.F) {
	v := secretVerifier(f)
	good := hmacToken(f, grant(nil))
	f.Add(good)
	f.Add(good[1:])
	f.Add(handSigned(`{"alg":"HS256","kid":1}`, `{"sub":[],"exp":{}}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		id, err := v.Verify(context.Background(), token)
		switch {
		case err == nil:
			if id.Subject == "" || id.Expires.IsZero() {
				t.Errorf("%q is %+v", token, id)
			}
		case !errors.Is(err, ErrInvalid) || len(err.Error()) > wire.MaxCloseReason:
			t.Errorf("%q: %v", token, err)
		}
	})
}

// Claims that an issuer has signed, whatever they are, make no panic and no
// identity without a subject and an end.
func FuzzClaims(f *testing.F) {
	v, _ := NewVerifier(f.Context(), Options{Secret: hmacSecret})
	f.Add(`{"sub":"a","exp":9999999999,"channels":["BTC.*"]}`)
	f.Add(`{"sub":"a","exp":1e20}`)
	f.Add(`{"exp":9999999999,"channels":[[]]}`)
	f.Fuzz(func(t *testing.T, payload string) {
		id, err := v.Try(handSigned(`{"alg":"HS256"}`, payload))
		if err == nil && (id.Subject == "" || !id.Expires.After(time.Now())) || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %+v, %v", payload, id, err)
		}
	})
}

func BenchmarkTry(b *testing.B) {
	e := &endpoint{}
	e.serves(keySet(b, everyKey(), nil))
	v, err := NewVerifier(b.Context(), Options{
		Secret: hmacSecret, JWKSURL: "https://id.test", Client: &http.Client{Transport: e}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	v.keys.settle(b.Context())
	for name, token := range map[string]string{
		"HS256": hmacToken(b, grant(nil)), "ES256": ecToken(b, signers.ec, "ec"),
		"RS256": signed(b, jwt.SigningMethodRS256, signers.rsa, "rsa", grant(nil)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Try(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
