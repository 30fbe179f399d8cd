package conformance

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// P9: liveness.
var livenessCases = slices.Concat(heartbeatCases, pingCases, slowCases)

// livelyPings are short times for what takes the better part of a minute otherwise.
var livelyPings = stage.Settings{"WS_PING_INTERVAL": "2500ms", "WS_PONG_TIMEOUT": "2s", "WS_MESSAGE_TIMEOUT": "2s"}

const (
	livelyPing    = 2500 * time.Millisecond // WS_PING_INTERVAL of livelyPings
	livelyPong    = 2 * time.Second         // WS_PONG_TIMEOUT
	livelyMessage = 2 * time.Second         // WS_MESSAGE_TIMEOUT
)

// at is the offset that a cursor has for the partition of a record's place; -2 without an entry.
func at(cursor wire.Cursor, event string, partition int32) int64 {
	position, ok := cursor[event]
	switch {
	case !ok:
		return -2
	case int(partition) >= len(position.At):
		return -1
	}
	return position.At[partition]
}

var heartbeatCases = []Case{{
	ID: "P9.1a", Says: "a heartbeat is answered by a pong with its id, and with the fields of the protocol and no other", Run: func(t *T) {
		c := stage.Dial(t, t.Server())
		for _, id := range []string{`4`, `"beat"`, ``} {
			command := `{"type":"heartbeat"}`
			want := []string{"type", "ts", "cursor", "sent", "merged", "replayed"}
			if id != "" {
				command = `{"type":"heartbeat","id":` + id + `}`
				want = append(want, "id")
			}
			f := c.Raw(command)
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(f.Raw, &fields); err != nil {
				t.Fatal(err)
			}
			if got := slices.Collect(maps.Keys(fields)); f.Type != "pong" || string(f.ID) != id || !stage.SameSet(got, want) {
				t.Errorf("%s got %s", command, f)
			}
		}
	},
}, {
	ID: "P9.1b", Says: "also when messages come: the pong takes its place among them", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(x + ".trade")
		published := make(chan struct{})
		go func() {
			defer close(published)
			s.Topics.Count(t, "trade", x, 1, 2000)
		}()
		id, err := c.Command("heartbeat", nil)
		if err != nil {
			t.Fatal(err)
		}
		stream, ponged := check.NewStream(), false
		for stream.Last(x+".trade") < 2000 || !ponged {
			f := c.Take()
			if stream.Take(f); f.Type == "pong" && string(f.ID) == id {
				ponged = true
			}
		}
		<-published
		if err := stream.Err(map[string]int64{x + ".trade": 2000}); err != nil {
			t.Error(err)
		}
	},
}, {
	ID: "P9.1c", Says: "its answer keeps the cursor fresh for channels that are quiet", Run: func(t *T) {
		s := t.Server()
		quiet, busy := stage.Symbol(), stage.Symbol()
		c := stage.Dial(t, s)
		c.Join(quiet + ".trade")
		place := s.Topics.Publish(t, stage.Counted("trade", busy, 1))[0]
		stage.Eventually(t, "a pong's cursor to cover another channel's record", func() bool {
			f, before := c.Ask("heartbeat", nil)
			if len(before) > 0 {
				t.Fatalf("before the pong came %v", before)
			}
			time.Sleep(100 * time.Millisecond) // ten commands a second
			return f.Type == "pong" && at(f.Cursor, "trade", place.Partition) >= int64(place.Offset)
		})
	},
}, {
	ID: "P9.2a", Says: "ts is the server's clock in Unix milliseconds", Run: func(t *T) {
		if t.Server().Process == nil {
			t.NotRun("it needs a server on this machine's clock")
		}
		c := stage.Dial(t, t.Server())
		before := time.Now().UnixMilli()
		f := c.Heartbeat()
		// A server may read its clock once a turn.
		if after := time.Now().UnixMilli(); f.TS < before-1000 || f.TS > after {
			t.Errorf("ts is %d, asked between %d and %d", f.TS, before, after)
		}
	},
}, {
	ID: "P9.2b", Says: "sent is the seq of the last data message before the pong, merged and replayed 0 without cause", Run: func(t *T) {
		s := t.Server()
		x := stage.Symbol()
		c := stage.Dial(t, s)
		if f := c.Heartbeat(); f.Sent != 0 || f.Merged != 0 || f.Replayed != 0 {
			t.Errorf("at the beginning it says %s", f)
		}
		c.Join(x + ".trade")
		for _, n := range []int{1, 5, 20} {
			first := int(c.Received()) + 1
			s.Topics.Count(t, "trade", x, first, n)
			c.Counts(x+".trade", first, n)
			if f := c.Heartbeat(); f.Sent != uint64(n) || f.Merged != 0 || f.Replayed != 0 {
				t.Errorf("after %d messages it says %s", n, f)
			}
		}
	},
}, {
	ID: "P9.2c", Says: "merged is how many messages were passed over: with those sent it makes all", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade", "social"), stage.Settings{"WS_CONFLATE_EVENTS": "social", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		c := behind(t, s, "A.social")
		s.Topics.Count(t, "social", "A", 1, 100)
		stage.Eventually(t, "all to be read", func() bool { return s.Metric(t, "ws_kafka_records_total", "event", "social") == 100 })
		c.Unstall()
		trades, social := 0, 0
		for trades < behindTotal || social == 0 {
			if f := c.Want("message"); f.Channel == "A.social" {
				social++
			} else {
				trades++
			}
		}
		if f := c.Heartbeat(); social != 1 || f.Merged != 99 || f.Sent != behindTotal+1 {
			t.Errorf("got %s and %d of 100 that are conflated, want sent %d, merged 99", f, social, behindTotal+1)
		}
	},
}, {
	ID: "P9.2d", Says: "replayed is how many of those sent came by a resume or by last", Run: func(t *T) {
		s := t.Server()
		x, y := stage.Symbol(), stage.Symbol()
		first, second := stage.Dial(t, s), stage.Dial(t, s)
		ack := first.Join(x + ".social")
		second.Join(y + ".trade")
		s.Topics.Count(t, "social", x, 1, 7)
		s.Topics.Count(t, "trade", y, 1, 5)
		first.Counts(x+".social", 1, 7)
		second.Counts(y+".trade", 1, 5)

		c := stage.Dial(t, s)
		c.Acked(check.Subscription{Channels: []string{x + ".social"}, Cursor: ack.Cursor})
		c.Counts(x+".social", 1, 7)
		c.Replay(7)
		if f := c.Heartbeat(); f.Sent != 7 || f.Replayed != 7 {
			t.Errorf("after a resume of 7 it says %s", f)
		}
		c.Acked(check.Subscription{Channels: []string{y + ".trade"}, Last: 3})
		c.Counts(y+".trade", 3, 5)
		c.Replay(3)
		if f := c.Heartbeat(); f.Sent != 10 || f.Replayed != 10 {
			t.Errorf("after 3 more by last it says %s", f)
		}
		s.Topics.Count(t, "social", x, 8, 9)
		c.Counts(x+".social", 8, 9)
		if f := c.Heartbeat(); f.Sent != 12 || f.Replayed != 10 {
			t.Errorf("after 2 more, live, it says %s", f)
		}
		// All since the connection began: another has its own.
		if f := stage.Dial(t, s).Heartbeat(); f.Sent != 0 || f.Replayed != 0 {
			t.Errorf("a new connection says %s", f)
		}
	},
}}

