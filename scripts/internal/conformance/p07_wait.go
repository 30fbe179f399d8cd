package conformance

import (
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// aheadTime is how long a cursor may wait to be read (P7.6).
const aheadTime = 5 * time.Second

// P7.6: a cursor ahead of what the server has read.
var aheadCases = []Case{{
	ID: "P7.6a", Says: "a subscribe whose cursor is ahead, within the log, waits until it is read", Run: func(t *T) {
		s, c, x, cursor := late(t, 350) // 3.5 s
		id, err := c.Subscribe(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		c.Heartbeat() // answered before the subscribe: that one waits
		ack, before := c.Answer(id)
		if ack.Type != "subscription_ack" || len(before) > 0 || ack.Recovered == nil || !*ack.Recovered || !samePlace(ack.Cursor, cursor) {
			t.Fatalf("got %s after %v, want %v recovered", ack, before, cursor)
		}
		replayed(t, c, ack)
		s.Topics.Count(t, "trade", x, 351, 352)
		c.Counts(x+".trade", 351, 352)
	},
}, {
	ID: "P7.6b", Says: "after 5 s it gets UNAVAILABLE, temporary, and nothing has changed", Run: func(t *T) {
		_, c, x, cursor := late(t, 1500) // 15 s
		c.Join(x + ".social")
		began := time.Now()
		c.Refused(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor}, wire.Unavailable)
		if took := time.Since(began); took < aheadTime-500*time.Millisecond || took > 4*aheadTime {
			t.Errorf("UNAVAILABLE after %v, want %v", took, aheadTime)
		}
		c.Holds(x + ".social")
	},
}, {
	ID: "P7.6c", Says: "other commands go on meanwhile", Run: func(t *T) {
		s, c, x, cursor := late(t, 350)
		id, err := c.Subscribe(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		c.Join(x+".social", x+".creation")
		c.Heartbeat()
		c.Ask("unsubscribe", check.Subscription{Channels: []string{x + ".social"}})
		c.Refused(check.Subscription{Channels: []string{"x"}}, wire.ChannelInvalid)
		s.Topics.Count(t, "creation", x, 1, 3)
		ack, before := c.Answer(id)
		for _, f := range before { // they come if they are read before it
			if f.Channel != x+".creation" {
				t.Errorf("got %s while the subscribe waits", f)
			}
		}
		if ack.Type != "subscription_ack" || ack.Count != 2 {
			t.Errorf("got %s", ack)
		}
	},
}, {
	ID: "P7.6d", Says: "a cursor beyond the end of the log is lost, to the offset", Run: func(t *T) {
		tp := t.Topics(2, "trade")
		x := stage.Symbol()
		var records []stage.Record
		for n := 1; n <= 5; n++ {
			r := stage.Counted("trade", x, n)
			r.Partition = 2
			records = append(records, r)
		}
		tp.Publish(t, records...)
		s := t.Start(tp, nil)
		log := stage.Dial(t, s).Join("*.trade").Cursor["trade"].Log
		for _, at := range [][]int64{{-1, 5}, {0, 4}, {-1, 1 << 40}} {
			_, _, replay := lost(t, stage.Dial(t, s), check.Subscription{
				Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: log, At: at}},
			}, "trade")
			if len(replay) != 0 {
				t.Errorf("%v brought %d messages", at, len(replay))
			}
		}
		recovered(t, stage.Dial(t, s), check.Subscription{Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: log, At: []int64{-1, 4}}}})
	},
}, {
	ID: "P7.6e", Says: "so is, after that wait, one of a topic that is not there", Run: func(t *T) {
		tp := stage.NameTopics(t, t.Brokers(), "trade", "social")
		tp.Create(t, 1, "social")
		x := stage.Symbol()
		tp.Count(t, "social", x, 1, 3)
		s := t.Start(tp, nil)
		social := fromStart(stage.Dial(t, s).Join("*.social").Cursor, "social")
		replay := lostInTheEnd(t, stage.Dial(t, s), check.Subscription{
			Channels: []string{x + ".*"}, Cursor: wire.Cursor{"social": social["social"], "trade": {Log: "0123456789abcdef", At: []int64{3}}},
		}, "trade")
		if len(replay) != 3 {
			t.Errorf("of the topic that is there came %d messages, want 3", len(replay))
		}
	},
}, {
	ID: "P7.6f", Says: "so is, after that wait, one of partitions that are not there", Run: func(t *T) {
		tp := t.Topics(1, "trade", "social")
		x := stage.Symbol()
		tp.Count(t, "social", x, 1, 3)
		s := t.Start(tp, nil)
		cursor := stage.Dial(t, s).Join("*.trade", "*.social").Cursor
		cursor["social"] = wire.Position{Log: cursor["social"].Log, At: []int64{}}
		cursor["trade"] = wire.Position{Log: cursor["trade"].Log, At: []int64{-1, -1, 0}}
		replay := lostInTheEnd(t, stage.Dial(t, s), check.Subscription{Channels: []string{x + ".*"}, Cursor: cursor}, "trade")
		if len(replay) != 3 {
			t.Errorf("of the event that is whole came %d messages, want 3", len(replay))
		}
		// A partition of which nothing is claimed takes nothing away.
		cursor["trade"] = wire.Position{Log: cursor["trade"].Log, At: []int64{-1, -1, -1}}
		recovered(t, stage.Dial(t, s), check.Subscription{Channels: []string{x + ".*"}, Cursor: cursor})
	},
}}

