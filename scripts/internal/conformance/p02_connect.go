package conformance

import (
	"slices"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P2: connecting.
var connectCases = slices.Concat(handshakeCases, refusalCases, welcomeCases)

var handshakeCases = []Case{{
	ID: "P2.1a", Says: "a client connects by GET /ws, with the answer that RFC 6455 asks for", Run: func(t *T) {
		r := handshake(t, t.Server())
		h := r.answer.Header
		if h.Get("Sec-WebSocket-Accept") != acceptAnswer || !strings.EqualFold(h.Get("Upgrade"), "websocket") ||
			!strings.EqualFold(h.Get("Connection"), "upgrade") {
			t.Errorf("the answer's header is %v", h)
		}
		if f := r.want(websocket.TextMessage); f.first != 0x81 || !strings.HasPrefix(string(f.payload), `{"type":"welcome",`) {
			t.Errorf("the first frame is %v", f)
		}
	},
}, {
	ID: "P2.1b", Says: "what is no handshake of RFC 6455 at /ws is not upgraded", Run: func(t *T) {
		s := t.Server()
		good := upgradeRequest(s)
		for name, bad := range map[string]string{
			"another path":     strings.Replace(good, "/ws ", "/ws/ ", 1),
			"no path":          strings.Replace(good, "/ws ", "/ ", 1),
			"POST":             strings.Replace(good, "GET ", "POST ", 1),
			"no Upgrade":       strings.Replace(good, "Upgrade: websocket\r\n", "", 1),
			"another Upgrade":  strings.Replace(good, "Upgrade: websocket", "Upgrade: h2c", 1),
			"no Connection":    strings.Replace(good, "Connection: Upgrade", "Connection: close", 1),
			"version 8":        strings.Replace(good, "Version: 13", "Version: 8", 1),
			"no key":           strings.Replace(good, "Sec-WebSocket-Key: "+acceptKey+"\r\n", "", 1),
			"a key of 3 bytes": strings.Replace(good, acceptKey, "AAAA", 1),
			"a key not base64": strings.Replace(good, acceptKey, "this is not base64 code!", 1),
			"no Host":          strings.Replace(good, "Host: "+s.Addr+"\r\n", "", 1),
			"a bare GET":       "GET /ws HTTP/1.1\r\nHost: " + s.Addr + "\r\n\r\n",
			"no version":       strings.Replace(good, "Sec-WebSocket-Version: 13\r\n", "", 1),
			"no HTTP":          "hello\r\n\r\n",
		} {
			answer := dialRaw(t, s).ask(bad)
			if answer.StatusCode/100 != 4 {
				t.Errorf("%s: got %s, want a 4xx", name, answer.Status)
			}
			t.Logf("%s: %s", name, answer.Status)
		}
	},
}, {
	ID: "P2.1c", Says: "the subprotocol ws.v1 is selected if it is offered", Run: func(t *T) {
		for _, offered := range [][]string{{"ws.v1"}, {"other", "ws.v1"}, {"ws.v1", "other"}, {"ws.v2", "ws.v1", "ws.v0"}} {
			c := stage.DialWith(t, t.Server(), check.Options{Subprotocols: offered})
			if got := c.Subprotocol(); got != "ws.v1" {
				t.Errorf("of %v it selected %q", offered, got)
			}
		}
	},
}, {
	ID: "P2.1d", Says: "the offer may come in several headers, which are one list (RFC 6455, section 11.3.4)", Run: func(t *T) {
		for _, offered := range [][2]string{{"ws.v1", "other"}, {"other", "ws.v1"}, {"a, b", "c, ws.v1"}} {
			r := handshake(t, t.Server(), "Sec-WebSocket-Protocol: "+offered[0], "Sec-WebSocket-Protocol: "+offered[1])
			if got := r.answer.Header.Values("Sec-WebSocket-Protocol"); !slices.Equal(got, []string{"ws.v1"}) {
				t.Errorf("of %q it selected %q", offered, got)
			}
		}
	},
}, {
	ID: "P2.1e", Says: "nothing else is ever selected; who offers no ws.v1 is served all the same", Run: func(t *T) {
		for _, offered := range [][]string{nil, {"other"}, {"WS.V1"}, {"ws.v2", "ws.v1x"}} {
			var lines []string
			if offered != nil {
				lines = append(lines, "Sec-WebSocket-Protocol: "+strings.Join(offered, ", "))
			}
			r := handshake(t, t.Server(), lines...)
			if got := r.answer.Header.Values("Sec-WebSocket-Protocol"); len(got) > 0 {
				t.Errorf("of %v it selected %q", offered, got)
			}
			r.want(websocket.TextMessage)
			r.send(frame(0x81, `{"type":"heartbeat","id":1}`))
			if f := r.want(websocket.TextMessage); !strings.HasPrefix(string(f.payload), `{"type":"pong","id":1,`) {
				t.Errorf("a heartbeat got %v", f)
			}
		}
	},
}, {
	ID: "P2.1f", Says: "no extension is negotiated, and a frame that uses one is a protocol error", Run: func(t *T) {
		for _, offer := range []string{
			"permessage-deflate", "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame", "permessage-deflate; server_no_context_takeover",
		} {
			r := handshake(t, t.Server(), "Sec-WebSocket-Extensions: "+offer)
			if got := r.answer.Header.Values("Sec-WebSocket-Extensions"); len(got) > 0 {
				t.Errorf("of %q it took %q", offer, got)
			}
			if f := r.want(websocket.TextMessage); f.first != 0x81 {
				t.Errorf("the first frame is %v: RSV bits without an extension", f)
			}
			r.send(frame(0xc1, `{"type":"heartbeat"}`))
			r.closed(wire.CloseProtocolError)
		}
	},
}, {
	ID: "P2.1g", Says: "a ping is answered by a pong with its payload, as RFC 6455 asks", Run: func(t *T) {
		r := handshake(t, t.Server())
		r.want(websocket.TextMessage)
		for _, payload := range []string{"", "are you there", strings.Repeat("p", 125)} {
			r.send(frame(0x89, payload))
			if f := r.want(websocket.PongMessage); f.first != 0x8a || string(f.payload) != payload {
				t.Errorf("a ping with %q got %v", payload, f)
			}
		}
		// Between the fragments of a message, too.
		r.send(frame(0x01, `{"type":"hear`))
		r.send(frame(0x89, "between"))
		if f := r.want(websocket.PongMessage); string(f.payload) != "between" {
			t.Errorf("got %v", f)
		}
		r.send(frame(0x80, `tbeat","id":"whole"}`))
		if f := r.want(websocket.TextMessage); !strings.HasPrefix(string(f.payload), `{"type":"pong","id":"whole",`) {
			t.Errorf("got %v", f)
		}
	},
}}
