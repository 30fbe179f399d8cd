package auth

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
)

func asks(host string, origins ...string) *http.Request {
	r := &http.Request{Host: host, Header: http.Header{}}
	if origins != nil {
		r.Header["Origin"] = origins
	}
	return r
}

func TestOrigins(t *testing.T) {
	list := func(entries ...string) []string { return entries }
	for _, test := range []struct {
		allowed []string
		host    string
		origin  string
		ok      bool
	}{
		// The same host when the list is empty.
		{nil, "feed.test", "https://feed.test", true},
		{nil, "feed.test", "http://feed.test", true},
		{nil, "feed.test:443", "https://feed.test", true},
		{nil, "feed.test:80", "http://feed.test", true},
		{nil, "feed.test:80", "https://feed.test", false},
		{nil, "FEED.test", "https://feed.TEST", true},
		{nil, "feed.test:8080", "http://feed.test:8080", true},
		{nil, "feed.test:8080", "http://feed.test", false},
		{nil, "feed.test", "http://feed.test:8080", false},
		{nil, "feed.test", "https://www.feed.test", false},
		{nil, "feed.test", "https://feed.test.evil.test", false},
		{nil, "www.feed.test", "https://feed.test", false},
		{nil, "127.0.0.1:3002", "http://localhost:3002", false},
		{nil, "[::1]:3002", "http://[0:0:0:0:0:0:0:1]:3002", true},
		{nil, "[::1]:3002", "http://[::2]:3002", false},
		{nil, "feed.test", "chrome-extension://feed.test", false},
		{nil, "feed.test", "null", false},
		{nil, "", "https://feed.test", false},
		{nil, "feed.test/x", "https://feed.test", false},
		{nil, "u@feed.test", "https://feed.test", false},
		// The list and nothing else.
		{list("https://app.test"), "feed.test", "https://app.test", true},
		{list("https://app.test"), "feed.test", "https://app.test:443", true},
		{list("https://app.test:443"), "feed.test", "https://app.test", true},
		{list("HTTPS://App.Test"), "feed.test", "https://app.test", true},
		{list("https://app.test"), "feed.test", "http://app.test", false},
		{list("https://app.test"), "feed.test", "https://app.test:444", false},
		{list("https://app.test"), "feed.test", "https://app.test.", false},
		{list("https://app.test"), "feed.test", "https://sub.app.test", false},
		{list("https://app.test"), "feed.test", "https://app.test.evil.test", false},
		{list("https://app.test"), "feed.test", "https://evil.test/https://app.test", false},
		{list("https://app.test"), "feed.test", "https://app.test/", false},
		{list("https://app.test"), "feed.test", "https://app.test?", false},
		{list("https://app.test"), "feed.test", "https://app.test#", false},
		{list("https://app.test"), "feed.test", "https://u:p@app.test", false},
		{list("https://app.test"), "feed.test", "https://app.test:", false},
		{list("https://app.test"), "feed.test", "https://app.test:0443", false},
		{list("https://app.test"), "feed.test", "https://app%2Etest", false},
		{list("https://app.test"), "feed.test", " https://app.test", false},
		{list("https://app.test"), "feed.test", "https://app.test https://evil.test", false},
		{list("https://app.test"), "feed.test", "app.test", false},
		{list("https://app.test"), "feed.test", "//app.test", false},
		{list("https://app.test"), "feed.test", "", false},
		{list("https://app.test"), "feed.test", "https://feed.test", false},
		{list("https://key.test"), "feed.test", "https://\u212aey.test", false}, // the Kelvin sign is a k to Unicode
		{list("http://[fd00::1]:80"), "feed.test", "http://[FD00:0::1]", true},
		{list("http://[fd00::1]"), "feed.test", "http://fd00::1", false},
		{list("app://local"), "feed.test", "app://local", true},
		{list("app://local"), "feed.test", "app://local:1", false},
		{list("chrome-extension://abcdef"), "feed.test", "chrome-extension://abcdef", true},
		{list("null"), "feed.test", "null", true},
		{list("null"), "feed.test", "https://feed.test", false},
		{list("https://a.test", "https://b.test"), "feed.test", "https://b.test", true},
	} {
		o, err := NewOrigins(test.allowed, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, verified := range []bool{false, true} {
			err = o.Check(asks(test.host, test.origin), verified)
			if (err == nil) != test.ok {
				t.Errorf("list %v, host %q, origin %q, verified %v: %v", test.allowed, test.host, test.origin, verified, err)
			}
			for _, entry := range test.allowed {
				if err != nil && entry != "null" && !strings.Contains(test.origin, entry) && strings.Contains(err.Error(), entry) {
					t.Errorf("the refusal of %q shows the list: %v", test.origin, err)
				}
			}
		}
	}
}

func TestNoOrigin(t *testing.T) {
	for _, allowed := range [][]string{nil, {"https://app.test"}} {
		strict, _ := NewOrigins(allowed, false)
		lax, _ := NewOrigins(allowed, true)
		if err := strict.Check(asks("feed.test"), false); err == nil || !strings.Contains(err.Error(), "WS_ALLOW_NO_ORIGIN") {
			t.Errorf("%v: %v", allowed, err)
		}
		for name, err := range map[string]error{
			"with a token": strict.Check(asks("feed.test"), true), "when allowed": lax.Check(asks("feed.test"), false),
		} {
			if err != nil {
				t.Errorf("%v, %s: %v", allowed, name, err)
			}
		}
		if lax.Check(asks("feed.test", "https://evil.test"), true) == nil {
			t.Errorf("%v: to allow none is not to allow any", allowed)
		}
		// The header is there, so a browser sent it, or somebody who plays one.
		if lax.Check(asks("feed.test", ""), true) == nil || lax.Check(asks("feed.test", "https://feed.test", "https://feed.test"), true) == nil {
			t.Errorf("%v: an empty or repeated Origin is none", allowed)
		}
	}
}

func TestOriginRefusalsNameTheSetting(t *testing.T) {
	same, _ := NewOrigins(nil, false)
	listed, _ := NewOrigins([]string{"https://app.test"}, false)
	for _, o := range []*Origins{same, listed} {
		for _, origin := range []string{"https://evil.test", "null"} {
			if err := o.Check(asks("feed.test", origin), false); err == nil || !strings.Contains(err.Error(), "WS_ALLOWED_ORIGINS") || !strings.Contains(err.Error(), origin) {
				t.Errorf("%s: %v", origin, err)
			}
		}
	}
	// A refusal is no place for somebody to write a page of text in.
	if err := same.Check(asks("feed.test", "https://"+strings.Repeat("a", 5000)), false); err == nil || len(err.Error()) > 500 {
		t.Errorf("%v", err)
	}
}

func TestBadAllowedOrigins(t *testing.T) {
	for _, bad := range []string{
		"", "*", "app.test", "app.test:8080", "https://", "https://*.app.test", "https://app.test/", "https://app.test/x", "https://a b.test",
		"https://u@app.test", "https://app.test:0", "https://app.test:65536", "https://app.test:+1", "https://app.test:http", "https://ä.test",
		"https://:8443", "https://.app.test", "https://app..test", "https://[::1", "https://[1.2.3.4]", "https://[fe80::1%25en0]", "https:app.test", "NULL", "https://app.test,https://b.test",
	} {
		if _, err := NewOrigins([]string{"https://fine.test", bad}, false); err == nil || !strings.Contains(err.Error(), "https://example.com") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What is read as an origin is written so that it is read as the same one, and a
// page is of the host that it names.
func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{"https://app.test", "HTTP://[::1]:80", "null", "x+y://a_b:1", "https://app.test:0443", "https://a%41"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := parseOrigin(s)
		if err != nil {
			return
		}
		again, err := parseOrigin(o.String())
		if err != nil || again != o {
			t.Errorf("%q is %+v, written %q, which is %+v, %v", s, o, o, again, err)
		}
		if strings.ContainsAny(o.host, "/?#@%\\ ,\x00") || strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
			t.Errorf("%q passed as %+v", s, o)
		}
		_, hostAndPort, _ := strings.Cut(s, "://")
		if web := o.scheme == "http" || o.scheme == "https"; o.isOf(hostAndPort) != web {
			t.Errorf("%q is of %q: %v", s, hostAndPort, !web)
		}
	})
}
