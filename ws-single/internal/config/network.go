package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// address reads where a listener opens: host:port, the host empty for every
// address of this machine, the port 0 for a free one.
func address() kind[string] {
	return kind[string]{
		parse: func(s string) (string, error) {
			host, port, err := net.SplitHostPort(s)
			if err != nil {
				if _, err := parsePort(s); err == nil {
					return "", fmt.Errorf("an address has a colon before the port: write :%s", s)
				}
				return "", errors.New("not host:port: write :3002, 127.0.0.1:3002 or [::1]:3002")
			}
			if _, err := parsePort(port); err != nil {
				return "", err
			}
			if host != "" && !validHost(host) {
				return "", errors.New("no such kind of host: write an IP address or a name before the port")
			}
			return s, nil
		},
		print: func(s string) string { return s },
	}
}

func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, errors.New("the port must be a number from 0 to 65535")
	}
	return int(n), nil
}

// validHost takes an IP address or a name of RFC 1123, section 2.1, and the
// underscore that compose gives its services.
func validHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && c != '_' && !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
				return false
			}
		}
	}
	return true
}

// broker reads host or host:port; librdkafka takes 9092 where the port is
// missing.
func broker() kind[string] {
	return kind[string]{
		parse: func(s string) (string, error) {
			wrong := errors.New("not a broker: write host:port, such as localhost:9092")
			if strings.Contains(s, "://") {
				return "", errors.New("a broker has no scheme: write host:port and choose TLS by KAFKA_SECURITY_PROTOCOL")
			}
			if !strings.Contains(s, ":") {
				if !validHost(s) {
					return "", wrong
				}
				return s, nil
			}
			host, port, err := net.SplitHostPort(s)
			if err != nil || !validHost(host) {
				return "", wrong
			}
			if n, err := parsePort(port); err != nil || n == 0 {
				return "", errors.New("the port must be a number from 1 to 65535")
			}
			return s, nil
		},
		print: func(s string) string { return s },
	}
}

// nullOrigin is what sandboxed pages and files send.
const nullOrigin = "null"

// origin reads one item of an exact allow-list and writes it as a browser does
// in its Origin header (RFC 6454, section 6.1): lower case, no default port.
func origin() kind[string] {
	return kind[string]{
		parse: func(s string) (string, error) {
			const right = "write scheme://host or scheme://host:port, such as https://example.com"
			if s == nullOrigin {
				return s, nil
			}
			if strings.Contains(s, "*") {
				return "", errors.New("origins are compared exactly, there is no wildcard: " + right)
			}
			u, err := url.Parse(s)
			if err != nil || u.Scheme == "" || u.Host == "" || u.Opaque != "" {
				return "", errors.New("not an origin: " + right)
			}
			scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
			if !validHost(host) {
				return "", errors.New("not an origin: " + right + " (a name outside ASCII in its xn-- form)")
			}
			if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
				host = "[" + a.WithZone("").String() + "]"
			}
			o := scheme + "://" + host
			if port != "" {
				n, err := parsePort(port)
				if err != nil || n == 0 {
					return "", errors.New("the port must be a number from 1 to 65535")
				}
				if !(scheme == "http" && n == 80 || scheme == "https" && n == 443) {
					o += ":" + strconv.Itoa(n)
				}
			}
			if u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil || strings.HasSuffix(s, "#") {
				return "", errors.New("an origin ends with host and port: write " + o)
			}
			return o, nil
		},
		print: func(s string) string { return s },
	}
}

// prefix reads a network or a single address, IPv4 in IPv6 as IPv4.
func prefix() kind[netip.Prefix] {
	const right = "write a network such as 10.0.0.0/8 or an address such as 10.0.0.7"
	return kind[netip.Prefix]{
		parse: func(s string) (netip.Prefix, error) {
			if a, err := netip.ParseAddr(s); err == nil {
				if a.Zone() != "" {
					return netip.Prefix{}, errors.New("an address with a zone matches nothing: " + right)
				}
				a = a.Unmap()
				return netip.PrefixFrom(a, a.BitLen()), nil
			}
			p, err := netip.ParsePrefix(s)
			if err != nil {
				return netip.Prefix{}, errors.New("not a network: " + right)
			}
			if p.Addr().Is4In6() {
				if p.Bits() < 96 {
					return netip.Prefix{}, errors.New("not a network: " + right)
				}
				p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
			}
			if m := p.Masked(); m != p {
				return netip.Prefix{}, fmt.Errorf("the address has bits outside its network: write %s", m)
			}
			return p, nil
		},
		print: func(p netip.Prefix) string {
			if p.IsSingleIP() {
				return p.Addr().String()
			}
			return p.String()
		},
	}
}

// webURL reads an http or https URL without user and password: those would end
// up in logs.
func webURL() kind[string] {
	return kind[string]{
		parse: func(s string) (string, error) {
			const right = "write https://host/path"
			u, err := url.Parse(s)
			if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || !validHost(u.Hostname()) {
				return "", errors.New("not a web address: " + right)
			}
			if u.User != nil {
				return "", errors.New("has a user in it: " + right + ", keys are public")
			}
			return s, oneLine(s)
		},
		print: func(s string) string { return s },
	}
}

func event() kind[string] {
	return kind[string]{
		parse: func(s string) (string, error) {
			if !wire.ValidEvent(s) {
				return "", errors.New("not an event: write 1 to 64 of A-Z, a-z, 0-9, _ and -")
			}
			return s, nil
		},
		print: func(s string) string { return s },
	}
}

func topics() kind[[]wire.Topic] {
	return kind[[]wire.Topic]{
		parse: wire.ParseTopics,
		print: func(topics []wire.Topic) string {
			shown := make([]string, len(topics))
			for i, t := range topics {
				shown[i] = t.Name + "=" + t.Event
			}
			return strings.Join(shown, ",")
		},
	}
}

// properties reads name=value,…; a comma inside a value is written \, and a
// backslash \\. What a name may be is the Kafka consumer's to say.
func properties() kind[Properties] {
	return kind[Properties]{
		empty: true,
		parse: parseProperties,
		print: Properties.String,
	}
}

func parseProperties(s string) (Properties, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	if err := oneLine(s); err != nil {
		return nil, err
	}
	p := Properties{}
	for i, part := range splitEscaped(s) {
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		// No error quotes a value: it may be a password.
		if !ok {
			return nil, fmt.Errorf("item %d has no =: write name=value,name=value, a comma inside a value as \\,", i+1)
		}
		if name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return r != '.' && r != '_' && r != '-' && !('a' <= r && r <= 'z') && !('A' <= r && r <= 'Z') && !('0' <= r && r <= '9')
		}) {
			return nil, fmt.Errorf("item %d has no name of librdkafka's before its =: write name=value,name=value", i+1)
		}
		if _, twice := p[name]; twice {
			return nil, fmt.Errorf("%s is there twice: leave one out", name)
		}
		p[name] = strings.TrimSpace(value)
	}
	return p, nil
}

func splitEscaped(s string) []string {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == ',' || s[i+1] == '\\'):
			i++
			part.WriteByte(s[i])
		case c == ',':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	return append(parts, part.String())
}
