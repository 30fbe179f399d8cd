package conformance

import (
	"slices"
	"strings"
	"syscall"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P8: gaps.
var gapCases = []Case{{
	ID: "P8.1a", Says: "if the log loses records before they were read, every connection with a channel of the event hears it", Run: func(t *T) {
		s, x := hole(t)
		var holders []*stage.Conn
		for _, channel := range []string{x + ".trade", "*.trade", x + ".*", stage.Symbol() + ".trade", stage.Symbol() + ".*"} {
			c := stage.Dial(t, s)
			c.Join(channel)
			holders = append(holders, c)
		}
		lose(t, s, x)
		var first *check.Frame
		for _, c := range holders {
			gap, _ := c.UntilType("gap")
			if first == nil {
				first = gap
			}
			if gap.Event != "trade" || *gap.From != *first.From || *gap.To != *first.To {
				t.Errorf("got %s, another connection got %s", gap, first)
			}
		}
	},
}, {
	ID: "P8.1b", Says: "a connection without a channel of the event hears nothing of it", Run: func(t *T) {
		s, x := hole(t)
		holder, other, gone := stage.Dial(t, s), stage.Dial(t, s), stage.Dial(t, s)
		holder.Join(x + ".trade")
		other.Join(x+".social", "*.social")
		gone.Join(x + ".trade")
		gone.Ask("unsubscribe", nil)
		lose(t, s, x)
		holder.UntilType("gap")
		s.Topics.Count(t, "social", x, 1, 1)
		other.Message(x+".social", 1)
		other.Heartbeat()
		gone.Heartbeat()
	},
}, {
	ID: "P8.1c", Says: "a gap comes at its place in the order; from and to are offsets of its partition, both inclusive", Run: func(t *T) {
		s, x := hole(t)
		c := stage.Dial(t, s)
		log := c.Join(x + ".trade").Cursor["trade"].Log
		lose(t, s, x)
		gap, before := c.UntilType("gap")
		stream := check.NewStream()
		takeAll(stream, before)
		noteStream(t, stream)
		first := stream.Last(x + ".trade") // n is the offset plus one
		if gap.Event != "trade" || gap.Partition != 1 || gap.From == nil || gap.To == nil || *gap.From != first || *gap.To != kept-2 || gap.Log != "" {
			t.Fatalf("got %s after n %d, want partition 1 from %d to %d", gap, first, first, kept-2)
		}
		if want := (wire.Cursor{"trade": {Log: log, At: []int64{-1, kept - 2, -1}}}); !samePlace(gap.Cursor, want) {
			t.Errorf("got %s, want the cursor %v", gap, want)
		}
		c.Counts(x+".trade", kept, published)
		if pong := c.Heartbeat(); pong.Cursor["trade"].Last(1) != published-1 || pong.Sent != uint64(first+published-kept+1) {
			t.Errorf("got %s after n %d", pong, published)
		}
	},
}, {
	ID: "P8.2a", Says: "if the topic was made anew, the gap has the new log's name in the place of from and to, and partition 0", Run: func(t *T) {
		tp := t.Topics(2, "trade", "social")
		s := t.Start(tp, nil)
		x := stage.Symbol()
		c, other := stage.Dial(t, s), stage.Dial(t, s)
		before := c.Join(x + ".trade").Cursor["trade"].Log
		other.Join(x + ".social")
		tp.Count(t, "trade", x, 1, 5)
		c.Counts(x+".trade", 1, 5)
		tp.Remake(t, "trade", 2)
		gap := c.Want("gap")
		if log := logOf(t, tp, "trade"); gap.Event != "trade" || gap.Log != log || gap.Log == before {
			t.Errorf("got %s, the log was %s and is %s now", gap, before, log)
		}
		if gap.From != nil || gap.To != nil || !strings.Contains(string(gap.Raw), `"partition":0,"log":"`) {
			t.Errorf("got %s", gap)
		}
		if want := (wire.Cursor{"trade": {Log: gap.Log, At: []int64{}}}); !samePlace(gap.Cursor, want) {
			t.Errorf("got %s, want the cursor %v", gap, want)
		}
		other.Heartbeat() // nothing came before it
	},
}, {
	ID: "P8.2b", Says: "the gap then concerns all partitions of the event: what follows is the new log from its beginning", Run: func(t *T) {
		tp := t.Topics(3, "trade")
		s := t.Start(tp, nil)
		x := stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		in := func(partition int32) stage.Record {
			r := stage.Counted("trade", x, int(partition)+1)
			r.Partition = partition + 1
			return r
		}
		tp.Publish(t, in(0), in(1), in(2))
		for range 3 {
			c.Want("message")
		}
		tp.Remake(t, "trade", 3)
		log := c.Want("gap").Log
		tp.Publish(t, in(0), in(1), in(2))
		var places []string
		for range 3 {
			places = append(places, c.Want("message").Pos)
		}
		slices.Sort(places)
		if want := []string{"trade/0:0", "trade/1:0", "trade/2:0"}; !slices.Equal(places, want) {
			t.Errorf("after the gap came %v, want %v", places, want)
		}
		if pong := c.Heartbeat(); !samePlace(pong.Cursor, wire.Cursor{"trade": {Log: log, At: []int64{0, 0, 0}}}) {
			t.Errorf("got %s", pong)
		}
	},
}, {
	ID: "P8.3a", Says: "the gap's cursor is good for a resume", Run: func(t *T) {
		s, x := hole(t)
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		lose(t, s, x)
		gap, _ := c.UntilType("gap")
		c.Counts(x+".trade", kept, published)
		back := stage.Dial(t, s)
		recovered(t, back, check.Subscription{Channels: []string{x + ".trade"}, Cursor: c.Cursor()})
		back = stage.Dial(t, s)
		if ack := back.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: gap.Cursor}); !*ack.Recovered {
			t.Errorf("got %s for %s", ack, gap)
		}
		back.Counts(x+".trade", kept, published)
	},
}, {
	ID: "P8.3b", Says: "what was read before a gap still reaches connections that are behind, and then the gap", Run: func(t *T) {
		s, x := hole(t)
		c, witness := stage.DialWith(t, s, narrow), stage.Dial(t, s)
		c.Join("*.trade")
		witness.Join("*.trade")
		c.Stall()
		y := stage.Symbol()
		records := counted("trade", y, 1, many, wide)
		for i := range records {
			records[i].Partition = 1
		}
		s.Topics.Publish(t, records...)
		follow(t, witness, check.NewStream(), y+".trade", many)
		fallsBehind(t, s)
		lose(t, s, x)
		seen, live := witness.UntilType("gap")
		c.Unstall()
		gap, before := c.UntilType("gap")
		if string(gap.Raw) != string(seen.Raw) || len(before) != many+len(live) {
			t.Errorf("got %s after %d messages, a live connection got %s after %d", gap, len(before), seen, many+len(live))
		}
		stream := check.NewStream()
		takeAll(stream, before)
		noteStream(t, stream)
		c.Counts(x+".trade", kept, published)
	},
}, {
	ID: "P8.3c", Says: "a resume from before a gap is lost", Run: func(t *T) {
		s, x := hole(t)
		c := stage.Dial(t, s)
		start := c.Join(x + ".trade").Cursor
		lose(t, s, x)
		gap, _ := c.UntilType("gap")
		for _, at := range []int64{start["trade"].Last(1), *gap.From - 1, *gap.To - 1} {
			lost(t, stage.Dial(t, s), check.Subscription{
				Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: gap.Cursor["trade"].Log, At: []int64{-1, at}}},
			}, "trade")
		}
	},
}, {
	ID: "P8.3d", Says: "a resume by the log that was there before the topic was made anew is lost", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		s := t.Start(tp, nil)
		x := stage.Symbol()
		c := stage.Dial(t, s)
		start := c.Join(x + ".trade").Cursor
		tp.Count(t, "trade", x, 1, 5)
		c.Counts(x+".trade", 1, 5)
		end := c.Cursor()
		tp.Remake(t, "trade", 1)
		gap := c.Want("gap")
		for _, cursor := range []wire.Cursor{start, end} {
			lost(t, stage.Dial(t, s), check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor}, "trade")
		}
		recovered(t, stage.Dial(t, s), check.Subscription{Channels: []string{x + ".trade"}, Cursor: gap.Cursor})
	},
}, {
	ID: "P8.3e", Says: "a connection that resumes hears a gap at its place in the replay, too", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		s := t.Start(tp, patient)
		l := longReplay(t, s)
		stage.Eventually(t, "the resume to be taken", func() bool { return s.Metric(t, "ws_resumes_total", "result", "recovered") == 1 })
		tp.Remake(t, "trade", 1)
		seen := l.witness.Want("gap")
		tp.Count(t, "trade", l.x, 1, 3)
		l.witness.Counts(l.x+".trade", 1, 3)
		l.c.Unstall()
		gap, before := l.c.UntilType("gap")
		stream := check.NewStream()
		takeAll(stream, before)
		if err := stream.Err(map[string]int64{l.x + ".trade": many}); err != nil {
			t.Error(err)
		}
		if gap.Log != seen.Log || !samePlace(gap.Cursor, seen.Cursor) {
			t.Errorf("got %s, a live connection got %s", gap, seen)
		}
		l.c.Counts(l.x+".trade", 1, 3)
		if end := l.c.Want("replay_complete"); end.Replayed != many+3 {
			t.Errorf("got %s, want replayed %d", end, many+3)
		}
	},
}}

// lose publishes so many records, of which the first that is kept is n = kept.
const published, kept = 60, 51

// hole is a server of the case's own in whose log lose makes a hole.
func hole(t *T) (s *stage.Server, x string) {
	return t.Start(t.Topics(3, "trade", "social"), patient), stage.Symbol()
}

// lose publishes x.trade in partition 1 and lets the broker delete most of it while the server stands still: but for
// what an answer that was under way had brought, it has read nothing.
func lose(t *T, s *stage.Server, x string) {
	signal := func(sig syscall.Signal) {
		if err := s.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	var first int64
	for n := 1; n <= published; n++ { // a batch each: an answer brings whole ones
		r := stage.Counted("trade", x, n)
		r.Partition = 2
		place := s.Topics.Publish(t, r)[0]
		if n == 1 {
			first = int64(place.Offset)
		}
	}
	s.Topics.DeleteRecords(t, "trade", 1, first+kept-1)
	signal(syscall.SIGCONT)
}
