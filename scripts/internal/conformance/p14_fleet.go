package conformance

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P14: running several servers.
var fleetCases = []Case{{
	ID: "P14.1a", Says: "a cursor is good on each server of the same topics, of either variant: a client is moved to and fro", Run: func(t *T) {
		tp := t.Topics(3, "trade", "social")
		servers := []*stage.Server{t.Start(tp, nil), t.Start(tp, nil), t.Other(tp, nil)}
		x := stage.Symbol()
		channels := []string{x + ".*", "*.trade"}
		stream := check.NewStream()
		c := stage.Dial(t, servers[0])
		c.Join(channels...)
		const step = 40
		for round := range 6 {
			from, to := round*step+1, (round+1)*step
			tp.Count(t, "trade", x, from, to)
			tp.Count(t, "social", x, from, to)
			for stream.Last(x+".trade") < int64(to-step/2) || stream.Last(x+".social") < int64(to-step/2) {
				stream.Take(c.Take())
			}
			cursor := cut(t, c, stream)
			c = stage.Dial(t, servers[(round+1)%3])
			ack := c.Acked(check.Subscription{Channels: channels, Cursor: cursor})
			if ack.Recovered == nil || !*ack.Recovered || !samePlace(ack.Cursor, cursor) {
				t.Fatalf("moved with %v, got %s", cursor, ack)
			}
		}
		for stream.Last(x+".trade") < 6*step || stream.Last(x+".social") < 6*step {
			stream.Take(c.Take())
		}
		noteStream(t, stream)
	},
}, {
	ID: "P14.1b", Says: "a cursor is good on another server when its own was killed, and on one that was started since", Run: func(t *T) {
		tp := t.Topics(3, "trade")
		first, second := t.Start(tp, nil), t.Start(tp, nil)
		x := stage.Symbol()
		stream := check.NewStream()
		c := stage.Dial(t, first)
		c.Join("*.trade")
		tp.Count(t, "trade", x, 1, 20)
		follow(t, c, stream, x+".trade", 20)
		first.Process.Kill()
		cursor := cut(t, c, stream)
		tp.Count(t, "trade", x, 21, 60)
		c = stage.Dial(t, second)
		if ack := c.Acked(check.Subscription{Channels: []string{"*.trade"}, Cursor: cursor}); !*ack.Recovered {
			t.Fatalf("got %s", ack)
		}
		for stream.Last(x+".trade") < 60 {
			stream.Take(c.Take())
		}
		cursor = cut(t, c, stream)
		tp.Count(t, "trade", x, 61, 100)
		_, end, replay := recovered(t, stage.Dial(t, t.Start(tp, nil)), check.Subscription{Channels: []string{"*.trade"}, Cursor: cursor})
		takeAll(stream, replay)
		if err := stream.Err(map[string]int64{x + ".trade": 100}); err != nil {
			t.Errorf("%v; %s", err, end)
		}
	},
}, {
	ID: "P14.1c", Says: "a cursor of each variant brings on the other just what it brings at home, and is lost where it is at home", Run: func(t *T) {
		tp := t.Topics(3, "trade", "social")
		servers := []*stage.Server{t.Start(tp, nil), t.Other(tp, nil)}
		x := stage.Symbol()
		channels := []string{x + ".trade", "*.social"}
		var conns []*stage.Conn
		for _, s := range servers {
			c := stage.Dial(t, s)
			c.Join(channels...)
			conns = append(conns, c)
		}
		publish := func(from, to int) {
			for n := from; n <= to; n++ {
				for _, event := range []string{"trade", "social"} {
					r := stage.Counted(event, x, n)
					r.Partition = int32(n%3) + 1 // one place of the cursor alone does not say where the client is
					tp.Publish(t, r)
				}
			}
			for _, c := range conns {
				for range 2 * (to - from + 1) {
					c.Want("message")
				}
			}
		}
		publish(1, 10)
		cursors := []wire.Cursor{conns[0].Heartbeat().Cursor, conns[1].Heartbeat().Cursor}
		publish(11, 40)
		for home, cursor := range cursors {
			brought := func(s *stage.Server) string {
				_, end, replay := recovered(t, stage.Dial(t, s), check.Subscription{Channels: channels, Cursor: cursor})
				var all []string
				for _, f := range replay {
					all = append(all, f.Pos+string(f.Data))
				}
				slices.Sort(all) // the order between partitions is free
				return fmt.Sprintf("%d: %v", end.Replayed, all)
			}
			athome, away := brought(servers[home]), brought(servers[1-home])
			if athome != away || !strings.HasPrefix(away, "60: ") {
				t.Errorf("a cursor of %s brings there %s, and on the other %s", servers[home].Addr, athome, away)
			}
			beyond := maps.Clone(cursor)
			beyond["social"] = wire.Position{Log: cursor["social"].Log, At: []int64{1000}}
			for _, s := range servers {
				lost(t, stage.Dial(t, s), check.Subscription{Channels: channels, Cursor: beyond}, "social")
			}
		}
	},
}, {
	ID: "P14.2a", Says: "every server reads every partition", Run: func(t *T) {
		tp := t.Topics(4, "trade")
		servers := []*stage.Server{t.Start(tp, nil), t.Start(tp, nil)}
		var conns []*stage.Conn
		for _, s := range servers {
			c := stage.Dial(t, s)
			c.Join("*.trade")
			conns = append(conns, c)
		}
		x := stage.Symbol()
		for n := 1; n <= 8; n++ {
			r := stage.Counted("trade", x, n)
			r.Partition = int32((n-1)%4 + 1)
			place := tp.PublishOne(t, r)
			for _, c := range conns {
				if f := c.Message(x+".trade", n); f.Pos != place {
					t.Errorf("got %s, want pos %s", f, place)
				}
			}
		}
	},
}, {
	ID: "P14.2b", Says: "a server is ready, on /readyz and /health, only once it has read what it needs for resumes", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		x := stage.Symbol()
		const records = 1000
		tp.Count(t, "trade", x, 1, records)
		s := t.StartCold(tp, stage.Settings{"KAFKA_MAX_RATE": "200"})
		s.WaitStatus(t, "/healthz", http.StatusOK)
		statuses := func() string {
			return fmt.Sprint(s.Get(t, "/readyz").StatusCode, s.Public(t, "/health", nil).StatusCode)
		}
		if got := statuses(); got != "503 503" {
			t.Fatalf("/readyz and /health said %s before anything was read", got)
		}
		s.Ready(t)
		if code := s.Public(t, "/health", nil).StatusCode; code != http.StatusOK {
			t.Errorf("/health said %d when /readyz said 200", code)
		}
		c := stage.Dial(t, s)
		_, _, replay := recovered(t, c, check.Subscription{
			Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: logOf(t, tp, "trade"), At: []int64{}}},
		})
		if len(replay) != records {
			t.Errorf("at the first moment a resume brought %d messages of %d", len(replay), records)
		}
	},
}, {
	ID: "P14.2c", Says: "it reads each partition from 1,000 offsets before its end, or the window's begin if that is earlier", Run: func(t *T) {
		tp := t.Topics(3, "trade")
		x := stage.Symbol()
		var records []stage.Record
		add := func(partition int32, count int, age time.Duration) {
			for n := 1; n <= count; n++ {
				r := stage.Counted("trade", x, n)
				r.Partition, r.Timestamp = partition+1, time.Now().Add(-age)
				records = append(records, r)
			}
		}
		add(0, 1500, time.Hour) // from 500
		add(1, 200, time.Hour)  // from 200, where the window begins
		add(1, 1300, 0)
		add(2, 300, time.Hour) // from 0
		tp.Publish(t, records...)
		s := t.Start(tp, stage.Settings{"WS_HISTORY_WINDOW": "10m"})
		log := stage.Dial(t, s).Join("*.trade").Cursor["trade"].Log
		resume := func(at ...int64) check.Subscription {
			return check.Subscription{Channels: []string{"*.trade"}, Cursor: wire.Cursor{"trade": {Log: log, At: at}}}
		}
		_, _, replay := recovered(t, stage.Dial(t, s), resume(499, 199, -1))
		if len(replay) != 1000+1300+300 {
			t.Errorf("a resume from the beginning of the history brought %d messages", len(replay))
		}
		lost(t, stage.Dial(t, s), resume(498, 199, -1), "trade")
		lost(t, stage.Dial(t, s), resume(499, 198, -1), "trade")
	},
}, {
	ID: "P14.2d", Says: "a configured topic that does not exist yet holds nothing up", Run: func(t *T) {
		tp := stage.NameTopics(t, t.Brokers(), "trade", "social")
		tp.Create(t, 1, "trade")
		x := stage.Symbol()
		tp.Count(t, "trade", x, 1, 3)
		s := t.Start(tp, nil) // waits until it is ready
		c := stage.Dial(t, s)
		c.Acked(check.Subscription{Channels: []string{x + ".trade"}, Last: 5})
		c.Counts(x+".trade", 1, 3)
		c.Replay(3)
	},
}, {
	ID: "P14.3a", Says: "how far back a resume reaches is bounded by WS_HISTORY_WINDOW, and not by less", Run: func(t *T) {
		const window = 10 * time.Second
		tp := t.Topics(1, "trade")
		s := t.Start(tp, stage.Settings{"WS_HISTORY_WINDOW": window.String()})
		x := stage.Symbol()
		reader := stage.Dial(t, s)
		cursor := reader.Join(x + ".trade").Cursor
		began := time.Now()
		tp.Count(t, "trade", x, 1, 5)
		reader.Counts(x+".trade", 1, 5)
		resume := check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor}
		_, _, replay := recovered(t, stage.Dial(t, s), resume)
		if len(replay) != 5 {
			t.Errorf("%d messages came, want 5", len(replay))
		}
		records := func() float64 { return s.Metric(t, "ws_history_records") }
		stage.Eventually(t, "the metrics to show the records", func() bool { return records() == 5 })
		// Resumes on the verge prove nothing: what is being replayed may leave the history.
		stage.Eventually(t, "the records to leave the history", func() bool { return records() == 0 })
		if kept := time.Since(began); kept < window {
			t.Errorf("they were kept for %v", kept)
		}
		lost(t, stage.Dial(t, s), resume, "trade")
	},
}, {
	ID: "P14.3b", Says: "and by WS_HISTORY_BYTES", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		s := t.Start(tp, with(patient, "WS_HISTORY_BYTES", "4MiB"))
		x := stage.Symbol()
		now := stage.Dial(t, s).Join(stage.Symbol() + ".trade").Cursor
		const records = 9000
		tp.Publish(t, counted("trade", x, 1, records, 1000)...)
		resume := func(at int64) check.Subscription {
			return check.Subscription{Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: now["trade"].Log, At: []int64{at}}}}
		}
		stage.Eventually(t, "the history to be within its bound", func() bool {
			return s.Metric(t, "ws_kafka_records_total") == records && s.Metric(t, "ws_history_bytes") <= 4<<20
		})
		lost(t, stage.Dial(t, s), resume(records-1-4500), "trade")
		_, _, replay := recovered(t, stage.Dial(t, s), resume(records-1-2000)) // half of what fits
		if len(replay) != 2000 {
			t.Errorf("%d messages came, want 2000", len(replay))
		}
	},
}, {
	ID: "P14.3c", Says: "the metric ws_history_age_seconds shows it", Run: func(t *T) {
		const window = 4 * time.Second
		tp := t.Topics(1, "trade")
		s := t.Start(tp, stage.Settings{"WS_HISTORY_WINDOW": window.String()})
		age := func() time.Duration {
			return time.Duration(s.Metric(t, "ws_history_age_seconds") * float64(time.Second))
		}
		if got := age(); got != 0 {
			t.Errorf("the age of an empty history is %v", got)
		}
		x := stage.Symbol()
		began := time.Now()
		tp.Count(t, "trade", x, 1, 1)
		var most time.Duration
		stage.Eventually(t, "the age to rise, and the history to be empty again", func() bool {
			got := age()
			if since := time.Since(began); got > since {
				t.Fatalf("the age is %v after %v", got, since)
			}
			most = max(most, got)
			return most > 0 && got == 0
		})
		// A snapshot is taken each second, or less often on a busy machine.
		if most < time.Second {
			t.Errorf("the age rose to %v, the window is %v", most, window)
		}
	},
}, {
	ID: "P14.4a", Says: "limits may differ: the welcome tells them anew, and the cursor stays good", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		x := stage.Symbol()
		var cursor wire.Cursor
		for i, set := range []stage.Settings{
			{"WS_CHANNELS": "3", "WS_COMMANDS_PER_S": "7", "WS_MESSAGE_BYTES": "4096"},
			{"WS_CHANNELS": "5", "WS_COMMANDS_PER_S": "20", "WS_MESSAGE_BYTES": "8192"},
		} {
			c := stage.Dial(t, t.Start(tp, set))
			limits := c.Welcome.Limits
			if fmt.Sprint(limits.Channels, limits.CommandsPerS, limits.MessageBytes) !=
				set["WS_CHANNELS"]+" "+set["WS_COMMANDS_PER_S"]+" "+set["WS_MESSAGE_BYTES"] {
				t.Errorf("the welcome says %+v, the settings %v", limits, set)
			}
			if i == 0 {
				cursor = c.Join(x + ".trade").Cursor
				tp.Count(t, "trade", x, 1, 3)
				continue
			}
			recovered(t, c, check.Subscription{Channels: []string{x + ".trade"}, Cursor: cursor})
			if c.Received() != 3 {
				t.Errorf("%d messages came, want 3", c.Received())
			}
		}
	},
}}
