package e2e

import (
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// A client follows its cursor over a killed server, a restarted one, and
// another instance: no hole, no duplicate.
func TestResume(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 3, "trade", "social")
		x := symbol()
		channels := []string{x + ".*", "*.trade"}
		publish := func(from, to int) {
			tp.count(t, "trade", x, from, to)
			tp.count(t, "social", x, from, to)
		}
		stream := check.NewStream()
		follow := func(c *conn, to int64) {
			t.Helper()
			for stream.Last(x+".trade") < to || stream.Last(x+".social") < to {
				stream.Take(c.want("message"))
			}
		}

		first := start(t, v, tp, nil)
		second := start(t, v, tp, nil)
		c := dial(t, first)
		c.subscribe(channels...)
		publish(1, 20)
		follow(c, 20)
		first.Kill()
		cursor := c.Cursor()
		publish(21, 60)

		for i, s := range []*server{start(t, v, tp, nil), second} {
			c = dial(t, s)
			ack := c.acked(check.Subscription{Channels: channels, Cursor: cursor})
			if ack.Recovered == nil || !*ack.Recovered || len(ack.Lost) != 0 || ack.Count != 2 {
				t.Fatalf("got %s, want recovered", ack)
			}
			if !samePlace(ack.Cursor, cursor) {
				t.Errorf("the ack's cursor is %v, want the client's own, %v", ack.Cursor, cursor)
			}
			const missed = 80 // forty on each of two channels
			end, before := c.until("replay_complete")
			for _, f := range before {
				stream.Take(f)
			}
			if end.Replayed != uint64(missed) || len(before) != missed {
				t.Errorf("got %s after %d messages, want %d", end, len(before), missed)
			}
			if i == 1 {
				break
			}
			publish(61, 70)
			follow(c, 70)
			cursor = c.Cursor()
			c.Abort()
			publish(71, 110)
			eventually(t, "the second server to have read all", func() bool {
				return second.metric(t, "ws_kafka_records_total") >= 220
			})
		}
		publish(111, 120)
		follow(c, 120)
		if err := stream.Err(map[string]int64{x + ".trade": 120, x + ".social": 120}); err != nil {
			t.Error(err)
		}
		pong := c.heartbeat()
		if pong.Sent != 100 || pong.Replayed != 80 {
			t.Errorf("got %s, want sent 100 of which replayed 80", pong)
		}
		if !samePlace(pong.Cursor, c.Cursor()) {
			t.Errorf("got %s, the client is at %v", pong, c.Cursor())
		}
		eventually(t, "the resume to be counted", func() bool {
			return second.metric(t, "ws_resumes_total", "result", "recovered") == 1 && second.metric(t, "ws_messages_replayed_total") == 80
		})
	})
}

// samePlace says whether two cursors mean the same.
func samePlace(a, b wire.Cursor) bool {
	if len(a) != len(b) {
		return false
	}
	for event, p := range a {
		q, ok := b[event]
		if !ok || p.Log != q.Log {
			return false
		}
		for partition := range int32(max(len(p.At), len(q.At))) {
			if p.Last(partition) != q.Last(partition) {
				return false
			}
		}
	}
	return true
}

// Recovery is decided per event.
func TestLost(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade", "social")
		x := symbol()
		// Records of yesterday: the history begins 1,000 offsets before the end.
		yesterday := time.Now().Add(-24 * time.Hour)
		var records []record
		for n := 1; n <= 1500; n++ {
			r := counted("trade", x, n)
			r.timestamp = yesterday
			records = append(records, r)
		}
		tp.publish(t, records...)
		tp.count(t, "social", x, 1, 10)
		s := start(t, v, tp, nil)
		now := dial(t, s).subscribe("*.trade", "*.social").Cursor
		logs := map[string]string{"trade": now["trade"].Log, "social": now["social"].Log}
		at := func(event string, offset int64) wire.Position {
			return wire.Position{Log: logs[event], At: []int64{offset}}
		}
		tests := []struct {
			name     string
			channels []string
			cursor   wire.Cursor
			lost     []string
			replayed int
		}{
			{"just in reach", []string{x + ".trade"}, wire.Cursor{"trade": at("trade", 499)}, nil, 1000},
			{"just out of reach", []string{x + ".trade"}, wire.Cursor{"trade": at("trade", 498)}, []string{"trade"}, 0},
			{"from nothing", []string{x + ".trade"}, wire.Cursor{"trade": {Log: logs["trade"], At: []int64{}}}, []string{"trade"}, 0},
			{"at the end", []string{x + ".trade"}, wire.Cursor{"trade": at("trade", 1499)}, nil, 0},
			{"another log", []string{x + ".trade"}, wire.Cursor{"trade": {Log: "0123456789abcdef", At: []int64{1499}}}, []string{"trade"}, 0},
			{"beyond the end", []string{x + ".trade"}, wire.Cursor{"trade": at("trade", 1600)}, []string{"trade"}, 0},
			{"one of two", []string{x + ".*"}, wire.Cursor{"trade": at("trade", 3), "social": at("social", 3)}, []string{"trade"}, 6},
			{"not in the cursor", []string{x + ".trade", x + ".social"}, wire.Cursor{"social": at("social", -1)}, nil, 10},
			{"unknown here", []string{x + ".*"}, wire.Cursor{"weather": {Log: "a", At: []int64{1}}, "social": at("social", 8)}, []string{"weather"}, 1},
			{"unknown, not asked for", []string{"*.social"}, wire.Cursor{"weather": {Log: "a", At: []int64{1}}, "social": at("social", 8)}, nil, 1},
			{"empty", []string{x + ".*"}, wire.Cursor{}, nil, 0},
		}
		for _, test := range tests {
			c := dial(t, s)
			ack := c.acked(check.Subscription{Channels: test.channels, Cursor: test.cursor})
			if ack.Recovered == nil || *ack.Recovered != (len(test.lost) == 0) || !sameSet(ack.Lost, test.lost) {
				t.Errorf("%s: got %s, want lost %v", test.name, ack, test.lost)
			}
			end, before := c.until("replay_complete")
			if end.Replayed != uint64(test.replayed) || len(before) != test.replayed {
				t.Errorf("%s: got %s after %d messages, want %d", test.name, end, len(before), test.replayed)
			}
			if _, known := end.Cursor["weather"]; known {
				t.Errorf("%s: the cursor has an event that the server does not: %s", test.name, end)
			}
			for event, position := range end.Cursor {
				if want := (map[string]int64{"trade": 1499, "social": 9})[event]; position.Last(0) != want {
					t.Errorf("%s: after the replay the cursor is %v", test.name, end.Cursor)
				}
			}
			c.Close()
		}
	})
}

