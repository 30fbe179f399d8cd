package auth

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddr is the address of the client itself. remote is the connection's
// other end; if it is one of the trusted proxies, X-Forwarded-For is read from
// the right, where each proxy adds what it saw, through further trusted proxies
// to the first address that is not one. Everything to the left of that the
// client wrote itself and could be anything. At an entry that is no address the
// walk ends at the last good one. If all are trusted, it is the leftmost.
//
// Only X-Forwarded-For is read: the proxy has to set it, and to overwrite or
// append to what it got. Forwarded (RFC 7239) is not read: two headers that may
// disagree are a way in. An entry may carry a port. The result has no zone and
// is not an IPv4 address in IPv6 form; trusted must not hold such either.
func ClientAddr(remote netip.Addr, h http.Header, trusted []netip.Prefix) netip.Addr {
	client := plain(remote)
	for _, line := range slices.Backward(h["X-Forwarded-For"]) {
		for line != "" {
			if !isTrusted(client, trusted) {
				return client
			}
			entry := line
			if i := strings.LastIndexByte(line, ','); i >= 0 {
				line, entry = line[:i], line[i+1:]
			} else {
				line = ""
			}
			addr, ok := parseForwarded(strings.Trim(entry, " \t"))
			if !ok {
				return client
			}
			client = addr
		}
	}
	return client
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// parseForwarded takes 1.2.3.4, 1.2.3.4:567, 2001:db8::1, [2001:db8::1] and
// [2001:db8::1]:567.
func parseForwarded(s string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return plain(addr), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			if addr, err := netip.ParseAddr(inner); err == nil && addr.Is6() {
				return plain(addr), true
			}
		}
	}
	return netip.Addr{}, false
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
