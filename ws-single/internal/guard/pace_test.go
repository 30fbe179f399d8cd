package guard

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// backlog is a listener on which connections always wait.
type backlog struct{ closed bool }

func (b *backlog) Accept() (net.Conn, error) {
	if b.closed {
		return nil, net.ErrClosed
	}
	a, z := net.Pipe()
	_ = z.Close()
	return a, nil
}
func (b *backlog) Close() error   { b.closed = true; return nil }
func (b *backlog) Addr() net.Addr { return &net.TCPAddr{} }

func TestListenerPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newGuard(t, Options{Limits: Limits{HandshakesPerSecond: 2000}}).Listener(&backlog{})
		defer l.Close()
		start, accepted, most := time.Now(), 0, 0
		window, inWindow := start, 0
		for time.Since(start) < 2*time.Second {
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			accepted++
			if time.Since(window) >= 10*time.Millisecond {
				window, inWindow = time.Now(), 0
			}
			inWindow++
			most = max(most, inWindow)
		}
		if accepted < 4000 || accepted > 4000+41 {
			t.Errorf("%d accepted in 2 s at 2,000 a second with a burst of 40", accepted)
		}
		if most > 40+21 {
			t.Errorf("%d accepted within 10 ms, want at most the burst and 20", most)
		}
	})
}

func TestListenerCloseEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newGuard(t, Options{Limits: Limits{HandshakesPerSecond: 0.001}}).Listener(&backlog{})
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		done := make(chan error)
		go func() {
			_, err := l.Accept() // its turn is in 1,000 s
			done <- err
		}()
		synctest.Wait()
		start := time.Now()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, net.ErrClosed) || time.Since(start) != 0 {
			t.Fatalf("after %v: %v, want at once %v", time.Since(start), err, net.ErrClosed)
		}
	})
}

func TestListenerWithoutRate(t *testing.T) {
	b := &backlog{}
	if l := newGuard(t, Options{}).Listener(b); l != net.Listener(b) {
		t.Fatalf("got %T, want the listener itself", l)
	}
}
