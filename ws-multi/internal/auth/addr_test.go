package auth

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

var proxies = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("192.0.2.7/32"),
}

func TestClientAddr(t *testing.T) {
	for name, test := range map[string]struct {
		remote string
		lines  []string
		want   string
	}{
		"no proxy":                      {"198.51.100.1:9", nil, "198.51.100.1"},
		"IPv6":                          {"[2001:db8::1]:9", nil, "2001:db8::1"},
		"a zone":                        {"[fe80::1%eth0]:9", nil, "fe80::1"},
		"IPv4 in IPv6":                  {"[::ffff:198.51.100.1]:9", nil, "198.51.100.1"},
		"nonsense":                      {"@", nil, "invalid IP"},
		"one who is no proxy says":      {"198.51.100.1:9", []string{"203.0.113.9"}, "198.51.100.1"},
		"a proxy without the header":    {"10.0.0.1:9", nil, "10.0.0.1"},
		"one proxy":                     {"10.0.0.1:9", []string{"203.0.113.9"}, "203.0.113.9"},
		"a proxy as IPv4 in IPv6":       {"[::ffff:10.0.0.1]:9", []string{"203.0.113.9"}, "203.0.113.9"},
		"a proxy's neighbour":           {"192.0.2.8:9", []string{"203.0.113.9"}, "192.0.2.8"},
		"two proxies":                   {"10.0.0.1:9", []string{"203.0.113.9, fd00::5"}, "203.0.113.9"},
		"what the client made up":       {"10.0.0.1:9", []string{"10.9.9.9, 1.1.1.1, 203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		"lines are one list":            {"10.0.0.1:9", []string{"1.1.1.1", "203.0.113.9,10.0.0.2", "10.0.0.3"}, "203.0.113.9"},
		"proxies only":                  {"10.0.0.1:9", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"no address":                    {"10.0.0.1:9", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		"no address behind a proxy":     {"10.0.0.1:9", []string{"203.0.113.9, _hidden, 10.0.0.2"}, "10.0.0.2"},
		"no address before the client":  {"10.0.0.1:9", []string{"unknown, 203.0.113.9"}, "203.0.113.9"},
		"empty entries":                 {"10.0.0.1:9", []string{"203.0.113.9,, ", ","}, "203.0.113.9"},
		"nothing but commas":            {"10.0.0.1:9", []string{",,,"}, "10.0.0.1"},
		"blanks":                        {"10.0.0.1:9", []string{" \t203.0.113.9 \t"}, "203.0.113.9"},
		"a port":                        {"10.0.0.1:9", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		"IPv6 bare":                     {"10.0.0.1:9", []string{"2001:db8::9"}, "2001:db8::9"},
		"IPv6 in brackets":              {"10.0.0.1:9", []string{"[2001:db8::9]"}, "2001:db8::9"},
		"IPv6 with a port":              {"10.0.0.1:9", []string{"[2001:db8::9]:4711"}, "2001:db8::9"},
		"a zone in the header":          {"10.0.0.1:9", []string{"fe80::1%en0"}, "fe80::1"},
		"IPv4 in IPv6 in the header":    {"10.0.0.1:9", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		"a bad port":                    {"10.0.0.1:9", []string{"203.0.113.9:99999"}, "10.0.0.1"},
		"half a bracket":                {"10.0.0.1:9", []string{"[2001:db8::9"}, "10.0.0.1"},
		"a network":                     {"10.0.0.1:9", []string{"203.0.113.0/24"}, "10.0.0.1"},
		"quotes, as in RFC 7239":        {"10.0.0.1:9", []string{`"203.0.113.9"`}, "10.0.0.1"},
		"a proxy of one address is one": {"192.0.2.7:9", []string{"203.0.113.9"}, "203.0.113.9"},
	} {
		r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"Forwarded": {"for=8.8.8.8"}, "X-Real-Ip": {"8.8.8.8"}}}
		if test.lines != nil {
			r.Header["X-Forwarded-For"] = test.lines
		}
		if got := ClientAddr(r, proxies).String(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		alone, _ := parseAddr(test.remote)
		if got := ClientAddr(r, nil); got != alone {
			t.Errorf("%s, without trusted proxies: %s, want %s", name, got, alone)
		}
	}
}

// Whatever a client writes into the header, behind a proxy that adds its address
// it counts as that.
func FuzzClientAddr(f *testing.F) {
	f.Add("10.0.0.9, 1.1.1.1", true)
	f.Add("[::1]:9,,unknown", false)
	f.Add("::ffff:10.0.0.1%x", true)
	f.Fuzz(func(t *testing.T, made string, inOneLine bool) {
		const client = "203.0.113.9"
		lines := []string{made, client}
		if inOneLine {
			lines = []string{made + ", " + client}
		}
		r := &http.Request{RemoteAddr: "10.0.0.1:9", Header: http.Header{"X-Forwarded-For": lines}}
		if got := ClientAddr(r, proxies).String(); got != client {
			t.Errorf("%q before the client's address: %s", made, got)
		}
		// Without a proxy that adds to it, the result is still one of the list.
		r.Header["X-Forwarded-For"] = []string{made}
		got := ClientAddr(r, proxies)
		fromList := slices.ContainsFunc(strings.Split(made, ","), func(entry string) bool {
			addr, ok := parseAddr(strings.TrimSpace(entry))
			return ok && addr == got
		})
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() || !fromList && got.String() != "10.0.0.1" {
			t.Errorf("%q: %v", made, got)
		}
	})
}
