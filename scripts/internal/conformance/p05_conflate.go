package conformance

import (
	"encoding/json"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// conflating is a server that conflates trades, and waits for clients that do not read.
var conflating = stage.Settings{"WS_CONFLATE_EVENTS": "trade,balances", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"}

// P5.5: conflation.
var conflateCases = []Case{{
	ID: "P5.5a", Says: "while a client is behind, a message is passed over when the channel has a newer one already", Run: func(t *T) {
		c, x, most := stuckConflated(t)
		got, _ := untilTrade(t, c, x, most)
		pong := c.Heartbeat()
		if pong.Merged == 0 || len(got) == most {
			t.Errorf("got %s after %d messages, want some merged", pong, len(got))
		}
		for i := 1; i < len(got); i++ {
			if got[i] <= got[i-1] {
				t.Errorf("n %d came after %d", got[i], got[i-1])
			}
		}
	},
}, {
	ID: "P5.5b", Says: "the newest goes out at its own place with its own pos", Run: func(t *T) {
		s, x, y := t.ServerWith(conflating), stage.Symbol(), stage.Symbol()
		c := stuckIn(t, s, x, y, 1)
		in := func(symbol string, n int) stage.Record {
			r := stage.Counted("trade", symbol, n)
			r.Partition = 1
			return r
		}
		// The newest of y lies before the newest of x, whatever they began with.
		places := s.Topics.Publish(t, in(x, 9001), in(y, 1), in(y, 2), in(x, 9002))
		readUpTo(t, s, x+".trade", 9002)
		c.Unstall()
		var last, before *check.Frame
		for last == nil || !strings.HasPrefix(string(last.Data), `{"n":9002`) {
			before, last = last, c.Want("message")
		}
		if y2, x2 := int64(places[2].Offset), int64(places[3].Offset); last.Pos != stage.Pos("trade", 0, x2) ||
			before.Channel != y+".trade" || before.Pos != stage.Pos("trade", 0, y2) {
			t.Errorf("the last two are %s and %s, want the newest of %s at offset %d and of %s at %d", before, last, y, y2, x, x2)
		}
		c.Heartbeat()
	},
}, {
	ID: "P5.5c", Says: "a tombstone is never passed over", Run: func(t *T) {
		s, x, y := t.ServerWith(conflating), stage.Symbol(), stage.Symbol()
		c := stuckIn(t, s, x, y, 3)
		var want []string
		for n := range 5 {
			want = append(want, s.Topics.PublishOne(t, stage.Record{Event: "trade", Symbol: y, Partition: 3}))
			r := stage.Counted("trade", y, n+1)
			r.Partition = 3
			s.Topics.Publish(t, r)
		}
		readUpTo(t, s, y+".trade", 5)
		c.Unstall()
		for {
			f := c.Want("message")
			if f.Channel != y+".trade" {
				continue
			}
			if string(f.Data) == `{"n":5}` {
				break
			}
			if string(f.Data) == "null" && len(want) > 0 && f.Pos == want[0] {
				want = want[1:]
				continue
			}
			t.Fatalf("got %s, want the tombstone at %v", f, want)
		}
		if len(want) > 0 {
			t.Errorf("the tombstones at %v did not come", want)
		}
		c.Heartbeat()
	},
}, {
	ID: "P5.5d", Says: "each passed over is counted in merged and takes no seq", Run: func(t *T) {
		c, x, most := stuckConflated(t)
		got, frames := untilTrade(t, c, x, most)
		pong := c.Heartbeat()
		if pong.Sent != uint64(len(got)) || pong.Sent+pong.Merged != uint64(most) {
			t.Errorf("got %s after %d messages of %d", pong, len(got), most)
		}
		for i, f := range frames {
			if f.Seq != uint64(i+1) {
				t.Errorf("got %s as message %d", f, i+1)
			}
		}
	},
}, {
	ID: "P5.5e", Says: "events that are not named are not conflated", Run: func(t *T) {
		s, x, y := t.ServerWith(conflating), stage.Symbol(), stage.Symbol()
		c := stuckIn(t, s, x, y, 2)
		s.Topics.Count(t, "social", x, 1, 200)
		readUpTo(t, s, x+".social", 200)
		c.Unstall()
		for n := 1; n <= 200; {
			f := c.Want("message")
			if f.Channel != x+".social" {
				continue
			}
			var payload struct{ N int }
			if err := json.Unmarshal(f.Data, &payload); err != nil || payload.N != n {
				t.Fatalf("got %s, want n %d", f, n)
			}
			n++
		}
		c.Heartbeat()
	},
}, {
	ID: "P5.5f", Says: "a client that keeps up is spared nothing", Run: func(t *T) {
		s, x := t.ServerWith(conflating), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		for n := 1; n <= 50; n++ {
			s.Topics.Count(t, "trade", x, n, n)
			c.Message(x+".trade", n)
		}
		if pong := c.Heartbeat(); pong.Sent != 50 || pong.Merged != 0 {
			t.Errorf("got %s", pong)
		}
	},
}, {
	ID: "P5.5g", Says: "the same holds for a resume of such an event, and for no other", Run: func(t *T) {
		s, x, y := t.ServerWith(conflating), stage.Symbol(), stage.Symbol()
		cursor := stage.Dial(t, s).Join(x+".trade", y+".trade", x+".social").Cursor
		s.Topics.Count(t, "trade", x, 1, 30)
		tombstone := s.Topics.PublishOne(t, stage.Record{Event: "trade", Symbol: x})
		s.Topics.Count(t, "trade", x, 31, 60)
		s.Topics.Count(t, "trade", y, 1, 1)
		s.Topics.Count(t, "social", x, 1, 40)
		for channel, n := range map[string]int{x + ".trade": 60, y + ".trade": 1, x + ".social": 40} {
			readUpTo(t, s, channel, n)
		}
		c := stage.Dial(t, s)
		c.Acked(check.Subscription{Channels: []string{x + ".trade", y + ".trade", x + ".social"}, Cursor: cursor})
		end, before := c.UntilType("replay_complete")
		social := 0
		var trades []string
		for _, f := range before {
			if f.Channel == x+".social" {
				social++
			} else {
				trades = append(trades, strings.TrimSuffix(f.Channel, ".trade")+" "+string(f.Data))
			}
		}
		want := []string{x + " null", x + ` {"n":60}`, y + ` {"n":1}`}
		if !stage.SameSet(trades, want) || social != 40 || end.Replayed != 43 {
			t.Errorf("got %v and %d of social, then %s; want %v and 40", trades, social, end, want)
		}
		for _, f := range before {
			if string(f.Data) == "null" && f.Pos != tombstone {
				t.Errorf("got %s, the tombstone is at %s", f, tombstone)
			}
		}
		if pong := c.Heartbeat(); pong.Merged != 59 || pong.Sent != 43 || pong.Replayed != 43 {
			t.Errorf("got %s, want sent 43 and merged 59", pong)
		}
	},
}, {
	ID: "P5.5h", Says: "what last brings is never conflated", Run: func(t *T) {
		s, x := t.ServerWith(conflating), stage.Symbol()
		s.Topics.Count(t, "trade", x, 1, 60)
		readUpTo(t, s, x+".trade", 60)
		c := stage.Dial(t, s)
		c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Last: 50})
		c.Counts(x+".trade", 11, 60)
		c.Replay(50)
		if pong := c.Heartbeat(); pong.Merged != 0 {
			t.Errorf("got %s", pong)
		}
	},
}}

