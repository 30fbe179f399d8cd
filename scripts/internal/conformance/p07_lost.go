package conformance

import (
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P7.2 to P7.4: which events of a cursor are recovered, lost, ignored or refused.
var lostCases = []Case{{
	ID: "P7.2a", Says: "an event is recovered if the offset after at is within the history, to the offset", Run: func(t *T) {
		s, x, now := yesterdays(t)
		for _, test := range []struct {
			at    []int64
			lost  bool
			comes int
		}{
			{[]int64{499, 9}, false, 1000}, // the history begins 1,000 offsets before the end
			{[]int64{498, 9}, true, 0},
			{[]int64{-1, 9}, true, 0},
			{[]int64{1499, 9}, false, 0},
			{[]int64{1489, 4}, false, 15},
			{[]int64{1499}, false, 10},
			{[]int64{}, true, 0},
		} {
			c := stage.Dial(t, s)
			sub := check.Subscription{Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: now["trade"].Log, At: test.at}}}
			var replay []*check.Frame
			if test.lost {
				_, _, replay = lost(t, c, sub, "trade")
			} else {
				_, _, replay = recovered(t, c, sub)
			}
			if len(replay) != test.comes {
				t.Errorf("from %v came %d messages, want %d", test.at, len(replay), test.comes)
			}
		}
	},
}, {
	ID: "P7.2b", Says: "an event whose log is not the server's is lost", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		cursor := stage.Dial(t, s).Join(x + ".trade").Cursor
		for _, log := range []string{"0123456789abcdef", "x"} {
			cursor["trade"] = wire.Position{Log: log, At: cursor["trade"].At}
			lost(t, stage.Dial(t, s), check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor}, "trade")
		}
	},
}, {
	ID: "P7.2c", Says: "the server decides for each event, never for a part of one", Run: func(t *T) {
		s, x, now := yesterdays(t)
		// One partition of trade could go on; social can.
		cursor := wire.Cursor{"trade": {Log: now["trade"].Log, At: []int64{3, 4}}, "social": {Log: now["social"].Log, At: []int64{3}}}
		_, end, replay := lost(t, stage.Dial(t, s), check.Subscription{Channels: []string{x + ".*"}, Cursor: cursor}, "trade")
		for _, f := range replay {
			if f.Channel != x+".social" {
				t.Errorf("got %s of an event that is lost", f)
			}
		}
		if len(replay) != 6 || !samePlace(end.Cursor, now) {
			t.Errorf("got %s after %d messages of social, want 6", end, len(replay))
		}
	},
}, {
	ID: "P7.2d", Says: "an event that is lost starts as without a cursor", Run: func(t *T) {
		s, x, now := yesterdays(t)
		c := stage.Dial(t, s)
		ack, _, replay := lost(t, c, check.Subscription{
			Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: now["trade"].Log, At: []int64{0, 9}}},
		}, "trade")
		if want := (wire.Cursor{"trade": now["trade"]}); !samePlace(ack.Cursor, want) || len(replay) != 0 {
			t.Errorf("got %s and %d messages, want to start at %v", ack, len(replay), want)
		}
		s.Topics.Publish(t, stage.Counted("trade", x, 7))
		c.Message(x+".trade", 7)
	},
}, {
	ID: "P7.2e", Says: "recovered is true if lost is empty", Run: func(t *T) {
		s, x, now := yesterdays(t)
		trade := wire.Position{Log: now["trade"].Log, At: []int64{0}}
		social := wire.Position{Log: now["social"].Log, At: []int64{0}}
		nowhere := wire.Position{Log: "nowhere", At: []int64{0}}
		channels := []string{x + ".*"}
		recovered(t, stage.Dial(t, s), check.Subscription{Channels: channels, Cursor: wire.Cursor{"social": social}})
		lost(t, stage.Dial(t, s), check.Subscription{Channels: channels, Cursor: wire.Cursor{"social": social, "trade": trade}}, "trade")
		ack, _, _ := lost(t, stage.Dial(t, s), check.Subscription{Channels: channels, Cursor: wire.Cursor{"social": nowhere, "trade": trade}}, "social", "trade")
		t.Fact("order of lost", ack.Lost)
	},
}, {
	ID: "P7.3a", Says: "an event without an entry in the cursor starts as without a cursor and is not lost", Run: func(t *T) {
		s, x, now := yesterdays(t)
		for _, channels := range [][]string{{x + ".trade", x + ".social"}, {x + ".*"}} {
			c := stage.Dial(t, s)
			ack, _, replay := recovered(t, c, check.Subscription{Channels: channels, Cursor: fromStart(now, "social")})
			if !samePlace(wire.Cursor{"trade": ack.Cursor["trade"]}, wire.Cursor{"trade": now["trade"]}) {
				t.Errorf("got %s, want trade to start at %v", ack, now["trade"])
			}
			if len(replay) != 10 {
				t.Errorf("%d messages came, want social's 10", len(replay))
			}
		}
	},
}, {
	ID: "P7.3b", Says: "an entry that a pattern with the event * matches, of an event that the server does not have, is lost", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		c := stage.Dial(t, s)
		cursor := stage.Dial(t, s).Join(x + ".social").Cursor
		cursor["weather"] = wire.Position{Log: "a", At: []int64{1}}
		ack, end, _ := lost(t, c, check.Subscription{Channels: []string{x + ".*"}, Cursor: cursor}, "weather")
		for _, f := range []*check.Frame{ack, end} {
			if !stage.SameSet(entries(f.Cursor), s.Topics.Events) {
				t.Errorf("got %s, the server has %v", f, s.Topics.Events)
			}
		}
	},
}, {
	ID: "P7.3c", Says: "an entry that no pattern of the command matches is ignored", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		for _, other := range []wire.Cursor{
			{"weather": {Log: "a", At: []int64{1}}},
			{"trade": {Log: "another", At: []int64{1}}},
			{"trade": {Log: "", At: []int64{1 << 40}}},
		} {
			cursor := stage.Dial(t, s).Join(x + ".social").Cursor
			for event, position := range other {
				cursor[event] = position
			}
			ack, _, _ := recovered(t, stage.Dial(t, s), check.Subscription{Channels: []string{x + ".social"}, Cursor: cursor})
			if len(ack.Cursor) != 1 {
				t.Errorf("got %s", ack)
			}
		}
	},
}, {
	ID: "P7.4a", Says: "an entry for an event of which the connection holds a channel already gets BAD_REQUEST", Run: func(t *T) {
		s := t.Server()
		x, y := stage.Symbol(), stage.Symbol()
		cursor := stage.Dial(t, s).Join(x+".trade", x+".social").Cursor
		for _, held := range []string{x + ".trade", y + ".trade", y + ".*", "*.trade"} {
			c := stage.Dial(t, s)
			c.Join(held)
			c.Refused(check.Subscription{Channels: []string{x + ".trade", x + ".social"}, Cursor: cursor}, wire.BadRequest)
			if f, _ := c.Ask("unsubscribe", nil); f.Count != 0 || !stage.SameSet(f.Unsubscribed, []string{held}) {
				t.Errorf("after the refusal the connection held %v, want %s", f.Unsubscribed, held)
			}
		}
	},
}, {
	ID: "P7.4b", Says: "whether or not a pattern of the command matches the entry", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		cursor := stage.Dial(t, s).Join(x+".trade", x+".social").Cursor
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		c.Refused(check.Subscription{Channels: []string{x + ".social"}, Cursor: cursor}, wire.BadRequest)
		c.Holds(x + ".trade")
	},
}, {
	ID: "P7.4c", Says: "once its channels of the event are given up, the event may be resumed on the same connection", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		c := stage.Dial(t, s)
		cursor := c.Join(x + ".trade").Cursor
		s.Topics.Count(t, "trade", x, 1, 3)
		c.Counts(x+".trade", 1, 3)
		c.Ask("unsubscribe", nil)
		c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor})
		c.Counts(x+".trade", 1, 3) // again, as the older cursor asks
	},
}}

// yesterdays is a server of the case's own: of x, partition 0 of trade has 1,500 records of yesterday, its partition 1
// and partition 0 of social have 10. now is the end of both.
func yesterdays(t *T) (s *stage.Server, x string, now wire.Cursor) {
	tp := t.Topics(2, "trade", "social")
	x = stage.Symbol()
	var records []stage.Record
	add := func(event string, partition int32, count int) {
		for n := 1; n <= count; n++ {
			r := stage.Counted(event, x, n)
			r.Partition, r.Timestamp = partition+1, time.Now().Add(-24*time.Hour)
			records = append(records, r)
		}
	}
	add("trade", 0, 1500)
	add("trade", 1, 10)
	add("social", 0, 10)
	tp.Publish(t, records...)
	s = t.Start(tp, nil)
	now = stage.Dial(t, s).Join("*.trade", "*.social").Cursor
	want := wire.Cursor{"trade": {Log: now["trade"].Log, At: []int64{1499, 9}}, "social": {Log: now["social"].Log, At: []int64{9, -1}}}
	if !samePlace(now, want) {
		t.Fatalf("a server that is ready is at %v, want %v", now, want)
	}
	return s, x, now
}
