package conformance

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// granted are good claims with a list of channels.
func granted(sub string, channels ...string) jwt.MapClaims {
	return claimed(who(sub, later), "channels", append([]string{}, channels...))
}

// renew sends a token by auth and takes the answer.
func renew(t *T, c *stage.Conn, claims jwt.MapClaims) *check.Frame {
	f, _ := c.Ask("auth", map[string]string{"token": token(t, claims)})
	return f
}

// renewed is renew where the answer must be an auth_ack with the token's end.
func renewed(t *T, c *stage.Conn, claims jwt.MapClaims) {
	f := renew(t, c, claims)
	if want := claims["exp"].(int64) * 1000; f.Type != "auth_ack" || f.Expires != want {
		t.Fatalf("auth got %s, want an auth_ack that expires at %d", f, want)
	}
}

var claimCases = []Case{{
	ID: "P13.3k", Says: "a subscription is allowed if one pattern of channels covers it part by part, by * or by being equal", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		c := stage.DialWith(t, s, bearer(token(t, granted(stage.Symbol(), "BTC.*", "*.social", "ETH.trade"))))
		for _, allowed := range []string{"BTC.trade", "BTC.social", "BTC.*", "*.social", "X.social", "ETH.trade"} {
			// Other cases publish what *.social matches.
			if f, _ := c.AskFor(check.Subscription{Channels: []string{allowed}}); f.Type != "subscription_ack" {
				t.Errorf("%s got %s", allowed, f)
			}
		}
		for _, forbidden := range []string{"*.trade", "ETH.*", "ETH.liquidity", "SOL.trade", "btc.trade", "BTCX.trade", "SOL.*"} {
			f, _ := c.AskFor(check.Subscription{Channels: []string{forbidden}})
			c.IsError(f, wire.Forbidden)
			if forbidden == "ETH.liquidity" { // ten errors close
				break
			}
		}
		other := stage.DialWith(t, s, bearer(token(t, granted(stage.Symbol(), "BTC.*", "*.social", "ETH.trade"))))
		for _, forbidden := range []string{"SOL.trade", "btc.trade", "BTCX.trade", "SOL.*", "ETH.TRADE"} {
			f, _ := other.AskFor(check.Subscription{Channels: []string{forbidden}})
			if code := f.ErrorCode(); code != string(wire.Forbidden) && (forbidden != "ETH.TRADE" || code != string(wire.ChannelInvalid)) {
				t.Errorf("%s got %s", forbidden, f)
			}
		}
		other.Holds()
	},
}, {
	ID: "P13.3l", Says: "all or nothing: one pattern that is not covered, and the command changes nothing", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		x := stage.Symbol()
		c := stage.DialWith(t, s, bearer(token(t, granted(stage.Symbol(), x+".*"))))
		c.Join(x + ".trade")
		c.Refused(check.Subscription{Channels: []string{x + ".social", "ELSE.trade"}}, wire.Forbidden)
		s.Topics.Count(t, "social", x, 1, 1)
		s.Topics.Count(t, "trade", x, 1, 1)
		c.Message(x+".trade", 1)
		c.Holds(x + ".trade")
	},
}, {
	ID: "P13.3m", Says: "a resume, and last, are covered no less", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		x := stage.Symbol()
		c := stage.DialWith(t, s, bearer(token(t, granted(stage.Symbol(), x+".trade"))))
		c.Refused(check.Subscription{Channels: []string{"ELSE.trade"}, Last: 10}, wire.Forbidden)
		c.Refused(check.Subscription{Channels: []string{x + ".trade", "*.trade"}, Cursor: wire.Cursor{}}, wire.Forbidden)
		c.Refused(check.Subscription{Channels: []string{x + ".*"}, Cursor: wire.Cursor{}}, wire.Forbidden)
		c.Holds()
	},
}, {
	ID: "P13.3n", Says: "without the claim all is allowed", Run: func(t *T) {
		c := stage.DialWith(t, t.ServerWith(withTokens), bearer(token(t, who(stage.Symbol(), later))))
		c.Join("A.trade", "*.trade", "A.*", "*.liquidity")
	},
}, {
	ID: "P13.3o", Says: "with an empty list nothing is", Run: func(t *T) {
		c := stage.DialWith(t, t.ServerWith(withTokens), bearer(token(t, granted(stage.Symbol()))))
		for _, forbidden := range []string{"A.trade", "*.trade", "A.*"} {
			c.Refused(check.Subscription{Channels: []string{forbidden}}, wire.Forbidden)
		}
		c.Holds()
		c.Heartbeat()
	},
}, {
	ID: "P13.3p", Says: "channels that are not a list of patterns make no token that allows more than it says", Run: func(t *T) {
		good := who(stage.Symbol(), later)
		bad := map[string]string{
			"text": token(t, claimed(good, "channels", "*.trade")), "an object": token(t, claimed(good, "channels", map[string]any{"A.trade": true})),
			"a number": token(t, claimed(good, "channels", 1)), "numbers": token(t, claimed(good, "channels", []int{1})),
			"*.*": token(t, claimed(good, "channels", []string{"*.*"})), "*": token(t, claimed(good, "channels", []string{"*"})),
			"no event": token(t, claimed(good, "channels", []string{"A.trade", "BTC"})),
		}
		null := maps.Clone(map[string]any(good))
		null["channels"] = nil
		bad["null"] = resign(handmade(t, map[string]any{"alg": "HS256"}, null, ""))
		s := t.ServerWith(withTokens)
		for _, name := range slices.Sorted(maps.Keys(bad)) {
			t.Fact(name, verdict(t, s, bearer(bad[name])))
		}
		invalid(t, s, bad)
	},
}}

