package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P3: commands.
var commandCases = slices.Concat(formCases, answerCases, frameCases, faultCases, rateCases)

// noRate is for cases that send more commands than a client may.
var noRate = stage.Settings{"WS_COMMANDS_PER_S": "off"}

// P3.1 and P3.2: the form of a command.
var formCases = []Case{{
	ID: "P3.1a", Says: "a command is one text frame with one JSON object: type, and data where the type says so", Run: func(t *T) {
		c, x := stage.Dial(t, t.Server()), stage.Symbol()
		for _, step := range []struct{ text, answer string }{
			{`{"type":"heartbeat"}`, "pong"},
			{subscribing(x + ".trade"), "subscription_ack"},
			{` { "data" : {"channels":["` + x + `.social"]} ,` + "\r\n\t" + `"type":"subscribe" } `, "subscription_ack"},
			{`{"ty\u0070e":"\u0075nsubscribe"}`, "unsubscription_ack"},
		} {
			if f := c.Raw(step.text); f.Type != step.answer {
				t.Errorf("%s: got %s, want a %s", step.text, f, step.answer)
			}
		}
	},
}, {
	ID: "P3.1b", Says: "a command may come in fragments", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		for _, fragment := range [][]byte{
			maskedFrame(0x01, `{"type":"heart`), maskedFrame(0x00, ``), maskedFrame(0x89, `ping`), maskedFrame(0x80, `beat","id":"é"}`),
		} {
			if err := c.SendBytes(fragment); err != nil {
				t.Fatal(err)
			}
		}
		if f := c.Want("pong"); string(f.ID) != `"é"` {
			t.Errorf("got %s", f)
		}
	},
}, {
	ID: "P3.1c", Says: "an id is a string of at most 64 bytes", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		for _, id := range []string{`""`, `"a"`, `"` + strings.Repeat("x", 64) + `"`, `"` + strings.Repeat("é", 32) + `"`} {
			echoes(t, c, id)
		}
		refuseAll(t, []fault{
			{text: `{"type":"heartbeat","id":"` + strings.Repeat("x", 65) + `"}`, code: wire.BadRequest},
			{text: `{"type":"heartbeat","id":"` + strings.Repeat("é", 33) + `"}`, code: wire.BadRequest},
		})
		t.Fact("64 bytes, each escaped", c.Raw(`{"type":"heartbeat","id":"`+strings.Repeat(`\u0061`, 64)+`"}`).Type)
	},
}, {
	ID: "P3.1d", Says: "or an integer within ±2^53", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		for _, id := range []string{"0", "1", "-1", "9007199254740992", "-9007199254740992"} {
			echoes(t, c, id)
		}
		refuseAll(t, []fault{
			{text: `{"type":"heartbeat","id":9007199254740993}`, code: wire.BadRequest},
			{text: `{"type":"heartbeat","id":-9007199254740993}`, code: wire.BadRequest},
			{text: `{"type":"heartbeat","id":99999999999999999999999}`, code: wire.BadRequest},
		})
		t.Fact("-0", c.Raw(`{"type":"heartbeat","id":-0}`).Type)
	},
}, {
	ID: "P3.1e", Says: "integers are written without fraction and exponent, here and in data", Run: func(t *T) {
		var faults []fault
		for _, n := range []string{"1.0", "1e0", "1E1", "10e-1", "1.5"} {
			faults = append(faults, fault{text: `{"type":"heartbeat","id":` + n + `}`, code: wire.BadRequest},
				fault{text: `{"type":"subscribe","data":{"channels":["A.social"],"last":` + n + `}}`, code: wire.BadRequest},
				fault{text: `{"type":"subscribe","data":{"channels":["A.social"],"cursor":{"social":{"log":"a","at":[` + n + `]}}}}`, code: wire.BadRequest})
		}
		refuseAll(t, faults)
	},
}, {
	ID: "P3.2a", Says: "names and values are case-sensitive", Run: func(t *T) {
		refuseAll(t, []fault{
			{text: `{"Type":"heartbeat","id":1}`, code: wire.BadRequest, id: "1"},
			{text: `{"type":"Heartbeat","id":1}`, code: wire.UnknownType, id: "1"},
			{text: `{"type":"SUBSCRIBE","id":1,"data":{"channels":["A.social"]}}`, code: wire.UnknownType, id: "1"},
			{text: `{"type":"subscribe","id":1,"Data":{"channels":["A.social"]}}`, code: wire.BadRequest, id: "1"},
			{text: `{"type":"subscribe","id":1,"data":{"Channels":["A.social"]}}`, code: wire.BadRequest, id: "1"},
			{text: `{"type":"subscribe","ID":1,"data":{"channels":["A.Social"]}}`, code: wire.ChannelInvalid},
		})
		c := stage.Dial(t, t.Server())
		if f := c.Raw(`{"type":"heartbeat","ID":1,"Id":2}`); f.Type != "pong" || f.ID != nil {
			t.Errorf("got %s", f)
		}
		// Last and Cursor are not last and cursor: nothing is replayed.
		ack := c.Raw(`{"type":"subscribe","data":{"channels":["` + stage.Symbol() + `.trade"],"Last":5,"Cursor":{}}}`)
		if ack.Type != "subscription_ack" || ack.Recovered != nil {
			t.Errorf("got %s", ack)
		}
		c.Heartbeat()
	},
}, {
	ID: "P3.2b", Says: "the server ignores fields that it does not know, wherever they stand", Run: func(t *T) {
		c, x := stage.Dial(t, t.Server()), stage.Symbol()
		if f := c.Raw(`{"x":[{}],"id":1,"":null,"type":"heartbeat","data":{"more":null},"Data":5}`); f.Type != "pong" || string(f.ID) != "1" {
			t.Errorf("got %s", f)
		}
		f := c.Raw(`{"type":"subscribe","z":1,"data":{"channels":["` + x + `.trade"],"z":{"channels":[]},"cursor":{"trade":{"log":"","at":[],"z":null}}}}`)
		if f.Type != "subscription_ack" || f.Recovered == nil {
			t.Errorf("got %s", f)
		}
		c.Want("replay_complete")
		if f := c.Raw(`{"type":"unsubscribe","data":{"z":1.5}}`); f.Type != "unsubscription_ack" || f.Count != 0 {
			t.Errorf("got %s", f)
		}
	},
}}