// stuckConflated is a client that is behind in one channel, which is conflated, and is about to read on. The server has
// read most messages of the channel.
func stuckConflated(t *T) (c *stage.Conn, symbol string, most int) {
	s, x := t.ServerWith(conflating), stage.Symbol()
	c = stuckIn(t, s, x, stage.Symbol(), 0)
	c.Unstall()
	return c, x, conflatedMost
}

const conflatedMost = 300

// stuckIn connects, joins both symbols' trades and the first's social, stops reading, and waits until the server has read
// more of the first symbol's trades than its socket has room for. They go to the partition, counted from 1; 0 leaves it
// to the key. In a partition trades follow that cannot be passed over, each of a channel of its own: what is published there
// later stays behind them, even if the socket gets a little room while the client reads nothing.
func stuckIn(t *T, s *stage.Server, x, y string, partition int32) *stage.Conn {
	c := stage.DialWith(t, s, check.Options{ReadBuffer: smallWindow})
	channels := []string{x + ".trade", y + ".trade", x + ".social"}
	records := paddedTrades(x, conflatedMost-1)
	if partition > 0 {
		for range 200 {
			symbol := stage.Symbol()
			channels = append(channels, symbol+".trade")
			records = append(records, paddedTrades(symbol, 1)...)
		}
	}
	records = append(records, stage.Counted("trade", x, conflatedMost))
	c.Join(channels...)
	c.Stall()
	for i := range records {
		records[i].Partition = partition
	}
	s.Topics.Publish(t, records...)
	readUpTo(t, s, x+".trade", conflatedMost)
	return c
}

// untilTrade takes the messages of the symbol's trades, up to the n-th.
func untilTrade(t *T, c *stage.Conn, symbol string, n int) (got []int, frames []*check.Frame) {
	for len(got) == 0 || got[len(got)-1] < n {
		f := c.Want("message")
		var payload struct{ N int }
		if err := json.Unmarshal(f.Data, &payload); err != nil || f.Channel != symbol+".trade" {
			t.Fatalf("got %s, want one of %s", f, symbol)
		}
		got, frames = append(got, payload.N), append(frames, f)
	}
	return got, frames
}
