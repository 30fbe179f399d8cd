package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P4.3 to P4.5: where a subscription starts, and what comes by it.
var startCases = []Case{{
	ID: "P4.3a", Says: "a connection gets each message once, however many of its patterns match", Run: func(t *T) {
		tp := t.Topics(1, "trade", "social")
		s := t.Start(tp, nil)
		c, x := stage.Dial(t, s), stage.Symbol()
		c.Join("*.trade", x+".*", x+".trade")
		tp.Count(t, "trade", x, 1, 5)
		c.Counts(x+".trade", 1, 5)
		c.Ask("unsubscribe", check.Subscription{Channels: []string{x + ".trade"}})
		tp.Count(t, "trade", x, 6, 6)
		c.Message(x+".trade", 6)
		c.Ask("unsubscribe", check.Subscription{Channels: []string{x + ".*"}})
		tp.Count(t, "trade", x, 7, 7)
		c.Message(x+".trade", 7)
		c.Heartbeat()
	},
}, {
	ID: "P4.3b", Says: "also of what a resume and last bring", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		cursor := stage.Dial(t, s).Join(x + ".trade").Cursor
		s.Topics.Count(t, "trade", x, 1, 5)
		readUpTo(t, s, x+".trade", 5)
		resumed := stage.Dial(t, s)
		resumed.Acked(check.Subscription{Channels: []string{x + ".trade", x + ".*"}, Cursor: cursor})
		resumed.Counts(x+".trade", 1, 5)
		resumed.Replay(5)
		resumed.Heartbeat()
		newest := stage.Dial(t, s)
		newest.Acked(check.Subscription{Channels: []string{x + ".*", x + ".trade"}, Last: 5})
		newest.Counts(x+".trade", 1, 5)
		newest.Replay(5)
		newest.Heartbeat()
	},
}, {
	ID: "P4.4a", Says: "a subscription of a live connection starts at the end of what the server has read", Run: func(t *T) {
		s, x, y := t.Server(), stage.Symbol(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		in := func(symbol string, n int) stage.Record {
			r := stage.Counted("trade", symbol, n)
			r.Partition = 5
			return r
		}
		places := s.Topics.Publish(t, in(y, 1), in(y, 2), in(x, 1))
		c.Message(x+".trade", 1) // so the connection's server has read all three
		ack := c.Join(y + ".trade")
		if at := ack.Cursor["trade"].Last(4); at < int64(places[2].Offset) {
			t.Errorf("got %s, offset %d has come", ack, places[2].Offset)
		}
		s.Topics.Publish(t, in(y, 3), in(x, 2))
		c.Message(y+".trade", 3)
		c.Message(x+".trade", 2)
		c.Heartbeat()
	},
}, {
	ID: "P4.4b", Says: "a connection that is behind has a position of its own: its new channels start there", Run: func(t *T) {
		s, x, y := t.ServerWith(patient), stage.Symbol(), stage.Symbol()
		const most = 400
		c := stuck(t, s, x, most)
		s.Topics.Count(t, "trade", y, 1, 3)
		readUpTo(t, s, y+".trade", 3)
		first := s.Topics.PublishOne(t, stage.Counted("trade", y, 4))
		readUpTo(t, s, y+".trade", 4)
		if _, err := c.Subscribe(check.Subscription{Channels: []string{y + ".trade"}}); err != nil {
			t.Fatal(err)
		}
		c.Unstall()
		ack, before := c.UntilType("subscription_ack")
		got := map[string]int{x + ".trade": len(before)}
		if len(before) >= most {
			t.Fatalf("the connection was not behind: %d messages came before the ack", len(before))
		}
		// The messages of y are older than the command, and come.
		at := ack.Cursor["trade"]
		_, partition, offset, err := (&check.Frame{Pos: first}).Position()
		if err != nil || at.Last(partition) >= offset {
			t.Errorf("the ack's cursor is %v, want it before %s, which waits", at, first)
		}
		for got[x+".trade"] < most || got[y+".trade"] < 4 {
			f := c.Want("message")
			if got[f.Channel]++; f.Channel == y+".trade" && string(f.Data) != fmt.Sprintf(`{"n":%d}`, got[f.Channel]) {
				t.Fatalf("got %s as message %d", f, got[f.Channel])
			}
			if _, partition, offset, err := f.Position(); err != nil || offset <= at.Last(partition) {
				t.Fatalf("got %s, the ack's cursor is %v", f, at)
			}
		}
		c.Heartbeat()
	},
}, {
	ID: "P4.5a", Says: "with cursor it resumes", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		cursor := stage.Dial(t, s).Join(x + ".trade").Cursor
		s.Topics.Count(t, "trade", x, 1, 3)
		c := stage.Dial(t, s)
		if ack := c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor}); ack.Recovered == nil || !*ack.Recovered {
			t.Errorf("got %s", ack)
		}
		for messages := 0; messages < 3; {
			if f := c.Take(); f.Type == "message" {
				if messages++; string(f.Data) != fmt.Sprintf(`{"n":%d}`, messages) {
					t.Errorf("got %s as message %d", f, messages)
				}
			}
		}
	},
}, {
	ID: "P4.5b", Says: "with last it begins with the newest messages", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		s.Topics.Count(t, "trade", x, 1, 5)
		readUpTo(t, s, x+".trade", 5)
		c := stage.Dial(t, s)
		c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Last: 2})
		c.Counts(x+".trade", 4, 5)
		c.Replay(2)
		s.Topics.Count(t, "trade", x, 6, 6)
		c.Message(x+".trade", 6)
	},
}, {
	ID: "P4.5c", Says: "both at once get BAD_REQUEST", Run: func(t *T) {
		refuseAll(t, []fault{
			{text: withData(`"channels":["A.social"],"cursor":{},"last":1`), code: wire.BadRequest},
			{text: withData(`"last":100,"cursor":{"social":{"log":"a","at":[]}},"channels":["*.social"]`), code: wire.BadRequest},
		})
	},
}}

