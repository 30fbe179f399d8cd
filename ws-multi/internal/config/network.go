package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// hostName is a name of RFC 1123, section 2.1, with the underscore that compose
// puts into its services' names.
var hostName = regexp.MustCompile(`^(?i:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.(?i:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?))*\.?$`)

func isHost(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil || len(text) <= 253 && hostName.MatchString(text)
}

// portIn reads a port of at least so much.
func portIn(text string, least uint64) (uint64, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port < least {
		return 0, &fault{"its port is not valid", "write a number from " + strconv.FormatUint(least, 10) + " to 65535 behind the last colon"}
	}
	return port, nil
}

// readAddress reads where a listener opens. No host is every address of this
// machine, port 0 one that is free.
func readAddress(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		if _, err := portIn(text, 0); err == nil {
			return "", &fault{"a port alone", "write :" + text}
		}
		return "", &fault{"not an address", "write host:port, like :3002, 127.0.0.1:3002 or [::1]:3002"}
	}
	if _, err := portIn(port, 0); err != nil {
		return "", err
	}
	if host != "" && !isHost(host) {
		return "", &fault{"its host is not valid", "write a name, an IP address or nothing before the port"}
	}
	return text, nil
}

// readBroker reads host or host:port; without a port librdkafka takes 9092.
func readBroker(text string) (string, error) {
	if strings.Contains(text, "://") {
		return "", &fault{"it has a scheme", "write host:port and say by KAFKA_SECURITY_PROTOCOL whether it is TLS"}
	}
	host, port := text, "9092"
	if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			host = ""
		}
	}
	if !isHost(host) {
		return "", &fault{"not a broker", "write host:port, like localhost:9092"}
	}
	if _, err := portIn(port, 1); err != nil {
		return "", err
	}
	return text, nil
}

// opaque is the origin of sandboxed pages and of files.
const opaque = "null"

// readOrigin reads an origin and writes it as browsers do (RFC 6454, section
// 6.1), because it is compared with theirs byte by byte.
func readOrigin(text string) (string, error) {
	notOne := &fault{"not an origin", "write scheme://host or scheme://host:port, like https://example.com"}
	if text == opaque {
		return text, nil
	}
	if strings.Contains(text, "*") {
		return "", &fault{"it has a wildcard, and origins are compared whole", "list each, like https://example.com"}
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", notOne
	}
	host := strings.ToLower(u.Hostname())
	if !isHost(host) {
		return "", &fault{"its host is not valid", "write a name outside ASCII in its xn-- form"}
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		host = "[" + addr.WithZone("").String() + "]"
	}
	origin := strings.ToLower(u.Scheme) + "://" + host
	if u.Port() != "" {
		port, err := portIn(u.Port(), 1)
		if err != nil {
			return "", err
		}
		number := strconv.FormatUint(port, 10)
		if usual := map[string]string{"http": "80", "https": "443"}; usual[strings.ToLower(u.Scheme)] != number {
			origin += ":" + number
		}
	}
	// Whatever follows the authority, even an empty path, makes it something
	// else; so does a user before it.
	_, authority, _ := strings.Cut(text, "://")
	if strings.ContainsAny(authority, "/?#@") {
		return "", &fault{"more than an origin", "write " + origin}
	}
	return origin, nil
}

// readNetwork reads a network or one address. IPv4 inside IPv6 becomes IPv4: a
// client's address is looked up as that.
func readNetwork(text string) (netip.Prefix, error) {
	var none netip.Prefix
	notOne := &fault{"not a network", "write one like 10.0.0.0/8, or an address like 10.0.0.7"}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return none, notOne
		}
		if addr.Zone() != "" {
			return none, &fault{"it has a zone, and matches nothing", "write the address without %" + addr.Zone()}
		}
		network = netip.PrefixFrom(addr, addr.BitLen())
	}
	if network.Addr().Is4In6() {
		// Of the 128 bits 96 say that it is IPv4.
		if network.Bits() < 96 {
			return none, notOne
		}
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	if whole := network.Masked(); whole != network {
		return none, &fault{"it has bits set behind its length", "write " + whole.String()}
	}
	return network, nil
}

func showNetwork(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// readWeb reads a URL that can be logged: without a user.
func readWeb(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", !isHost(u.Hostname()):
		return "", &fault{"not a web address", "write one like https://example.com/jwks.json"}
	case u.User != nil:
		return "", &fault{"it has a user in it, and public keys need none", "write one like https://example.com/jwks.json"}
	}
	return readLine(text)
}
