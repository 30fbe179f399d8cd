package conformance

import (
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// quickDrain are settings of a drain that a case can wait for.
var quickDrain = stage.Settings{"WS_DRAIN_SPREAD": "2s", "WS_DRAIN_TIMEOUT": "20s"}

// startDrains are the ways to begin one.
var startDrains = map[string]func(*T, *stage.Server) error{
	"POST /drain": func(t *T, s *stage.Server) error { return s.Process.Drain(stage.Within(t)) },
	"SIGTERM":     func(_ *T, s *stage.Server) error { return s.Process.Signal(syscall.SIGTERM) },
}

// isNotice checks a notice and returns what it says of the reconnect.
func isNotice(t *T, f *check.Frame, code string) int {
	if f.Type != "notice" || f.ErrorCode() != code || f.ReconnectInMS == nil || *f.ReconnectInMS < 0 || *f.ReconnectInMS > 1000 {
		t.Errorf("got %s, want a notice %s with reconnect_in_ms from 0 to 1,000", f, code)
		return -1
	}
	return *f.ReconnectInMS
}

// oneNotice checks that among frames stands one notice.
func oneNotice(t *T, frames []*check.Frame, code string) int {
	var notices []*check.Frame
	for _, f := range frames {
		if f.Type == "notice" {
			notices = append(notices, f)
		}
	}
	if len(notices) != 1 {
		t.Errorf("%d notices among %v", len(notices), frames)
		return -1
	}
	return isNotice(t, notices[0], code)
}

// pongOrEnd sends a heartbeat and says whether its pong came, and what came before. If not, the connection must have ended by
// a close with the code.
func pongOrEnd(t *T, c *stage.Conn, code wire.CloseCode) (pong bool, before []*check.Frame) {
	_, _ = c.Command("heartbeat", nil) // fails where it is closed already, which is seen below
	_, before, err := c.Until(stage.Within(t), func(f *check.Frame) bool { return f.Type == "pong" })
	if err != nil && (!stage.IsClose(err, code) || len(before) == 0) {
		t.Fatalf("ended with %v, want close %d; before it came %v", err, code, before)
	}
	return err == nil, before
}

// drained checks that a server ends well.
func drained(t *T, s *stage.Server) {
	if code, err := s.Process.Wait(stage.Within(t)); err != nil || code != 0 {
		t.Errorf("the drained server ended with %d, %v", code, err)
	}
}

var drainCases = []Case{{
	ID: "P10.1a", Says: "a server that shuts down tells DRAIN, then bye, then closes with 4000; also who comes late", Run: func(t *T) {
		for name, drain := range startDrains {
			s := t.Start(t.Topics(1, "trade"), quickDrain)
			var clients []*stage.Conn
			for range 4 {
				clients = append(clients, stage.Dial(t, s))
			}
			if err := drain(t, s); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			s.WaitStatus(t, "/readyz", http.StatusServiceUnavailable)
			clients = append(clients, stage.Dial(t, s))
			for _, c := range clients {
				_, before := c.Farewell(wire.CloseDrain)
				oneNotice(t, before, "DRAIN")
				c.Close()
			}
			drained(t, s)
		}
	},
}, {
	ID: "P10.1b", Says: "one that moves connections tells REBALANCE, then closes with 4005; the others stay", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), nil)
		var clients []*stage.Conn
		for range 5 {
			c := stage.Dial(t, s)
			c.Join("A.trade")
			clients = append(clients, c)
		}
		if resp := s.Post(t, "/rebalance?connections=2&rate=10"); resp.StatusCode/100 != 2 {
			t.Fatalf("got %d %s", resp.StatusCode, resp.Body)
		}
		closedAs(t, s, wire.CloseRebalance, 2)
		shed := 0
		for _, c := range clients {
			stays, before := pongOrEnd(t, c, wire.CloseRebalance)
			if stays {
				if len(before) > 0 {
					t.Errorf("to one that stays came %v", before)
				}
				continue
			}
			shed++
			oneNotice(t, before, "REBALANCE")
			if last := before[len(before)-1]; last.Type != "bye" || string(last.Code) != "4005" {
				t.Errorf("the last message is %s, want a bye with 4005", last)
			}
		}
		if shed != 2 {
			t.Errorf("%d connections were told to go, want 2", shed)
		}
		if code := s.Get(t, "/readyz").StatusCode; code != http.StatusOK {
			t.Errorf("/readyz says %d", code)
		}
		stage.Dial(t, s).Heartbeat()
	},
}, {
	ID: "P10.1c", Says: "the close follows after everything that was pending, and the cursor goes on elsewhere without a hole", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		s := t.Start(tp, stage.Settings{"WS_DRAIN_SPREAD": "500ms", "WS_DRAIN_TIMEOUT": "30s", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s"})
		elsewhere := t.Start(tp, nil)
		c := behind(t, s)
		if err := s.Process.Drain(stage.Within(t)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second) // past the spread, and past what other closes wait
		c.Unstall()
		bye, before := c.Farewell(wire.CloseDrain)
		stream := check.NewStream()
		for _, f := range before {
			stream.Take(f)
		}
		oneNotice(t, before, "DRAIN")
		if err := stream.Err(piled()); err != nil {
			t.Errorf("before the bye: %v", err)
		}
		if bye.Sent != behindTotal {
			t.Errorf("got %s, want sent %d", bye, behindTotal)
		}
		c.Close()
		elsewhere.Ready(t)
		next := stage.Dial(t, elsewhere)
		next.Acked(check.Subscription{Channels: []string{"*.trade"}, Cursor: bye.Cursor})
		next.Replay(0)
		ends := pile(t, tp, behindEach+1, behindEach+2)
		for stream.Err(ends) != nil {
			stream.Take(next.Want("message"))
		}
	},
}, {
	ID: "P10.1d", Says: "closes are spread over WS_DRAIN_SPREAD", Run: func(t *T) {
		const n, spread = 12, 3 * time.Second
		s := t.Start(t.Topics(1, "trade"), stage.Settings{"WS_DRAIN_SPREAD": "3s", "WS_DRAIN_TIMEOUT": "20s"})
		var clients []*stage.Conn
		for range n {
			clients = append(clients, stage.Dial(t, s))
		}
		began := time.Now()
		took := make([]time.Duration, n)
		var all sync.WaitGroup
		for i, c := range clients {
			all.Go(func() {
				_ = c.Ended(stage.Within(t))
				took[i] = time.Since(began)
			})
		}
		if err := s.Process.Drain(stage.Within(t)); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		slices.Sort(took)
		if took[n-1] < spread*6/10 || took[n/2] < spread*3/10 || took[n/4] < spread/20 {
			t.Errorf("of a spread of %v the clients were closed after %v", spread, took)
		}
	},
}, {
	ID: "P10.1e", Says: "a client that was told stays until its close, and is served as before", Run: func(t *T) {
		tp := t.Topics(1, "trade")
		s := t.Start(tp, nil)
		var clients []*stage.Conn
		for range 6 {
			c := stage.Dial(t, s)
			c.Join("A.trade")
			clients = append(clients, c)
		}
		if resp := s.Post(t, "/rebalance?connections=6&rate=0.3"); resp.StatusCode/100 != 2 {
			t.Fatalf("got %d %s", resp.StatusCode, resp.Body)
		}
		for _, c := range clients {
			isNotice(t, c.Take(), "REBALANCE")
		}
		tp.Count(t, "trade", "A", 1, 3)
		served := 0
		for _, c := range clients {
			stays, before := pongOrEnd(t, c, wire.CloseRebalance)
			if !stays {
				continue
			}
			stream := check.NewStream()
			for _, f := range before {
				stream.Take(f)
			}
			for stream.Last("A.trade") < 3 {
				f, err := c.Next(stage.Within(t))
				if err != nil {
					break
				}
				stream.Take(f)
			}
			if stream.Err(map[string]int64{"A.trade": 3}) == nil {
				served++
			}
		}
		if served < 2 {
			t.Errorf("%d of 6 clients were served between notice and close", served)
		}
	},
}, {
	ID: "P10.1f", Says: "reconnect_in_ms is 0 to 1,000, and not the same for all", Run: func(t *T) {
		s := t.Start(t.Topics(1, "trade"), nil)
		var clients []*stage.Conn
		for range 12 {
			clients = append(clients, stage.Dial(t, s))
		}
		if resp := s.Post(t, "/rebalance?connections=12&rate=1000"); resp.StatusCode/100 != 2 {
			t.Fatalf("got %d %s", resp.StatusCode, resp.Body)
		}
		told := map[int]bool{}
		for _, c := range clients {
			_, before := c.Farewell(wire.CloseRebalance)
			told[oneNotice(t, before, "REBALANCE")] = true
		}
		if len(told) < 3 {
			t.Errorf("12 clients were told to wait %v ms", told)
		}
	},
}}