var renewCases = []Case{{
	ID: "P13.4a", Says: "at exp the connection is closed with 4501 after a bye, not before, also while messages flow", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		x := stage.Symbol()
		claims := who(stage.Symbol(), 8*time.Second)
		end := time.Unix(claims["exp"].(int64), 0)
		idle, busy := stage.DialWith(t, s, bearer(token(t, claims))), stage.DialWith(t, s, bearer(token(t, claims)))
		busy.Join(x + ".trade")
		published := make(chan struct{})
		stop := make(chan struct{})
		go func() {
			defer close(published)
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					s.Topics.Count(t, "trade", x, n, n)
				}
			}
		}()
		bye, before := busy.Farewell(wire.CloseUnauthorized)
		ended := time.Now()
		close(stop)
		<-published
		if ended.Before(end) {
			t.Errorf("it was closed %v before its end", end.Sub(ended))
		}
		stream := check.NewStream()
		for _, f := range before {
			stream.Take(f)
		}
		if err := stream.Err(nil); err != nil || bye.Sent == 0 {
			t.Errorf("before %s: %v", bye, err)
		}
		if _, before := idle.Farewell(wire.CloseUnauthorized); len(before) > 0 {
			t.Errorf("before the bye of an idle one came %v", before)
		}
		if late := ended.Sub(end); late > 20*time.Second {
			t.Errorf("it was closed %v after its end", late)
		}
	},
}, {
	ID: "P13.4b", Says: "unless auth brought a fresh token before; auth_ack says the new token's end", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		alice := stage.Symbol()
		expiring := stage.DialWith(t, s, bearer(token(t, who(alice, 8*time.Second))))
		kept := stage.DialWith(t, s, bearer(token(t, who(alice, 8*time.Second))))
		claims := who(alice, later)
		f := kept.Raw(`{"type":"auth","id":"fresh","data":{"token":"` + token(t, claims) + `"}}`)
		if want := fmt.Sprintf(`{"type":"auth_ack","id":"fresh","expires":%d}`, claims["exp"].(int64)*1000); string(f.Raw) != want {
			t.Errorf("got %s, want %s", f, want)
		}
		expiring.Farewell(wire.CloseUnauthorized)
		time.Sleep(time.Second)
		kept.Heartbeat()
	},
}, {
	ID: "P13.4c", Says: "the fresh token's end counts from then on, also where it is the earlier one", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		alice := stage.Symbol()
		c := stage.DialWith(t, s, bearer(token(t, who(alice, later))))
		claims := who(alice, 6*time.Second)
		renewed(t, c, claims)
		c.Farewell(wire.CloseUnauthorized)
		if end := time.Unix(claims["exp"].(int64), 0); time.Now().Before(end) {
			t.Errorf("it was closed %v before its end", time.Until(end))
		}
	},
}, {
	ID: "P13.5a", Says: "the fresh token must be valid and have the same sub, else UNAUTHORIZED, and the old one stays", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		alice := stage.Symbol()
		good := granted(alice, "BTC.*")
		c := stage.DialWith(t, s, bearer(token(t, good)))
		c.Join("BTC.trade")
		for name, claims := range map[string]jwt.MapClaims{
			"another sub":      who(stage.Symbol(), later),
			"sub in capitals":  who(alice+" ", later),
			"expired":          who(alice, past),
			"another issuer":   claimed(who(alice, later), "iss", "other"),
			"another audience": claimed(who(alice, later), "aud", "other"),
			"no exp":           claimed(who(alice, later), "exp", nil),
			"no sub":           claimed(who(alice, later), "sub", nil),
		} {
			f := renew(t, c, claims)
			if f.Type != "error" || f.ErrorCode() != string(wire.Unauthorized) || f.Temporary {
				t.Errorf("%s: got %s, want UNAUTHORIZED", name, f)
			}
		}
		for _, bad := range []string{"nonsense", handmade(t, map[string]any{"alg": "none"}, who(alice, later), "")} {
			f, _ := c.Ask("auth", map[string]string{"token": bad})
			c.IsError(f, wire.Unauthorized)
		}
		c.Join("BTC.social") // by the old token
		other := stage.DialWith(t, s, bearer(token(t, good)))
		other.IsError(renew(t, other, who(stage.Symbol(), later)), wire.Unauthorized)
		other.Refused(check.Subscription{Channels: []string{"ETH.trade"}}, wire.Forbidden) // not by the one that failed
	},
}, {
	ID: "P13.5b", Says: "it must cover the present subscriptions, else FORBIDDEN, and the old one stays", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		alice := stage.Symbol()
		c := stage.DialWith(t, s, bearer(token(t, granted(alice, "BTC.*", "*.social"))))
		c.Join("BTC.trade", "X.social")
		for _, narrow := range []jwt.MapClaims{granted(alice, "BTC.trade"), granted(alice, "*.trade"), granted(alice)} {
			c.IsError(renew(t, c, narrow), wire.Forbidden)
		}
		c.Join("Y.social", "BTC.liquidity") // by the old one
		if f, _ := c.Ask("unsubscribe", map[string]any{"channels": []string{"X.social", "Y.social", "BTC.liquidity"}}); f.Count != 1 {
			t.Fatalf("got %s", f)
		}
		renewed(t, c, granted(alice, "BTC.trade", "ETH.trade")) // covers what is left
		c.Join("ETH.trade")
		c.Refused(check.Subscription{Channels: []string{"X.social"}}, wire.Forbidden)
		c.Holds("BTC.trade", "ETH.trade")
	},
}, {
	ID: "P13.5c", Says: "after an error the old token stays with its own end", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		alice := stage.Symbol()
		short := who(alice, 8*time.Second)
		c := stage.DialWith(t, s, bearer(token(t, short)))
		c.Join("BTC.trade")
		c.IsError(renew(t, c, who(stage.Symbol(), later)), wire.Unauthorized)
		c.IsError(renew(t, c, granted(alice, "ETH.trade")), wire.Forbidden)
		c.Farewell(wire.CloseUnauthorized)
		if end := time.Unix(short["exp"].(int64), 0); time.Now().Before(end) {
			t.Errorf("it was closed %v before its end", time.Until(end))
		}
	},
}, {
	ID: "P13.5d", Says: "auth is a command: what follows it is judged by the fresh token, in order", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		alice := stage.Symbol()
		c := stage.DialWith(t, s, bearer(token(t, granted(alice, "BTC.*"))))
		before, err := c.Subscribe(check.Subscription{Channels: []string{"ETH.trade"}})
		if err != nil {
			t.Fatal(err)
		}
		auth, err := c.Command("auth", map[string]string{"token": token(t, granted(alice, "ETH.*"))})
		if err != nil {
			t.Fatal(err)
		}
		after, err := c.Subscribe(check.Subscription{Channels: []string{"ETH.trade"}})
		if err != nil {
			t.Fatal(err)
		}
		c.IsError(c.Take(), wire.Forbidden)
		if f := c.Want("auth_ack"); string(f.ID) != auth {
			t.Errorf("got %s, want the answer to %s (the first was %s)", f, auth, before)
		}
		if f := c.Want("subscription_ack"); string(f.ID) != after {
			t.Errorf("got %s, want the answer to %s", f, after)
		}
	},
}, {
	ID: "P13.5e", Says: "a server without tokens answers auth with BAD_REQUEST", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		c.IsError(renew(t, c, who("alice", later)), wire.BadRequest)
		f, _ := c.Ask("auth", map[string]string{"token": "nonsense"})
		c.IsError(f, wire.BadRequest)
		c.Heartbeat()
	},
}, {
	ID: "P13.5f", Says: "auth without a token, or with one of another type, is BAD_REQUEST, and the old token stays", Run: func(t *T) {
		c := stage.DialWith(t, t.ServerWith(withTokens), bearer(token(t, who(stage.Symbol(), later))))
		for _, bad := range []string{`{"type":"auth"}`, `{"type":"auth","data":{}}`, `{"type":"auth","data":{"token":7}}`, `{"type":"auth","data":{"token":null}}`, `{"type":"auth","data":"x"}`} {
			c.IsError(c.Raw(bad), wire.BadRequest)
		}
		c.Join("A.trade")
	},
}}
