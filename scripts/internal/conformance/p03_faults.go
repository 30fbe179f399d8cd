package conformance

import (
	"fmt"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// nested is arrays that many deep.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// withData is a subscribe with these fields in its data.
func withData(fields string) string { return `{"type":"subscribe","data":{` + fields + `}}` }

// withCursor is a subscribe with this cursor.
func withCursor(cursor string) string { return withData(`"channels":["A.social"],"cursor":` + cursor) }

// P3.7: objects that are no commands.
var faultCases = []Case{{
	ID: "P3.7a", Says: "a key that stands twice in an object, at any depth, gets BAD_REQUEST", Run: func(t *T) {
		refuseAll(t, []fault{
			{text: `{"type":"heartbeat","type":"heartbeat"}`, code: wire.BadRequest, says: "type"},
			{text: `{"id":3,"type":"heartbeat","ty\u0070e":"unsubscribe"}`, code: wire.BadRequest, id: "3", says: "type"},
			{text: `{"id":3,"type":"subscribe","data":{"channels":["A.social"],"channels":["A.social"]}}`, code: wire.BadRequest, id: "3", says: "channels"},
			{text: `{"id":3,"type":"subscribe","data":{"channels":["A.social"],"ch\u0061nnels":["B.social"]}}`, code: wire.BadRequest, id: "3", says: "channels"},
			{text: withCursor(`{"social":{"log":"a","at":[]},"social":{"log":"a","at":[]}}`), code: wire.BadRequest, says: "social"},
			{text: withCursor(`{"social":{"log":"a","at":[],"log":"b"}}`), code: wire.BadRequest, says: "log"},
			{text: `{"type":"heartbeat","x":1,"x":1}`, code: wire.BadRequest, says: "x"},
			{text: `{"type":"heartbeat","x":[[{"k":1,"\u006b":1}]]}`, code: wire.BadRequest, says: "k"},
			{text: `{"type":"heartbeat","":1,"":1}`, code: wire.BadRequest},
			{text: `{"type":"heartbeat","x":{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"a":0}}`, code: wire.BadRequest, says: "a"},
		})
		c := stage.Dial(t, t.Server())
		// The same key in two objects is none twice, nor are two keys that look alike.
		if f := c.Raw(`{"type":"heartbeat","x":{"k":1},"y":{"k":1},"z":[{"k":1},{"k":1,"K":1}],"é":1,"e\u0301":1}`); f.Type != "pong" {
			t.Errorf("got %s", f)
		}
	},
}, {
	ID: "P3.7b", Says: "arrays and objects more than 8 deep get BAD_REQUEST, 8 deep is right", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		for _, text := range []string{
			`{"type":"heartbeat","x":` + nested(7) + `}`, `{"x":{"x":{"x":{"x":{"x":{"x":{"x":{}}}}}}},"type":"heartbeat"}`,
			`{"type":"heartbeat","x":"[[[[[[[[[[{{{{{{{{"}`,
		} {
			if f := c.Raw(text); f.Type != "pong" {
				t.Errorf("%s: got %s", text, f)
			}
		}
		refuseAll(t, []fault{
			{text: `{"type":"heartbeat","id":1,"x":` + nested(8) + `}`, code: wire.BadRequest, id: "1"},
			{text: `{"x":` + nested(8) + `,"type":"heartbeat","id":1}`, code: wire.BadRequest, id: "1"},
			{text: `{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"x":{}}}}}}}},"type":"heartbeat"}`, code: wire.BadRequest},
			{text: `{"type":"heartbeat","x":` + nested(20_000) + `}`, code: wire.BadRequest},
			{text: withData(`"channels":["A.social"],"x":` + nested(7)), code: wire.BadRequest},
		})
	},
}, {
	ID: "P3.7c", Says: "a field that is known and of another type, null included, gets BAD_REQUEST", Run: func(t *T) {
		var faults []fault
		bad := func(format string, says string, values ...string) {
			for _, value := range values {
				faults = append(faults, fault{text: fmt.Sprintf(format, value), code: wire.BadRequest, says: says})
			}
		}
		bad(`{"type":%s}`, "type", `null`, `1`, `true`, `{}`, `["heartbeat"]`)
		bad(`{"type":"heartbeat","id":%s}`, "id", `null`, `true`, `{}`, `[]`)
		bad(`{"type":"subscribe","data":%s}`, "data", `null`, `1`, `"A.social"`, `["A.social"]`, `false`)
		bad(`{"type":"unsubscribe","data":%s}`, "data", `null`, `[]`)
		bad(`{"type":"heartbeat","data":%s}`, "data", `null`, `0`)
		bad(`{"type":"subscribe","data":{"channels":%s}}`, "channels", `null`, `1`, `"A.social"`, `{}`, `["A.social",1]`, `[null]`, `[["A.social"]]`)
		bad(`{"type":"unsubscribe","data":{"channels":%s}}`, "channels", `null`, `"A.social"`, `[1]`)
		bad(withData(`"channels":["A.social"],"last":%s`), "last", `null`, `"3"`, `true`, `[]`, `{}`)
		bad(withCursor(`%s`), "cursor", `null`, `[]`, `"social"`, `5`, `true`)
		bad(withCursor(`{"social":%s}`), "social", `null`, `[]`, `"a"`, `{"log":1,"at":[]}`, `{"log":null,"at":[]}`, `{"log":"a","at":null}`, `{"log":"a","at":{}}`,
			`{"log":"a","at":"1"}`, `{"log":"a","at":["1"]}`, `{"log":"a","at":[null]}`, `{"log":"a","at":[[1]]}`)
		refuseAll(t, faults)
	},
}, {
	ID: "P3.7d", Says: "so does a token of another type, or none", Run: func(t *T) {
		s := t.ServerWith(withTokens)
		c := stage.DialWith(t, s, coveredBy(t, stage.Symbol(), "A.trade"))
		for _, data := range []string{`{}`, `{"token":null}`, `{"token":1}`, `{"token":["x"]}`} {
			c.IsError(c.Raw(`{"type":"auth","data":`+data+`}`), wire.BadRequest)
		}
		c.IsError(c.Raw(`{"type":"auth"}`), wire.BadRequest)
		if f := c.Raw(`{"type":"auth","data":{"token":"x"}}`); f.ErrorCode() != string(wire.Unauthorized) {
			t.Errorf("got %s", f) // so that the others were refused for their form
		}
	},
}, {
	ID: "P3.7e", Says: "a number outside its bounds gets BAD_REQUEST", Run: func(t *T) {
		var faults []fault
		for _, last := range []string{"0", "-1", "101", "9223372036854775808"} {
			faults = append(faults, fault{text: withData(`"channels":["A.social"],"last":` + last), code: wire.BadRequest, says: "last"})
		}
		for _, offset := range []string{"-2", "9007199254740992", "9223372036854775808", "-9223372036854775809", "1,-2"} {
			faults = append(faults, fault{text: withCursor(`{"social":{"log":"a","at":[` + offset + `]}}`), code: wire.BadRequest, says: "social"})
		}
		refuseAll(t, faults)
		// What stands on the bound is right.
		c := stage.Dial(t, t.Server())
		for _, fields := range []string{`"last":1`, `"last":100`, `"cursor":{"social":{"log":"a","at":[-1,9007199254740991]}}`} {
			ack := c.Raw(withData(`"channels":["` + stage.Symbol() + `.social"],` + fields))
			if ack.Type != "subscription_ack" {
				t.Fatalf("%s: got %s", fields, ack)
			}
			c.UntilType("replay_complete")
			c.Raw(`{"type":"unsubscribe"}`)
		}
	},
}, {
	ID: "P3.7f", Says: "a field that is missing gets BAD_REQUEST", Run: func(t *T) {
		refuseAll(t, []fault{
			{text: `{}`, code: wire.BadRequest, says: "type"},
			{text: `{"id":1}`, code: wire.BadRequest, id: "1", says: "type"},
			{text: `{"data":{"channels":["A.social"]}}`, code: wire.BadRequest, says: "type"},
			{text: `{"type":"subscribe"}`, code: wire.BadRequest, says: "channels"},
			{text: `{"type":"subscribe","data":{}}`, code: wire.BadRequest, says: "channels"},
			{text: withData(`"last":1`), code: wire.BadRequest, says: "channels"},
			{text: withCursor(`{"social":{"at":[1]}}`), code: wire.BadRequest, says: "log"},
			{text: withCursor(`{"social":{"log":"a"}}`), code: wire.BadRequest, says: "at"},
			{text: withCursor(`{"social":{}}`), code: wire.BadRequest, says: "social"},
		})
	},
}, {
	ID: "P3.7g", Says: "a type that is not one gets UNKNOWN_TYPE", Run: func(t *T) {
		var faults []fault
		for _, name := range []string{"", "publish", "subscribe ", "Heartbeat", "message", "pong", "welcome", "bye"} {
			faults = append(faults, fault{text: `{"id":1,"type":"` + name + `"}`, code: wire.UnknownType, id: "1"})
		}
		refuseAll(t, faults)
	},
}, {
	ID: "P3.7h", Says: "a malformed pattern gets CHANNEL_INVALID, in an unsubscribe too", Run: func(t *T) {
		refuseAll(t, []fault{
			{text: subscribing("trade"), code: wire.ChannelInvalid, says: "trade"},
			{text: subscribing("A.social", "*.*"), code: wire.ChannelInvalid, says: "*.*"},
			{text: `{"type":"unsubscribe","data":{"channels":["HELD","social"]}}`, code: wire.ChannelInvalid, says: "social"},
			{text: `{"type":"unsubscribe","data":{"channels":["*.*"]}}`, code: wire.ChannelInvalid, says: "*.*"},
		})
	},
}, {
	ID: "P3.7i", Says: "of several faults the error tells the first: depth and repeated keys, id, type, data", Run: func(t *T) {
		refuseAll(t, []fault{
			{text: `{"x":` + nested(8) + `,"y":{"keykey":1,"keykey":2},"type":"heartbeat"}`, code: wire.BadRequest, says: "deep"},
			{text: `{"y":{"keykey":1,"keykey":2},"x":` + nested(8) + `,"type":"heartbeat"}`, code: wire.BadRequest, says: "keykey"},
			{text: `{"keykey":1,"x":{"other":1,"other":1},"keykey":1}`, code: wire.BadRequest, says: "other"},
			{text: `{"id":1.5,"type":"nonsense","keykey":1,"keykey":1}`, code: wire.BadRequest, says: "keykey"},
			{text: `{"id":1,"type":"nonsense","x":` + nested(8) + `}`, code: wire.BadRequest, id: "1", says: "deep"},
			{text: `{"id":1,"type":"subscribe","data":{"channels":["bad"]},"x":` + nested(8) + `}`, code: wire.BadRequest, id: "1", says: "deep"},
			{text: `{"id":1.5,"type":5}`, code: wire.BadRequest, says: "id"},
			{text: `{"type":"nonsense","id":1.5}`, code: wire.BadRequest, says: "id"},
			{text: `{"id":1.5,"type":"subscribe","data":{"channels":["bad"]}}`, code: wire.BadRequest, says: "id"},
			{text: `{"data":[],"type":5}`, code: wire.BadRequest, says: "type"},
			{text: `{"data":[],"type":"nonsense"}`, code: wire.UnknownType},
			{text: `{"data":{"channels":[]},"type":"nonsense"}`, code: wire.UnknownType},
		})
	},
}, {
	ID: "P3.7j", Says: "then channels, cursor, last, their combination, the form of each pattern", Run: func(t *T) {
		refuseAll(t, []fault{
			{text: withData(`"last":0,"cursor":5,"channels":[]`), code: wire.BadRequest, says: "channels"},
			{text: withData(`"last":0,"cursor":5`), code: wire.BadRequest, says: "channels"},
			{text: withData(`"cursor":{},"last":1,"channels":["A.social",5]`), code: wire.BadRequest, says: "channels"},
			{text: withData(`"channels":["bad",5]`), code: wire.BadRequest, says: "channels"},
			{text: withData(`"last":0,"cursor":{"social":{"log":"a"}},"channels":["bad"]`), code: wire.BadRequest, says: "social"},
			{text: withData(`"cursor":{"social":{"log":"a"}},"last":1,"channels":["A.social"]`), code: wire.BadRequest, says: "social"},
			{text: withData(`"cursor":{},"last":101,"channels":["A.social"]`), code: wire.BadRequest, says: "100"},
			{text: withData(`"channels":["bad"],"last":0`), code: wire.BadRequest, says: "last"},
			{text: withData(`"channels":["bad"],"cursor":{},"last":1`), code: wire.BadRequest, says: "cursor and last"},
			{text: subscribing("first", "second"), code: wire.ChannelInvalid, says: "first"},
		})
	},
}, {
	ID: "P3.7k", Says: "and then what depends on the connection", Run: func(t *T) {
		tooMany := make([]string, 0, 258)
		for i := range 257 {
			tooMany = append(tooMany, fmt.Sprintf("A%d.social", i))
		}
		refuseAll(t, []fault{
			{text: subscribing("A.weather", "second"), code: wire.ChannelInvalid, says: "second"},
			{text: subscribing(append(tooMany, "second")...), code: wire.ChannelInvalid, says: "second"},
			{text: withData(`"channels":["HELD","second"],"last":1`), code: wire.ChannelInvalid, says: "second"},
			{text: withData(`"channels":["A.trade","second"],"cursor":{"trade":{"log":"a","at":[]}}`), code: wire.ChannelInvalid, says: "second"},
			{text: withData(`"channels":["HELD"],"cursor":{},"last":1`), code: wire.BadRequest, says: "cursor and last"},
		})
		// In which order of these the protocol leaves open.
		c := stage.DialWith(t, t.ServerWith(withTokens), coveredBy(t, stage.Symbol(), "A.trade", "*.social"))
		c.Join("A.trade")
		note := func(name string, s check.Subscription) {
			f, _ := c.AskFor(s)
			if f.Type != "error" {
				t.Errorf("%s: got %s", name, f)
			}
			t.Fact(name, f.ErrorCode())
		}
		trade := wire.Cursor{"trade": {Log: "a"}}
		note("unknown event and too many", check.Subscription{Channels: append(tooMany, "A.weather")})
		note("not covered and too many", check.Subscription{Channels: append(tooMany, "B.trade")})
		note("not covered and unknown event", check.Subscription{Channels: []string{"B.trade", "A.weather"}})
		note("not covered and held", check.Subscription{Channels: []string{"A.trade", "B.trade"}, Last: 1})
		note("too many and held", check.Subscription{Channels: append(tooMany, "A.trade"), Cursor: trade})
	},
}, {
	ID: "P3.7l", Says: "what the text leaves open is alike on both variants", Run: func(t *T) {
		c := stage.Dial(t, t.ServerWith(noRate))
		for _, text := range []string{
			`{"type":"heartbeat","data":{"channels":5,"cursor":null,"last":"x","token":[]}}`,
			`{"type":"unsubscribe","data":{"cursor":5,"last":0}}`,
			`{"type":"unsubscribe","data":{"channels":[]}}`,
			`{"type":"unsubscribe","data":{"channels":["A.weather"]}}`,
			`{"type":"subscribe","data":{"channels":["A.social"],"token":5}}`,
			withCursor(`{"no event":{"log":"a","at":[]}}`),
			withCursor(`{"social":{"log":"a","at":[-0]}}`),
			`{"type":"unsubscribe"}`,
		} {
			f := c.Raw(text)
			t.Fact(text, f.Type+f.ErrorCode())
			for f.Recovered != nil && c.Take().Type != "replay_complete" {
			}
		}
	},
}}
