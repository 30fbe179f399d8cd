package auth

import (
	"net/http"
	"strings"
)

// subprotocol is the one that this server speaks. A token among the subprotocols
// counts only beside it: offered alone it would be the only one to select, and
// none that is selected may show a token.
const subprotocol = "ws.v1"

// bearerPrefix marks the subprotocol that carries a token.
const bearerPrefix = "bearer."

// Bearer returns the token that a handshake carries, as it came, or "" if it
// carries none or more than one in one place. Places, in this order: the
// Authorization header with the scheme Bearer (RFC 6750, section 2.1); a
// subprotocol bearer.<token>, for browsers, which can set no header. An
// Authorization of another scheme is somebody else's, such as a proxy's password,
// and is passed over. The token is the client's secret: never to be logged, nor
// echoed as the selected subprotocol.
func Bearer(r *http.Request) string {
	var tokens []string
	for _, credentials := range r.Header.Values("Authorization") {
		scheme, token, _ := strings.Cut(credentials, " ")
		if strings.EqualFold(scheme, "Bearer") {
			tokens = append(tokens, strings.TrimSpace(token))
		}
	}
	if len(tokens) == 0 {
		tokens = offered(r)
	}
	if len(tokens) != 1 {
		return ""
	}
	return tokens[0]
}

// offered lists the tokens among the subprotocols. The header may come in several
// lines, which are one list (RFC 6455, section 11.3.4).
func offered(r *http.Request) (tokens []string) {
	speaks := false
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if token, ok := strings.CutPrefix(name, bearerPrefix); ok {
				tokens = append(tokens, token)
			}
			speaks = speaks || name == subprotocol
		}
	}
	if !speaks {
		return nil
	}
	return tokens
}
