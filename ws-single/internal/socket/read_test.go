package socket

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// A pong that comes alone is taken by who waits; it counts, and bounds hold, as if a reader had read it.
func TestLonePongs(t *testing.T) {
	c, sink, ws := open(t, options(), 1000)
	pong := []byte{0x8a, 0x80, 1, 2, 3, 4}
	for range 5 {
		c.Heard()
		_, _ = ws.NetConn().Write(pong)
		until(t, "a pong to be heard", c.Heard)
	}
	if allocs := testing.AllocsPerRun(20, func() {
		_, _ = ws.NetConn().Write(pong)
		until(t, "a pong to be heard", c.Heard)
	}); allocs > 1 { // of the test's own
		t.Errorf("%v allocations a pong", allocs)
	}
	_, _ = ws.NetConn().Write([]byte{0x81, 0x81, 0, 0, 0, 0, 'a'})
	until(t, "the text", func() bool { return sink.all() == "text a" })
	for range 200 {
		_, _ = ws.NetConn().Write(pong)
	}
	if e := <-sink.ends; e.Cause != Violated || e.Code != wire.CloseTooManyRequests {
		t.Errorf("after 200 pongs at once: %+v", e)
	}
}

// The end of a connection may come with a pong, in one edge of the kernel's: it is not waited for again.
func TestEndWithAPong(t *testing.T) {
	for range 20 { // often the end has an edge of its own
		_, sink, ws := open(t, options(), 1000)
		idle(t)
		tcp := ws.NetConn().(*net.TCPConn)
		raw, err := tcp.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		cork := func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, 1) }
		if failed := raw.Control(cork); failed != nil || err != nil {
			t.Fatal(failed, err)
		}
		_, _ = tcp.Write([]byte{0x8a, 0x80, 1, 2, 3, 4})
		_ = tcp.CloseWrite()
		select {
		case e := <-sink.ends:
			if e.Cause != Gone {
				t.Fatalf("%+v", e)
			}
		case <-time.After(2 * time.Second):
			t.Fatal("the end was not seen")
		}
	}
}
