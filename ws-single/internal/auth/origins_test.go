package auth

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func request(host string, origins ...string) *http.Request {
	r := &http.Request{Host: host, Header: http.Header{}}
	if origins != nil {
		r.Header["Origin"] = origins
	}
	return r
}

func TestOriginAllowList(t *testing.T) {
	o, err := NewOrigins([]string{
		"https://app.example.com", "http://localhost:8080", "HTTPS://Upper.Example:443",
		"https://[2001:DB8:0::1]:8443", "capacitor://localhost", "https://xn--bcher-kva.example",
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"https://app.example.com":                      true,
		"https://app.example.com:443":                  true,
		"HTTPS://APP.EXAMPLE.COM":                      true,
		"http://localhost:8080":                        true,
		"https://upper.example":                        true,
		"https://[2001:db8::1]:8443":                   true,
		"capacitor://localhost":                        true,
		"https://xn--bcher-kva.example":                true,
		"http://app.example.com":                       false, // scheme
		"https://app.example.com:8443":                 false, // port
		"https://app.example.com:80":                   false,
		"http://app.example.com:443":                   false,
		"https://app.example.com.":                     false, // another name to a browser
		"https://evilapp.example.com":                  false,
		"https://app.example.com.evil.example":         false,
		"https://app.example.comevil":                  false,
		"https://sub.app.example.com":                  false,
		"https://example.com":                          false,
		"https://app.example.com@evil.example":         false,
		"https://evil.example@app.example.com":         false,
		"https://app.example.com/":                     false,
		"https://app.example.com/path":                 false,
		"https://app.example.com?x":                    false,
		"https://app.example.com#x":                    false,
		"https://app.example.com https://evil.example": false,
		" https://app.example.com":                     false,
		"https://app.example.com ":                     false,
		"https:app.example.com":                        false,
		"https:/app.example.com":                       false,
		"//app.example.com":                            false,
		"app.example.com":                              false,
		"https://":                                     false,
		"https://app.example.com:":                     false,
		"https://app.example.com:0443":                 false,
		"https://app.example.com:+443":                 false,
		"https://app.example.com:70443":                false,
		"https://app%2eexample.com":                    false,
		"https://app。example.com":                      false,
		"https://app.example.com\x00":                  false,
		"https://[2001:db8::1%25eth0]:8443":            false,
		"https://[2001:db8::1:8443":                    false,
		"http://loca\u212ahost:8080":                   false,
		"http://local\u212aost:8080":                   false,
		"http://localhost":                             false,
		"null":                                         false,
		"NULL":                                         false,
		"*":                                            false,
		"":                                             false,
	} {
		err := o.Check(request("app.example.com", origin), true)
		if (err == nil) != want {
			t.Errorf("origin %q: %v, want allowed %v", origin, err, want)
		}
		if _, ok := errors.AsType[*OriginError](err); err != nil && !ok {
			t.Errorf("origin %q: %T, want *OriginError", origin, err)
		}
	}
}

func TestOriginSameHost(t *testing.T) {
	o, err := NewOrigins(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		host, origin string
		want         bool
	}{
		{"example.com", "https://example.com", true}, // TLS ends at a proxy
		{"example.com", "http://example.com", true},
		{"Example.COM", "https://example.com", true},
		{"example.com:443", "https://example.com", true},
		{"example.com:80", "http://example.com", true},
		{"localhost:3005", "http://localhost:3005", true},
		{"127.0.0.1:3005", "http://127.0.0.1:3005", true},
		{"[::1]:3005", "http://[0:0::1]:3005", true},
		{"example.com:80", "https://example.com", false},
		{"example.com:443", "http://example.com", false},
		{"example.com", "http://example.com:443", false},
		{"example.com", "http://example.com:8080", false},
		{"localhost:3005", "http://localhost", false},
		{"localhost:3005", "http://localhost:3006", false},
		{"localhost:3005", "http://127.0.0.1:3005", false},
		{"example.com", "https://evil.example", false},
		{"example.com", "https://example.com.evil.example", false},
		{"example.com", "null", false},
		{"example.com", "capacitor://example.com", false},
		{"", "https://example.com", false},
		{"exa mple", "https://example.com", false},
		{"evil@example.com", "https://example.com", false},
	} {
		if err := o.Check(request(tc.host, tc.origin), false); (err == nil) != tc.want {
			t.Errorf("host %q, origin %q: %v, want allowed %v", tc.host, tc.origin, err, tc.want)
		}
	}
}

func TestOriginMissing(t *testing.T) {
	for _, tc := range []struct {
		allow, verified, want bool
	}{
		{false, false, false},
		{false, true, true},
		{true, false, true},
		{true, true, true},
	} {
		o, err := NewOrigins(nil, tc.allow)
		if err != nil {
			t.Fatal(err)
		}
		err = o.Check(request("example.com"), tc.verified)
		if (err == nil) != tc.want {
			t.Errorf("%+v: %v", tc, err)
		}
		if err != nil && !strings.Contains(err.Error(), "WS_ALLOW_NO_ORIGIN") {
			t.Errorf("the refusal does not name the setting: %v", err)
		}
		// An Origin that is there stays judged, and one that is empty is there.
		for _, origins := range [][]string{{"https://evil.example"}, {""}, {"https://example.com", "https://example.com"}, {"https://example.com", "https://evil.example"}} {
			if o.Check(request("example.com", origins...), tc.verified) == nil {
				t.Errorf("%+v: origins %q were allowed", tc, origins)
			}
		}
	}
}

func TestOriginNullWhenListed(t *testing.T) {
	o, err := NewOrigins([]string{"null"}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Check(request("example.com", "null"), false); err != nil {
		t.Error(err)
	}
	if o.Check(request("example.com", "https://example.com"), false) == nil {
		t.Error("the same host was allowed beside a list")
	}
}

func TestOriginRefusalsNameTheSetting(t *testing.T) {
	list, _ := NewOrigins([]string{"https://secret.example"}, false)
	same, _ := NewOrigins(nil, false)
	for _, o := range []*Origins{list, same} {
		for _, origin := range []string{"https://other.example", "null"} {
			err := o.Check(request("example.com", origin), false)
			if err == nil || !strings.Contains(err.Error(), "WS_ALLOWED_ORIGINS") {
				t.Errorf("%q: %v, want the setting's name", origin, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q: %v tells the list", origin, err)
			}
		}
	}
}

func TestOriginSettingErrors(t *testing.T) {
	for _, s := range []string{
		"", "*", "https://*.example.com", "https://*", "example.com", "https://example.com/", "https://example.com/app",
		"https://user@example.com", "https://example.com:0", "https://example.com:https", "https://bücher.example", "https://a..b", "https://.a",
	} {
		_, err := NewOrigins([]string{"https://good.example", s}, false)
		if err == nil || !strings.Contains(err.Error(), "scheme://host") {
			t.Errorf("%q: %v, want an error that says what would be right", s, err)
		}
	}
}

// FuzzOrigin: whatever is taken as an origin has one canonical form, and names
// no other host than the one a reader sees between scheme and port.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{
		"https://example.com", "HTTP://Example.com:80", "https://[2001:db8::1]:8443", "https://a@b", "null",
		"https://example.com:443/x", "a://b:1", "https://[::ffff:1.2.3.4]", "https://a\\b", "https://[::1]x:80",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := parseOrigin(s)
		if err != nil {
			return
		}
		text := o.String()
		again, err := parseOrigin(text)
		if err != nil || again != o {
			t.Fatalf("%q is %q, which reads as %+v, %v", s, text, again, err)
		}
		if strings.ContainsAny(o.host, "@/\\?# \t%*") || o.host != strings.ToLower(o.host) {
			t.Fatalf("%q has host %q", s, o.host)
		}
		allowed, err := NewOrigins([]string{s}, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := allowed.Check(request("", s), false); err != nil {
			t.Fatalf("%q does not allow itself: %v", s, err)
		}
		if allowed.Check(request("", text+"x"), false) == nil {
			t.Fatalf("%q allows %q", s, text+"x")
		}
	})
}
