package conformance

import (
	"slices"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P7.5: what goes on beside a replay.
var besideCases = []Case{{
	ID: "P7.5a", Says: "during a resume the connection's other events go on live", Run: func(t *T) {
		s := t.ServerWith(patient)
		l := longReplay(t, s, stage.Symbol()+".social")
		s.Topics.Count(t, "social", l.live, 1, 10)
		l.witness.Counts(l.live+".social", 1, 10)
		l.c.Unstall()
		end, before := l.c.UntilType("replay_complete")
		stream, social := check.NewStream(), check.NewStream()
		for _, f := range before {
			if f.Channel == l.live+".social" {
				social.Take(f)
				if at := stream.Last(l.x + ".trade"); at == many {
					t.Errorf("%s came after the whole replay", f)
				}
				continue
			}
			stream.Take(f)
		}
		noteStream(t, stream)
		if err := social.Err(map[string]int64{l.live + ".social": 10}); err != nil {
			t.Error(err)
		}
		if end.Replayed != many {
			t.Errorf("got %s, want replayed %d: what is live does not count", end, many)
		}
	},
}, {
	ID: "P7.5b", Says: "until replay_complete new messages of the replayed events come in its order and count as replayed", Run: func(t *T) {
		s := t.ServerWith(patient)
		l := longReplay(t, s)
		s.Topics.Count(t, "trade", l.x, many+1, many+50)
		l.witness.Counts(l.x+".trade", many+1, many+50)
		l.c.Unstall()
		end, before := l.c.UntilType("replay_complete")
		if before[0].Type != "subscription_ack" {
			t.Fatalf("got %s first", before[0])
		}
		stream := check.NewStream()
		takeAll(stream, before)
		if err := stream.Err(map[string]int64{l.x + ".trade": many + 50}); err != nil {
			t.Error(err)
		}
		if end.Replayed != many+50 {
			t.Errorf("got %s, %d came before it", end, len(before)-1)
		}
		s.Topics.Count(t, "trade", l.x, many+51, many+55)
		l.c.Counts(l.x+".trade", many+51, many+55)
		if pong := l.c.Heartbeat(); pong.Replayed != many+50 || pong.Sent != many+55 {
			t.Errorf("got %s, want %d replayed and 5 more sent", pong, many+50)
		}
	},
}, {
	ID: "P7.5c", Says: "the replayed events join the others at replay_complete: after it all are live", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		c, witness := stage.Dial(t, s), stage.Dial(t, s)
		c.Join(x + ".social")
		cursor := witness.Join(x + ".trade").Cursor
		s.Topics.Count(t, "trade", x, 1, 3)
		witness.Counts(x+".trade", 1, 3)
		_, end, _ := recovered(t, c, check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor})
		if got := entries(end.Cursor); !slices.Equal(got, []string{"social", "trade"}) {
			t.Errorf("got %s, want both events in its cursor", end)
		}
		stream := check.NewStream()
		stream.After(x+".trade", int64(end.Replayed))
		s.Topics.Count(t, "social", x, 1, 3)
		follow(t, c, stream, x+".social", 3)
		s.Topics.Count(t, "trade", x, 4, 6)
		follow(t, c, stream, x+".trade", 6)
	},
}}

