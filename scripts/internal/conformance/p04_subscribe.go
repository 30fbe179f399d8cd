package conformance

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P4: subscribe and unsubscribe.
var subscribeCases = slices.Concat(addCases, refusedCases, startCases, dropCases)

// P4.1: what a subscribe adds.
var addCases = []Case{{
	ID: "P4.1a", Says: "subscribe adds the patterns to those that the connection holds", Run: func(t *T) {
		s, x, y := t.Server(), stage.Symbol(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		c.Join(y+".trade", x+".*")
		s.Topics.Count(t, "trade", x, 1, 1)
		c.Message(x+".trade", 1)
		s.Topics.Count(t, "trade", y, 1, 1)
		c.Message(y+".trade", 1)
		c.Holds(x+".trade", y+".trade", x+".*")
	},
}, {
	ID: "P4.1b", Says: "a pattern that stands twice, or is held already, is no error and changes nothing", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x+".trade", x+".trade")
		s.Topics.Count(t, "trade", x, 1, 3)
		c.Counts(x+".trade", 1, 3)
		if again := c.Join(x + ".trade"); again.Count != 1 {
			t.Errorf("got %s", again)
		}
		s.Topics.Count(t, "trade", x, 4, 5)
		c.Counts(x+".trade", 4, 5)
		c.Heartbeat()
		c.Holds(x + ".trade")
	},
}, {
	ID: "P4.1c", Says: "subscribed are the patterns of the command without repeats, count is how many are held now", Run: func(t *T) {
		c, x, y := stage.Dial(t, t.Server()), stage.Symbol(), stage.Symbol()
		for i, step := range []struct {
			ask, subscribed []string
			count           int
		}{
			{[]string{y + ".trade", x + ".*", x + ".trade", y + ".trade"}, []string{y + ".trade", x + ".*", x + ".trade"}, 3},
			{[]string{x + ".trade"}, []string{x + ".trade"}, 3},
			{[]string{x + ".social", x + ".trade", x + ".social"}, []string{x + ".social", x + ".trade"}, 4},
		} {
			ack := c.Join(step.ask...)
			if !stage.SameSet(ack.Subscribed, step.subscribed) || ack.Count != step.count {
				t.Errorf("%v: got %s, want %v and count %d", step.ask, ack, step.subscribed, step.count)
			}
			if ack.Recovered != nil || ack.Lost != nil {
				t.Errorf("an ack without a cursor tells of recovery: %s", ack)
			}
			t.Fact(fmt.Sprint("in the command's order ", i), slices.Equal(ack.Subscribed, step.subscribed))
		}
		// An escape is another spelling of the same.
		ack := c.Raw(`{"type":"subscribe","data":{"channels":["` + x + `.tr\u0061de","` + x + `.trade"]}}`)
		if !slices.Equal(ack.Subscribed, []string{x + ".trade"}) || ack.Count != 4 {
			t.Errorf("got %s", ack)
		}
	},
}, {
	ID: "P4.1d", Says: "cursor has an entry for each event held", Run: func(t *T) {
		c, x := stage.Dial(t, t.Server()), stage.Symbol()
		for _, step := range []struct{ join, has []string }{
			{[]string{x + ".trade"}, []string{"trade"}},
			{[]string{"*.social"}, []string{"trade", "social"}},
			{[]string{x + ".*"}, t.Server().Topics.Events},
		} {
			ack := c.Join(step.join...)
			var has []string
			for event, position := range ack.Cursor {
				has = append(has, event)
				if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(position.Log) || len(position.At) > 12 {
					t.Errorf("%s: %+v", event, position)
				}
			}
			if !stage.SameSet(has, step.has) {
				t.Errorf("after %v: the cursor has %v", step.join, has)
			}
		}
	},
}, {
	ID: "P4.1e", Says: "cursor says where what follows starts: all after it comes, nothing up to it", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		type place struct {
			offset int64
			n      int
		}
		var all []place
		var partition int32
		publish := func() {
			var records []stage.Record
			for range 20 {
				records = append(records, stage.Counted("trade", x, len(all)+len(records)+1))
			}
			for _, p := range s.Topics.Publish(t, records...) {
				partition = p.Partition
				all = append(all, place{int64(p.Offset), len(all) + 1})
			}
		}
		// Each joins while records come.
		publish()
		var joined []*stage.Conn
		for range 10 {
			c := stage.Dial(t, s)
			if _, err := c.Subscribe(check.Subscription{Channels: []string{x + ".trade"}}); err != nil {
				t.Fatal(err)
			}
			publish()
			joined = append(joined, c)
		}
		for _, c := range joined {
			ack := c.Want("subscription_ack")
			at := ack.Cursor["trade"].Last(partition)
			for _, p := range all {
				if p.offset <= at {
					continue
				}
				if f := c.Message(x+".trade", p.n); f.Pos != stage.Pos("trade", partition, p.offset) {
					t.Errorf("got %s, want offset %d", f, p.offset)
				}
			}
			c.Heartbeat()
		}
	},
}}

