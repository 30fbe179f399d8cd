package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// A bad command gets its error, with its id where that can be read, and
// changes nothing.
func TestBadCommands(t *testing.T) {
	deep := strings.Repeat("[", 8) + strings.Repeat("]", 8)
	tests := []struct {
		name, text string // HELD is a channel the connection holds
		code       wire.ErrorCode
		id         string
	}{
		{"no type", `{"id":1}`, wire.BadRequest, "1"},
		{"type not a string", `{"type":1,"id":"a"}`, wire.BadRequest, `"a"`},
		{"unknown type", `{"type":"publish","id":-7}`, wire.UnknownType, "-7"},
		{"wrong case", `{"type":"Subscribe","id":1,"data":{"channels":["A.trade"]}}`, wire.UnknownType, "1"},
		{"no data", `{"type":"subscribe"}`, wire.BadRequest, ""},
		{"data not an object", `{"type":"subscribe","data":[]}`, wire.BadRequest, ""},
		{"no channels", `{"type":"subscribe","data":{}}`, wire.BadRequest, ""},
		{"empty list", `{"type":"subscribe","data":{"channels":[]}}`, wire.BadRequest, ""},
		{"channels not a list", `{"type":"subscribe","data":{"channels":"A.trade"}}`, wire.BadRequest, ""},
		{"channel not a string", `{"type":"subscribe","data":{"channels":["A.trade",1]}}`, wire.BadRequest, ""},
		{"double key", `{"type":"subscribe","id":3,"data":{"channels":["A.trade"],"channels":["B.trade"]}}`, wire.BadRequest, "3"},
		{"double key, escaped", `{"type":"subscribe","id":3,"data":{"channels":["A.trade"],"ch\u0061nnels":["B.trade"]}}`, wire.BadRequest, "3"},
		{"too deep", `{"type":"subscribe","id":3,"x":` + deep + `,"data":{"channels":["A.trade"]}}`, wire.BadRequest, "3"},
		{"id too long", `{"type":"heartbeat","id":"` + strings.Repeat("x", 65) + `"}`, wire.BadRequest, ""},
		{"id not an integer", `{"type":"heartbeat","id":1.5}`, wire.BadRequest, ""},
		{"id too large", `{"type":"heartbeat","id":9007199254740993}`, wire.BadRequest, ""},
		{"id an object", `{"type":"heartbeat","id":{}}`, wire.BadRequest, ""},
		{"one part", `{"type":"subscribe","id":4,"data":{"channels":["trade"]}}`, wire.ChannelInvalid, "4"},
		{"three parts", `{"type":"subscribe","data":{"channels":["A.b.trade"]}}`, wire.ChannelInvalid, ""},
		{"empty symbol", `{"type":"subscribe","data":{"channels":[".trade"]}}`, wire.ChannelInvalid, ""},
		{"empty event", `{"type":"subscribe","data":{"channels":["A."]}}`, wire.ChannelInvalid, ""},
		{"all and everything", `{"type":"subscribe","data":{"channels":["*.*"]}}`, wire.ChannelInvalid, ""},
		{"star inside", `{"type":"subscribe","data":{"channels":["A*.trade"]}}`, wire.ChannelInvalid, ""},
		{"white space", `{"type":"subscribe","data":{"channels":["A .trade"]}}`, wire.ChannelInvalid, ""},
		{"unknown event", `{"type":"subscribe","data":{"channels":["A.weather"]}}`, wire.ChannelInvalid, ""},
		{"all or nothing", `{"type":"subscribe","data":{"channels":["A.trade","*.weather"]}}`, wire.ChannelInvalid, ""},
		{"cursor and last", `{"type":"subscribe","data":{"channels":["A.social"],"cursor":{},"last":1}}`, wire.BadRequest, ""},
		{"last 0", `{"type":"subscribe","data":{"channels":["A.social"],"last":0}}`, wire.BadRequest, ""},
		{"last 101", `{"type":"subscribe","data":{"channels":["A.social"],"last":101}}`, wire.BadRequest, ""},
		{"last 1.5", `{"type":"subscribe","data":{"channels":["A.social"],"last":1.5}}`, wire.BadRequest, ""},
		{"last a string", `{"type":"subscribe","data":{"channels":["A.social"],"last":"3"}}`, wire.BadRequest, ""},
		{"last for a held channel", `{"type":"subscribe","data":{"channels":["HELD"],"last":1}}`, wire.BadRequest, ""},
		{"cursor a list", `{"type":"subscribe","data":{"channels":["A.social"],"cursor":[]}}`, wire.BadRequest, ""},
		{"cursor without a log", `{"type":"subscribe","data":{"channels":["A.social"],"cursor":{"social":{"at":[1]}}}}`, wire.BadRequest, ""},
		{"offset -2", `{"type":"subscribe","data":{"channels":["A.social"],"cursor":{"social":{"log":"a","at":[-2]}}}}`, wire.BadRequest, ""},
		{"offset 2^53", `{"type":"subscribe","data":{"channels":["A.social"],"cursor":{"social":{"log":"a","at":[9007199254740992]}}}}`, wire.BadRequest, ""},
		{"offset a fraction", `{"type":"subscribe","data":{"channels":["A.social"],"cursor":{"social":{"log":"a","at":[0.5]}}}}`, wire.BadRequest, ""},
		{"cursor for a held event", `{"type":"subscribe","data":{"channels":["A.trade"],"cursor":{"trade":{"log":"a","at":[1]}}}}`, wire.BadRequest, ""},
		{"unsubscribe an empty list", `{"type":"unsubscribe","data":{"channels":[]}}`, wire.BadRequest, ""},
		{"unsubscribe nonsense", `{"type":"unsubscribe","data":{"channels":["trade"]}}`, wire.ChannelInvalid, ""},
		{"auth without a token", `{"type":"auth","id":5,"data":{}}`, wire.BadRequest, "5"},
		{"auth where no tokens are used", `{"type":"auth","id":5,"data":{"token":"x"}}`, wire.BadRequest, "5"},
	}
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		const perConn = 8 // ten errors within a minute close a connection, ten commands within a second are the limit
		for at := 0; at < len(tests); at += perConn {
			c := dial(t, s)
			held := symbol() + ".trade"
			ack := c.subscribe(held)
			for _, test := range tests[at:min(at+perConn, len(tests))] {
				f := c.raw(strings.ReplaceAll(test.text, "HELD", held))
				if f.Type != "error" || f.ErrorCode() != string(test.code) || f.Temporary || f.Message == "" || string(f.ID) != test.id {
					t.Errorf("%s: got %s, want %s with id %s", test.name, f, test.code, test.id)
				}
			}
			if len(c.Cursor()) != len(ack.Cursor) {
				t.Errorf("the cursor has become %v", c.Cursor())
			}
			c.holds(held)
		}
	})
}

// Unknown fields are ignored, ids come back byte for byte, and repeats are no
// error.
func TestOddCommands(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		c := dial(t, s)
		x := symbol()
		for _, id := range []string{`"` + strings.Repeat("é", 32) + `"`, `"a\u0062\"\\"`, `-9007199254740992`, `0`, `""`} {
			f := c.raw(`{"id":` + id + `,"z":[{}],"data":{"more":null},"type":"heartbeat"}`)
			if f.Type != "pong" || string(f.ID) != id {
				t.Errorf("id %s: got %s", id, f)
			}
		}
		f := c.raw(fmt.Sprintf(" {\"data\" : {\"channels\":[\"%[1]s.trade\",\"%[1]s.\\u0074rade\"]}, \"type\":\"subscribe\"}\n", x))
		if f.Type != "subscription_ack" || f.ID != nil || f.Count != 1 {
			t.Errorf("got %s, want one channel and no id", f)
		}
		if f, _ := c.command("unsubscribe", check.Subscription{Channels: []string{symbol() + ".trade"}}); f.Type != "unsubscription_ack" || f.Count != 1 || len(f.Unsubscribed) != 0 {
			t.Errorf("giving up what is not held: got %s", f)
		}
	})
}
