package socket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func TestUpgradeSubprotocol(t *testing.T) {
	s := serve(t, Options{}, nil)
	for _, test := range []struct{ offered, want string }{
		{"", ""},
		{"ws.v1", "ws.v1"},
		{"ws.v2, ws.v1", "ws.v1"},
		{"bearer.secret, ws.v1", "ws.v1"},
		{"bearer.secret", ""},
		{"WS.V1", ""},
		{"ws.v2\nws.v1", "ws.v1"}, // two lines are one list
	} {
		var headers []string
		if test.offered != "" {
			for line := range strings.SplitSeq(test.offered, "\n") {
				headers = append(headers, "Sec-WebSocket-Protocol: "+line)
			}
			headers = append(headers, "Sec-WebSocket-Extensions: permessage-deflate")
		}
		p := s.dial(t)
		r := p.ask(t, handshake(headers...))
		if r.StatusCode != http.StatusSwitchingProtocols || r.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			t.Fatalf("got %s %v", r.Status, r.Header)
		}
		if got := r.Header.Get("Sec-WebSocket-Protocol"); got != test.want {
			t.Errorf("offered %q: selected %q, want %q", test.offered, got, test.want)
		}
		if strings.Contains(fmt.Sprint(r.Header), "secret") || r.Header.Get("Sec-WebSocket-Extensions") != "" {
			t.Errorf("got %v", r.Header)
		}
		(<-s.fds).Close()
	}
}

// A request that is no handshake is answered, and the connection is net/http's.
func TestUpgradeRefused(t *testing.T) {
	s := serve(t, Options{}, nil)
	p := s.dial(t)
	r := p.ask(t, "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
	if r.StatusCode != http.StatusBadRequest {
		t.Errorf("got %s", r.Status)
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if err := s.refused(t); !strings.Contains(err.Error(), "upgrade") {
		t.Errorf("got %v", err)
	}
	if r := p.ask(t, "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"); r.StatusCode != http.StatusOK {
		t.Errorf("then %s", r.Status)
	}
}

// A detached connection is a descriptor and nothing else: no goroutine, nothing of
// net/http or the runtime's poller, and it is a whole connection nevertheless.
func TestDetached(t *testing.T) {
	s := serve(t, Options{}, func(h *http.Server) {
		h.ReadTimeout, h.WriteTimeout, h.IdleTimeout = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	})
	// What the first one makes stays: the resolver's and the server's.
	first, _ := s.upgraded(t)
	defer first.Close()
	<-s.conns
	goroutines := runtime.NumGoroutine()
	files := openFiles(t)

	const conns = 20
	var fds [conns]FD
	var peers [conns]*peer
	for i := range conns {
		fds[i], peers[i] = s.upgraded(t)
	}
	eventually(t, "no goroutine stays", func() bool { return runtime.NumGoroutine() <= goroutines })
	if n := openFiles(t) - files; n != 2*conns {
		t.Errorf("%d descriptors for %d connections and their clients", n, conns)
	}
	for range conns {
		nc := <-s.conns
		if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the net.Conn is not closed: %v", err)
		}
	}
	time.Sleep(100 * time.Millisecond) // the server's timeouts
	for i, fd := range fds {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("flags %#x (%v): blocking", flags, err)
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor flags %#x (%v): children get it", flags, err)
		}
		if n, err := fd.Recv(make([]byte, 10)); n != 0 || err != nil {
			t.Errorf("nothing to receive: %d %v", n, err)
		}
		for range 3 {
			message := fmt.Sprintf("message of %d", i)
			if n, err := fd.Send([]byte(message)); n != len(message) || err != nil {
				t.Fatalf("sent %d: %v", n, err)
			}
			got := make([]byte, len(message))
			if _, err := io.ReadFull(peers[i].r, got); err != nil || string(got) != message {
				t.Errorf("client got %q: %v", got, err)
			}
			_, _ = io.WriteString(peers[i], message)
			if got, err := receive(t, fd); err != nil || got != message {
				t.Errorf("server got %q: %v", got, err)
			}
		}
	}
	for i, fd := range fds {
		fd := fd
		switch i % 4 {
		case 0: // the client ends it
			_ = peers[i].Close()
			if _, err := receive(t, fd); !errors.Is(err, io.EOF) {
				t.Errorf("got %v, want EOF", err)
			}
		case 1: // the client resets it
			_ = peers[i].SetLinger(0)
			_ = peers[i].Close()
			if _, err := receive(t, fd); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %v, want a reset", err)
			}
			if _, err := fd.Send([]byte("x")); err == nil {
				t.Error("sent to nobody")
			}
		case 2: // the server ends it, and still receives
			fd.CloseWrite()
			if _, err := peers[i].r.ReadByte(); err != io.EOF {
				t.Errorf("client got %v, want EOF", err)
			}
			_, _ = io.WriteString(peers[i], "more")
			if got, err := receive(t, fd); err != nil || got != "more" {
				t.Errorf("got %q %v", got, err)
			}
		case 3: // the server resets it
			fd.Reset()
		}
		fd.Close()
		if i%4 == 3 {
			if _, err := peers[i].r.ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("client got %v, want a reset", err)
			}
		}
	}
}

// Nothing of the handshake is kept. The clients here have no memory of Go's.
func TestDetachedMemory(t *testing.T) {
	s := serve(t, Options{}, nil)
	const conns = 300
	connect := func() (FD, int) {
		c := rawClient(t, s.addr)
		return <-s.fds, c
	}
	fds, clients := make([]FD, 0, conns+20), make([]int, 0, conns+20)
	defer func() {
		for i := range fds {
			fds[i].Close()
			_ = unix.Close(clients[i])
		}
	}()
	open := func(n int) {
		for range n {
			fd, c := connect()
			fds, clients = append(fds, fd), append(clients, c)
			<-s.conns
		}
	}
	settled := func() uint64 {
		var m runtime.MemStats
		for range 3 { // pools are emptied by the second
			time.Sleep(20 * time.Millisecond)
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	open(20)
	before := settled()
	open(conns)
	after := settled()
	if each := (int64(after) - int64(before)) / conns; each > 100 {
		t.Errorf("a detached connection keeps %d bytes", each)
	}
}

// rawClient connects and shakes hands by system calls.
func rawClient(t *testing.T, addr string) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(fd, []byte(handshake())); err != nil {
		t.Fatal(err)
	}
	var response []byte
	for !strings.HasSuffix(string(response), "\r\n\r\n") {
		b := make([]byte, 512)
		n, err := unix.Read(fd, b)
		if err != nil || n == 0 {
			t.Fatalf("read %d: %v", n, err)
		}
		response = append(response, b[:n]...)
	}
	return fd
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A connection that cannot be detached is closed.
func TestDetachNoSocket(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	if fd, err := detach(ours); err == nil {
		t.Errorf("got %d", fd)
	}
	if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("it is open: %v", err)
	}
}

// A client that was answered hears that the server has no descriptor for it.
func TestDetachNoDescriptor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	theirs, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	ours, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	_, failed := detach(ours)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(failed, unix.EMFILE) {
		t.Errorf("got %v, want EMFILE", failed)
	}
	got, err := io.ReadAll(theirs)
	if want := AppendClose(nil, wire.CloseInternalError, "the server has no descriptor left"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the client read %q, %v, want %q", got, err, want)
	}
}
