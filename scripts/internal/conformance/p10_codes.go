package conformance

import (
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// twice does what ends in a close with the code, and then again on a new connection: the second time is like the first,
// whatever the table says of reconnecting.
func twice(t *T, s *stage.Server, code wire.CloseCode) {
	for range 2 {
		do(stage.Dial(t, s), code)
	}
	stage.Dial(t, s).Heartbeat()
}

// The rows of P12's table stand under the clause that says what their third column means.
var codeCases = []Case{{
	ID: "P12.1a", Says: "1000 answers a client's own close, and it may come back", Run: func(t *T) {
		r := handshake(t, t.Server())
		r.want(websocket.TextMessage)
		r.send(closeFrame(wire.CloseNormal, "done"))
		r.closed(wire.CloseNormal)
		stage.Dial(t, t.Server()).Heartbeat()
	},
}, {
	ID: "P12.1b", Says: "1001, the other end goes away, is answered with itself", Run: func(t *T) {
		r := handshake(t, t.Server())
		r.want(websocket.TextMessage)
		r.send(closeFrame(wire.CloseGoingAway, ""))
		r.closed(wire.CloseGoingAway)
	},
}, {
	ID: "P12.1c", Says: "4001 and 4002 let a client come back at once", Run: func(t *T) {
		s := t.ServerWith(livelyPings)
		stage.DialWith(t, s, check.Options{NoPong: true}).Farewell(wire.CloseTimeout)
		stage.Dial(t, s).Heartbeat()
		slow := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_STALL_TIMEOUT": "500ms"})
		c := dialSmall(t, slow)
		c.Join("*.trade")
		c.Stall()
		pile(t, slow.Topics, 1, behindEach)
		closedAs(t, slow, wire.CloseSlowConsumer, 1)
		c.Unstall()
		if before := slowEnd(t, c); before[len(before)-1].Type == "bye" {
			t.Errorf("a bye came before 4001: %s", before[len(before)-1])
		}
		stage.Dial(t, slow).Heartbeat()
	},
}, {
	ID: "P12.1d", Says: "4004: near its memory limit the server closes those furthest behind, and not the others", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{
			"WS_MEMORY_LIMIT": "200MiB", "WS_HISTORY_BYTES": "190MiB", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s",
		})
		slow, neighbour := dialSmall(t, s), stage.Dial(t, s)
		slow.Join("BIG.trade")
		neighbour.Join("OTHER.trade")
		slow.Stall()
		var records []stage.Record // 4 MB
		for n := range 20 {
			records = append(records, stage.Padded("trade", "BIG", n+1, 200_000))
		}
		began := time.Now()
		for published := 0; s.Metric(t, "ws_connections_closed_total") == 0; published++ {
			if time.Since(began) > 2*stage.Patience {
				t.Fatalf("nobody was closed with %v bytes of memory in use", s.Metric(t, "ws_memory_bytes"))
			}
			s.Topics.Publish(t, records...)
			if published > 25 {
				// Near the limit slowly: a server that looks at its memory once a second would see the history full, and
				// the client outside of it, before it has seen that memory is short.
				time.Sleep(time.Second)
			}
		}
		closedAs(t, s, wire.CloseOverloaded, 1)
		neighbour.Heartbeat()
		s.Topics.Count(t, "trade", "OTHER", 1, 1)
		neighbour.Message("OTHER.trade", 1)
		slow.Unstall()
		if err := slow.Ended(stage.Within(t)); stage.IsClose(err, wire.CloseSlowConsumer) {
			t.Errorf("ended with %v", err)
		}
	},
}, {
	ID: "P12.1e", Says: "4006, too many requests, lets a client come back at once", Run: func(t *T) {
		twice(t, t.Server(), wire.CloseTooManyRequests)
	},
}, {
	ID: "P12.2a", Says: "4501 with a new token: the same client is let in as soon as it has one", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		alice := stage.Symbol()
		for range 3 {
			stage.DialSilent(t, s, bearer(token(t, who(alice, past)))).Closed(wire.CloseUnauthorized)
		}
		stage.DialWith(t, s, bearer(token(t, who(alice, later)))).Heartbeat()
	},
}, {
	ID: "P12.2b", Says: "1002 for a client that breaks RFC 6455, each time", Run: func(t *T) {
		s := t.Server()
		for name, bad := range map[string][]byte{
			"not masked":                   {0x81, 0x02, '{', '}'},
			"RSV1":                         frame(0xc1, "{}"),
			"RSV2":                         frame(0xa1, "{}"),
			"RSV3":                         frame(0x91, "{}"),
			"opcode 3":                     frame(0x83, "{}"),
			"opcode 11":                    frame(0x8b, ""),
			"a ping of 126 bytes":          frame(0x89, strings.Repeat("p", 126)),
			"a ping in fragments":          frame(0x09, "p"),
			"a close in fragments":         frame(0x08, ""),
			"a continuation of nothing":    frame(0x80, "{}"),
			"a message within a message":   slices.Concat(frame(0x01, "{"), frame(0x81, "{}")),
			"a close of one byte":          frame(0x88, "x"),
			"a close with 1005":            closeFrame(1005, ""),
			"a close with 1006":            closeFrame(1006, ""),
			"a close with 999":             closeFrame(999, ""),
			"a close with 1015":            closeFrame(1015, ""),
			"a close with 65535":           closeFrame(65535, ""),
			"a length with the first bit":  {0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
			"a pong in fragments, after a": slices.Concat(frame(0x8a, "fine"), frame(0x0a, "x")),
		} {
			r := handshake(t, s)
			r.want(websocket.TextMessage)
			r.send(bad)
			all := r.end()
			if len(all) != 1 || all[0].op() != websocket.CloseMessage || all[0].code() != uint16(wire.CloseProtocolError) {
				t.Errorf("%s: got %v, want a close with 1002 alone", name, all)
			}
		}
		twice(t, s, wire.CloseProtocolError)
	},
}, {
	ID: "P12.2c", Says: "1007 for text that is not UTF-8, also where a fragment or a close's reason breaks it", Run: func(t *T) {
		s := t.Server()
		twice(t, s, wire.CloseInvalidUTF8)
		for name, text := range map[string]string{
			"a lone continuation byte": "{\"type\":\"\x80\"}", "an overlong slash": "{\"type\":\"\xc0\xaf\"}",
			"a surrogate": "{\"type\":\"\xed\xa0\x80\"}", "beyond U+10FFFF": "{\"type\":\"\xf4\x90\x80\x80\"}",
			"cut short": "{\"type\":\"x\"}\xe2\x82",
		} {
			c := stage.Dial(t, s)
			c.SendText(websocket.TextMessage, text)
			if before := c.Closed(wire.CloseInvalidUTF8); len(before) > 0 {
				t.Errorf("%s: before the close came %v", name, before)
			}
		}
		whole := handshake(t, s)
		whole.want(websocket.TextMessage)
		whole.send(slices.Concat(frame(0x01, "{\"type\":\"heartbeat\",\"id\":\"\xe2\x82"), frame(0x80, "\xac\"}")))
		if f := whole.want(websocket.TextMessage); !strings.HasPrefix(string(f.payload), `{"type":"pong","id":"€",`) {
			t.Errorf("a character parted by fragments got %v", f)
		}
		broken := handshake(t, s)
		broken.want(websocket.TextMessage)
		broken.send(slices.Concat(frame(0x01, "{\"type\":\"\xe2\x82"), frame(0x80, "x\"}")))
		broken.closed(wire.CloseInvalidUTF8)
		reason := handshake(t, s)
		reason.want(websocket.TextMessage)
		reason.send(closeFrame(wire.CloseNormal, "\xff"))
		all := reason.end()
		if len(all) != 1 || all[0].op() != websocket.CloseMessage {
			t.Fatalf("got %v", all)
		}
		t.Fact("a close with a reason that is not UTF-8", all[0].code())
	},
}, {
	ID: "P12.2d", Says: "1009 for a message over limits.message_bytes, each time", Run: func(t *T) {
		twice(t, t.Server(), wire.CloseMessageTooBig)
	},
}, {
	ID: "P12.2e", Says: "4500 for what is not a JSON object, or binary, each time", Run: func(t *T) {
		s := t.Server()
		twice(t, s, wire.CloseBadRequest)
		for _, text := range []string{`[]`, `hello`, `"text"`, `1`, `null`, `{}{}`, `{"type":"heartbeat"`, ``, ` `} {
			c := stage.Dial(t, s)
			c.SendText(websocket.TextMessage, text)
			if _, before := c.Farewell(wire.CloseBadRequest); len(before) > 0 {
				t.Errorf("%q: before the bye came %v", text, before)
			}
		}
	},
}, {
	ID: "P12.2f", Says: "4503 for too many connections of an identity, each time until there is room", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		alice := bearer(token(t, who(stage.Symbol(), later)))
		var held []*stage.Conn
		for range connectionsPerSub {
			held = append(held, stage.DialWith(t, s, alice))
		}
		for range 3 {
			stage.DialSilent(t, s, alice).Closed(wire.CloseConnectionLimit)
		}
		held[0].Close()
		admitted(t, s, alice)
	},
}, {
	ID: "P12.2g", Says: "4506 for ten errors, each time", Run: func(t *T) {
		twice(t, t.ServerWith(manyCommands), wire.CloseTooManyErrors)
	},
}}