// P4.2: what a subscribe is refused for.
var refusedCases = []Case{{
	ID: "P4.2a", Says: "it is all or nothing", Run: func(t *T) {
		x := stage.Symbol()
		allowed := []string{x + ".trade", x + ".social"}
		c := stage.DialWith(t, t.ServerWith(withTokens), coveredBy(t, stage.Symbol(), "*.trade", "*.social"))
		c.Refused(check.Subscription{Channels: append(allowed, x+".weather")}, wire.ChannelInvalid)
		c.Refused(check.Subscription{Channels: append(allowed, x)}, wire.ChannelInvalid)
		c.Refused(check.Subscription{Channels: append(allowed, x+".balances")}, wire.Forbidden)
		if pong := c.Heartbeat(); len(pong.Cursor) != 0 {
			t.Errorf("got %s", pong)
		}
		c.Holds()
		c.Join(allowed...)
		c.Refused(check.Subscription{Channels: []string{"weather", x + ".trade"}}, wire.ChannelInvalid)
		c.Holds(allowed...)
	},
}, {
	ID: "P4.2b", Says: "an empty list gets BAD_REQUEST", Run: func(t *T) {
		refuseAll(t, []fault{
			{text: `{"type":"subscribe","id":1,"data":{"channels":[]}}`, code: wire.BadRequest, id: "1", says: "channels"},
			{text: withData(`"channels":[],"last":1`), code: wire.BadRequest, says: "channels"},
			{text: withData(`"channels":[],"cursor":{}`), code: wire.BadRequest, says: "channels"},
		})
	},
}, {
	ID: "P4.2c", Says: "a malformed pattern, or a literal event that this server does not have, CHANNEL_INVALID", Run: func(t *T) {
		refuseAll(t, []fault{
			{text: subscribing("A"), code: wire.ChannelInvalid, says: "A"},
			{text: subscribing("A.weather"), code: wire.ChannelInvalid, says: "weather"},
			{text: subscribing("*.weather"), code: wire.ChannelInvalid, says: "weather"},
			{text: withData(`"channels":["A.weather"],"last":1`), code: wire.ChannelInvalid, says: "weather"},
			{text: withData(`"channels":["A.weather"],"cursor":{"weather":{"log":"a","at":[]}}`), code: wire.ChannelInvalid, says: "weather"},
		})
	},
}, {
	ID: "P4.2d", Says: "more than limits.channels in all, CHANNEL_LIMIT; so many are right", Run: func(t *T) {
		c, x := stage.Dial(t, t.Server()), stage.Symbol()
		most := c.Welcome.Limits.Channels
		var channels []string
		for i := range most + 1 {
			channels = append(channels, fmt.Sprintf("%s-%d.trade", x, i))
		}
		c.Refused(check.Subscription{Channels: channels}, wire.ChannelLimit)
		c.Join(channels[:most-1]...)
		c.Refused(check.Subscription{Channels: channels[most-1:]}, wire.ChannelLimit)
		// What is held, or stands twice, counts once.
		if ack := c.Join(channels[most-1], channels[0], channels[most-1]); ack.Count != most {
			t.Errorf("got %s, want count %d", ack, most)
		}
		c.Refused(check.Subscription{Channels: []string{x + ".*"}}, wire.ChannelLimit)
		c.Ask("unsubscribe", check.Subscription{Channels: channels[:1]})
		c.Join(x + ".*")
		c.Holds(append(channels[1:most], x+".*")...)
	},
}, {
	ID: "P4.2e", Says: "a pattern that the token does not cover, FORBIDDEN", Run: func(t *T) {
		c := stage.DialWith(t, t.ServerWith(withTokens), coveredBy(t, stage.Symbol(), "A.trade", "*.social"))
		for _, pattern := range []string{"B.trade", "*.trade", "A.*", "A.balances"} {
			c.Refused(check.Subscription{Channels: []string{pattern}}, wire.Forbidden)
		}
		c.Refused(check.Subscription{Channels: []string{"B.trade"}, Last: 1}, wire.Forbidden)
		c.Refused(check.Subscription{Channels: []string{"B.trade"}, Cursor: wire.Cursor{}}, wire.Forbidden)
		c.Join("A.trade", "*.social", "B.social")
	},
}, {
	ID: "P4.2f", Says: "a symbol need not exist: its messages come when there are some", Run: func(t *T) {
		s, x := t.Server(), stage.Symbol()
		c, early := stage.Dial(t, s), stage.Dial(t, s)
		early.Join(x + ".*")
		c.Join(x + ".favorites")
		c.Heartbeat()
		s.Topics.Count(t, "favorites", x, 1, 2)
		c.Counts(x+".favorites", 1, 2)
		early.Counts(x+".favorites", 1, 2)
	},
}}

// coveringToken is a token of the subject whose claim channels has the patterns.
func coveringToken(t *T, sub string, patterns ...string) string {
	claims := who(sub, later)
	claims["channels"] = patterns
	return token(t, claims)
}

// coveredBy connects with such a token, to a server of withTokens.
func coveredBy(t *T, sub string, patterns ...string) check.Options {
	return bearer(coveringToken(t, sub, patterns...))
}
