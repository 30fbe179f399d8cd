package conformance

import (
	"math/rand/v2"
	"slices"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P6.3 to P6.6: what a cursor covers, and what it is good for.
var orderCases = []Case{{
	ID: "P6.3a", Says: "a cursor covers exactly the data messages before its frame", Run: func(t *T) {
		s := t.ServerWith(patient)
		x := stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		const rounds, each = 20, 20
		var places []kafka.TopicPartition
		ponged, published := make(chan struct{}, rounds), make(chan struct{})
		go func() {
			defer close(published)
			for n := range rounds {
				// This heartbeat falls among the messages, or before them; the next one is sent in their midst, see below.
				if _, err := c.Command("heartbeat", nil); err != nil {
					return // the frames below tell
				}
				places = append(places, s.Topics.Publish(t, counted("trade", x, n*each+1, (n+1)*each, 0)...)...)
				<-ponged // so that more messages come after it
			}
		}()
		defer func() { close(ponged); <-published }()
		var frames []*check.Frame
		for came, pongs := 0, 0; came < rounds*each || pongs < 2*rounds; {
			f := c.Take()
			frames = append(frames, f)
			switch {
			case f.Type != "message":
				if pongs++; pongs%2 == 0 {
					ponged <- struct{}{}
				}
			default:
				if came++; came%each == each/3 {
					if _, err := c.Command("heartbeat", nil); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		<-published
		exact(t, frames, "trade", places)
	},
}, {
	ID: "P6.3b", Says: "a cursor covers what was passed over by conflation before its frame, and nothing after it", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		s := t.Start(tp, with(patient, "WS_CONFLATE_EVENTS", "trade"))
		x, y := stage.Symbol(), stage.Symbol()
		c := stage.DialWith(t, s, narrow)
		c.Join("*.trade")
		c.Stall()
		var records []stage.Record
		for n := 1; n <= many; n++ {
			symbol := x
			if n%2 == 0 {
				symbol = y
			}
			records = append(records, stage.Padded("trade", symbol, n, wide))
		}
		places := tp.Publish(t, records...)
		fallsBehind(t, s)
		c.Unstall()
		for {
			if _, err := c.Command("heartbeat", nil); err != nil {
				t.Fatal(err)
			}
			pong, before := c.UntilType("pong")
			if n := covered(pong.Cursor, "trade", places); uint64(n) != pong.Sent+pong.Merged {
				t.Fatalf("the cursor of %s covers %d records after %v", pong, n, before)
			} else if n == many {
				if pong.Merged == 0 {
					t.Errorf("nothing was passed over: %s", pong)
				}
				return
			}
		}
	},
}, {
	ID: "P6.3c", Says: "during a replay, too: partitions that it has not come to stay where the client was", Run: func(t *T) {
		tp := t.Topics(2, "trade")
		x, y := stage.Symbol(), stage.Symbol()
		records := slices.Concat(counted("trade", x, 1, many, wide), counted("trade", y, 1, 10, 0))
		for i := range records {
			records[i].Partition = 1 + int32(i/many)
		}
		tp.Publish(t, records[:many]...) // so they are read first
		s := t.Start(tp, patient)
		witness := stage.Dial(t, s)
		log := witness.Join("*.trade").Cursor["trade"].Log
		tp.Publish(t, records[many:]...)
		witness.Counts(y+".trade", 1, 10)

		c := stage.DialWith(t, s, narrow)
		c.Stall()
		own := wire.Cursor{"trade": {Log: log, At: []int64{-1, 9}}}
		if _, err := c.Subscribe(check.Subscription{Channels: []string{"*.trade"}, Cursor: own}); err != nil {
			t.Fatal(err)
		}
		fallsBehind(t, s)
		if _, err := c.Command("heartbeat", nil); err != nil {
			t.Fatal(err)
		}
		c.Unstall()
		ack := c.Want("subscription_ack")
		pong, before := c.UntilType("pong")
		want := wire.Cursor{"trade": {Log: log, At: []int64{int64(len(before)) - 1, 9}}}
		if !samePlace(ack.Cursor, own) || !samePlace(pong.Cursor, want) || len(before) == 0 || len(before) >= many {
			t.Errorf("from %v got %s and, after %d messages, %s", own, ack, len(before), pong)
		}
		stream := check.NewStream()
		takeAll(stream, before)
		cursor := cut(t, c, stream)
		back := stage.Dial(t, s)
		back.Acked(check.Subscription{Channels: []string{"*.trade"}, Cursor: cursor})
		follow(t, back, stream, x+".trade", many)
		back.Want("replay_complete") // what y has, the client had
	},
}, {
	ID: "P6.4a", Says: "a pong goes ahead of data that a client which is behind was not sent; its cursor covers what was", Run: func(t *T) {
		answersFirst(t, func(c *stage.Conn, _ string) (string, error) { return c.Command("heartbeat", nil) })
	},
}, {
	ID: "P6.4b", Says: "an ack goes ahead of data that a client which is behind was not sent; its cursor covers what was", Run: func(t *T) {
		answersFirst(t, func(c *stage.Conn, symbol string) (string, error) {
			return c.Subscribe(check.Subscription{Channels: []string{symbol + ".trade"}})
		})
	},
}, {
	ID: "P6.4c", Says: "answers that wait stay in order, each with the cursor of its own place", Run: func(t *T) {
		tp := t.Topics(1, "trade", "social")
		s := t.Start(tp, patient)
		x := stage.Symbol()
		c := stage.DialWith(t, s, narrow)
		c.Join(x + ".trade")
		c.Stall()
		places := tp.Publish(t, counted("trade", x, 1, many, wide)...)
		fallsBehind(t, s)
		var ids []string
		for _, command := range []struct {
			kind string
			data any
		}{
			{"heartbeat", nil}, {"subscribe", check.Subscription{Channels: []string{x + ".social"}}}, {"heartbeat", nil},
			{"unsubscribe", check.Subscription{Channels: []string{x + ".trade"}}}, {"heartbeat", nil},
		} {
			id, err := c.Command(command.kind, command.data)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		c.Unstall()
		came := 0
		for i, want := range [][]string{{"trade"}, {"social", "trade"}, {"social", "trade"}, nil, {"social"}} {
			answer, before := c.Answer(ids[i])
			came += len(before)
			if i == 4 && len(before) > 0 {
				t.Fatalf("%v came after their channel was given up", before)
			}
			if got := entries(answer.Cursor); !slices.Equal(got, want) {
				t.Errorf("got %s, want entries %v", answer, want)
			}
			if i < 3 && covered(answer.Cursor, "trade", places) != came {
				t.Errorf("%d messages came before %s", came, answer)
			}
		}
	},
}, {
	ID: "P6.5a", Says: "raised by each message's pos, the client's cursor is the server's", Run: func(t *T) {
		tp := t.Topics(3, "trade", "social")
		c := stage.Dial(t, t.Start(tp, patient))
		c.Join("*.trade", "*.social")
		for n := 1; n <= 30; n++ {
			event := []string{"trade", "social"}[rand.IntN(2)]
			r := stage.Counted(event, stage.Symbol(), n)
			r.Partition = rand.Int32N(3) + 1
			tp.Publish(t, r)
			c.Want("message")
			own := c.Cursor()
			if pong := c.Heartbeat(); !samePlace(pong.Cursor, own) {
				t.Fatalf("after %d messages the client is at %v, the server says %s", n, own, pong)
			}
		}
	},
}, {
	ID: "P6.6a", Says: "a cursor is good for a resume at once, wherever the connection ended", Run: func(t *T) {
		s := t.ServerWith(patient)
		x := stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		stream := check.NewStream()
		published := 0
		for range 10 {
			s.Topics.Count(t, "trade", x, published+1, published+30)
			published += 30
			for range rand.IntN(30) {
				if f := c.Take(); f.Type != "replay_complete" {
					stream.Take(f)
				}
			}
			cursor := cut(t, c, stream)
			c = stage.Dial(t, s)
			if ack := c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor}); !*ack.Recovered {
				t.Fatalf("got %s for %v", ack, cursor)
			}
		}
		for stream.Last(x+".trade") < int64(published) {
			stream.Take(c.Take())
		}
		noteStream(t, stream)
	},
}, {
	ID: "P6.6b", Says: "the cursor of an ack, a pong, a replay_complete, a bye is good for a resume at once", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		var places []kafka.TopicPartition
		resume := func(kind string, cursor wire.Cursor) (*stage.Conn, *check.Frame) {
			c, stream := stage.Dial(t, s), check.NewStream()
			stream.After(x+".trade", int64(covered(cursor, "trade", places)))
			places = append(places, s.Topics.Publish(t, counted("trade", x, len(places)+1, len(places)+3, 0)...)...)
			if ack := c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor}); !*ack.Recovered {
				t.Fatalf("got %s for the cursor of a %s", ack, kind)
			}
			end, before := c.UntilType("replay_complete") // what the server had not read yet comes live
			takeAll(stream, before)
			follow(t, c, stream, x+".trade", int64(len(places)))
			return c, end
		}
		c, _ := resume("subscription_ack", stage.Dial(t, s).Join(x+".trade").Cursor)
		_, end := resume("pong", c.Heartbeat().Cursor)
		c, _ = resume("replay_complete", end.Cursor)
		c.SendText(websocket.TextMessage, "[]")
		bye, _ := c.Farewell(wire.CloseBadRequest)
		resume("bye", bye.Cursor)
	},
}}

