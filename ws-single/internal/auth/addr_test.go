package auth

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestClientAddr(t *testing.T) {
	trusted := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8:ffff::/48"),
	}
	for _, tc := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "203.0.113.9", nil, "203.0.113.9"},
		{"a client that claims to be forwarded", "203.0.113.9", []string{"198.51.100.1"}, "203.0.113.9"},
		{"a trusted proxy without the header", "10.0.0.1", nil, "10.0.0.1"},
		{"one proxy", "10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1", []string{"198.51.100.1, 192.0.2.7"}, "198.51.100.1"},
		{"two proxies, a line each", "10.0.0.1", []string{"198.51.100.1", "192.0.2.7"}, "198.51.100.1"},
		{"what the client wrote itself", "10.0.0.1", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		{"what it wrote in lines of its own", "10.0.0.1", []string{"1.1.1.1", "10.9.9.9", "198.51.100.1"}, "198.51.100.1"},
		{"a client that claims a trusted address", "10.0.0.1", []string{"10.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		{"all trusted", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"garbage behind an untrusted one", "10.0.0.1", []string{"garbage, 198.51.100.1"}, "198.51.100.1"},
		{"garbage", "10.0.0.1", []string{"garbage"}, "10.0.0.1"},
		{"garbage between", "10.0.0.1", []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"an empty entry", "10.0.0.1", []string{"198.51.100.1,,10.0.0.2"}, "10.0.0.2"},
		{"an empty header", "10.0.0.1", []string{""}, "10.0.0.1"},
		{"a trailing comma", "10.0.0.1", []string{"198.51.100.1,"}, "10.0.0.1"},
		{"with a port", "10.0.0.1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"spaces", "10.0.0.1", []string{" \t198.51.100.1 \t,\t10.0.0.2 "}, "198.51.100.1"},
		{"IPv6", "10.0.0.1", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 in brackets", "10.0.0.1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv6 with a port", "10.0.0.1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"an IPv6 proxy", "2001:db8:ffff::2", []string{"198.51.100.1, 2001:db8:ffff::1"}, "198.51.100.1"},
		{"IPv4 in brackets", "10.0.0.1", []string{"[198.51.100.1]"}, "10.0.0.1"},
		{"mapped remote", "::ffff:10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"mapped entry", "10.0.0.1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"mapped proxy", "10.0.0.1", []string{"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
		{"zone", "fe80::1%eth0", nil, "fe80::1"},
		{"a name", "10.0.0.1", []string{"client.example"}, "10.0.0.1"},
		{"leading zeros", "10.0.0.1", []string{"198.051.100.001"}, "10.0.0.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := http.Header{}
			if tc.forwarded != nil {
				h["X-Forwarded-For"] = tc.forwarded
			}
			if got := ClientAddr(netip.MustParseAddr(tc.remote), h, trusted); got.String() != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
	// Nobody is trusted unless it is said.
	h := http.Header{"X-Forwarded-For": {"198.51.100.1"}}
	if got := ClientAddr(netip.MustParseAddr("127.0.0.1"), h, nil); got.String() != "127.0.0.1" {
		t.Errorf("%s believed without trusted proxies", got)
	}
}

// FuzzClientAddr: without trusted proxies the header changes nothing; with one,
// what stands left of the first untrusted address changes nothing.
func FuzzClientAddr(f *testing.F) {
	for _, s := range []string{"198.51.100.1, 10.0.0.2", ",,", "[::1]:80", "garbage", " 1.2.3.4:5 ,\t::ffff:10.1.2.3"} {
		f.Add(s, s)
	}
	proxy := netip.MustParseAddr("10.0.0.1")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, line, forged string) {
		h := http.Header{"X-Forwarded-For": {forged, line}}
		if got := ClientAddr(proxy, h, nil); got != proxy {
			t.Fatalf("%v without trusted proxies", got)
		}
		got := ClientAddr(proxy, h, trusted)
		if !got.IsValid() || got.Is4In6() || got.Zone() != "" {
			t.Fatalf("%q, %q: %v", forged, line, got)
		}
		if got != proxy && !strings.ContainsAny(forged+line, "0123456789:") {
			t.Fatalf("%q, %q: %v from nowhere", forged, line, got)
		}
		seen := http.Header{"X-Forwarded-For": {forged + ", 203.0.113.9"}}
		if got := ClientAddr(proxy, seen, trusted); got.String() != "203.0.113.9" {
			t.Fatalf("%q before what the proxy saw: %v", forged, got)
		}
	})
}
