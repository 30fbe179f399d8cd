package socket

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// from connects from one of the addresses of this host, all of 127.0.0.0/8.
func (s *server) from(t *testing.T, addr string) *peer {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	nc, err := d.DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	return newPeer(nc)
}

func (s *server) guests() int {
	s.lobby.mu.Lock()
	defer s.lobby.mu.Unlock()
	n := 0
	for _, of := range s.lobby.guests {
		n += len(of)
	}
	return n
}

const plain = "GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

// One host that connects and says nothing does not keep out the others.
func TestSilentCrowd(t *testing.T) {
	s := serve(t, Options{HalfOpen: 400}, func(h *http.Server) { h.ReadHeaderTimeout = time.Minute })
	for range 1200 {
		_ = s.from(t, "127.0.0.1")
	}
	began := time.Now()
	if r := s.from(t, "127.0.0.2").ask(t, plain); r.StatusCode != http.StatusOK {
		t.Errorf("got %s", r.Status)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

// The same from many hosts, with a part of a request each.
func TestSlowCrowdOfMany(t *testing.T) {
	s := serve(t, Options{HalfOpen: 100}, func(h *http.Server) { h.ReadHeaderTimeout = time.Minute })
	for i := range 300 {
		_, _ = io.WriteString(s.from(t, fmt.Sprint("127.0.1.", i%250+1)), "GET /plain HTTP/1.1\r\nX: ")
	}
	began := time.Now()
	if r := s.from(t, "127.0.0.2").ask(t, plain); r.StatusCode != http.StatusOK {
		t.Errorf("got %s", r.Status)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Those of the address with most go first, the oldest before the others, and those
// who are their address's only one last. Who waits for the server stays.
func TestWhoMakesRoom(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", Options{HalfOpen: 100, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.3/32")}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &server{Listener: l, addr: l.Addr().String()}
	enter := func(addr, says string) *halfOpen {
		p := s.from(t, addr)
		nc, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = nc.Close() })
		// In pieces, so that the end of the request comes in two.
		for i, part := range strings.SplitAfter(says, "\r") {
			if _, err := io.WriteString(p, part); err != nil {
				t.Fatal(err)
			}
			if n, err := io.ReadFull(nc, make([]byte, len(part))); err != nil {
				t.Fatalf("part %d: %d, %v", i, n, err)
			}
		}
		return nc.(*halfOpen)
	}
	alone := enter("127.0.0.2", "")
	_ = enter("127.0.0.3", "") // the proxy
	_ = enter("127.0.0.1", plain)
	first := enter("127.0.0.1", "")
	second := enter("127.0.0.1", plain[:len(plain)-1])
	third := enter("127.0.0.1", "GET")
	pair := []*halfOpen{enter("127.0.0.4", ""), enter("127.0.0.4", "")}

	later := time.Now().Add(time.Hour)
	want := []*halfOpen{first, second, third, pair[0], alone, pair[1]}
	if got := l.lobby.silent(later); !slices.Equal(got, want) {
		t.Errorf("in the order %v, want %v", addrs(got), addrs(want))
	}
	if got := l.lobby.silent(later.Add(lookPause - 1)); len(got) != 0 {
		t.Errorf("%d are looked at too soon", len(got))
	}
	l.lobby.looked = time.Time{}
	if got := l.lobby.silent(first.since.Add(patience)); !slices.Equal(got, []*halfOpen{first, alone}) {
		t.Errorf("%v have been silent too long", addrs(got))
	}
	_ = first.Close()
	_ = first.Close()
	if n := s.guests(); n != 6 {
		t.Errorf("%d are left, want 6", n)
	}
}

func addrs(all []*halfOpen) (texts []string) {
	for _, c := range all {
		texts = append(texts, c.RemoteAddr().String())
	}
	return texts
}

// A crowd whose requests the server does not get round to read waits, as before.
func TestUnreadRequestsKeepTheirPlaces(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", Options{HalfOpen: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &server{Listener: l, addr: l.Addr().String()}
	for range 3 {
		if _, err := io.WriteString(s.from(t, "127.0.0.1"), plain); err != nil {
			t.Fatal(err)
		}
	}
	var first [2]net.Conn
	for i := range first {
		if first[i], err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		defer first[i].Close()
	}
	third := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		third <- c
	}()
	select {
	case <-third:
		t.Fatal("a place was taken from one who had asked")
	case <-time.After(5 * patience):
	}
	_ = first[0].Close()
	if c := <-third; c != nil {
		_ = c.Close()
	}
}

func TestOriginOf(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7":               "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::ffff": "2001:db8:1:2::/64",
		"::1":                     "::/64",
	} {
		if got := originOf(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s is of %s, want %s", addr, got, want)
		}
	}
	if got := originOf(netip.Addr{}); got != (netip.Prefix{}) {
		t.Errorf("no address is of %v", got)
	}
}

// A crowd from one address that asks at once, a load generator or a proxy's, gets in
// whole, however many more they are than places.
func TestBusyCrowd(t *testing.T) {
	s := serve(t, Options{HalfOpen: 50}, nil)
	var crowd sync.WaitGroup
	for range 8 {
		crowd.Go(func() {
			for range 100 {
				p := s.from(t, "127.0.0.1")
				if _, err := io.WriteString(p, plain); err != nil {
					t.Error(err)
					return
				}
				if r, err := http.ReadResponse(p.r, nil); err != nil || r.StatusCode != http.StatusOK {
					t.Errorf("%v, %v", r, err)
					return
				}
				_ = p.Close()
			}
		})
	}
	crowd.Wait()
}
