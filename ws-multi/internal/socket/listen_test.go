package socket

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestListenOptions(t *testing.T) {
	s := serve(t, Options{StallTimeout: 7 * time.Second}, nil)
	fd, _ := s.upgraded(t)
	defer fd.Close()
	for _, test := range []struct {
		name                string
		level, option, want int
	}{
		{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 16 << 10},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 17_000},
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0},
		{"SO_PROTOCOL", unix.SOL_SOCKET, unix.SO_PROTOCOL, unix.IPPROTO_TCP},
	} {
		got, err := unix.GetsockoptInt(int(fd), test.level, test.option)
		if err != nil || got != test.want {
			t.Errorf("%s is %d (%v), want %d", test.name, got, err, test.want)
		}
	}
}

func TestListenReusePort(t *testing.T) {
	first, err := Listen(t.Context(), "127.0.0.1:0", Options{ReusePort: true})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := Listen(t.Context(), first.Addr().String(), Options{ReusePort: true})
	if err != nil {
		t.Fatal(err)
	}
	_ = second.Close()
	if third, err := Listen(t.Context(), first.Addr().String(), Options{}); err == nil {
		_ = third.Close()
		t.Error("a port is shared by one who did not ask for it")
	}
}

// Half-open connections wait in the kernel's backlog, and a place comes free
// whatever becomes of the one who had it. Nobody has to make room behind a proxy.
func TestAcceptPaced(t *testing.T) {
	const places = 3
	s := serve(t, Options{HalfOpen: places, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, func(h *http.Server) { h.ReadHeaderTimeout = time.Minute })

	var silent []*peer
	for range places {
		silent = append(silent, s.dial(t))
	}
	late := s.dial(t)
	if _, err := io.WriteString(late, handshake()); err != nil {
		t.Fatal(err)
	}
	_ = late.SetReadDeadline(time.Now().Add(4 * patience))
	if _, err := late.r.ReadByte(); err == nil {
		t.Fatal("more were accepted than have a place")
	}
	_ = late.SetReadDeadline(time.Now().Add(10 * time.Second))
	_ = silent[0].Close()
	if r, err := http.ReadResponse(late.r, nil); err != nil || r.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("after a place came free: %v %v", r, err)
	}
	for _, p := range silent {
		_ = p.Close()
	}
}

func TestAcceptGivesPlacesBack(t *testing.T) {
	const places = 3
	s := serve(t, Options{HalfOpen: places}, func(h *http.Server) { h.ReadHeaderTimeout = time.Second })
	drained := func() bool { // all but the one for whom Accept waits
		if !s.lobby.places.TryAcquire(places - 1) {
			return false
		}
		more := s.lobby.places.TryAcquire(1)
		s.lobby.places.Release(places - 1)
		if more {
			s.lobby.places.Release(1)
		}
		return !more
	}
	for name, visit := range map[string]func(t *testing.T){
		"upgraded": func(t *testing.T) {
			fd, p := s.upgraded(t)
			_ = p.Close()
			fd.Close()
		},
		"upgraded, and stays": func(t *testing.T) {
			fd, _ := s.upgraded(t)
			t.Cleanup(fd.Close)
		},
		"hung up": func(t *testing.T) { _ = s.dial(t).Close() },
		"no WebSocket": func(t *testing.T) {
			p := s.dial(t)
			if r := p.ask(t, "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n"); r.StatusCode != http.StatusBadRequest {
				t.Errorf("got %s", r.Status)
			}
			_ = s.refused(t)
			_ = p.Close()
		},
		"no HTTP": func(t *testing.T) {
			p := s.dial(t)
			_, _ = io.WriteString(p, "hello\r\n\r\n")
			_, _ = io.ReadAll(p)
		},
		"another page": func(t *testing.T) {
			p := s.dial(t)
			if r := p.ask(t, "GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); r.StatusCode != http.StatusOK {
				t.Errorf("got %s", r.Status)
			}
			_, _ = io.ReadAll(p)
		},
		"too early a frame": func(t *testing.T) {
			p := s.dial(t)
			_, _ = p.Write(append([]byte(handshake()), text("early")...))
			_ = s.refused(t)
			_, _ = io.ReadAll(p)
		},
		"a reset": func(t *testing.T) {
			p := s.dial(t)
			_, _ = io.WriteString(p, "GET /ws HT")
			_ = p.SetLinger(0)
			_ = p.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 * places {
				visit(t)
				eventually(t, "all places are free", drained)
			}
		})
	}
}

// Close also ends an Accept that waits for a place.
func TestAcceptClosed(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", Options{HalfOpen: 1})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	ended := make(chan error)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	time.Sleep(20 * time.Millisecond)
	_ = l.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Accept goes on")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// An Accept that fails, for want of descriptors perhaps, keeps no place.
func TestAcceptFails(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", Options{HalfOpen: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Listener = failing{l.Listener}
	for range 3 {
		failed := make(chan error, 1)
		go func() {
			_, err := l.Accept()
			failed <- err
		}()
		select {
		case err := <-failed:
			if !errors.Is(err, unix.EMFILE) {
				t.Fatalf("got %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("it waits for a place that nobody has")
		}
	}
}

type failing struct{ net.Listener }

func (failing) Accept() (net.Conn, error) { return nil, unix.EMFILE }

func TestQuiet(t *testing.T) {
	s := serve(t, Options{}, nil)
	time.Sleep(50 * time.Millisecond)
	if q := s.Quiet(); q < 50*time.Millisecond || q > 5*time.Second {
		t.Errorf("nobody came, quiet for %v", q)
	}
	asked := time.Now()
	s.dial(t)
	eventually(t, "quiet since the last one", func() bool { return s.Quiet() <= time.Since(asked) })
}
