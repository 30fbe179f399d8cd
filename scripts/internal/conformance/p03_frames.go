package conformance

import (
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P3.6: frames that are no commands at all.
var frameCases = []Case{{
	ID: "P3.6a", Says: "a text frame that is not one JSON object is answered by a close with 4500", Run: func(t *T) {
		for _, text := range []string{
			``, ` `, `[]`, `"heartbeat"`, `5`, `null`, `hello`, `{`, `{}}`, `{"type":"heartbeat"}{}`, `{"type":"heartbeat"},`, `{"type":"heartbeat",}`,
			`{type:"heartbeat"}`, `{'type':'heartbeat'}`, `{"type":"heartbeat"} //`, `{"type":"heartbeat","x":01}`, `{"type":"heartbeat","x":NaN}`,
			`{"type":"heartbeat","x":"` + "\n" + `"}`, `{"type":"heartbeat","x":"\x41"}`, "\ufeff" + `{"type":"heartbeat"}`, `[{"type":"heartbeat"}]`,
			"\u00a0" + `{"type":"heartbeat"}`, `{"type":"heartbeat"}` + "\x00", nested(30_000), strings.Repeat("[", 30_000),
		} {
			c := stage.Dial(t, t.Server())
			c.SendText(websocket.TextMessage, text)
			if _, before := c.Farewell(wire.CloseBadRequest); len(before) > 0 {
				t.Errorf("%.100q: before the bye came %v", text, before)
			}
		}
	},
}, {
	ID: "P3.6b", Says: "and so is a binary frame", Run: func(t *T) {
		for _, payload := range []string{`{"type":"heartbeat"}`, ``, "\xff"} {
			c := stage.Dial(t, t.Server())
			c.SendText(websocket.BinaryMessage, payload)
			if _, before := c.Farewell(wire.CloseBadRequest); len(before) > 0 {
				t.Errorf("%q: before the bye came %v", payload, before)
			}
		}
	},
}, {
	ID: "P3.6c", Says: "a text frame that is not UTF-8 is answered by a close with 1007", Run: func(t *T) {
		for _, bad := range []string{"\xff", "\xc3", "\x80", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"} {
			c := stage.Dial(t, t.Server())
			c.SendText(websocket.TextMessage, `{"type":"heartbeat","id":"`+bad+`"}`)
			if before := c.Closed(wire.CloseInvalidUTF8); len(before) > 0 {
				t.Errorf("%q: before the close came %v", bad, before)
			}
		}
		c := stage.Dial(t, t.Server())
		c.SendText(websocket.TextMessage, "hello\xff") // no object either
		c.Closed(wire.CloseInvalidUTF8)
	},
}, {
	ID: "P3.6d", Says: "whatever the rate: a command too many that is no object closes, too", Run: func(t *T) {
		for kind, payload := range map[int]string{websocket.TextMessage: `[]`, websocket.BinaryMessage: `{}`} {
			c := stage.Dial(t, t.Server())
			const many = 100
			for range many {
				c.SendText(websocket.TextMessage, `{"type":"unsubscribe"}`)
			}
			c.SendText(kind, payload)
			_ = c.Send(websocket.TextMessage, []byte(`{"type":"heartbeat"}`)) // not heard, but where the connection stays
			answers, refused := 0, 0
			f := c.Take()
			for ; f.Type == "unsubscription_ack" || f.Type == "error"; f = c.Take() {
				if answers++; f.Type == "error" {
					refused++
				}
			}
			if f.Type != "bye" || answers != many || refused == 0 {
				t.Errorf("%s: got %s after %d answers, %d of them errors; want a bye after %d", payload, f, answers, refused, many)
				continue
			}
			c.Closed(wire.CloseBadRequest)
		}
	},
}}

// P3.8 and P3.9: too many commands, too many errors.
var rateCases = []Case{{
	ID: "P3.8a", Says: "more commands than limits.commands_per_s get RATE_LIMIT_EXCEEDED; so many are done", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		rate := c.Welcome.Limits.CommandsPerS
		sent := 15 * rate // so many that none but a very busy machine takes its time for them
		for range sent {
			c.SendText(websocket.TextMessage, `{"type":"unsubscribe","id":"burst"}`)
		}
		done := 0
		for range sent {
			f := c.Take()
			if string(f.ID) != `"burst"` {
				t.Errorf("got %s", f)
			}
			if f.Type == "unsubscription_ack" {
				done++
			} else {
				c.IsError(f, wire.RateLimitExceeded)
			}
		}
		if done < rate || done == sent {
			t.Errorf("%d of %d commands at once were done, the limit is %d", done, sent, rate)
		}
	},
}, {
	ID: "P3.8b", Says: "of each kind, also one that would be refused anyway; a refused one changes nothing", Run: func(t *T) {
		s := t.ServerWith(stage.Settings{"WS_COMMANDS_PER_S": "1"})
		kinds := map[string]string{
			"subscribe": `{"type":"subscribe","id":1,"data":{"channels":["A.trade"]}}`, "unsubscribe": `{"type":"unsubscribe","id":1}`,
			"unknown": `{"type":"nonsense","id":1}`, "bad": `{"type":"subscribe","id":1}`, "auth": `{"type":"auth","id":1,"data":{"token":"x"}}`,
		}
		for kind, text := range kinds {
			refusedForRate(t, s, text, kind)
		}
	},
}, {
	ID: "P3.8c", Says: "a heartbeat is free of this once in 5 s", Run: func(t *T) {
		s := t.ServerWith(stage.Settings{"WS_COMMANDS_PER_S": "1"})
		// Commands come back to back, so that one that is refused between two others tells of their time, too. On a
		// machine that stood still in the midst of it nothing can be seen.
		try := func() bool {
			c := stage.Dial(t, s)
			beat := func(free bool) (sure bool) {
				for _, kind := range []string{"unsubscribe", "unsubscribe", "heartbeat", "heartbeat", "unsubscribe"} {
					c.SendText(websocket.TextMessage, `{"type":"`+kind+`"}`)
				}
				c.Take()
				before, first, second, after := c.Take(), c.Take(), c.Take(), c.Take()
				if free && first.Type != "pong" {
					t.Fatalf("a heartbeat that is free got %s", first)
				}
				return before.Type == "error" && second.Type == "error" && after.Type == "error"
			}
			if !beat(true) {
				return false
			}
			time.Sleep(5100 * time.Millisecond) // the free one was done before this began
			return beat(true)
		}
		for range 3 {
			if try() {
				return
			}
		}
		t.Error("the second heartbeat was never refused")
	},
}, {
	ID: "P3.8d", Says: "twice the rate over 10 s is answered by a close with 4006; what came before is answered", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		rate := c.Welcome.Limits.CommandsPerS
		for range 40 * rate {
			if c.Send(websocket.TextMessage, []byte(`{"type":"unsubscribe"}`)) != nil {
				break // closed already
			}
		}
		_, before := c.Farewell(wire.CloseTooManyRequests)
		if len(before) < 20*rate {
			t.Errorf("it came after %d commands, twice the rate of %d over 10 s are %d", len(before), rate, 20*rate)
		}
	},
}, {
	ID: "P3.8e", Says: "and less than that is not", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		most := 19 * c.Welcome.Limits.CommandsPerS
		for range most {
			c.SendText(websocket.TextMessage, `{"type":"unsubscribe"}`)
		}
		for range most {
			c.Take()
		}
		c.Heartbeat()
	},
}, {
	ID: "P3.9a", Says: "ten errors within a minute are answered by a close with 4506; the tenth is told, too", Run: func(t *T) {
		c := stage.Dial(t, t.ServerWith(noRate))
		for i := range 10 {
			c.IsError(c.Raw(`{"type":"nonsense"}`), wire.UnknownType)
			if i < 9 {
				c.Heartbeat() // nine are none too many, and what is right between does not make up for them
			}
		}
		if _, before := c.Farewell(wire.CloseTooManyErrors); len(before) > 0 {
			t.Errorf("before the bye came %v", before)
		}
	},
}, {
	ID: "P3.9b", Says: "errors of all kinds count together", Run: func(t *T) {
		c := stage.Dial(t, t.ServerWith(noRate))
		for i := range 10 {
			text := []string{`{"type":5}`, `{"type":"nonsense"}`, subscribing("bad"), subscribing("A.weather"), `{"type":"auth","data":{"token":"x"}}`}[i%5]
			if f := c.Raw(text); f.Type != "error" || f.Temporary {
				t.Errorf("%s: got %s", text, f)
			}
		}
		c.Farewell(wire.CloseTooManyErrors)
	},
}, {
	ID: "P3.9c", Says: "temporary ones do not count: not those of the rate", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		refused := 0
		for range 120 {
			c.SendText(websocket.TextMessage, `{"type":"unsubscribe"}`)
		}
		for range 120 {
			if f := c.Take(); f.Type == "error" {
				c.IsError(f, wire.RateLimitExceeded)
				refused++
			}
		}
		if refused < 10 {
			t.Errorf("%d were refused, too few to see anything", refused)
		}
		c.Heartbeat()
	},
}, {
	ID: "P3.9d", Says: "and not those of a replay that is not complete", Run: func(t *T) {
		s := t.ServerWith(noRate)
		c, x := stage.Dial(t, s), stage.Symbol()
		c.SendText(websocket.TextMessage, waiting(t, c, x+".social"))
		for range 15 {
			c.SendText(websocket.TextMessage, `{"type":"subscribe","data":{"channels":["`+x+`.trade"],"last":1}}`)
		}
		for range 15 {
			c.IsError(c.Take(), wire.Busy)
		}
		c.Heartbeat()
	},
}}

// refusedForRate wants the second of two commands that come at once to be refused by a server that allows one a second.
func refusedForRate(t *T, s *stage.Server, text, name string) {
	for range 5 { // a busy machine may let a second pass between the two
		c := stage.Dial(t, s)
		c.SendText(websocket.TextMessage, `{"type":"unsubscribe"}`)
		c.SendText(websocket.TextMessage, text)
		c.Want("unsubscription_ack")
		f := c.Take()
		if f.ErrorCode() != string(wire.RateLimitExceeded) {
			continue
		}
		c.IsError(f, wire.RateLimitExceeded)
		if string(f.ID) != "1" {
			t.Errorf("%s: got %s", name, f)
		}
		if pong := c.Heartbeat(); len(pong.Cursor) != 0 {
			t.Errorf("%s was refused and done: %s", name, pong)
		}
		return
	}
	t.Errorf("%s was never refused for the rate", name)
}
