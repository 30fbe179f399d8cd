package guard

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
)

// crowd is a listener with a client always waiting.
type crowd struct{ net.Listener }

func (crowd) Accept() (net.Conn, error) { return nil, nil }
func (crowd) Close() error              { return nil }
func (crowd) Addr() net.Addr            { return &net.TCPAddr{Port: 3006} }

// However many listeners and goroutines accept, the process has one pace.
func TestPaceIsOfTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limited(t, Limits{HandshakesPerSecond: 2000}, nil)
		accepted := make(chan time.Duration, 10_000)
		start := time.Now()
		for range 2 {
			l := g.Listener(crowd{})
			for range 2 {
				go func() {
					for {
						if _, err := l.Accept(); err != nil {
							return
						}
						accepted <- time.Since(start)
					}
				}()
			}
			defer l.Close()
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		at := make([]time.Duration, 0, len(accepted))
		for range cap(at) {
			at = append(at, <-accepted)
		}
		if len(at) < 6000 || len(at) > 6000+40+4 {
			t.Errorf("%d accepted in 3 s, want 2,000 a second and a burst of 40", len(at))
		}
		for i := 0; i+61 < len(at); i++ {
			if at[i+61]-at[i] < 10*time.Millisecond {
				t.Fatalf("62 accepted within %v, from %v on", at[i+61]-at[i], at[i])
			}
		}
	})
}

func TestCloseEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limited(t, Limits{HandshakesPerSecond: 0.01}, nil)
		l, other := g.Listener(crowd{}), g.Listener(crowd{})
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ended := make(chan error)
		for _, each := range []net.Listener{l, l, other} {
			go func() {
				_, err := each.Accept()
				ended <- err
			}()
			synctest.Wait()
		}
		l.Close()
		for range 2 {
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("ended with %v", err)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("it took %v", time.Since(start))
		}
		// The turns that nobody took are the next one's.
		if err := <-ended; err != nil || time.Since(start) > 300*time.Second {
			t.Errorf("the other listener: %v after %v", err, time.Since(start))
		}
		other.Close()
	})
}

func TestPaceOff(t *testing.T) {
	l := crowd{}
	if got := limited(t, Limits{}, nil).Listener(l); got != net.Listener(l) {
		t.Errorf("got %T", got)
	}
}

// The whole way, over TCP: http.Server ends as it should, and who is refused is
// told so and has to connect again.
func TestServerOnPacedListener(t *testing.T) {
	g := limited(t, Limits{HandshakesPerSecond: 1000, Connections: 1}, nil)
	held, _ := knock(t, g, "192.0.2.1")
	defer held.Release()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, no := g.Admit(addrOf(t, "192.0.2.2"))
		no.Write(w)
	}))
	s.Listener = g.Listener(s.Listener)
	s.Start()
	for range 3 {
		resp, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable || !resp.Close || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s, closing is %v, %v", resp.Status, resp.Close, resp.Header)
		}
	}
	s.Close()
	if _, err := s.Listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, got := knock(t, g, "192.0.2.2"); got != metric.RejectConnections {
		t.Errorf("got %q", got)
	}
}