// P7.8 and P7.9: a client that gives up what is replayed, or reads it too slowly.
var leavingCases = []Case{{
	ID: "P7.8a", Says: "unsubscribe during a replay takes effect at once, and replay_complete still comes", Run: func(t *T) {
		s := t.ServerWith(patient)
		for _, data := range []any{nil, "channel"} {
			l := longReplay(t, s)
			if data != nil {
				data = check.Subscription{Channels: []string{l.x + ".trade"}}
			}
			id, err := l.c.Command("unsubscribe", data)
			if err != nil {
				t.Fatal(err)
			}
			l.c.Unstall()
			frames := []*check.Frame{}
			given, ended := -1, -1
			for given < 0 || ended < 0 {
				f := l.c.Take()
				switch {
				case string(f.ID) == id:
					given = len(frames)
				case f.Type == "replay_complete":
					ended = len(frames)
					if string(f.ID) != l.id || f.Replayed >= many {
						t.Errorf("got %s, want the end of replay %s after a part of it", f, l.id)
					}
				case f.Type == "message" && given >= 0:
					t.Fatalf("%s came after its channel was given up", f)
				}
				frames = append(frames, f)
			}
			if len(entries(frames[given].Cursor)) != 0 || len(entries(frames[ended].Cursor)) != 0 && ended > given {
				t.Errorf("got %s and %s, nothing is held any more", frames[given], frames[ended])
			}
			pong, _ := l.c.Ask("heartbeat", nil)
			if pong.Sent != pong.Replayed || pong.Sent != frames[ended].Replayed {
				t.Errorf("got %s after %s", pong, frames[ended])
			}
		}
	},
}, {
	ID: "P7.8b", Says: "what is not given up is replayed to its end", Run: func(t *T) {
		s := t.ServerWith(patient)
		x, y := stage.Symbol(), stage.Symbol()
		witness := stage.Dial(t, s)
		channels := []string{x + ".trade", y + ".trade"}
		cursor := witness.Join(channels...).Cursor
		s.Topics.Publish(t, slices.Concat(counted("trade", x, 1, many/2, wide), counted("trade", y, 1, many/2, wide))...)
		seen := check.NewStream()
		for seen.Last(x+".trade") < many/2 || seen.Last(y+".trade") < many/2 {
			seen.Take(witness.Want("message"))
		}
		c := stage.DialWith(t, s, narrow)
		c.Stall()
		if _, err := c.Subscribe(check.Subscription{Channels: channels, Cursor: cursor}); err != nil {
			t.Fatal(err)
		}
		given, err := c.Command("unsubscribe", check.Subscription{Channels: []string{x + ".trade"}})
		if err != nil {
			t.Fatal(err)
		}
		c.Unstall()
		_, before := c.Answer(given)
		stream := check.NewStream()
		takeAll(stream, before)
		count := func(frames []*check.Frame) (messages int) {
			for _, f := range frames {
				if f.Type == "message" {
					messages++
				}
			}
			return messages
		}
		end, after := c.UntilType("replay_complete")
		for _, f := range after {
			if f.Channel != y+".trade" {
				t.Fatalf("got %s after its channel was given up", f)
			}
		}
		takeAll(stream, after)
		noteStream(t, stream)
		if last := stream.Last(y + ".trade"); last != many/2 {
			t.Errorf("%s.trade came up to %d of %d", y, last, many/2)
		}
		if end.Replayed != uint64(count(before)+count(after)) {
			t.Errorf("got %s after %d and %d messages", end, count(before), count(after))
		}
	},
}, {
	ID: "P7.8c", Says: "the same holds while the newest messages are brought", Run: func(t *T) {
		s := t.ServerWith(patient)
		c, id, x := longNewest(t, s)
		given, err := c.Command("unsubscribe", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Unstall()
		c.Answer(id)
		_, before := c.Answer(given)
		end, after := c.UntilType("replay_complete")
		if len(after) > 0 || int(end.Replayed) != len(before) || end.Replayed >= 100 {
			t.Errorf("%s.trade: %d messages came, then the channel was given up, then came %v and %s", x, len(before), after, end)
		}
	},
}, {
	ID: "P7.9a", Says: "who reads a replay so slowly that its rest leaves the history is closed with 4001", Run: func(t *T) {
		c, _, x := outrun(t)
		before := c.Closed(wire.CloseSlowConsumer)
		stream := check.NewStream()
		takeAll(stream, before)
		noteStream(t, stream)
		if last := stream.Last(x + ".trade"); last == 0 || last >= 3000 {
			t.Errorf("the replay came up to %d of 3000", last)
		}
		if slices.ContainsFunc(before, func(f *check.Frame) bool { return f.Type == "replay_complete" }) {
			t.Error("a replay that was not brought to its end was called complete")
		}
	},
}, {
	ID: "P7.9b", Says: "it may resume from where it was; what has left the history is then lost", Run: func(t *T) {
		c, s, x := outrun(t)
		c.Closed(wire.CloseSlowConsumer)
		back := stage.Dial(t, s)
		_, _, replay := lost(t, back, check.Subscription{Channels: []string{x + ".trade"}, Cursor: c.Cursor()}, "trade")
		if len(replay) != 0 {
			t.Errorf("%d messages came of what is lost", len(replay))
		}
		s.Topics.Count(t, "trade", x, 1, 2)
		back.Counts(x+".trade", 1, 2)
	},
}}

// long is a connection that has asked for a replay and does not read.
type long struct {
	c       *stage.Conn // stalled; the first frame to come is the ack
	id      string      // of its resume
	x       string      // x.trade is replayed, n = 1..many
	live    string      // the symbol of the channel it held before, if any
	witness *stage.Conn // another one that reads all
}

// longReplay makes one, which may hold one channel of social live.
func longReplay(t *T, s *stage.Server, held ...string) long {
	l := long{x: stage.Symbol(), witness: stage.Dial(t, s), c: stage.DialWith(t, s, narrow)}
	cursor := l.witness.Join(append(held, l.x+".trade")...).Cursor
	if len(held) > 0 {
		l.live = held[0][:len(held[0])-len(".social")]
		l.c.Join(held...)
	}
	s.Topics.Publish(t, counted("trade", l.x, 1, many, wide)...)
	follow(t, l.witness, check.NewStream(), l.x+".trade", many)
	l.c.Stall()
	var err error
	l.id, err = l.c.Subscribe(check.Subscription{Channels: []string{l.x + ".trade"}, Cursor: wire.Cursor{"trade": cursor["trade"]}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// longNewest is a connection that has asked for the newest 100 of x.trade, by the command id, and does not read.
func longNewest(t *T, s *stage.Server) (c *stage.Conn, id, x string) {
	x = stage.Symbol()
	witness := stage.Dial(t, s)
	witness.Join(x + ".trade")
	s.Topics.Publish(t, counted("trade", x, 1, 100, 40_000)...)
	follow(t, witness, check.NewStream(), x+".trade", 100)
	c = stage.DialWith(t, s, narrow)
	c.Stall()
	id, err := c.Subscribe(check.Subscription{Channels: []string{x + ".trade"}, Last: 100})
	if err != nil {
		t.Fatal(err)
	}
	return c, id, x
}

// outrun is a connection whose replay has left the history of a server of the case's own, and which reads again.
func outrun(t *T) (c *stage.Conn, s *stage.Server, x string) {
	tp := t.Topics(1, "trade")
	x = stage.Symbol()
	tp.Publish(t, counted("trade", x, 1, 3000, 1000)...)
	s = t.Start(tp, with(patient, "WS_HISTORY_BYTES", "4MiB"))
	cursor := fromStart(stage.Dial(t, s).Join("*.trade").Cursor, "trade")
	c = stage.DialWith(t, s, narrow)
	c.Stall()
	if _, err := c.Subscribe(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor}); err != nil {
		t.Fatal(err)
	}
	stage.Eventually(t, "the resume to be taken", func() bool { return s.Metric(t, "ws_resumes_total", "result", "recovered") == 1 })
	tp.Publish(t, counted("trade", stage.Symbol(), 1, 8000, 1000)...)
	stage.Eventually(t, "the client to be closed", func() bool { return s.Metric(t, "ws_connections_closed_total", "code", "4001") >= 1 })
	c.Unstall()
	return c, s, x
}
