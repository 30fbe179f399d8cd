package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// behindTotal records of 1 KB on behindSymbols are more than any socket takes of a client that does not read.
const (
	behindSymbols = 5
	behindEach    = 400
	behindTotal   = behindSymbols * behindEach
)

// dialSmall connects with a receive buffer that is full soon, and yet large enough for the kernel to tell at once when
// there is room again.
func dialSmall(t *T, s *stage.Server) *stage.Conn {
	return stage.DialWith(t, s, check.Options{ReadBuffer: 128 << 10})
}

// pile publishes n = from..to of 1 KB on some trades and returns where the channels end.
func pile(t *T, tp *stage.Topics, from, to int) map[string]int64 {
	var records []stage.Record
	ends := map[string]int64{}
	for i := range behindSymbols {
		symbol := fmt.Sprintf("PILE%d", i)
		ends[symbol+".trade"] = int64(to)
		for n := from; n <= to; n++ {
			records = append(records, stage.Padded("trade", symbol, n, 1000))
		}
	}
	tp.Publish(t, records...)
	return ends
}

// behind is a client of a server of the case's own that has all trades, and channels more, and reads nothing of
// behindTotal records until it is told to (Unstall).
func behind(t *T, s *stage.Server, more ...string) *stage.Conn {
	c := dialSmall(t, s)
	c.Join(append(more, "*.trade")...)
	c.Stall()
	pile(t, s.Topics, 1, behindEach)
	stage.Eventually(t, "all to be read and the client to be behind", func() bool {
		return s.Metric(t, "ws_history_records") == behindTotal && s.Metric(t, "ws_connections_behind") == 1
	})
	return c
}

// piled are the ends of what behind has published.
func piled() map[string]int64 {
	ends := map[string]int64{}
	for i := range behindSymbols {
		ends[fmt.Sprintf("PILE%d.trade", i)] = behindEach
	}
	return ends
}

// everything takes messages until all channels are at their ends: nothing lost, double or out of order.
func everything(t *T, c *stage.Conn, ends map[string]int64) {
	everythingAfter(t, c, 0, ends)
}

// everythingAfter is everything of channels that are expected after some n.
func everythingAfter(t *T, c *stage.Conn, after int64, ends map[string]int64) {
	stream := check.NewStream()
	for channel := range ends {
		stream.After(channel, after)
	}
	for missing := true; missing; {
		stream.Take(c.Want("message"))
		missing = false
		for channel, n := range ends {
			missing = missing || stream.Last(channel) < n
		}
	}
	if err := stream.Err(ends); err != nil {
		t.Fatal(err)
	}
}

// closedAs waits until the server has closed so many connections with the code.
func closedAs(t *T, s *stage.Server, code wire.CloseCode, n float64) {
	stage.Eventually(t, fmt.Sprintf("a close with %d", code), func() bool {
		return s.Metric(t, "ws_connections_closed_total", "code", fmt.Sprint(code)) >= n
	})
}

// slowEnd takes what still comes of a connection of which the metric says that it was closed with 4001. The close frame stands
// behind what its socket did not take, and is lost with that if the reset is first.
func slowEnd(t *T, c *stage.Conn) []*check.Frame {
	_, came, err := c.Until(stage.Within(t), func(*check.Frame) bool { return false })
	var end *websocket.CloseError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		t.Fatal("the client does not see its end")
	case errors.As(err, &end) && end.Code != int(wire.CloseSlowConsumer) && end.Code != websocket.CloseAbnormalClosure:
		t.Errorf("ended with %v, want 4001", err)
	}
	return came
}