// P4.6: unsubscribe.
var dropCases = []Case{{
	ID: "P4.6a", Says: "unsubscribe gives up the patterns in data.channels", Run: func(t *T) {
		s, x, y := t.Server(), stage.Symbol(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x+".trade", y+".trade", x+".social")
		f, _ := c.Ask("unsubscribe", check.Subscription{Channels: []string{x + ".trade"}})
		if f.Type != "unsubscription_ack" || !slices.Equal(f.Unsubscribed, []string{x + ".trade"}) || f.Count != 2 {
			t.Errorf("got %s", f)
		}
		in := func(symbol string) stage.Record {
			r := stage.Counted("trade", symbol, 1)
			r.Partition = 7
			return r
		}
		s.Topics.Publish(t, in(x), in(y))
		c.Message(y+".trade", 1)
		c.Holds(y+".trade", x+".social")
	},
}, {
	ID: "P4.6b", Says: "or all without channels", Run: func(t *T) {
		c, x := stage.Dial(t, t.Server()), stage.Symbol()
		for _, data := range []string{``, `,"data":{}`, `,"data":{"other":["` + x + `.trade"]}`} {
			c.Join(x+".trade", x+".*", "*.balances")
			f := c.Raw(`{"type":"unsubscribe","id":"u"` + data + `}`)
			if f.Type != "unsubscription_ack" || f.Count != 0 || !stage.SameSet(f.Unsubscribed, []string{x + ".trade", x + ".*", "*.balances"}) {
				t.Errorf("got %s", f)
			}
			if pong := c.Heartbeat(); len(pong.Cursor) != 0 {
				t.Errorf("got %s", pong)
			}
		}
	},
}, {
	ID: "P4.6c", Says: "patterns that are not held are no error, and are given up by their letters", Run: func(t *T) {
		c, x := stage.Dial(t, t.Server()), stage.Symbol()
		c.Join(x+".trade", x+".*")
		for _, channels := range [][]string{{x + ".social"}, {"*.trade"}, {x + "x.trade", x + "x.*"}, {x + ".weather"}} {
			f, _ := c.Ask("unsubscribe", check.Subscription{Channels: channels})
			if f.Type != "unsubscription_ack" || f.Count != 2 || f.Unsubscribed == nil || len(f.Unsubscribed) != 0 {
				t.Errorf("%v: got %s", channels, f)
			}
		}
		c.Holds(x+".trade", x+".*")
		c.Holds()
	},
}, {
	ID: "P4.6d", Says: "a malformed one gets CHANNEL_INVALID", Run: func(t *T) {
		refuseAll(t, []fault{
			{text: `{"type":"unsubscribe","data":{"channels":["HELD","*.*"]}}`, code: wire.ChannelInvalid, says: "*.*"},
			{text: `{"type":"unsubscribe","data":{"channels":["trade","HELD"]}}`, code: wire.ChannelInvalid, says: "trade"},
		})
	},
}, {
	ID: "P4.6e", Says: "unsubscribed are those that were held, count is how many are left", Run: func(t *T) {
		c, x, y := stage.Dial(t, t.Server()), stage.Symbol(), stage.Symbol()
		c.Join(x+".trade", y+".trade", x+".social")
		f, _ := c.Ask("unsubscribe", check.Subscription{Channels: []string{x + ".social", y + ".social", x + ".trade", x + ".social"}})
		if !stage.SameSet(f.Unsubscribed, []string{x + ".social", x + ".trade"}) || f.Count != 1 {
			t.Errorf("got %s", f)
		}
		t.Fact("in the command's order", slices.Equal(f.Unsubscribed, []string{x + ".social", x + ".trade"}))
	},
}, {
	ID: "P4.6f", Says: "after the ack comes no message that only these patterns matched, whatever was pending", Run: func(t *T) {
		s, x, y := t.ServerWith(patient), stage.Symbol(), stage.Symbol()
		const most = 400
		c := stuck(t, s, x, most, y+".trade", y+".*")
		s.Topics.Count(t, "trade", y, 1, 50)
		readUpTo(t, s, y+".trade", 50)
		c.SendText(websocket.TextMessage, `{"type":"unsubscribe","id":"u","data":{"channels":["`+x+`.trade","`+y+`.trade"]}}`)
		c.Unstall()
		ack, before := c.UntilType("unsubscription_ack")
		if ack.Count != 1 || len(before) >= most {
			t.Fatalf("got %s after %d messages", ack, len(before))
		}
		c.Counts(y+".trade", 1, 50) // which another pattern still matches
		s.Topics.Count(t, "trade", x, most+1, most+1)
		s.Topics.Count(t, "trade", y, 51, 51)
		c.Message(y+".trade", 51)
		c.Heartbeat()
	},
}, {
	ID: "P4.6g", Says: "or is being replayed", Run: func(t *T) {
		s, x := t.ServerWith(patient), stage.Symbol()
		cursor := stage.Dial(t, s).Join(x + ".trade").Cursor
		const most = 400
		witness := stage.Dial(t, s)
		witness.Join(x + ".trade")
		s.Topics.Publish(t, paddedTrades(x, most)...)
		follow(t, witness, check.NewStream(), x+".trade", most)
		for _, how := range []check.Subscription{{Cursor: cursor}, {Last: 100}} {
			bringsAll := how.Last > 0 // its share may be sent before the unsubscribe is read
			how.Channels = []string{x + ".trade"}
			c := stage.DialWith(t, s, check.Options{ReadBuffer: smallWindow})
			c.Stall()
			if _, err := c.Subscribe(how); err != nil {
				t.Fatal(err)
			}
			c.SendText(websocket.TextMessage, `{"type":"unsubscribe","id":"u"}`)
			c.Unstall()
			c.Want("subscription_ack")
			ack, before := c.UntilType("unsubscription_ack")
			complete := len(before) > 0 && before[len(before)-1].Type == "replay_complete"
			if ack.Count != 0 || complete && !bringsAll {
				t.Errorf("got %s after %d frames of the replay", ack, len(before))
			}
			if !complete {
				c.Replay(uint64(len(before)))
			}
			c.Heartbeat()
		}
	},
}}

// smallWindow is the receive buffer of a client that soon takes no more.
const smallWindow = 64 << 10

// paddedTrades are n = 1..most of a symbol, of about 8 KB each.
func paddedTrades(symbol string, most int) []stage.Record {
	records := make([]stage.Record, most)
	for n := range records {
		records[n] = stage.Padded("trade", symbol, n+1, 8000)
	}
	return records
}

// stuck connects, joins the symbol's trades and more channels, stops reading, and waits until the server has read so many
// trades that the most of them have no room in the socket.
func stuck(t *T, s *stage.Server, symbol string, most int, more ...string) *stage.Conn {
	c, witness := stage.DialWith(t, s, check.Options{ReadBuffer: smallWindow}), stage.Dial(t, s)
	c.Join(append(more, symbol+".trade")...)
	witness.Join(symbol + ".trade")
	c.Stall()
	s.Topics.Publish(t, paddedTrades(symbol, most)...)
	for n := 1; n <= most; n++ {
		if f := witness.Want("message"); !strings.HasPrefix(string(f.Data), fmt.Sprintf(`{"n":%d,`, n)) {
			t.Fatalf("got %s, want n %d", f, n)
		}
	}
	return c
}
