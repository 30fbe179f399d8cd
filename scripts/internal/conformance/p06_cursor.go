package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P6: the cursor. p06_order.go has what it covers.
var cursorCases = slices.Concat(placeCases, orderCases)

var placeCases = []Case{{
	ID: "P6.1a", Says: "a cursor means the same on every server with the same topics", Run: func(t *T) {
		tp := t.Topics(3, "trade", "social")
		var cursors []wire.Cursor
		var conns []*stage.Conn
		for _, s := range []*stage.Server{t.Start(tp, nil), t.Start(tp, nil), t.Other(tp, nil)} {
			c := stage.Dial(t, s)
			c.Join("*.trade", "*.social")
			conns = append(conns, c)
		}
		x, y := stage.Symbol(), stage.Symbol()
		tp.Count(t, "trade", x, 1, 5)
		tp.Count(t, "social", y, 1, 3)
		for _, c := range conns {
			for range 8 {
				c.Want("message")
			}
			cursors = append(cursors, c.Heartbeat().Cursor)
		}
		if !samePlace(cursors[0], cursors[1]) || !samePlace(cursors[0], cursors[2]) {
			t.Errorf("after the same messages two servers say %v and %v, and one of the other variant %v", cursors[0], cursors[1], cursors[2])
		}
	},
}, {
	ID: "P6.1b", Says: "a cursor has an entry for each event of which the connection holds a channel", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		x := stage.Symbol()
		has := func(f *check.Frame, events ...string) {
			if !slices.Equal(entries(f.Cursor), events) {
				t.Errorf("got entries %v, want %v: %s", entries(f.Cursor), events, f)
			}
		}
		has(c.Heartbeat())
		has(c.Join(x+".trade"), "trade")
		has(c.Join(x+".social", "*.trade"), "social", "trade")
		c.Ask("unsubscribe", check.Subscription{Channels: []string{x + ".trade"}})
		has(c.Heartbeat(), "social", "trade") // *.trade is left
		c.Ask("unsubscribe", check.Subscription{Channels: []string{"*.trade"}})
		pong, _ := c.Ask("heartbeat", nil)
		has(pong, "social")
		c.Ask("unsubscribe", nil)
		has(c.Heartbeat())
	},
}, {
	ID: "P6.1c", Says: "for a pattern with the event * the cursor has an entry for all events of the server", Run: func(t *T) {
		s := t.Server()
		ack := stage.Dial(t, s).Join(stage.Symbol() + ".*")
		if !stage.SameSet(entries(ack.Cursor), s.Topics.Events) {
			t.Errorf("got %s, the server has %v", ack, s.Topics.Events)
		}
	},
}, {
	ID: "P6.1d", Says: "log is the first 16 hex digits of the SHA-256 of the topic ID's 16 bytes", Run: func(t *T) {
		s := t.Server()
		ack := stage.Dial(t, s).Join(stage.Symbol() + ".*")
		for _, event := range s.Topics.Events {
			if want := logOf(t, s.Topics, event); ack.Cursor[event].Log != want {
				t.Errorf("the log of %s is called %q, want %q", event, ack.Cursor[event].Log, want)
			}
		}
	},
}, {
	ID: "P6.1e", Says: "from a broker without topic IDs, log is that of cluster ID, / and topic", Run: func(t *T) {
		// librdkafka's own broker for tests speaks Kafka's protocol as it was before topic IDs.
		old, err := kafka.NewMockCluster(1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(old.Close)
		tp := stage.NameTopics(t, old.BootstrapServers(), "trade")
		if err := old.CreateTopic(tp.Name("trade"), 2, 1); err != nil {
			t.Fatal(err)
		}
		var cluster string
		tp.Admin(t, func(admin *kafka.AdminClient) (err error) {
			cluster, err = admin.ClusterID(stage.Within(t))
			return err
		})
		s := t.Start(tp, nil)
		x := stage.Symbol()
		c := stage.Dial(t, s)
		ack := c.Join(x + ".trade")
		if want := digest([]byte(cluster + "/" + tp.Name("trade"))); ack.Cursor["trade"].Log != want {
			t.Errorf("the log of %s/%s is called %q, want %q", cluster, tp.Name("trade"), ack.Cursor["trade"].Log, want)
		}
		tp.Count(t, "trade", x, 1, 5)
		c.Counts(x+".trade", 1, 5)
		back := stage.Dial(t, s)
		_, _, replay := recovered(t, back, check.Subscription{Channels: []string{x + ".trade"}, Cursor: ack.Cursor})
		if len(replay) != 5 {
			t.Errorf("%d messages came by a resume, want 5", len(replay))
		}
	},
}, {
	ID: "P6.1f", Says: "a topic deleted and made anew is another log", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		name := func() string { return stage.Dial(t, t.Start(tp, nil)).Join("*.trade").Cursor["trade"].Log }
		before := name()
		tp.Remake(t, "trade", 1)
		if after := name(); after == before || len(after) != 16 {
			t.Errorf("the log was called %q and, the topic made anew, %q", before, after)
		}
	},
}, {
	ID: "P6.1g", Says: "at has for each partition the last offset that was dealt with, -1 for none", Run: func(t *T) {
		tp := t.Topics(3, "trade")
		c := stage.Dial(t, t.Start(tp, nil))
		x, other := stage.Symbol(), stage.Symbol()
		at := func(f *check.Frame, want ...int64) {
			if !slices.Equal(f.Cursor["trade"].At, want) {
				t.Fatalf("got %s, want at %v", f, want)
			}
		}
		at(c.Join(x+".trade"), -1, -1, -1)
		in := func(r stage.Record, partition int32) stage.Record {
			r.Partition = partition + 1
			return r
		}
		tp.Publish(t, in(stage.Counted("trade", x, 1), 0), in(stage.Counted("trade", x, 2), 0))
		c.Counts(x+".trade", 1, 2)
		at(c.Heartbeat(), 1, -1, -1)
		// What belongs to others is dealt with, too.
		tp.Publish(t, in(stage.Counted("trade", other, 1), 2))
		tp.Publish(t, in(stage.Counted("trade", x, 3), 2))
		c.Message(x+".trade", 3)
		at(c.Heartbeat(), 1, -1, 1)
		tp.Publish(t, in(stage.Counted("trade", other, 2), 1))
		stage.Eventually(t, "another channel's record to be dealt with", func() bool {
			return slices.Equal(c.Heartbeat().Cursor["trade"].At, []int64{1, 0, 1})
		})
	},
}, {
	ID: "P6.1h", Says: "a partition missing at the end of at counts as -1", Run: func(t *T) {
		tp := t.Topics(3, "trade")
		x := stage.Symbol()
		for partition := range int32(3) {
			for n := range 2 {
				r := stage.Counted("trade", x, int(partition)*2+n+1)
				r.Partition = partition + 1
				tp.Publish(t, r)
			}
		}
		s := t.Start(tp, nil)
		log := stage.Dial(t, s).Join(x + ".trade").Cursor["trade"].Log
		for _, test := range []struct {
			at    []int64
			comes int
		}{{[]int64{}, 6}, {[]int64{0}, 5}, {[]int64{1, 0}, 3}, {[]int64{1, 0, -1}, 3}, {[]int64{1, 1, 0}, 1}} {
			_, _, replay := recovered(t, stage.Dial(t, s), check.Subscription{
				Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: log, At: test.at}},
			})
			if len(replay) != test.comes {
				t.Errorf("at %v brings %d messages, want %d", test.at, len(replay), test.comes)
			}
		}
	},
}, {
	ID: "P6.1i", Says: "offsets are within -1 and 2^53-1", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		x := stage.Symbol()
		log := c.Join(x + ".trade").Cursor["trade"].Log
		c.Ask("unsubscribe", nil)
		for _, at := range []int64{-2, wire.MaxOffset + 1} {
			c.Refused(check.Subscription{Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: log, At: []int64{at}}}}, wire.BadRequest)
		}
		c.Holds()
		lost(t, c, check.Subscription{Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: log, At: []int64{wire.MaxOffset}}}}, "trade")
		c.Ask("unsubscribe", nil)
		if ack := c.Acked(check.Subscription{
			Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: log, At: []int64{-1, -1}}},
		}); ack.Recovered == nil {
			t.Errorf("got %s", ack)
		}
	},
}, {
	ID: "P6.2a", Says: "the entry of a topic that does not exist yet has an empty log and an empty at", Run: func(t *T) {
		tp := stage.NameTopics(t, t.Brokers(), "trade", "social")
		tp.Create(t, 1, "trade")
		ack := stage.Dial(t, t.Start(tp, nil)).Join(stage.Symbol() + ".*")
		if !strings.Contains(string(ack.Raw), `"social":{"log":"","at":[]}`) {
			t.Errorf("got %s", ack)
		}
	},
}, {
	ID: "P6.2b", Says: "resumed while the topic does not exist, the entry means the beginning of the log to come", Run: func(t *T) {
		tp := stage.NameTopics(t, t.Brokers(), "trade")
		c := stage.Dial(t, t.Start(tp, nil))
		x := stage.Symbol()
		s := check.Subscription{Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: "", At: []int64{}}}}
		if _, _, replay := recovered(t, c, s); len(replay) != 0 {
			t.Errorf("%v came from a topic that does not exist", replay)
		}
		tp.Create(t, 2, "trade")
		tp.Count(t, "trade", x, 1, 3)
		c.Counts(x+".trade", 1, 3)
		if log := c.Heartbeat().Cursor["trade"].Log; log != logOf(t, tp, "trade") {
			t.Errorf("the log is called %q, the topic's is %q", log, logOf(t, tp, "trade"))
		}
	},
}, {
	ID: "P6.2c", Says: "resumed when the topic exists, the entry of one that did not means the beginning of its log", Run: func(t *T) {
		tp := t.Topics(2, "trade")
		x := stage.Symbol()
		tp.Count(t, "trade", x, 1, 3)
		c := stage.Dial(t, t.Start(tp, nil))
		s := check.Subscription{Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: "", At: []int64{}}}}
		_, _, replay := recovered(t, c, s)
		stream := check.NewStream()
		takeAll(stream, replay)
		if err := stream.Err(map[string]int64{x + ".trade": 3}); err != nil {
			t.Error(err)
		}
	},
}}

// logOf is what the log of an event's topic must be called, from what the broker says of it.
func logOf(t *T, tp *stage.Topics, event string) string {
	id := tp.ID(t, event)
	return digest(id[:])
}

// digest names a log by what it is known by.
func digest(identity []byte) string {
	sum := sha256.Sum256(identity)
	return hex.EncodeToString(sum[:])[:16]
}