var slowCases = []Case{{
	ID: "P9.4a", Says: "4001 for a socket that takes no byte for WS_STALL_TIMEOUT; it resumes, its neighbour feels nothing", Run: func(t *T) {
		s := t.Start(t.Topics(3, "trade"), stage.Settings{"WS_STALL_TIMEOUT": "5s"})
		neighbour, slow := stage.Dial(t, s), dialSmall(t, s)
		neighbour.Join("*.trade")
		slow.Join("*.trade")
		slow.Stall()
		stalled := time.Now()
		ends := pile(t, s.Topics, 1, behindEach)
		closedAs(t, s, wire.CloseSlowConsumer, 1)
		if took := time.Since(stalled); took < 5*time.Second {
			t.Errorf("it was closed after %v", took)
		}
		slow.Unstall()
		stream := check.NewStream()
		for _, f := range slowEnd(t, slow) {
			stream.Take(f)
		}
		if err := stream.Err(nil); err != nil {
			t.Errorf("before the close: %v", err)
		}
		back := stage.Dial(t, s)
		if ack := back.Acked(check.Subscription{Channels: []string{"*.trade"}, Cursor: slow.Cursor()}); ack.Recovered == nil || !*ack.Recovered {
			t.Fatalf("got %s, want recovered", ack)
		}
		_, replayed := back.UntilType("replay_complete")
		for _, f := range replayed {
			stream.Take(f)
		}
		if err := stream.Err(ends); err != nil {
			t.Error(err)
		}
		everything(t, neighbour, ends)
		neighbour.Heartbeat()
	},
}, {
	ID: "P9.4b", Says: "a client that does not read is not slow while there is nothing to send", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_STALL_TIMEOUT": "500ms", "WS_MAX_BEHIND": "500ms"})
		c := dialSmall(t, s)
		c.Join("*.trade")
		c.Stall()
		time.Sleep(2500 * time.Millisecond)
		c.Unstall()
		s.Topics.Count(t, "trade", "A", 1, 1)
		c.Message("A.trade", 1)
		c.Heartbeat()
	},
}, {
	ID: "P9.4c", Says: "4001 for a live connection whose oldest unsent message is older than WS_MAX_BEHIND, though it reads a little", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_MAX_BEHIND": "2s", "WS_STALL_TIMEOUT": "60s"})
		slow := stage.DialWith(t, s, check.Options{ReadBuffer: 4096})
		slow.Join("*.trade")
		slow.Stall()
		stalled := time.Now()
		pile(t, s.Topics, 1, behindEach)
		stage.Eventually(t, "a close with 4001", func() bool {
			slow.Unstall()
			time.Sleep(time.Millisecond)
			slow.Stall()
			time.Sleep(300 * time.Millisecond)
			return s.Metric(t, "ws_connections_closed_total", "code", "4001") == 1
		})
		if took := time.Since(stalled); took < 2*time.Second {
			t.Errorf("it was closed after %v", took)
		}
		slow.Unstall()
		slowEnd(t, slow)
	},
}, {
	ID: "P9.4d", Says: "WS_MAX_BEHIND is for live connections: a resume may take longer", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_MAX_BEHIND": "1s", "WS_STALL_TIMEOUT": "60s"})
		first := stage.Dial(t, s)
		cursor := first.Join("*.trade").Cursor
		first.Close()
		ends := pile(t, s.Topics, 1, behindEach)
		stage.Eventually(t, "all to be read", func() bool { return s.Metric(t, "ws_history_records") == behindTotal })
		c := dialSmall(t, s)
		c.Acked(check.Subscription{Channels: []string{"*.trade"}, Cursor: cursor})
		c.Stall()
		time.Sleep(3 * time.Second)
		c.Unstall()
		everything(t, c, ends)
		c.Replay(behindTotal)
		c.Heartbeat()
	},
}, {
	ID: "P9.4e", Says: "4001 for one that fell out of the history; a resume from there is lost", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_HISTORY_BYTES": "4MiB", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		slow := dialSmall(t, s)
		slow.Join("*.trade")
		slow.Stall()
		pile(t, s.Topics, 1, 2000) // 10 MB
		closedAs(t, s, wire.CloseSlowConsumer, 1)
		slow.Unstall()
		slowEnd(t, slow)
		back := stage.Dial(t, s)
		ack := back.Acked(check.Subscription{Channels: []string{"*.trade"}, Cursor: slow.Cursor()})
		if ack.Recovered == nil || *ack.Recovered || fmt.Sprint(ack.Lost) != "[trade]" {
			t.Errorf("got %s, want trade lost", ack)
		}
		back.Replay(0)
	},
}, {
	ID: "P9.4f", Says: "4001 for one that goes on sending commands while 32 answers wait for room", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_COMMANDS_PER_S": "off", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		c := behind(t, s)
		for range 32 {
			c.SendText(websocket.TextMessage, `{"type":"heartbeat"}`)
		}
		stage.Eventually(t, "32 heartbeats to be taken", func() bool {
			return s.Metric(t, "ws_commands_total", "type", "heartbeat") == 32
		})
		if n := s.Metric(t, "ws_connections"); n != 1 {
			t.Fatalf("%v connections are open while 32 answers wait", n)
		}
		c.SendText(websocket.TextMessage, `{"type":"heartbeat"}`)
		closedAs(t, s, wire.CloseSlowConsumer, 1)
		c.Unstall()
		slowEnd(t, c)
	},
}, {
	ID: "P9.4g", Says: "one that reads on gets all, in order and once, and those 32 answers", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_COMMANDS_PER_S": "off", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		c := behind(t, s)
		for range 32 {
			c.SendText(websocket.TextMessage, `{"type":"heartbeat"}`)
		}
		c.Unstall()
		stream, pongs := check.NewStream(), 0
		for pongs < 32 || stream.Err(piled()) != nil {
			f := c.Take()
			if stream.Take(f); f.Type == "pong" {
				pongs++
			}
		}
		if f := c.Heartbeat(); f.Sent != behindTotal || f.Merged != 0 {
			t.Errorf("got %s after %d messages", f, behindTotal)
		}
	},
}}
