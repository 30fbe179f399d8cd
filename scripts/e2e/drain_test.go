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
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// The command drain, a preStop without a shell, drains as SIGTERM does: clients
// are served until their turn, hear notice and bye, and go on elsewhere without
// a hole. It returns when the server is empty.
func TestDrain(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := stage.MakeTopics(t, suite.brokers, 3, "trade")
		s := start(t, v, tp, stage.Settings{"WS_DRAIN_SPREAD": "3s", "WS_DRAIN_TIMEOUT": "20s"})
		s.Process.MayEnd() // nothing here tells it to: the command does
		elsewhere := start(t, v, tp, nil)
		x := stage.Symbol()
		var clients []*stage.Conn
		for range 4 {
			c := stage.Dial(t, s)
			c.Join(x + ".trade")
			clients = append(clients, c)
		}
		var command sync.WaitGroup
		defer command.Wait()
		command.Go(func() {
			if code, out := program(t, v, stage.Settings{"WS_ADMIN_ADDR": s.AdminAddr}, "drain"); code != 0 {
				t.Errorf("drain ended with %d: %s", code, out)
			}
			time.Sleep(500 * time.Millisecond) // a client may hear of its end a little later
			for _, c := range clients {
				select {
				case <-c.Done():
				default:
					t.Error("drain returned before the server was empty")
				}
			}
		})
		s.WaitStatus(t, "/readyz", http.StatusServiceUnavailable)
		late := stage.Dial(t, s) // load balancers need a moment
		tp.Count(t, "trade", x, 1, 5)
		for _, c := range append(clients, late) {
			bye, before := c.Farewell(wire.CloseDrain)
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
			next := stage.Dial(t, elsewhere)
			next.Acked(check.Subscription{Channels: []string{x + ".trade"}, Cursor: bye.Cursor})
			_, replayed := next.UntilType("replay_complete")
			for _, f := range replayed {
				stream.Take(f)
			}
			for stream.Last(x+".trade") < 5 {
				stream.Take(next.Want("message"))
			}
			if err := stream.Err(map[string]int64{x + ".trade": 5}); err != nil {
				t.Error(err)
			}
		}
		if code, err := s.Process.Wait(stage.Within(t)); err != nil || code != 0 {
			t.Errorf("the drained server ended with %d, %v", code, err)
		}
	})
}

// A second SIGTERM ends a drain at once.
func TestSecondSignal(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := start(t, v, stage.MakeTopics(t, suite.brokers, 1, "trade"), stage.Settings{"WS_DRAIN_SPREAD": "60s", "WS_DRAIN_TIMEOUT": "61s"})
		for range 20 { // their closes take a minute
			stage.Dial(t, s)
		}
		if err := s.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.WaitStatus(t, "/readyz", http.StatusServiceUnavailable)
		began := time.Now()
		if err := s.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Process.Wait(stage.Within(t)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("a second SIGTERM ended the server after %v", took)
		}
	})
}

// A rebalance that is not understood is refused, with what is wrong with it.
func TestBadRebalance(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		c := stage.Dial(t, s)
		for _, bad := range []string{"", "?connections=x", "?connections=-1", "?connections=1&rate=0", "?connections=1&rate=x"} {
			if resp := s.Post(t, "/rebalance"+bad); resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(resp.Body), "connections") && !strings.Contains(string(resp.Body), "rate") {
				t.Errorf("/rebalance%s: got %d %s", bad, resp.StatusCode, resp.Body)
			}
		}
		c.Heartbeat()
	})
}
