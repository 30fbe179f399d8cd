package socket

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a net/http server on this package's listener. /ws upgrades and hands
// the FD over; /plain answers.
type server struct {
	*Listener
	addr  string
	fds   chan FD
	errs  chan error
	conns chan net.Conn // as net/http has them, when they are hijacked
}

func serve(t *testing.T, o Options, change func(*http.Server)) *server {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: l, addr: l.Addr().String(),
		fds: make(chan FD, 1000), errs: make(chan error, 1000), conns: make(chan net.Conn, 1000)}
	upgrader := NewUpgrader(time.Second)
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		fd, err := upgrader.Upgrade(w, r)
		if err != nil {
			s.errs <- err
			return
		}
		s.fds <- fd
	})
	mux.HandleFunc("/plain", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "plain") })
	h := &http.Server{Handler: mux, ConnState: func(c net.Conn, state http.ConnState) {
		if state == http.StateHijacked {
			select {
			case s.conns <- c:
			default:
			}
		}
	}}
	if change != nil {
		change(h)
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := h.Serve(l); err != http.ErrServerClosed {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		_ = h.Close()
		ended.Wait()
		for {
			select {
			case fd := <-s.fds:
				fd.Close()
			default:
				return
			}
		}
	})
	return s
}

// handshake is a request to upgrade, with more headers.
func handshake(headers ...string) string {
	return "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		strings.Join(append(headers, "\r\n"), "\r\n")
}

// peer is a client's end.
type peer struct {
	*net.TCPConn
	r *bufio.Reader
}

func (s *server) dial(t *testing.T) *peer {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	return newPeer(nc)
}

func newPeer(nc net.Conn) *peer { return &peer{TCPConn: nc.(*net.TCPConn), r: bufio.NewReader(nc)} }

func (p *peer) ask(t *testing.T, request string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(p, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(p.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// upgraded is a connection and its client.
func (s *server) upgraded(t *testing.T) (FD, *peer) {
	t.Helper()
	p := s.dial(t)
	if r := p.ask(t, handshake()); r.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %s", r.Status)
	}
	select {
	case fd := <-s.fds:
		return fd, p
	case <-time.After(5 * time.Second):
		t.Fatal("no descriptor")
		return -1, nil
	}
}

// pair is a connection and its client, of a server of their own.
func pair(t *testing.T) (FD, *peer) {
	t.Helper()
	return serve(t, Options{StallTimeout: 10 * time.Second}, nil).upgraded(t)
}

// refused is the error of an Upgrade.
func (s *server) refused(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.errs:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("Upgrade did not fail")
		return nil
	}
}

// eventually waits for what comes soon.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("never: " + what)
}

// receive is Recv that waits.
func receive(t *testing.T, fd FD) (string, error) {
	t.Helper()
	b := make([]byte, 1024)
	for range 1000 {
		n, err := fd.Recv(b)
		if n > 0 || err != nil {
			return string(b[:n]), err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return "", fmt.Errorf("nothing came")
}
