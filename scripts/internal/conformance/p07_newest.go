package conformance

import (
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P7.10: the newest messages first.
var newestCases = []Case{{
	ID: "P7.10a", Says: "with last the newest messages of each channel come first, as far as the history has them", Run: func(t *T) {
		s, x, _ := newest(t)
		c := stage.Dial(t, s)
		ack := c.Acked(check.Subscription{Channels: []string{x + ".trade", x + ".social"}, Last: 20})
		_, replay := replayed(t, c, ack)
		stream := check.NewStream()
		stream.After(x+".trade", 180) // of 200; of social there are 5
		takeAll(stream, replay)
		if err := stream.Err(map[string]int64{x + ".trade": 200, x + ".social": 5}); err != nil || len(replay) != 25 {
			t.Errorf("%d messages came, want 20 and 5: %v", len(replay), err)
		}
	},
}, {
	ID: "P7.10b", Says: "last is 1 to 100", Run: func(t *T) {
		s, x, _ := newest(t)
		c := stage.Dial(t, s)
		for _, last := range []string{"0", "101", "-1"} {
			c.IsError(c.Raw(`{"type":"subscribe","data":{"channels":["`+x+`.trade"],"last":`+last+`}}`), wire.BadRequest)
		}
		c.Holds()
		for _, last := range []int{1, 100} {
			c := stage.Dial(t, s)
			c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Last: last})
			c.Counts(x+".trade", 201-last, 200)
			c.Replay(uint64(last))
		}
	},
}, {
	ID: "P7.10c", Says: "last concerns the patterns without *; the others start live", Run: func(t *T) {
		s, x, _ := newest(t)
		for _, channels := range [][]string{{x + ".*"}, {"*.trade"}, {"*.trade", x + ".*"}} {
			c := stage.Dial(t, s)
			c.Acked(check.Subscription{Channels: channels, Last: 20})
			c.Replay(0)
		}
		c := stage.Dial(t, s)
		c.Acked(check.Subscription{Channels: []string{"*.trade", x + ".social"}, Last: 3})
		c.Counts(x+".social", 3, 5)
		c.Replay(3)
		s.Topics.Count(t, "trade", x, 201, 202)
		c.Counts(x+".trade", 201, 202)
	},
}, {
	ID: "P7.10d", Says: "live messages of this connection wait until the newest were sent and replay_complete said so", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), patient)
		x, y := stage.Symbol(), stage.Symbol()
		c, witness := stage.DialWith(t, s, narrow), stage.Dial(t, s)
		c.Join(y + ".trade")
		witness.Join(x+".trade", y+".trade")
		s.Topics.Publish(t, counted("trade", x, 1, 150, 80_000)...)
		follow(t, witness, check.NewStream(), x+".trade", 150)
		c.Stall()
		id, err := c.Subscribe(check.Subscription{Channels: []string{x + ".trade"}, Last: 100})
		if err != nil {
			t.Fatal(err)
		}
		fallsBehind(t, s) // by what it asked for: nothing else is to be sent
		// Both its new channel's and its old one's.
		s.Topics.Publish(t, slices.Concat(counted("trade", x, 151, 155, 0), counted("trade", y, 1, 5, 0))...)
		live := check.NewStream()
		live.After(x+".trade", 150)
		for live.Last(x+".trade") < 155 || live.Last(y+".trade") < 5 {
			live.Take(witness.Want("message"))
		}
		c.Unstall()
		if ack, before := c.Answer(id); ack.Type != "subscription_ack" || len(before) > 0 {
			t.Fatalf("got %s after %v", ack, before)
		}
		stream := check.NewStream()
		stream.After(x+".trade", 50)
		end, replay := c.UntilType("replay_complete")
		takeAll(stream, replay)
		if last := stream.Last(x + ".trade"); last != 150 || len(replay) != 100 || end.Replayed != 100 {
			t.Errorf("%d messages up to %d came before %s, want the newest 100 before the command", len(replay), last, end)
		}
		for stream.Last(x+".trade") < 155 || stream.Last(y+".trade") < 5 {
			stream.Take(c.Want("message"))
		}
		noteStream(t, stream)
	},
}, {
	ID: "P7.10e", Says: "the ack's cursor is the connection's position; the newest messages lie before it and do not move it", Run: func(t *T) {
		s, x, now := newest(t)
		c := stage.Dial(t, s)
		ack := c.Acked(check.Subscription{Channels: []string{x + ".trade", x + ".social"}, Last: 20})
		end, replay := replayed(t, c, ack)
		if !samePlace(ack.Cursor, now) || !samePlace(end.Cursor, now) || !samePlace(c.Heartbeat().Cursor, now) {
			t.Errorf("got %s and %s, the end is %v", ack, end, now)
		}
		for _, f := range replay {
			if event, partition, offset, _ := f.Position(); offset > ack.Cursor[event].Last(partition) {
				t.Errorf("%s lies after %v", f, ack.Cursor)
			}
		}
		s.Topics.Count(t, "trade", x, 201, 203)
		c.Counts(x+".trade", 201, 203)
	},
}, {
	ID: "P7.10f", Says: "last for a channel that the connection gets already gets BAD_REQUEST", Run: func(t *T) {
		s := t.Server()
		x, y := stage.Symbol(), stage.Symbol()
		for _, held := range []string{x + ".trade", x + ".*", "*.trade"} {
			c := stage.Dial(t, s)
			c.Join(held)
			c.Refused(check.Subscription{Channels: []string{y + ".social", x + ".trade"}, Last: 3}, wire.BadRequest)
			f, _ := c.Ask("unsubscribe", nil)
			if !stage.SameSet(f.Unsubscribed, []string{held}) {
				t.Errorf("after the refusal the connection held %v, want %s", f.Unsubscribed, held)
			}
		}
	},
}, {
	ID: "P7.10g", Says: "a channel of an event that the connection holds, but does not get, may have its newest", Run: func(t *T) {
		s, x, _ := newest(t)
		c := stage.Dial(t, s)
		c.Join(stage.Symbol() + ".trade")
		ack := c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Last: 2})
		if strings.Contains(string(ack.Raw), "recovered") {
			t.Errorf("got %s", ack)
		}
		c.Counts(x+".trade", 199, 200)
		c.Replay(2)
	},
}}

// newest is a server of the case's own with 200 records of x.trade and 5 of x.social; now is the end of both.
func newest(t *T) (s *stage.Server, x string, now wire.Cursor) {
	tp := t.Topics(1, "trade", "social")
	x = stage.Symbol()
	tp.Count(t, "trade", x, 1, 200)
	tp.Count(t, "social", x, 1, 5)
	s = t.Start(tp, nil)
	return s, x, stage.Dial(t, s).Join("*.trade", "*.social").Cursor
}