// exact checks that frames are all records in their order, and answers the cursor of each of which covers just the records
// before it. The records are the channel's only ones, in one partition.
func exact(t *T, frames []*check.Frame, event string, places []kafka.TopicPartition) {
	came, within := 0, 0
	for _, f := range frames {
		if f.Type == "message" {
			if want := stage.Pos(event, places[came].Partition, int64(places[came].Offset)); f.Pos != want {
				t.Fatalf("got %s, the next one is at %s", f, want)
			}
			came++
			continue
		}
		if n := covered(f.Cursor, event, places); n != came {
			t.Fatalf("%d messages came before %s, its cursor covers %d", came, f, n)
		}
		if came > 0 && came < len(places) {
			within++
		}
	}
	if came != len(places) || within == 0 {
		t.Errorf("%d of %d messages came, %d cursors between them", came, len(places), within)
	}
}

// answersFirst sends a command while a client is behind: the answer must come before the end of what waits, with a cursor
// that covers just what came before it. command is given a symbol that is not the flooded one.
func answersFirst(t *T, command func(c *stage.Conn, symbol string) (id string, err error)) {
	tp := t.Topics(1, "trade")
	s := t.Start(tp, patient)
	x := stage.Symbol()
	c := stage.DialWith(t, s, narrow)
	c.Join(x + ".trade")
	c.Stall()
	places := tp.Publish(t, counted("trade", x, 1, many, wide)...)
	fallsBehind(t, s)
	id, err := command(c, stage.Symbol())
	if err != nil {
		t.Fatal(err)
	}
	c.Unstall()
	answer, before := c.Answer(id)
	if len(before) >= many {
		t.Errorf("%s came after all %d messages", answer, len(before))
	}
	if slices.ContainsFunc(before, func(f *check.Frame) bool { return f.Type != "message" }) {
		t.Fatalf("before %s came something else than messages", answer)
	}
	if n := covered(answer.Cursor, "trade", places); n != len(before) {
		t.Errorf("%d messages came before %s, its cursor covers %d", len(before), answer, n)
	}
	stream := check.NewStream()
	takeAll(stream, before)
	follow(t, c, stream, x+".trade", many)
}