// echoes wants a heartbeat with the id to be answered with it, byte for byte.
func echoes(t *T, c *stage.Conn, id string) {
	if f := c.Raw(`{"type":"heartbeat","id":` + id + `}`); f.Type != "pong" || string(f.ID) != id {
		t.Errorf("id %s: got %s", id, f)
	}
}

// hasField says whether the frame has a field, whatever its value.
func hasField(f *check.Frame, field string) bool {
	var fields map[string]json.RawMessage
	return json.Unmarshal(f.Raw, &fields) == nil && fields[field] != nil
}

// subscribing is a subscribe for the patterns, without an id.
func subscribing(patterns ...string) string {
	var list []string
	for _, p := range patterns {
		list = append(list, quoted(p))
	}
	return `{"type":"subscribe","data":{"channels":[` + strings.Join(list, ",") + `]}}`
}

// maskedFrame is a client's frame of at most 125 bytes, masked with zeros (RFC 6455, section 5.2).
func maskedFrame(first byte, payload string) []byte {
	return append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// fault is a command that must get an error. HELD in its text is a channel that the connection holds.
type fault struct {
	text string
	code wire.ErrorCode
	id   string // of the answer; "" for none
	says string // what the message must name
}

// refuseAll sends commands that must be refused, and then sees that they have changed nothing.
func refuseAll(t *T, faults []fault) { refuseOn(t, t.ServerWith(noRate), faults) }

func refuseOn(t *T, s *stage.Server, faults []fault) {
	const tooMany = 10 // errors within a minute close a connection (P3.9)
	for part := range slices.Chunk(faults, tooMany-1) {
		c := stage.Dial(t, s)
		held := stage.Symbol() + ".trade"
		before := c.Join(held)
		for _, fault := range part {
			text := strings.ReplaceAll(fault.text, "HELD", held)
			f := c.Raw(text)
			if f.Type != "error" || f.ErrorCode() != string(fault.code) || f.Temporary != fault.code.Temporary() || f.Message == "" || string(f.ID) != fault.id {
				t.Errorf("%.300s: got %s, want %s with the id %q", text, f, fault.code, fault.id)
			}
			if !strings.Contains(f.Message, fault.says) {
				t.Errorf("%.300s: got %s, want the message to name %s", text, f, fault.says)
			}
		}
		if pong := c.Heartbeat(); len(pong.Cursor) != len(before.Cursor) {
			t.Errorf("the cursor has become %v", pong.Cursor)
		}
		c.Holds(held)
	}
}

// readUpTo waits until a newcomer is brought the channel's n-th message: then the server has read it.
func readUpTo(t *T, s *stage.Server, channel string, n int) {
	stage.Eventually(t, channel+" to be read", func() bool {
		c := stage.Dial(t, s)
		defer c.Close()
		c.Acked(check.Subscription{Channels: []string{channel}, Last: 1})
		_, before := c.UntilType("replay_complete")
		return len(before) == 1 && string(before[0].Data) == fmt.Sprintf(`{"n":%d}`, n)
	})
}
