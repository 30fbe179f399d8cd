package conformance

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P7: resume. p07_lost.go has what cannot be recovered, p07_wait.go a cursor that is ahead, p07_replay.go what goes on
// beside a replay, p07_newest.go the newest messages first.
var resumeCases = slices.Concat(afterCases, lostCases, besideCases, aheadCases, busyCases, leavingCases, newestCases)

var afterCases = []Case{{
	ID: "P7.1a", Says: "a resume brings every message after the cursor and goes on live: no hole, no message twice", Run: func(t *T) {
		tp := t.Topics(3, "trade", "social")
		s := t.Start(tp, nil)
		x := stage.Symbol()
		channels := []string{x + ".*", "*.trade"}
		publish := func(from, to int) {
			tp.Count(t, "trade", x, from, to)
			tp.Count(t, "social", x, from, to)
		}
		stream := check.NewStream()
		c := stage.Dial(t, s)
		c.Join(channels...)
		publish(1, 20)
		for stream.Last(x+".trade") < 10 || stream.Last(x+".social") < 10 {
			stream.Take(c.Want("message"))
		}
		cursor := cut(t, c, stream)
		publish(21, 500)

		c = stage.Dial(t, s)
		if _, err := c.Subscribe(check.Subscription{Channels: channels, Cursor: cursor}); err != nil {
			t.Fatal(err)
		}
		publish(501, 600) // while it is replayed
		kinds := map[string]int{}
		for stream.Last(x+".trade") < 600 || stream.Last(x+".social") < 600 {
			f := c.Take()
			kinds[f.Type]++
			stream.Take(f)
		}
		noteStream(t, stream)
		if kinds["subscription_ack"] != 1 || kinds["replay_complete"] > 1 {
			t.Errorf("beside the messages came %v", kinds)
		}
	},
}, {
	ID: "P7.1b", Says: "a replay is ascending by offset in each partition, over all of the event's channels", Run: func(t *T) {
		tp := t.Topics(3, "trade")
		symbols := []string{stage.Symbol(), stage.Symbol(), stage.Symbol(), stage.Symbol(), stage.Symbol()}
		var records []stage.Record
		for n := 1; n <= 600; n++ {
			r := stage.Counted("trade", symbols[rand.IntN(len(symbols))], n)
			r.Partition = rand.Int32N(3) + 1
			records = append(records, r)
		}
		tp.Publish(t, records...)
		s := t.Start(tp, nil)
		log := stage.Dial(t, s).Join("*.trade").Cursor["trade"].Log
		_, end, replay := recovered(t, stage.Dial(t, s), check.Subscription{
			Channels: []string{"*.trade"}, Cursor: wire.Cursor{"trade": {Log: log, At: []int64{}}},
		})
		next := make([]int64, 3)
		for _, f := range replay {
			_, partition, offset, _ := f.Position()
			if offset != next[partition] {
				t.Fatalf("got %s, the partition's next is %d", f, next[partition])
			}
			next[partition]++
		}
		if len(replay) != len(records) {
			t.Errorf("got %s, %d records were published", end, len(records))
		}
	},
}, {
	ID: "P7.1c", Says: "the ack's cursor is where what follows starts: for an event that is resumed the client's own", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x+".trade", x+".social")
		publish := func(from, to int) {
			s.Topics.Count(t, "trade", x, from, to)
			s.Topics.Count(t, "social", x, from, to)
			for range 2 * (to - from + 1) {
				c.Want("message")
			}
		}
		publish(1, 1) // so that it is somewhere
		own := c.Heartbeat().Cursor
		publish(2, 4)
		ack, end, _ := recovered(t, stage.Dial(t, s), check.Subscription{Channels: []string{x + ".trade", x + ".social"}, Cursor: own})
		if !samePlace(ack.Cursor, own) {
			t.Errorf("got %s, the client's cursor is %v", ack, own)
		}
		if samePlace(end.Cursor, own) {
			t.Errorf("got %s, no further than the ack", end)
		}
	},
}, {
	ID: "P7.1d", Says: "replayed is how many messages this replay brought", Run: func(t *T) {
		tp := t.Topics(1, "trade", "social")
		x := stage.Symbol()
		tp.Count(t, "trade", x, 1, 7)
		tp.Count(t, "trade", stage.Symbol(), 1, 5)
		tp.Count(t, "social", x, 1, 4)
		s := t.Start(tp, nil)
		now := stage.Dial(t, s).Join("*.trade", "*.social").Cursor
		c := stage.Dial(t, s)
		for i, test := range []struct {
			event string
			count int
		}{{"trade", 7}, {"social", 4}} {
			_, end, _ := recovered(t, c, check.Subscription{Channels: []string{x + "." + test.event}, Cursor: fromStart(now, test.event)})
			if end.Replayed != uint64(test.count) {
				t.Errorf("got %s, want replayed %d", end, test.count)
			}
			if pong, all := c.Heartbeat(), []uint64{7, 11}[i]; pong.Replayed != all || pong.Sent != all {
				t.Errorf("got %s, %d were replayed in all", pong, all)
			}
		}
	},
}, {
	ID: "P7.1e", Says: "recovered and lost stand in the ack only when the command had a cursor", Run: func(t *T) {
		s := t.Server()
		told := func(name string, sub check.Subscription, want bool) {
			c := stage.Dial(t, s)
			ack := c.Acked(sub)
			hasRecovered, hasLost := strings.Contains(string(ack.Raw), `"recovered":`), strings.Contains(string(ack.Raw), `"lost":`)
			if hasRecovered != want || hasLost != want {
				t.Errorf("%s: got %s", name, ack)
			}
		}
		x := []string{stage.Symbol() + ".trade"}
		cursor := stage.Dial(t, s).Join(x...).Cursor
		told("with a cursor", check.Subscription{Channels: x, Cursor: cursor}, true)
		told("with an empty cursor", check.Subscription{Channels: x, Cursor: wire.Cursor{}}, true)
		told("without", check.Subscription{Channels: x}, false)
		told("with last", check.Subscription{Channels: x, Last: 3}, false)
	},
}, {
	ID: "P7.1f", Says: "a replay of nothing has its replay_complete, too", Run: func(t *T) {
		s := t.Server()
		x := []string{stage.Symbol() + ".trade"}
		cursor := stage.Dial(t, s).Join(x...).Cursor
		for _, cursor := range []wire.Cursor{cursor, {}} {
			ack, end, _ := recovered(t, stage.Dial(t, s), check.Subscription{Channels: x, Cursor: cursor})
			if end.Replayed != 0 || len(ack.Lost) != 0 {
				t.Errorf("got %s", end)
			}
		}
	},
}}
