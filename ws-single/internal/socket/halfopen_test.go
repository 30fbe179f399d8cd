package socket

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

func listen(t *testing.T, places int, proxies ...string) *Listener {
	t.Helper()
	o := options()
	o.HalfOpen = places
	for _, p := range proxies {
		o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(p))
	}
	l, err := Listen(context.Background(), "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// call connects to l from the loopback address 127.0.0.host, and sends the words.
func call(t *testing.T, l *Listener, host byte, words string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, host)}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte(words)); err != nil {
		t.Fatal(err)
	}
	return c
}

// Three times as many silent clients as there are places: the next one is served.
func TestTheSilentKeepNobodyOut(t *testing.T) {
	l := listen(t, 400)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "well")
	})}
	server.SetKeepAlivesEnabled(false)
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		_ = server.Close()
		running.Wait()
	})
	for range 1200 {
		call(t, l, 1, "")
	}
	asked := time.Now()
	c := call(t, l, 2, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
	_ = c.SetDeadline(asked.Add(10 * time.Second))
	if r, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || r.StatusCode != 200 {
		t.Fatal(r, err)
	}
	if d := time.Since(asked); d > 3*time.Second {
		t.Errorf("served after %s", d)
	}
}

func TestWhoIsResetForOthers(t *testing.T) {
	l := listen(t, 20, "127.0.0.9/32")
	enter := func(host byte, words string, reads ...int) *place {
		call(t, l, host, words)
		nc, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = nc.Close() })
		for _, n := range reads {
			if _, err := io.ReadFull(nc, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
		}
		return nc.(*Conn).place
	}
	single := enter(1, "")
	enter(9, "")                                 // a proxy
	enter(2, "GET / HTTP/1.1\r\n\r\n", 15, 1, 2) // waits for its answer
	enter(2, "GET / HTTP/1.1\r\n\r\n")           // and this one to be read
	eventuallyUnread(t, l)
	two := []*place{enter(2, ""), enter(2, "GET / HTTP/1.1\r\n", 16), enter(2, "G", 1)}
	three := []*place{enter(3, ""), enter(3, "")}
	all := []*place{two[0], two[1], three[0], single, two[2], three[1]}
	later := time.Now().Add(time.Minute)
	if got := l.halfOpen.slowest(later, 100); !slices.Equal(got, all) {
		t.Errorf("%d picked, want %d in another order perhaps", len(got), len(all))
	}
	if again := l.halfOpen.slowest(later, 100); again != nil {
		t.Error("picked twice in a moment")
	}
	if some := l.halfOpen.slowest(later.Add(thinEvery), 1); !slices.Equal(some, two[:1]) {
		t.Errorf("%d picked, want the oldest of most", len(some))
	}
	l.halfOpen.thinned = time.Time{}
	if early := l.halfOpen.slowest(single.since.Add(silence-1), 100); early != nil {
		t.Errorf("%d had no time to ask", len(early))
	}
}

// eventuallyUnread waits for the newest place's bytes to lie in the kernel.
func eventuallyUnread(t *testing.T, l *Listener) {
	t.Helper()
	newest := l.halfOpen.places[len(l.halfOpen.places)-1]
	until(t, "the request has come", func() bool { return !newest.silent() })
}

// An upgrade that ends just when its connection was picked fails, and the place is
// given back once.
func TestUpgradeOfOneReset(t *testing.T) {
	l := listen(t, 2)
	failed := make(chan error, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.halfOpen.leave(l.halfOpen.places[0])
		_, err := NewUpgrader(1000, time.Second).Upgrade(w, r)
		failed <- err
	})}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	defer running.Wait()
	defer server.Close()
	c := call(t, l, 1, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err := <-failed; !errors.Is(err, errThinnedOut) {
		t.Errorf("got %v", err)
	}
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Error(err)
	}
	until(t, "only the place of the accept under way is taken", func() bool { return len(l.halfOpen.slots) == 1 })
}