// A second replaying command during a replay is refused for now; a live one is
// not.
func TestBusy(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade", "social")
		x := symbol()
		const many = 4000 // of 1 KB: more than socket and kernel hold
		var records []record
		for n := 1; n <= many; n++ {
			records = append(records, padded("trade", x, n, 1000))
		}
		tp.publish(t, records...)
		s := start(t, v, tp, nil)
		log := dial(t, s).subscribe("*.trade").Cursor["trade"].Log

		c := dialWith(t, s, check.Options{ReadBuffer: 4096})
		c.Stall()
		id, err := c.Subscribe(check.Subscription{Channels: []string{x + ".trade"}, Cursor: wire.Cursor{"trade": {Log: log, At: []int64{-1}}}})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the client to be behind", func() bool { return s.metric(t, "ws_connections_behind") == 1 })
		busy, err := c.Subscribe(check.Subscription{Channels: []string{x + ".social"}, Last: 5})
		if err != nil {
			t.Fatal(err)
		}
		live, err := c.Subscribe(check.Subscription{Channels: []string{symbol() + ".social"}})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the commands to be taken", func() bool { return s.metric(t, "ws_commands_total", "type", "subscribe") >= 4 })
		c.Unstall()

		stream, answers := check.NewStream(), map[string]*check.Frame{}
		for len(answers) < 3 || stream.Last(x+".trade") < many {
			switch f := c.next(); f.Type {
			case "message":
				stream.Take(f)
			case "replay_complete":
				if f.Replayed != many {
					t.Errorf("got %s, want replayed %d", f, many)
				}
			default:
				answers[string(f.ID)] = f
			}
		}
		if err := stream.Err(nil); err != nil {
			t.Error(err)
		}
		c.isError(answers[busy], wire.Busy)
		for _, ok := range []string{id, live} {
			if answers[ok].Type != "subscription_ack" {
				t.Errorf("got %s", answers[ok])
			}
		}
		// Not held any more, so the refused command may be sent again.
		_, _ = c.command("heartbeat", nil)
		c.acked(check.Subscription{Channels: []string{x + ".social"}, Last: 5})
		c.replay(0)
	})
}

// A cursor ahead of what this instance has read waits for it, five seconds at
// most.
func TestCursorAhead(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade")
		x := symbol()
		quick := start(t, v, tp, nil)
		slow := start(t, v, tp, settings{"KAFKA_MAX_RATE": "100"})
		c := dial(t, quick)
		c.subscribe(x + ".trade")

		const some = 300 // three seconds for the slow one
		tp.count(t, "trade", x, 1, some)
		c.counts(x+".trade", 1, some)
		behind := dial(t, slow)
		ack := behind.acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: c.Cursor()})
		if ack.Recovered == nil || !*ack.Recovered {
			t.Errorf("got %s, want recovered", ack)
		}
		behind.replay(0)

		const many = 1500 // fifteen seconds
		tp.count(t, "trade", x, some+1, some+many)
		c.counts(x+".trade", some+1, some+many)
		late := dial(t, slow)
		late.refused(check.Subscription{Channels: []string{x + ".trade"}, Cursor: c.Cursor()}, wire.Unavailable)
		late.holds()
		behind.counts(x+".trade", some+1, some+many) // paused, not dropped
		late.acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: c.Cursor()})
		late.replay(0)
	})
}
