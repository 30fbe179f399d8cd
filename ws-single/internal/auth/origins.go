package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Origins is the allow-list of pages that may connect (RFC 6454; RFC 6455,
// 10.2). It is never changed after NewOrigins; any goroutine may use it.
type Origins struct {
	allowed       map[string]bool // canonical
	allowNoOrigin bool
}

// OriginError is a refused origin. Its text is for the body of the 403: it names
// the setting that decides, and not what is allowed.
type OriginError struct{ message string }

func (e *OriginError) Error() string { return e.message }

// NewOrigins reads WS_ALLOWED_ORIGINS: scheme://host[:port] each, or null (what
// sandboxed pages and files send). An empty list allows the host the request
// itself is for. The error names the entry and says what would be right.
func NewOrigins(allowed []string, allowNoOrigin bool) (*Origins, error) {
	o := &Origins{allowed: make(map[string]bool, len(allowed)), allowNoOrigin: allowNoOrigin}
	for _, s := range allowed {
		if s == "null" {
			o.allowed[s] = true
			continue
		}
		p, err := parseOrigin(s)
		if err != nil {
			return nil, fmt.Errorf("origin %q: %w; write scheme://host or scheme://host:port", s, err)
		}
		o.allowed[p.String()] = true
	}
	return o, nil
}

// Check returns nil or an *OriginError. tokenVerified stands in for a missing
// Origin only: a page that may not be here may not be here with a token either.
func (o *Origins) Check(r *http.Request, tokenVerified bool) error {
	values := r.Header["Origin"]
	switch len(values) {
	case 0:
		if tokenVerified || o.allowNoOrigin {
			return nil
		}
		return &OriginError{"the request has no Origin and no verified token; WS_ALLOW_NO_ORIGIN=true would allow that"}
	case 1:
	default:
		return &OriginError{"the request has several Origin headers"}
	}
	if values[0] == "null" {
		if o.allowed["null"] {
			return nil
		}
		return &OriginError{`the origin null is not allowed; add "null" to WS_ALLOWED_ORIGINS to allow it`}
	}
	p, err := parseOrigin(values[0])
	if err != nil {
		return &OriginError{"the Origin header is not an origin"}
	}
	if len(o.allowed) == 0 {
		if p.sameHost(r.Host) {
			return nil
		}
		return &OriginError{fmt.Sprintf("the origin %s is not the host of this server; WS_ALLOWED_ORIGINS would allow it", p)}
	}
	if o.allowed[p.String()] {
		return nil
	}
	return &OriginError{fmt.Sprintf("the origin %s is not in WS_ALLOWED_ORIGINS", p)}
}

// origin is scheme, host and port in canonical form: lower case, the port always
// there when the scheme has a default one.
type origin struct{ scheme, host, port string }

func (o origin) String() string {
	s := o.scheme + "://" + o.host
	if o.port != "" && o.port != defaultPort(o.scheme) {
		s += ":" + o.port
	}
	return s
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	default:
		return ""
	}
}

// sameHost compares with a Host header. Behind a proxy that ends TLS the
// request's own scheme is unknown, and so is the port of a Host without one: it
// is then the default port of the scheme the page was loaded with. A proxy that
// rewrites Host needs WS_ALLOWED_ORIGINS.
func (o origin) sameHost(hostHeader string) bool {
	if defaultPort(o.scheme) == "" {
		return false
	}
	host, port, err := splitHost(hostHeader)
	if err != nil {
		return false
	}
	if port == "" {
		port = defaultPort(o.scheme)
	}
	return host == o.host && port == o.port
}

// parseOrigin takes the serialization of an origin (RFC 6454, 6.2) and nothing
// else: net/url would let paths, user info and stranger things pass.
func parseOrigin(s string) (origin, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !validScheme(scheme) {
		return origin{}, errors.New("no scheme")
	}
	host, port, err := splitHost(rest)
	if err != nil {
		return origin{}, err
	}
	o := origin{scheme: lower(scheme), host: host, port: port}
	if o.port == "" {
		o.port = defaultPort(o.scheme)
	}
	return o, nil
}

// splitHost splits host[:port] and makes both canonical.
func splitHost(s string) (host, port string, err error) {
	host = s
	// The port's colon is the last one, and behind an IPv6 address's bracket.
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		host, port = s[:i], s[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '0' || port[0] == '+' {
			return "", "", errors.New("a bad port")
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if !ok || err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", "", errors.New("a bad IPv6 address")
		}
		return "[" + addr.String() + "]", port, nil
	}
	if !validHost(host) {
		return "", "", errors.New("a bad host (no path, no user, no wildcard; international names as xn--…)")
	}
	return lower(host), port, nil
}

// validScheme is RFC 3986, 3.1.
func validScheme(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

// validHost takes host names as browsers write them: letters, digits, hyphens,
// underscores and dots.
func validHost(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		case c == '.' && i > 0 && s[i-1] != '.':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 253
}

// lower is for ASCII only: Unicode's rules would make other hosts equal, such as
// the one with a Kelvin sign for a k.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
