package conformance

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// invalid checks that each token is told 4501 after the upgrade, without a welcome, and stands nowhere in the log.
func invalid(t *T, s *stage.Server, bad map[string]string) {
	for name, tk := range bad {
		client, err := check.Dial(stage.Within(t), s.URL(), bearer(tk))
		if err != nil {
			t.Errorf("%s: %v, want an upgrade and 4501", name, err)
			continue
		}
		f, err := client.Next(stage.Within(t))
		client.Abort()
		if err == nil {
			t.Errorf("%s: got %s, want 4501", name, f)
		} else if got := outcome(t, err); got != "4501" {
			t.Errorf("%s: %s, want 4501", name, got)
		}
		if sig := signature(tk); len(sig) > 20 && strings.Contains(s.Process.Logs(), sig) {
			t.Errorf("%s: the token's signature stands in the log", name)
		}
	}
}

var tokenCases = []Case{{
	ID: "P13.2a", Says: "the client sends its token as Authorization: Bearer", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		for _, scheme := range []string{"Bearer", "bearer", "BEARER"} {
			o := check.Options{Header: http.Header{"Authorization": {scheme + " " + token(t, who(stage.Symbol(), later))}}}
			stage.DialWith(t, s, o).Heartbeat()
		}
	},
}, {
	ID: "P13.2b", Says: "or, as a browser must, as the subprotocol bearer.<token> beside ws.v1, in any place", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		offer := func(names ...string) check.Options {
			return check.Options{Header: stage.Origin("http://" + s.Addr), Subprotocols: names}
		}
		tk := "bearer." + token(t, who(stage.Symbol(), later))
		for _, o := range []check.Options{offer("ws.v1", tk), offer(tk, "ws.v1"), offer("other", tk, "more", "ws.v1")} {
			c := stage.DialWith(t, s, o)
			if c.Subprotocol() != "ws.v1" {
				t.Errorf("of %d subprotocols it selected %q", len(o.Subprotocols), c.Subprotocol())
			}
			c.Heartbeat()
			c.Close()
		}
		r := handshake(t, s, "Sec-WebSocket-Protocol: "+tk, "Sec-WebSocket-Protocol: ws.v1")
		if f := r.want(websocket.TextMessage); !strings.Contains(string(f.payload), `"type":"welcome"`) {
			t.Errorf("in a header of its own it got %v", f)
		}
	},
}, {
	ID: "P13.2c", Says: "the token as a subprotocol counts also when a proxy's Authorization of another scheme comes with it", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		o := browser(s, token(t, who(stage.Symbol(), later)))
		o.Header.Set("Authorization", "Basic cHJveHk6c2VjcmV0")
		if got := verdict(t, s, o); got != "welcome" {
			t.Errorf("got %s, want a welcome", got)
		}
	},
}, {
	ID: "P13.2d", Says: "anywhere else it is no token: another scheme, the query, a cookie, without ws.v1, two at once", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		tk := token(t, who(stage.Symbol(), later))
		header := func(lines ...string) string { return upgradeRequest(s, lines...) }
		for name, request := range map[string]string{
			"no token":               header(),
			"scheme Basic":           header("Authorization: Basic " + tk),
			"scheme Token":           header("Authorization: Token " + tk),
			"no scheme":              header("Authorization: " + tk),
			"the query":              strings.Replace(header(), "/ws ", "/ws?token="+tk+"&access_token="+tk+" ", 1),
			"a cookie":               header("Cookie: token=" + tk),
			"another header":         header("X-Auth-Token: "+tk, "Proxy-Authorization: Bearer "+tk),
			"a bare subprotocol":     header("Sec-WebSocket-Protocol: ws.v1, " + tk),
			"without ws.v1":          header("Sec-WebSocket-Protocol: bearer." + tk),
			"Bearer in capitals":     header("Sec-WebSocket-Protocol: ws.v1, Bearer." + tk),
			"two in Authorization":   header("Authorization: Bearer "+tk, "Authorization: Bearer "+tk),
			"two subprotocols":       header("Sec-WebSocket-Protocol: ws.v1, bearer." + tk + ", bearer." + tk),
			"a list":                 header("Authorization: Bearer " + tk + ", Bearer " + tk),
			"an empty one":           header("Authorization: Bearer "),
			"an empty subprotocol's": header("Sec-WebSocket-Protocol: ws.v1, bearer."),
		} {
			// Without tokens a client needs an origin; with a server that takes tokens, the upgrade comes first.
			r := dialRaw(t, s)
			if answer := r.ask(request); answer.StatusCode != http.StatusSwitchingProtocols {
				t.Errorf("%s: got %s, want an upgrade and 4501", name, answer.Status)
				continue
			}
			if got := r.answer.Header.Values("Sec-WebSocket-Protocol"); len(got) > 0 && !slices.Equal(got, []string{"ws.v1"}) {
				t.Errorf("%s: it selected a subprotocol other than ws.v1", name)
			}
			if before := r.closed(wire.CloseUnauthorized); len(before) > 0 {
				t.Errorf("%s: before the close came %v", name, before)
			}
		}
	},
}, {
	ID: "P13.2e", Says: "a server of tokens needs one of everybody, also where WS_ALLOW_NO_ORIGIN is set", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		both := browser(s, token(t, who(stage.Symbol(), later)))
		both.Header.Set("Authorization", "Bearer nonsense")
		t.Fact("a bad Authorization beside a good subprotocol", verdict(t, s, both))
		lax := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_JWT_SECRET": tokenSecret, "WS_ALLOW_NO_ORIGIN": "true"})
		for name, o := range map[string]check.Options{"no token": {}, "a bad one": bearer("nonsense"), "a page": {Header: stage.Origin("http://" + lax.Addr)}} {
			if got := verdict(t, lax, o); got != "4501" {
				t.Errorf("%s: %s, want 4501", name, got)
			}
		}
	},
}, {
	ID: "P13.2f", Says: "the server never selects a token as the subprotocol, nor has its answer anything of it", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		for _, offered := range []string{"ws.v1, bearer.%s", "bearer.%s, ws.v1", "bearer.%s", "bearer.%s, other"} {
			for _, tk := range []string{token(t, who(stage.Symbol(), later)), token(t, who(stage.Symbol(), past))} {
				r := dialRaw(t, s)
				answer := r.ask(upgradeRequest(s, "Sec-WebSocket-Protocol: "+fmt.Sprintf(offered, tk)))
				all := fmt.Sprint(answer.Header, string(r.body))
				if answer.StatusCode == http.StatusSwitchingProtocols {
					f, err := r.next()
					all += fmt.Sprint(string(f.payload), err)
				}
				if strings.Contains(all, signature(tk)) || strings.Contains(all, "bearer.") {
					t.Errorf("offered %q: the token stands in the answer", offered)
				}
			}
		}
	},
}, {
	ID: "P13.2g", Says: "the server never logs a token: good, bad, expired, in either place, of a refused page, or in auth", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		alice := stage.Symbol()
		good, expired := token(t, who(alice, later)), token(t, who(alice, past))
		wrong := signed(t, jwt.SigningMethodHS256, []byte("another secret of thirty-two bytes!!"), who(alice, later), nil)
		fresh, foreign := token(t, who(alice, 2*later)), token(t, who(stage.Symbol(), later))
		refusedPage := bearer(token(t, who(alice, 3*later)))
		refusedPage.Header.Set("Origin", "https://evil.example")
		odd := strings.Repeat("b3Rk", 3000) // longer than any that is looked at
		for _, o := range []check.Options{bearer(expired), bearer(wrong), browser(s, expired), browser(s, wrong), refusedPage, bearer(odd[:9000])} {
			if got := verdict(t, s, o); got == "welcome" {
				t.Error("a bad token was let in")
			}
		}
		for _, o := range []check.Options{bearer(good), browser(s, good)} {
			c := stage.DialWith(t, s, o)
			for _, tk := range []string{fresh, foreign, expired, wrong, "nonsense-" + odd[:400]} {
				c.Ask("auth", map[string]string{"token": tk})
			}
			c.SendText(websocket.TextMessage, `{"type":"auth","id":1,"data":{"token":"`+good) // not a JSON object
			c.Farewell(wire.CloseBadRequest)
		}
		refusedToken := strings.TrimPrefix(refusedPage.Header.Get("Authorization"), "Bearer ")
		logs := s.Process.Logs()
		if !strings.Contains(logs, alice) {
			t.Error("the log does not even name the subject: nothing can be said about it")
		}
		for name, tk := range map[string]string{
			"good": good, "expired": expired, "wrong": wrong, "fresh": fresh, "foreign": foreign, "a refused page's": refusedToken,
		} {
			if strings.Contains(logs, signature(tk)) || strings.Contains(logs, strings.Split(tk, ".")[1]) {
				t.Errorf("the %s token stands in the log", name)
			}
		}
		if strings.Contains(logs, odd[:200]) {
			t.Error("the odd token stands in the log")
		}
	},
}, {
	ID: "P13.3a", Says: "a token has sub and exp: without either, or with one that is none, it is invalid", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		good := who(stage.Symbol(), later)
		bad := map[string]string{
			"no sub":              token(t, claimed(good, "sub", nil)),
			"an empty sub":        token(t, claimed(good, "sub", "")),
			"a sub that's 7":      token(t, claimed(good, "sub", 7)),
			"a sub in a list":     token(t, claimed(good, "sub", []string{"alice"})),
			"SUB":                 token(t, claimed(claimed(good, "sub", nil), "SUB", "alice")),
			"no exp":              token(t, claimed(good, "exp", nil)),
			"EXP":                 token(t, claimed(claimed(good, "exp", nil), "EXP", good["exp"])),
			"exp as text":         token(t, claimed(good, "exp", fmt.Sprint(good["exp"]))),
			"exp 0":               token(t, claimed(good, "exp", 0)),
			"exp below 0":         token(t, claimed(good, "exp", -1)),
			"exp beyond any time": token(t, claimed(good, "exp", 1e300)),
			"exp in milliseconds": token(t, claimed(good, "exp", time.Now().Add(later).UnixMilli())),
			"exp a list":          token(t, claimed(good, "exp", []any{good["exp"]})),
			"no claims":           token(t, jwt.MapClaims{}),
		}
		null := map[string]any{"sub": "alice", "exp": nil, "iss": "issuer", "aud": "feed"}
		bad["exp null"] = resign(handmade(t, map[string]any{"alg": "HS256", "typ": "JWT"}, null, ""))
		invalid(t, s, bad)
		stage.DialWith(t, s, bearer(token(t, good))).Heartbeat()
	},
}, {
	ID: "P13.3b", Says: "a token that has ended, or has not begun, is invalid", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		good := who(stage.Symbol(), later)
		invalid(t, s, map[string]string{
			"an hour ago":      token(t, who(stage.Symbol(), past)),
			"a second ago":     token(t, who(stage.Symbol(), -time.Second)),
			"this second":      token(t, who(stage.Symbol(), 0)),
			"nbf in an hour":   token(t, claimed(good, "nbf", time.Now().Add(later).Unix())),
			"nbf in a minute":  token(t, claimed(good, "nbf", time.Now().Add(time.Minute).Unix())),
			"nbf that is text": token(t, claimed(good, "nbf", "tomorrow")),
		})
		stage.DialWith(t, s, bearer(token(t, claimed(good, "nbf", time.Now().Add(-time.Minute).Unix())))).Heartbeat()
		t.Fact("issued in an hour", verdict(t, s, bearer(token(t, claimed(good, "iat", time.Now().Add(later).Unix())))))
	},
}, {
	ID: "P13.3c", Says: "a token of another issuer or for another audience is invalid", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		good := who(stage.Symbol(), later)
		invalid(t, s, map[string]string{
			"another issuer":        token(t, claimed(good, "iss", "other")),
			"issuer's beginning":    token(t, claimed(good, "iss", "issue")),
			"issuer and more":       token(t, claimed(good, "iss", "issuer.evil.example")),
			"issuer in capitals":    token(t, claimed(good, "iss", "ISSUER")),
			"no issuer":             token(t, claimed(good, "iss", nil)),
			"issuers":               token(t, claimed(good, "iss", []string{"issuer"})),
			"another audience":      token(t, claimed(good, "aud", "other")),
			"audience's beginning":  token(t, claimed(good, "aud", "fee")),
			"no audience":           token(t, claimed(good, "aud", nil)),
			"other audiences":       token(t, claimed(good, "aud", []string{"other", "feeds"})),
			"no audience in a list": token(t, claimed(good, "aud", []string{})),
		})
		stage.DialWith(t, s, bearer(token(t, claimed(good, "aud", []string{"other", "feed"})))).Heartbeat()
	},
}, {
	ID: "P13.3d", Says: "a token of another key, or changed, or signed in a way that is not the server's, is invalid", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		good := who(stage.Symbol(), later)
		genuine := token(t, good)
		parts := strings.Split(genuine, ".")
		other := strings.Split(token(t, claimed(good, "sub", "root")), ".")
		bad := map[string]string{
			"another key":      signed(t, jwt.SigningMethodHS256, []byte("another secret of thirty-two bytes!!"), good, nil),
			"an empty key":     signed(t, jwt.SigningMethodHS256, []byte{}, good, nil),
			"other claims":     parts[0] + "." + other[1] + "." + parts[2],
			"no signature":     parts[0] + "." + parts[1] + ".",
			"two parts":        parts[0] + "." + parts[1],
			"four parts":       genuine + "." + parts[2],
			"half a signature": parts[0] + "." + parts[1] + "." + parts[2][:20],
			"a longer one":     genuine + "AAAA",
			"padded":           parts[0] + "." + parts[1] + "." + parts[2] + "=",
			"not base64":       parts[0] + "." + parts[1] + ".~~~~",
			"dots":             "..",
			"nonsense":         "nonsense",
			"critical unknown": signed(t, jwt.SigningMethodHS256, []byte(tokenSecret), good, map[string]any{"crit": []string{"b64"}, "b64": false}),
			"no alg":           handmade(t, map[string]any{"typ": "JWT"}, good, parts[2]),
			"alg null":         handmade(t, map[string]any{"alg": nil}, good, ""),
			"HS256 as RS256":   handmade(t, map[string]any{"alg": "RS256"}, good, parts[2]),
			"unknown alg":      handmade(t, map[string]any{"alg": "HS257"}, good, parts[2]),
		}
		for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
			bad["alg "+none+", no signature"] = handmade(t, map[string]any{"alg": none, "typ": "JWT"}, good, "")
			bad["alg "+none+", a signature"] = handmade(t, map[string]any{"alg": none, "typ": "JWT"}, good, parts[2])
		}
		invalid(t, s, bad)
		stage.DialWith(t, s, bearer(genuine)).Heartbeat()
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
			t.Fact(method.Alg(), verdict(t, s, bearer(signed(t, method, []byte(tokenSecret), who(stage.Symbol(), later), nil))))
		}
	},
}}

// resign signs a handmade token's text with the server's secret.
func resign(tk string) string {
	text := strings.TrimSuffix(tk, ".")
	sig, err := jwt.SigningMethodHS256.Sign(text, []byte(tokenSecret))
	if err != nil {
		panic(err) // with a secret of bytes it cannot
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}
