package auth

import (
	"net/http"
	"strings"
)

// Subprotocol is the one this server speaks (protocol.md, section 2), and
// tokenPrefix what a token beside it begins with.
const (
	Subprotocol = "ws.v1"
	tokenPrefix = "bearer."
)

// maxToken bounds what is parsed at all; servers in front seldom let more pass.
const maxToken = 8 << 10

// Bearer finds the token of a handshake, "" when there is none: in Authorization
// (RFC 6750, 2.1), or, as a browser cannot set that, as subprotocol
// bearer.<token> offered beside ws.v1. Authorization goes first; one of another
// scheme is meant for somebody else, a proxy's password for instance. What is
// ambiguous or malformed (two bearer tokens, characters no token has) is no
// token. The result must not be logged, and the
// subprotocol never be the one selected.
func Bearer(r *http.Request) (token string, viaSubprotocol bool) {
	found := false
	for _, h := range r.Header["Authorization"] {
		scheme, rest, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		rest = strings.Trim(rest, " ")
		if found || !validToken(rest) {
			return "", false
		}
		token, found = rest, true
	}
	if found {
		return token, false
	}
	offered := false
	for _, line := range r.Header["Sec-Websocket-Protocol"] {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.Trim(name, " \t")
			if name == Subprotocol {
				offered = true
			}
			t, ok := strings.CutPrefix(name, tokenPrefix)
			if !ok {
				continue
			}
			if token != "" || !validToken(t) {
				return "", false
			}
			token = t
		}
	}
	if !offered || token == "" {
		return "", false
	}
	return token, true
}

// validToken is RFC 6750's b64token, in the length we take.
func validToken(s string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		switch c := body[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return body != ""
}
