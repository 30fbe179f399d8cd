package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// opaque is what a browser sends as the origin of a page that has none, such as a
// file or a sandboxed frame (RFC 6454, section 7.3).
const opaque = "null"

// longestOrigin bounds what is parsed, and so what a refusal quotes. A host name
// has at most 253 characters (RFC 1035, section 2.3.4).
const longestOrigin = 300

// Origins decides which pages may connect (RFC 6455, section 10.2). It does not
// change; any goroutine may use it.
type Origins struct {
	listed    map[origin]bool
	opaque    bool // null is in the list
	sameHost  bool // the list is empty
	allowNone bool
}

// NewOrigins takes the entries of WS_ALLOWED_ORIGINS, each scheme://host,
// scheme://host:port or null, and WS_ALLOW_NO_ORIGIN. No entries: pages of the host
// that the request is for may connect. The error names the entry that is wrong and
// how to write it.
func NewOrigins(allowed []string, allowNone bool) (*Origins, error) {
	o := &Origins{listed: make(map[origin]bool), sameHost: len(allowed) == 0, allowNone: allowNone}
	for _, entry := range allowed {
		if entry == opaque {
			o.opaque = true
			continue
		}
		parsed, err := parseOrigin(entry)
		if err != nil {
			return nil, fmt.Errorf("allow origin %q: %w; write it as https://example.com or https://example.com:8443", entry, err)
		}
		o.listed[parsed] = true
	}
	return o, nil
}

// Check returns nil if the request's page may connect. Otherwise the error's text
// is made for the body of the 403: it names the setting that would allow it, and
// not what the list holds. verified says that the request has a good token; that
// makes up for a missing Origin, which only programs send, and for nothing else: a
// page that may not connect may not do so with its visitor's token either.
func (o *Origins) Check(r *http.Request, verified bool) error {
	sent := r.Header.Values("Origin")
	if len(sent) == 0 {
		if verified || o.allowNone {
			return nil
		}
		return errors.New("no Origin header and no verified token: a browser sends an Origin, a program needs a token or WS_ALLOW_NO_ORIGIN=true on the server")
	}
	if len(sent) > 1 {
		return errors.New("more than one Origin header")
	}
	if sent[0] == opaque {
		if o.opaque {
			return nil
		}
		return errors.New("a page without an origin of its own (null) may not connect: it would have to be in WS_ALLOWED_ORIGINS")
	}
	page, err := parseOrigin(sent[0])
	switch {
	case err != nil:
		return fmt.Errorf("the Origin header is no origin: %w", err)
	case o.listed[page], o.sameHost && page.isOf(r.Host):
		return nil
	case o.sameHost:
		return fmt.Errorf("a page of %s may not connect: it is not of this server's host, and WS_ALLOWED_ORIGINS is empty", page)
	default:
		return fmt.Errorf("a page of %s may not connect: it is not in WS_ALLOWED_ORIGINS", page)
	}
}

// An origin is the triple of RFC 6454, section 4: two are the same exactly if the
// structs are equal. The port is 0 for schemes without a usual one, unless given.
type origin struct {
	scheme, host string // lower case; an IPv6 address in its shortest form and brackets
	port         uint16
}

// usualPorts are the ports that a URL of the scheme need not name.
var usualPorts = map[string]uint16{"http": 80, "https": 443}

func (o origin) String() string {
	if o.port == usualPorts[o.scheme] {
		return o.scheme + "://" + o.host
	}
	return fmt.Sprintf("%s://%s:%d", o.scheme, o.host, o.port)
}

// isOf reports whether the page was loaded from the host that the request is for.
// The Host header has no scheme, and behind a proxy that ends TLS this server
// could not tell it: so the page's own is taken.
func (o origin) isOf(hostHeader string) bool {
	if usualPorts[o.scheme] == 0 {
		return false // no page was loaded from a server that way
	}
	here, err := parseOrigin(o.scheme + "://" + hostHeader)
	return err == nil && here == o
}

// parseOrigin reads the serialization of an origin (RFC 6454, section 6.2).
func parseOrigin(s string) (origin, error) {
	if len(s) > longestOrigin {
		return origin{}, errors.New("too long")
	}
	u, err := url.Parse(s)
	// net/url reads much more than origins: only what scheme and host make up again,
	// to the letter, had nothing else in it.
	if err != nil || u.Host == "" || !strings.EqualFold(u.Scheme+"://"+u.Host, s) {
		return origin{}, errors.New("not of the form scheme://host:port (no path, no slash at the end, no user)")
	}
	o := origin{scheme: u.Scheme, port: usualPorts[u.Scheme]}
	if o.host, err = canonicalHost(u); err != nil {
		return origin{}, err
	}
	digits := u.Port()
	if digits == "" {
		if strings.HasSuffix(u.Host, ":") {
			return origin{}, errors.New("an empty port")
		}
		return o, nil
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || port == 0 || digits[0] == '0' {
		return origin{}, errors.New("the port is not between 1 and 65535")
	}
	o.port = uint16(port)
	return o, nil
}

func canonicalHost(u *url.URL) (string, error) {
	host := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", errors.New("the brackets hold no IPv6 address")
		}
		return "[" + addr.String() + "]", nil
	}
	// Browsers send nothing but these, international names as xn--. Without
	// anything else, lower case is ASCII's; in other scripts it may make two names
	// one.
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	if rest := strings.Trim(host, letters); rest != "" || host == "" {
		return "", errors.New("the host holds other characters than letters, digits, '-', '_' and '.' (no wildcards; international names as xn--)")
	}
	if host[0] == '.' || strings.Contains(host, "..") {
		return "", errors.New("the host has an empty part")
	}
	return strings.ToLower(host), nil
}
