package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P3.3 to P3.5: answers.
var answerCases = []Case{{
	ID: "P3.3a", Says: "every command is answered once, by its answer or by an error", Run: func(t *T) {
		c, x := stage.Dial(t, t.ServerWith(noRate)), stage.Symbol()
		want := map[string]string{}
		for i := range 8 {
			for kind, text := range map[string]string{
				"pong":               `{"type":"heartbeat","id":"%s"}`,
				"subscription_ack":   `{"type":"subscribe","id":"%s","data":{"channels":["` + x + `.trade"]}}`,
				"unsubscription_ack": `{"type":"unsubscribe","id":"%s","data":{"channels":["` + x + `.social"]}}`,
				"error":              `{"type":"nonsense","id":"%s"}`,
			} {
				id := fmt.Sprintf("%s %d", kind, i)
				want[id] = kind
				c.SendText(websocket.TextMessage, fmt.Sprintf(text, id))
			}
		}
		for range len(want) {
			f := c.Take()
			var id string
			if err := json.Unmarshal(f.ID, &id); err != nil || want[id] != f.Type {
				t.Errorf("got %s, and answers are missing to %v", f, want)
			}
			delete(want, id)
		}
		c.Heartbeat() // and no answer more
	},
}, {
	ID: "P3.3b", Says: "with the command's id byte for byte", Run: func(t *T) {
		s, x := t.ServerWith(noRate), stage.Symbol()
		c := stage.Dial(t, s)
		for _, id := range []string{`"\u0061\/\b\f\n\r\t\"\\"`, `"\ud83d\ude00😀"`, `"<&>\u2028 "`, `"{\"id\":1}"`, `-9007199254740992`} {
			echoes(t, c, id)
			for _, step := range []struct{ text, answer string }{
				{`{"type":"subscribe","id":` + id + `,"data":{"channels":["` + x + `.trade"]}}`, "subscription_ack"},
				{`{"id":` + id + `,"type":"unsubscribe"}`, "unsubscription_ack"},
				{`{"id": ` + id + ` ,"type":"nonsense"}`, "error"},
			} {
				if f := c.Raw(step.text); f.Type != step.answer || string(f.ID) != id {
					t.Errorf("%s: got %s", step.text, f)
				}
			}
		}
	},
}, {
	ID: "P3.3c", Says: "without an id the answer has none", Run: func(t *T) {
		c, x := stage.Dial(t, t.Server()), stage.Symbol()
		for _, text := range []string{
			`{"type":"heartbeat"}`, subscribing(x + ".trade"), `{"type":"subscribe","data":{"channels":["` + x + `.social"],"last":3}}`, `{"type":"unsubscribe"}`,
			`{"type":"nonsense"}`, `{"type":"subscribe"}`,
		} {
			f := c.Raw(text)
			if hasField(f, "id") {
				t.Errorf("%s: got %s", text, f)
			}
			if strings.Contains(text, "last") {
				if end := c.Want("replay_complete"); hasField(end, "id") {
					t.Errorf("%s: got %s", text, end)
				}
			}
		}
	},
}, {
	ID: "P3.3d", Says: "a subscribe with cursor or last is answered a second time, by replay_complete", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		s.Topics.Count(t, "trade", x, 1, 3)
		readUpTo(t, s, x+".trade", 3)
		for _, how := range []string{`"last":2`, `"cursor":{}`, `"cursor":{"trade":{"log":"none","at":[]}}`, `"cursor":{"trade":{"log":"","at":[]}}`} {
			c := stage.Dial(t, s)
			ack := c.Raw(`{"type":"subscribe","id":"\u0061 id","data":{"channels":["` + x + `.trade"],` + how + `}}`)
			end, _ := c.UntilType("replay_complete")
			if ack.Type != "subscription_ack" || string(ack.ID) != `"\u0061 id"` || string(end.ID) != `"\u0061 id"` {
				t.Errorf("%s: got %s, then %s", how, ack, end)
			}
			c.Heartbeat()
		}
	},
}, {
	ID: "P3.3e", Says: "and no other is: none without, none that was refused", Run: func(t *T) {
		c, x := stage.Dial(t, t.Server()), stage.Symbol()
		c.Join(x + ".trade")
		c.Refused(check.Subscription{Channels: []string{x + ".weather"}, Last: 5}, wire.ChannelInvalid)
		c.Refused(check.Subscription{Channels: []string{x + ".weather"}, Cursor: wire.Cursor{}}, wire.ChannelInvalid)
		c.Refused(check.Subscription{Channels: []string{x + ".trade"}, Last: 5}, wire.BadRequest)
		c.Heartbeat()
	},
}, {
	ID: "P3.4a", Says: "commands are done, and answered, in the order they arrive in", Run: func(t *T) {
		c, x := stage.Dial(t, t.ServerWith(noRate)), stage.Symbol()
		const rounds = 20
		for i := range rounds {
			c.SendText(websocket.TextMessage, fmt.Sprintf(`{"type":"subscribe","id":%d,"data":{"channels":["%s.trade","%s.social"]}}`, 4*i, x, x))
			c.SendText(websocket.TextMessage, fmt.Sprintf(`{"type":"unsubscribe","id":%d,"data":{"channels":["%s.trade"]}}`, 4*i+1, x))
			c.SendText(websocket.TextMessage, fmt.Sprintf(`{"type":"heartbeat","id":%d}`, 4*i+2))
			c.SendText(websocket.TextMessage, fmt.Sprintf(`{"type":"unsubscribe","id":%d}`, 4*i+3))
		}
		for i := range rounds {
			both, one, beat, none := c.Want("subscription_ack"), c.Want("unsubscription_ack"), c.Want("pong"), c.Want("unsubscription_ack")
			if both.Count != 2 || one.Count != 1 || len(beat.Cursor) != 1 || none.Count != 0 || !slices.Equal(none.Unsubscribed, []string{x + ".social"}) {
				t.Errorf("got %s, %s, %s, %s", both, one, beat, none)
			}
			for j, f := range []*check.Frame{both, one, beat, none} {
				if string(f.ID) != fmt.Sprint(4*i+j) {
					t.Errorf("got %s as answer %d", f, 4*i+j)
				}
			}
		}
	},
}, {
	ID: "P3.4b", Says: "also behind an auth, whose token has to be checked", Run: func(t *T) {
		sub := stage.Symbol()
		c := stage.DialWith(t, t.ServerWith(withTokens), coveredBy(t, sub, "A.trade"))
		c.SendText(websocket.TextMessage, `{"type":"auth","id":1,"data":{"token":"`+coveringToken(t, sub, "B.trade")+`"}}`)
		c.SendText(websocket.TextMessage, `{"type":"subscribe","id":2,"data":{"channels":["B.trade"]}}`)
		c.SendText(websocket.TextMessage, `{"type":"subscribe","id":3,"data":{"channels":["A.trade"]}}`)
		c.SendText(websocket.TextMessage, `{"type":"heartbeat","id":4}`)
		c.Want("auth_ack")
		c.Want("subscription_ack")
		c.IsError(c.Take(), wire.Forbidden)
		c.Want("pong")
	},
}, {
	ID: "P3.5a", Says: "a command that is refused changes nothing, in whole or in part, and the connection stays", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		c := stage.Dial(t, s)
		ack := c.Join(x + ".trade")
		c.Refused(check.Subscription{Channels: []string{x + ".social", x + ".weather"}}, wire.ChannelInvalid)
		c.Refused(check.Subscription{Channels: []string{x + ".social", "weather"}}, wire.ChannelInvalid)
		c.Refused(check.Subscription{Channels: []string{x + ".social", x + ".trade"}, Last: 1}, wire.BadRequest)
		c.Refused(check.Subscription{Channels: []string{x + ".social"}, Cursor: wire.Cursor{"trade": {Log: ack.Cursor["trade"].Log}}}, wire.BadRequest)
		f, _ := c.Ask("unsubscribe", check.Subscription{Channels: []string{x + ".trade", "trade"}})
		c.IsError(f, wire.ChannelInvalid)
		s.Topics.Count(t, "social", x, 1, 1)
		s.Topics.Count(t, "trade", x, 1, 1)
		c.Message(x+".trade", 1)
		if pong := c.Heartbeat(); len(pong.Cursor) != 1 {
			t.Errorf("got %s", pong)
		}
		c.Holds(x + ".trade")
	},
}, {
	ID: "P3.5b", Says: "an error has code, message and temporary, and a message says what is wrong", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		f := c.Raw(`{"type":"subscribe","id":6,"data":{"channels":["ABCDE"]}}`)
		c.IsError(f, wire.ChannelInvalid)
		for _, field := range []string{"type", "id", "code", "message", "temporary"} {
			if !hasField(f, field) {
				t.Errorf("%s is missing: %s", field, f)
			}
		}
		if !strings.Contains(f.Message, "ABCDE") {
			t.Errorf("the message does not name the pattern: %s", f)
		}
	},
}, {
	ID: "P3.5c", Says: "temporary says that the same command may succeed later", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		const text = `{"type":"unsubscribe","id":"again"}`
		const many = 100
		for range many {
			c.SendText(websocket.TextMessage, text)
		}
		refused := false
		for range many {
			if f := c.Take(); f.Type == "error" {
				c.IsError(f, wire.RateLimitExceeded)
				refused = true
			}
		}
		if !refused {
			t.Fatal("nothing was refused")
		}
		stage.Eventually(t, "the same command to succeed", func() bool { return c.Raw(text).Type == "unsubscription_ack" })
	},
}, {
	ID: "P3.5d", Says: "code is one of P11, and temporary as it says there", Run: func(t *T) {
		s, sub := t.ServerWith(withTokens), stage.Symbol()
		c := stage.DialWith(t, s, coveredBy(t, sub, "A.*"))
		channels := make([]string, c.Welcome.Limits.Channels+1)
		for i := range channels {
			channels[i] = fmt.Sprintf("B%d.trade", i)
		}
		all := stage.DialWith(t, s, coveredBy(t, sub, "*.trade", "A.*"))
		// UNAVAILABLE is P7.6's; nothing from outside makes a server send INTERNAL.
		for _, step := range []struct {
			c         *stage.Conn
			text      string
			code      string
			temporary bool
		}{
			{c, `{"type":"subscribe"}`, "BAD_REQUEST", false},
			{c, `{"type":"nonsense"}`, "UNKNOWN_TYPE", false},
			{c, subscribing("A"), "CHANNEL_INVALID", false},
			{all, subscribing(channels...), "CHANNEL_LIMIT", false},
			{c, subscribing("B.trade"), "FORBIDDEN", false},
			{c, `{"type":"auth","data":{"token":"x"}}`, "UNAUTHORIZED", false},
			{c, `{"type":"auth","data":{"token":"` + coveringToken(t, stage.Symbol()) + `"}}`, "UNAUTHORIZED", false},
			{c, waiting(t, c, "A.social"), "", false}, // not answered before what follows
			{c, withData(`"channels":["A.trade"],"last":1`), "BUSY", true},
		} {
			step.c.SendText(websocket.TextMessage, step.text)
			if step.code == "" {
				continue
			}
			if f := step.c.Take(); f.Type != "error" || f.ErrorCode() != step.code || f.Temporary != step.temporary || !hasField(f, "temporary") {
				t.Errorf("%.200s: got %s, want %s, temporary %t", step.text, f, step.code, step.temporary)
			}
		}
		many := 3 * all.Welcome.Limits.CommandsPerS
		for range many {
			all.SendText(websocket.TextMessage, `{"type":"unsubscribe"}`)
		}
		refused := 0
		for range many {
			f := all.Take()
			if f.Type == "unsubscription_ack" {
				continue
			}
			if refused++; f.ErrorCode() != "RATE_LIMIT_EXCEEDED" || !f.Temporary {
				t.Fatalf("got %s", f)
			}
		}
		if refused == 0 {
			t.Errorf("of %d commands at once none was refused", many)
		}
	},
}, {
	ID: "P3.5e", Says: "the id is missing when the command had none that could be read", Run: func(t *T) {
		var faults []fault
		for _, id := range []string{`1.5`, `null`, `true`, `{}`, `["a"]`, `"` + strings.Repeat("x", 65) + `"`, `1,"id":2`, `1e400`} {
			faults = append(faults, fault{text: `{"type":"heartbeat","id":` + id + `}`, code: wire.BadRequest})
		}
		refuseAll(t, append(faults, fault{text: `{"type":5}`, code: wire.BadRequest}, fault{text: `{"id":7}`, code: wire.BadRequest, id: "7"}))
	},
}}

// waiting is a subscribe that is not acknowledged for a while: its cursor is of a partition that does not exist (P7.6).
func waiting(t *T, c *stage.Conn, channel string) string {
	_, event, _ := strings.Cut(channel, ".")
	position := c.Join(channel).Cursor[event]
	c.Raw(`{"type":"unsubscribe"}`)
	for len(position.At) < 13 {
		position.At = append(position.At, 5)
	}
	cursor, err := json.Marshal(wire.Cursor{event: position})
	if err != nil {
		t.Fatal(err)
	}
	return withData(fmt.Sprintf(`"channels":[%s],"cursor":%s`, quoted(channel), cursor))
}
