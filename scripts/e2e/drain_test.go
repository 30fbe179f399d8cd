package e2e

import (
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// A drain loses nothing: clients stay served until their turn, hear notice and
// bye, and go on elsewhere. However it was asked for.
func TestDrain(t *testing.T) {
	// Each starts a drain, and may return what waits for its end.
	ways := map[string]func(*testing.T, variant.Variant, *server) (wait func()){
		"POST": func(t *testing.T, _ variant.Variant, s *server) func() {
			if err := s.Drain(within(t)); err != nil {
				t.Error(err)
			}
			return func() {}
		},
		"SIGTERM": func(t *testing.T, _ variant.Variant, s *server) func() {
			if err := s.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			return func() {}
		},
		// A preStop without a shell: it returns when the server is empty.
		"command": func(t *testing.T, v variant.Variant, s *server) func() {
			var wait sync.WaitGroup
			wait.Go(func() {
				if code, out := program(t, v, settings{"WS_ADMIN_ADDR": s.AdminAddr}, "drain"); code != 0 {
					t.Errorf("drain ended with %d: %s", code, out)
				}
			})
			return wait.Wait
		},
	}
	for name, drain := range ways {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, v variant.Variant) {
				tp := makeTopics(t, suite.brokers, 3, "trade")
				s := start(t, v, tp, settings{"WS_DRAIN_SPREAD": "2s", "WS_DRAIN_TIMEOUT": "20s"})
				elsewhere := start(t, v, tp, nil)
				x := symbol()
				var clients []*conn
				for range 4 {
					c := dial(t, s)
					c.subscribe(x + ".trade")
					clients = append(clients, c)
				}
				defer drain(t, v, s)()
				if err := s.WaitStatus(within(t), "/readyz", http.StatusServiceUnavailable); err != nil {
					t.Fatal(err)
				}
				late := dial(t, s) // load balancers need a moment
				tp.count(t, "trade", x, 1, 5)
				for _, c := range append(clients, late) {
					bye, before := c.farewell(wire.CloseDrain)
					notices := 0
					stream := check.NewStream()
					for _, f := range before {
						stream.Take(f)
						if f.Type == "notice" && f.ErrorCode() == "DRAIN" && f.ReconnectInMS != nil && *f.ReconnectInMS >= 0 && *f.ReconnectInMS <= 1000 {
							notices++
						}
					}
					if notices != 1 {
						t.Errorf("%d good notices among %v", notices, before)
					}
					if c == late {
						continue
					}
					if err := stream.Err(nil); err != nil {
						t.Error(err)
					}
					next := dial(t, elsewhere)
					next.acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: bye.Cursor})
					_, replayed := next.until("replay_complete")
					for _, f := range replayed {
						stream.Take(f)
					}
					for stream.Last(x+".trade") < 5 {
						stream.Take(next.want("message"))
					}
					if err := stream.Err(map[string]int64{x + ".trade": 5}); err != nil {
						t.Error(err)
					}
				}
				if code, err := s.Wait(within(t)); err != nil || code != 0 {
					t.Errorf("the drained server ended with %d, %v", code, err)
				}
			})
		})
	}
}

// A second SIGTERM ends a drain at once.
func TestSecondSignal(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade"), settings{"WS_DRAIN_SPREAD": "60s", "WS_DRAIN_TIMEOUT": "61s"})
		for range 20 { // their closes take a minute
			dial(t, s)
		}
		if err := s.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := s.WaitStatus(within(t), "/readyz", http.StatusServiceUnavailable); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := s.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Wait(within(t)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("a second SIGTERM ended the server after %v", took)
		}
	})
}

// A rebalance sheds as many connections as it is told; the others stay, and so
// does the server.
func TestRebalance(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, makeTopics(t, suite.brokers, 1, "trade"), nil)
		var clients []*conn
		for range 5 {
			c := dial(t, s)
			c.subscribe("A.trade")
			clients = append(clients, c)
		}
		if resp := s.post(t, "/rebalance?connections=2&rate=10"); resp.StatusCode/100 != 2 {
			t.Fatalf("got %d %s", resp.StatusCode, resp.Body)
		}
		eventually(t, "two connections to be closed", func() bool {
			return s.metric(t, "ws_connections_closed_total", "code", "4005") == 2
		})
		shed := 0
		for _, c := range clients {
			select {
			case <-c.Done():
			case <-time.After(100 * time.Millisecond):
				c.heartbeat()
				continue
			}
			shed++
			_, before := c.farewell(wire.CloseRebalance)
			if len(before) != 1 || before[0].Type != "notice" || before[0].ErrorCode() != "REBALANCE" || before[0].ReconnectInMS == nil {
				t.Errorf("before the bye came %v, want a notice", before)
			}
		}
		if shed != 2 {
			t.Errorf("%d connections were shed, want 2", shed)
		}
		if code := s.get(t, "/readyz").StatusCode; code != http.StatusOK {
			t.Errorf("/readyz says %d", code)
		}
		dial(t, s)
		for _, bad := range []string{"", "?connections=x", "?connections=-1", "?connections=1&rate=0", "?connections=1&rate=x"} {
			if resp := s.post(t, "/rebalance"+bad); resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(resp.Body), "connections") && !strings.Contains(string(resp.Body), "rate") {
				t.Errorf("/rebalance%s: got %d %s", bad, resp.StatusCode, resp.Body)
			}
		}
	})
}
