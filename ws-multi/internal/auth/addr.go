package auth

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddr returns the address that limits are counted for: the other end of
// the connection or, if that is one of the trusted proxies, the nearest address in
// X-Forwarded-For that is not. Each proxy writes what it saw at the right end, so
// the list is read from there, and only as long as a trusted proxy has written
// what is read; what stands further left, the client made up as it liked. Where
// the list ends, or holds something that is no address, the last trusted proxy
// reached is the answer.
//
// Entries may carry a port; empty ones are skipped (RFC 9110, section 5.6.1.2). The
// header Forwarded (RFC 7239) is not read: a proxy that knows only one of the two
// passes the other on as the client wrote it. The result has no zone and no IPv4
// address in IPv6 clothing, and neither may trusted; it is invalid if
// r.RemoteAddr is not an address.
func ClientAddr(r *http.Request, trusted []netip.Prefix) netip.Addr {
	addr, _ := parseAddr(r.RemoteAddr)
	isTrusted := func() bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
	}
	if !isTrusted() { // without proxies always, so the header costs nothing
		return addr
	}
	// Several lines of a header are one list.
	chain := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for chain != "" && isTrusted() {
		last := strings.LastIndexByte(chain, ',')
		entry := strings.TrimSpace(chain[last+1:])
		chain = chain[:max(0, last)]
		if entry == "" {
			continue
		}
		before, ok := parseAddr(entry)
		if !ok {
			break
		}
		addr = before
	}
	return addr
}

// parseAddr reads an address with or without a port, IPv6 with or without
// brackets.
func parseAddr(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil && strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s += ":0" // so that the brackets are the next parser's
	}
	if err != nil {
		var ap netip.AddrPort
		ap, err = netip.ParseAddrPort(s)
		addr = ap.Addr()
	}
	return addr.Unmap().WithZone(""), err == nil
}