var pingCases = []Case{{
	ID: "P9.3a", Says: "the server pings every WS_PING_INTERVAL, and who answers stays", Run: func(t *T) {
		began := time.Now()
		c := stage.Dial(t, t.ServerWith(livelyPings))
		stage.Eventually(t, "three pings", func() bool {
			select {
			case <-c.Done():
				t.Fatalf("it ended after %d pings: %v", c.Pings(), c.Ended(stage.Within(t)))
			default:
			}
			return c.Pings() >= 3
		})
		// The first may come at any time, the others keep the interval.
		if took := time.Since(began); took < 2*livelyPing-100*time.Millisecond {
			t.Errorf("three pings came within %v", took)
		}
		c.Heartbeat()
	},
}, {
	ID: "P9.3b", Says: "it does not ping, nor close for silence, while something is pending", Run: func(t *T) {
		const interval, timeout = 8 * time.Second, 2 * time.Second
		s := t.Start(t.Topics(1, "trade"), stage.Settings{
			"WS_PING_INTERVAL": interval.String(), "WS_PONG_TIMEOUT": timeout.String(), "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s",
		})
		// A ping that goes out before the socket is full would be judged: it has to be full before the next is due.
		for try := range 5 {
			stage.Eventually(t, "all to be read", func() bool { return s.Metric(t, "ws_history_records") == float64(try*behindTotal) })
			c := dialSmall(t, s)
			c.Join("*.trade")
			stage.Eventually(t, "a ping", func() bool { return c.Pings() > 0 })
			pings, pinged := c.Pings(), time.Now()
			c.Stall()
			ends := pile(t, s.Topics, try*behindEach+1, (try+1)*behindEach)
			stage.Eventually(t, "the client to be behind", func() bool { return s.Metric(t, "ws_connections_behind") == 1 })
			if time.Since(pinged) > interval-timeout {
				c.Abort()
				continue
			}
			time.Sleep(time.Until(pinged.Add(interval + 2*timeout)))
			c.Unstall()
			everythingAfter(t, c, int64(try)*behindEach, ends)
			if more := c.Pings() - pings; more > 1 { // one may be due by the time that all is sent
				t.Errorf("%d pings came while something was pending", more)
			}
			stage.Eventually(t, "pings to go on", func() bool { return c.Pings() > pings })
			return
		}
		t.NotRun("the machine is too busy to fill a socket between two pings")
	},
}, {
	ID: "P9.3c", Says: "a connection from which no frame comes for WS_PONG_TIMEOUT after a ping is closed with 4002", Run: func(t *T) {
		began := time.Now()
		c := stage.DialWith(t, t.ServerWith(livelyPings), check.Options{NoPong: true})
		c.Farewell(wire.CloseTimeout)
		if took := time.Since(began); took < livelyPong {
			t.Errorf("it was closed after %v", took)
		}
		if c.Pings() == 0 {
			t.Error("no ping came before")
		}
	},
}, {
	ID: "P9.3d", Says: "any frame will do, not the pong alone", Run: func(t *T) {
		s := t.ServerWith(livelyPings)
		beats := stage.DialWith(t, s, check.Options{NoPong: true})
		pings := stage.DialWith(t, s, check.Options{NoPong: true})
		for began := time.Now(); time.Since(began) < 2*livelyPing+livelyPong; time.Sleep(400 * time.Millisecond) {
			beats.Heartbeat()
			pings.SendText(websocket.PingMessage, "")
		}
		for _, c := range []*stage.Conn{beats, pings} {
			if c.Pings() < 2 {
				t.Errorf("%d pings came", c.Pings())
			}
			c.Heartbeat()
		}
	},
}, {
	ID: "P9.3e", Says: "so is one whose message is not whole in time, whatever control frames come between", Run: func(t *T) {
		s := t.ServerWith(livelyPings)
		text := `{"type":"heartbeat","id":1}`
		inTime := stage.Dial(t, s)
		drip(inTime, text, 20*time.Millisecond, true)
		if f := inTime.Take(); f.Type != "pong" {
			t.Errorf("a message in nine fragments got %s", f)
		}
		began := time.Now()
		late := stage.Dial(t, s)
		drip(late, text, 400*time.Millisecond, true)
		late.Farewell(wire.CloseTimeout)
		if took := time.Since(began); took < livelyMessage {
			t.Errorf("it was closed after %v", took)
		}
	},
}, {
	ID: "P9.3f", Says: "so is one whose frame is not whole: its header, or its payload", Run: func(t *T) {
		s := t.ServerWith(livelyPings)
		for _, begun := range []string{"\x81", "\x81\x94\x00\x00", "\x81\x94\x00\x00\x00\x00{\"type\":"} {
			r := handshake(t, s)
			r.want(websocket.TextMessage)
			began := time.Now()
			r.send([]byte(begun))
			for _, f := range r.closed(wire.CloseTimeout) {
				if f.op() == websocket.TextMessage && !isBye(f, wire.CloseTimeout) {
					t.Errorf("before the close came %v", f)
				}
			}
			// This one answers no ping either, so it may be the one or the other.
			if took := time.Since(began); took < min(livelyMessage, livelyPong) {
				t.Errorf("%q: it was closed after %v", begun, took)
			}
		}
	},
}, {
	ID: "P9.3g", Says: "more than 10 control frames a second over 10 s are answered by a close with 4006; as many are not", Run: func(t *T) {
		s := t.Server()
		for name, kind := range map[string]int{"pings": websocket.PingMessage, "pongs": websocket.PongMessage} {
			c := stage.Dial(t, s)
			for range 100 {
				c.SendText(kind, "x")
			}
			if f := c.Heartbeat(); f.Type != "pong" {
				t.Errorf("after 100 %s: got %s", name, f)
			}
			for range 200 {
				if c.Send(kind, []byte("x")) != nil {
					break // closed already
				}
			}
			c.Farewell(wire.CloseTooManyRequests)
		}
	},
}}

// drip sends a text as fragments of three bytes, with pings between them when asked, until the text or the connection
// ends.
func drip(c *stage.Conn, text string, pause time.Duration, pings bool) {
	const piece = 3
	for from := 0; from < len(text); from += piece {
		first := byte(0)
		if from == 0 {
			first = websocket.TextMessage
		}
		to := min(from+piece, len(text))
		if to == len(text) {
			first |= 0x80
		}
		b := frame(first, text[from:to])
		if pings {
			b = append(b, frame(0x89, "")...)
		}
		if c.SendBytes(b) != nil {
			return
		}
		time.Sleep(pause)
	}
}

// isBye says whether a frame is the bye before a close with the code.
func isBye(f rawFrame, code wire.CloseCode) bool {
	var m struct {
		Type string
		Code int
	}
	return json.Unmarshal(f.payload, &m) == nil && m.Type == "bye" && m.Code == int(code)
}
