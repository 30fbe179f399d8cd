package conformance

import (
	"net/http"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P13: origins and tokens.
var originCases = slices.Concat(pageCases, tokenCases, keyCases, claimCases, renewCases)

var (
	// originsListed names pages; originsSame lets those of the server's own host in.
	originsListed = stage.Settings{
		"WS_ALLOW_NO_ORIGIN": "false",
		"WS_ALLOWED_ORIGINS": "https://app.example.com,http://localhost:8080,https://kiosk.example.com:8443",
	}
	originsSame = stage.Settings{"WS_ALLOW_NO_ORIGIN": "false"}
)

// letIn checks that a page of each origin gets a welcome.
func letIn(t *T, s *stage.Server, origins ...string) {
	for _, origin := range origins {
		if got := verdict(t, s, check.Options{Header: stage.Origin(origin)}); got != "welcome" {
			t.Errorf("a page of %q: %s, want a welcome", origin, got)
		}
	}
}

// keptOut checks that a page of each origin gets a 403.
func keptOut(t *T, s *stage.Server, origins ...string) {
	for _, origin := range origins {
		client, err := check.Dial(stage.Within(t), s.URL(), check.Options{Header: stage.Origin(origin)})
		if err == nil {
			client.Abort()
			t.Errorf("a page of %q was let in", origin)
			continue
		}
		if got := outcome(t, err); got != "403" {
			t.Errorf("a page of %q: %s, want 403", origin, got)
		}
	}
}

var pageCases = []Case{{
	ID: "P13.1a", Says: "a page of a listed origin is let in, its default port named or not", Run: func(t *T) {
		letIn(t, t.ServerWith(originsListed),
			"https://app.example.com", "https://app.example.com:443", "http://localhost:8080", "https://kiosk.example.com:8443")
	},
}, {
	ID: "P13.1b", Says: "scheme and host are compared without regard to case, as URLs are", Run: func(t *T) {
		letIn(t, t.ServerWith(originsListed), "HTTPS://APP.EXAMPLE.COM", "https://App.Example.Com:443", "Http://LocalHost:8080")
	},
}, {
	ID: "P13.1c", Says: "another scheme or another port is another origin", Run: func(t *T) {
		s := t.ServerWith(originsListed)
		keptOut(t, s,
			"http://app.example.com", "http://app.example.com:443", "https://app.example.com:80", "https://app.example.com:8443",
			"https://app.example.com:4430", "wss://app.example.com", "ws://app.example.com", "ftp://app.example.com", "httpss://app.example.com",
			"http://localhost", "http://localhost:80", "http://localhost:8081", "https://localhost:8080",
			"https://kiosk.example.com", "https://kiosk.example.com:443", "http://kiosk.example.com:8443",
			"app.example.com", "//app.example.com", "://app.example.com", "https:app.example.com", "https:/app.example.com",
			"http://"+s.Addr, "https://"+s.Addr, // its own host is not listed
		)
	},
}, {
	ID: "P13.1d", Says: "a host that only looks like a listed one is kept out", Run: func(t *T) {
		keptOut(t, t.ServerWith(originsListed),
			"https://app.example.com.evil.example", "https://evil-app.example.com", "https://evilapp.example.com", "https://app.example.comevil",
			"https://app.example.co", "https://example.com", "https://sub.app.example.com", "https://app.example.com.", "https://.app.example.com",
			"https://app..example.com", "https://appxexample.com", "https://app-example.com", "https://*.example.com", "https://app.example.com%2eevil.example",
			"https://app%2eexample.com", "https://app.example.com%00.evil.example", "https://\u212aiosk.example.com:8443", "https://\u0430pp.example.com",
			"https://app.exam\u017fple.com", "https://app\u3002example\u3002com", "http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost.:8080",
		)
	},
}, {
	ID: "P13.1e", Says: "what is not exactly an origin is kept out: user, path, query, several, stray marks", Run: func(t *T) {
		keptOut(t, t.ServerWith(originsListed),
			"https://app.example.com/", "https://app.example.com//", "https://app.example.com/ws", "https://app.example.com?", "https://app.example.com?x=1",
			"https://app.example.com#", "https://app.example.com#x", "https://user@app.example.com", "https://user:pw@app.example.com", "https://@app.example.com",
			"https://app.example.com@evil.example", "https://evil.example/https://app.example.com", "https://evil.example#https://app.example.com",
			"https://evil.example?https://app.example.com", `https://evil.example\https://app.example.com`, `https://app.example.com\@evil.example`,
			"https://app.example.com:", "https://app.example.com:0443", "https://app.example.com:+443", "https://app.example.com:443x", "https://app.example.com:0",
			"https://app.example.com:443:443", "https://app.example.com:65979", "https://app.example.com https://evil.example",
			"https://evil.example https://app.example.com", "https://evil.example,https://app.example.com", "https://app.example.com,", "https://",
			"https://app .example.com", "https://app.example.com\t.evil.example", "https://[app.example.com]", "*", "https://*", "file://", "about:blank",
			"chrome-extension://app.example.com", "data:text/html,x", "blob:https://app.example.com", "javascript:https://app.example.com",
		)
	},
}, {
	ID: "P13.1f", Says: "null, the origin of files and sandboxed frames, is kept out unless listed", Run: func(t *T) {
		keptOut(t, t.ServerWith(originsListed), "null", "NULL", "null,https://app.example.com", "https://null", "undefined")
		keptOut(t, t.ServerWith(originsSame), "null", "Null", "http://null")
	},
}, {
	ID: "P13.1g", Says: "more than one Origin header is none that is allowed", Run: func(t *T) {
		s := t.ServerWith(originsListed)
		for _, values := range [][]string{
			{"https://app.example.com", "https://evil.example"}, {"https://evil.example", "https://app.example.com"},
			{"https://app.example.com", "https://app.example.com"}, {"https://app.example.com", "null"}, {"", "https://app.example.com"},
		} {
			if got := verdict(t, s, check.Options{Header: http.Header{"Origin": values}}); got != "403" {
				t.Errorf("%q: %s, want 403", values, got)
			}
		}
	},
}, {
	ID: "P13.1h", Says: "without a list it must be the server's own host, port included", Run: func(t *T) {
		s := t.ServerWith(originsSame)
		host, port, _ := strings.Cut(s.Addr, ":")
		letIn(t, s, "http://"+s.Addr)
		keptOut(t, s,
			"http://"+host, "https://"+host, "http://"+host+":80", "http://localhost:"+port, "http://"+host+".:"+port, "http://"+s.Addr+"0",
			"http://"+s.Addr+"/", "http://user@"+s.Addr, "http://"+s.Addr+".evil.example", "http://evil.example/"+s.Addr, "http://evil.example:"+port,
			"http://"+s.Addr+"@evil.example", "https://evil.example", "https://app.example.com", "ws://"+s.Addr, "file://"+s.Addr, s.Addr, "//"+s.Addr, "*",
			"http://[::ffff:127.0.0.1]:"+port, "http://127.1:"+port, "http://2130706433:"+port, "http://0x7f.0.0.1:"+port,
		)
	},
}, {
	ID: "P13.1i", Says: "by name too: the host that the request is for", Run: func(t *T) {
		s := t.ServerWith(originsSame)
		ask := func(host, origin string) int {
			request := strings.Replace(upgradeRequest(s, "Origin: "+origin), "Host: "+s.Addr, "Host: "+host, 1)
			return dialRaw(t, s).ask(request).StatusCode
		}
		for _, own := range [][2]string{
			{"feed.example.com", "http://feed.example.com"}, {"feed.example.com:8080", "http://feed.example.com:8080"},
			{"Feed.Example.com", "http://feed.example.com"}, {"feed.example.com", "https://feed.example.com"}, {"feed.example.com:443", "https://feed.example.com"},
		} {
			if got := ask(own[0], own[1]); got != http.StatusSwitchingProtocols {
				t.Errorf("a page of %s at the host %s: %d", own[1], own[0], got)
			}
		}
		for _, other := range [][2]string{
			{"feed.example.com", "http://example.com"}, {"feed.example.com", "http://feed.example.com:8080"}, {"feed.example.com:8080", "http://feed.example.com"},
			{"feed.example.com:80", "https://feed.example.com"}, {"feed.example.com", "http://feed.example.com.evil.example"},
			{"feed.example.com", "http://evil-feed.example.com"}, {"feed.example.com", "null"},
		} {
			if got := ask(other[0], other[1]); got != http.StatusForbidden {
				t.Errorf("a page of %s at the host %s: %d, want 403", other[1], other[0], got)
			}
		}
	},
}, {
	ID: "P13.1j", Says: "a client without an origin is refused, and the refusal names WS_ALLOW_NO_ORIGIN", Run: func(t *T) {
		for _, set := range []stage.Settings{originsSame, originsListed} {
			if body := refused(t, t.ServerWith(set), check.Options{}, http.StatusForbidden, "origin"); !strings.Contains(body, "WS_ALLOW_NO_ORIGIN") {
				t.Errorf("got %s", body)
			}
			// A server without tokens has none that could be valid.
			o := bearer(token(t, who(stage.Symbol(), later)))
			if got := verdict(t, t.ServerWith(set), o); got != "403" {
				t.Errorf("with a token for nobody: %s, want 403", got)
			}
		}
	},
}, {
	ID: "P13.1k", Says: "unless WS_ALLOW_NO_ORIGIN is set, which lets no page in", Run: func(t *T) {
		s := t.Server()
		stage.Dial(t, s).Heartbeat()
		keptOut(t, s, "https://evil.example", "null")
	},
}, {
	ID: "P13.1l", Says: "unless it brings a valid token", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		stage.DialWith(t, s, bearer(token(t, who(stage.Symbol(), later)))).Heartbeat()
		o := check.Options{Subprotocols: []string{"ws.v1", "bearer." + token(t, who(stage.Symbol(), later))}}
		stage.DialWith(t, s, o).Heartbeat()
		stage.DialSilent(t, s, bearer(token(t, who(stage.Symbol(), past)))).Closed(wire.CloseUnauthorized)
	},
}, {
	ID: "P13.1m", Says: "a valid token makes up for a missing origin only: a page that may not connect may not do so with one", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		for _, origin := range []string{"https://evil.example", "null", "http://localhost"} {
			o := bearer(token(t, who(stage.Symbol(), later)))
			o.Header.Set("Origin", origin)
			if got := verdict(t, s, o); got != "403" {
				t.Errorf("a page of %s with a token: %s, want 403", origin, got)
			}
		}
	},
}, {
	ID: "P13.1n", Says: "an Origin header that is empty is not allowed, with a good token or without", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		for name, tk := range map[string]string{"a good token": token(t, who(stage.Symbol(), later)), "a bad one": "nonsense"} {
			answer := dialRaw(t, s).ask(upgradeRequest(s, "Origin: ", "Authorization: Bearer "+tk))
			if answer.StatusCode != http.StatusForbidden {
				t.Errorf("with %s: got %s, want 403", name, answer.Status)
			}
		}
		if answer := dialRaw(t, t.Server()).ask(upgradeRequest(t.Server(), "Origin: ")); answer.StatusCode != http.StatusForbidden {
			t.Errorf("without tokens: got %s, want 403", answer.Status)
		}
	},
}}