// P7.7: one replay at a time.
var busyCases = []Case{{
	ID: "P7.7a", Says: "a subscribe with cursor or last while another one replays gets BUSY, temporary", Run: func(t *T) {
		s := t.ServerWith(patient)
		l := longReplay(t, s)
		y := stage.Symbol()
		busy(t, l.c, y, func() { l.c.Unstall() })
		stream := check.NewStream()
		end, before := l.c.UntilType("replay_complete")
		takeAll(stream, before)
		stream.After(l.x+".trade", stream.Last(l.x+".trade"))
		if end.Replayed != many {
			t.Errorf("got %s, the commands between must not hurt it", end)
		}
		// Temporary: the same is possible now.
		recovered(t, l.c, check.Subscription{Channels: []string{y + ".social"}, Cursor: wire.Cursor{}})
		l.c.Acked(check.Subscription{Channels: []string{stage.Symbol() + ".social"}, Last: 5})
		l.c.Replay(0)
	},
}, {
	ID: "P7.7b", Says: "so it does while another one brings the newest messages first", Run: func(t *T) {
		s := t.ServerWith(patient)
		c, _, _ := longNewest(t, s)
		busy(t, c, stage.Symbol(), func() { c.Unstall() })
		if end, _ := c.UntilType("replay_complete"); end.Replayed != 100 {
			t.Errorf("got %s, want replayed 100", end)
		}
	},
}, {
	ID: "P7.7c", Says: "so it does while another one waits for its cursor to be read", Run: func(t *T) {
		_, c, x, cursor := late(t, 350)
		id, err := c.Subscribe(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		busy(t, c, stage.Symbol(), func() {})
		switch answer, _ := c.Answer(id); answer.Type {
		case "subscription_ack":
			c.Replay(0)
		case "error":
			c.IsError(answer, wire.Unavailable) // the machine is too busy to read so much in time
		default:
			t.Errorf("got %s", answer)
		}
	},
}}

// lostInTheEnd is lost for an event that the server has to look for: while it has not looked, the subscribe is
// UNAVAILABLE and is sent again. It looks every few seconds, so the second answer is a judgement on any machine that is
// not overrun.
func lostInTheEnd(t *T, c *stage.Conn, s check.Subscription, event string) (replay []*check.Frame) {
	for range 3 {
		answer, _ := c.AskFor(s)
		if answer.Type == "error" {
			c.IsError(answer, wire.Unavailable)
			continue
		}
		if answer.Type != "subscription_ack" || answer.Recovered == nil || *answer.Recovered || !stage.SameSet(answer.Lost, []string{event}) {
			t.Fatalf("got %s for the cursor %v, want %s lost", answer, s.Cursor, event)
		}
		_, replay = replayed(t, c, answer)
		return replay
	}
	t.Fatalf("the cursor %v stayed UNAVAILABLE", s.Cursor)
	return nil
}

// busy sends subscribes while a replay is under way: those that ask for another get BUSY, one that does not is
// acknowledged. The connection may be stalled; read lets it read.
func busy(t *T, c *stage.Conn, symbol string, read func()) {
	send := func(s check.Subscription) string {
		s.Channels = []string{symbol + ".social"}
		id, err := c.Subscribe(s)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	withCursor, withLast := send(check.Subscription{Cursor: wire.Cursor{}}), send(check.Subscription{Last: 5})
	plain, err := c.Subscribe(check.Subscription{Channels: []string{stage.Symbol() + ".creation"}})
	if err != nil {
		t.Fatal(err)
	}
	read()
	for _, id := range []string{withCursor, withLast} {
		f, before := c.Answer(id)
		c.IsError(f, wire.Busy)
		for _, f := range before {
			if f.Type == "replay_complete" {
				t.Fatalf("%s came before the commands were answered", f)
			}
		}
	}
	if f, _ := c.Answer(plain); f.Type != "subscription_ack" {
		t.Errorf("got %s for a subscribe that asks for no replay", f)
	}
}

// late is a server of the case's own that reads a hundred records a second and has so many of x before it, and a
// connection to it; cursor is after them.
func late(t *T, records int) (s *stage.Server, c *stage.Conn, x string, cursor wire.Cursor) {
	tp := t.Topics(1, "trade", "social", "creation")
	s = t.Start(tp, stage.Settings{"KAFKA_MAX_RATE": "100"})
	x = stage.Symbol()
	log := stage.Dial(t, s).Join("*.trade").Cursor["trade"].Log
	c = stage.Dial(t, s)
	places := tp.Publish(t, counted("trade", x, 1, records, 0)...)
	return s, c, x, wire.Cursor{"trade": {Log: log, At: []int64{int64(places[records-1].Offset)}}}
}
