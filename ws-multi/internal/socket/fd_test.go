package socket

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// fill sends until the socket is full, and returns how much it took.
func fill(t *testing.T, fd FD) (sent int) {
	t.Helper()
	b := bytes.Repeat([]byte("x"), 4<<10)
	for {
		n, err := fd.Send(b)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return sent
		}
		sent += n
	}
}

// A full socket says so soon, takes more when it is to be closed, and says when
// there is room.
func TestSendFull(t *testing.T) {
	fd, p := pair(t)
	defer fd.Close()
	_ = p.SetReadBuffer(4 << 10)
	poller := newTestPoller(t)
	if err := poller.Add(fd, 1); err != nil {
		t.Fatal(err)
	}
	sent := fill(t, fd)
	if sent > 8<<20 {
		t.Errorf("the kernel took %d bytes", sent)
	}
	for poller.Poll(make([]Event, 4)) > 0 {
	}
	fd.LiftLowWater()
	last := AppendClose(nil, wire.CloseSlowConsumer, "slow consumer")
	n, err := fd.Send(last)
	if n != len(last) || err != nil {
		t.Fatalf("of the close frame it took %d: %v", n, err)
	}
	fd.CloseWrite()
	got, err := io.ReadAll(p.r)
	if err != nil || len(got) != sent+len(last) || !bytes.HasSuffix(got, last) {
		t.Errorf("client got %d bytes of %d: %v", len(got), sent+len(last), err)
	}
}

func TestSendRoom(t *testing.T) {
	fd, p := pair(t)
	defer fd.Close()
	poller := newTestPoller(t)
	if err := poller.Add(fd, 1); err != nil {
		t.Fatal(err)
	}
	events := make([]Event, 4)
	for range 3 {
		sent := fill(t, fd)
		for poller.Poll(events) > 0 {
		}
		if n, err := fd.Send([]byte("x")); n != 0 || err != nil {
			t.Fatalf("room came by itself: %d %v", n, err)
		}
		if _, err := io.CopyN(io.Discard, p.r, int64(sent)); err != nil {
			t.Fatal(err)
		}
		if err := poller.Sleep(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n := poller.Poll(events); n != 1 || !events[0].Writable || events[0].Hangup {
			t.Fatalf("got %+v", events[:n])
		}
	}
}

func TestSendNothing(t *testing.T) {
	fd, p := pair(t)
	defer fd.Close()
	_, _ = io.WriteString(p, "hello")
	eventually(t, "there is something to receive", func() bool { return fd.Unread() > 0 })
	if n, err := fd.Send(nil); n != 0 || err != nil {
		t.Errorf("sent %d: %v", n, err)
	}
	if n, err := fd.Recv(nil); n != 0 || err != nil {
		t.Errorf("received %d: %v", n, err)
	}
}

func TestNoSocket(t *testing.T) {
	fd := FD(-1)
	if _, err := fd.Send([]byte("x")); !errors.Is(err, unix.EBADF) {
		t.Errorf("send: %v", err)
	}
	if _, err := fd.Recv(make([]byte, 1)); !errors.Is(err, unix.EBADF) {
		t.Errorf("receive: %v", err)
	}
	if n := fd.Unread(); n != 0 {
		t.Errorf("%d unread", n)
	}
	fd.Refuse(wire.CloseUnauthorized, "")
}

func TestUnread(t *testing.T) {
	fd, p := pair(t)
	defer fd.Close()
	if n := fd.Unread(); n != 0 {
		t.Errorf("%d unread", n)
	}
	_, _ = io.WriteString(p, "hello")
	eventually(t, "5 are unread", func() bool { return fd.Unread() == 5 })
	if _, err := receive(t, fd); err != nil || fd.Unread() != 0 {
		t.Errorf("%d unread: %v", fd.Unread(), err)
	}
}

// A client hears the code also when it has sent something that nobody reads.
func TestRefuse(t *testing.T) {
	fd, p := pair(t)
	if _, err := p.Write(text(`{"type":"subscribe"}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is there", func() bool { return fd.Unread() > 0 })
	start := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fd.Refuse(wire.CloseUnauthorized, "token expired")
	}()
	got, err := io.ReadAll(p.r)
	if want := AppendClose(nil, wire.CloseUnauthorized, "token expired"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("client got %q: %v", got, err)
	}
	_ = p.Close()
	<-done
	if took := time.Since(start); took > 500*time.Millisecond {
		t.Errorf("it took %v after the client hung up", took)
	}
}

// Those who do not hang up are waited for, not for long, and without threads.
func TestRefuseMany(t *testing.T) {
	s := serve(t, Options{}, nil)
	const conns = 100
	var fds [conns]FD
	var peers [conns]*peer
	for i := range fds {
		fds[i], peers[i] = s.upgraded(t)
	}
	before := threads(t)
	start := time.Now()
	var refused sync.WaitGroup
	for _, fd := range fds {
		refused.Go(func() { fd.Refuse(wire.CloseConnectionLimit, "") })
	}
	time.Sleep(300 * time.Millisecond)
	if n := threads(t) - before; n > 20 {
		t.Errorf("%d threads wait", n)
	}
	refused.Wait()
	if took := time.Since(start); took < refusePatience || took > refusePatience+2*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, p := range peers {
		if got, err := io.ReadAll(p.r); err != nil || !bytes.Equal(got, AppendClose(nil, wire.CloseConnectionLimit, "")) {
			t.Fatalf("client got %q: %v", got, err)
		}
	}
}

func threads(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(regexp.MustCompile(`Threads:\s*(\d+)`).FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
