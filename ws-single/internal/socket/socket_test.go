package socket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFrames(t *testing.T) {
	for n, want := range map[int][]byte{
		0:       {0x81, 0},
		125:     {0x81, 125},
		126:     {0x81, 126, 0, 126},
		65535:   {0x81, 126, 0xff, 0xff},
		65536:   {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0},
		1 << 25: {0x81, 127, 0, 0, 0, 0, 2, 0, 0, 0},
	} {
		if got := AppendHeader(nil, OpText, n); !bytes.Equal(got, want) {
			t.Errorf("header of %d bytes: % x, want % x", n, got, want)
		}
	}
	got := AppendMessage([]byte("before"), 42, []byte(`"type":"message"}`))
	want := "before\x81\x29" + `{"seq":42              ,"type":"message"}`
	if string(got) != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { got = AppendMessage(got[:0], 7, []byte(`"x"}`)) }); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}

func FuzzParseClose(f *testing.F) {
	f.Add(AppendClose(nil, 1002, "bad opcode"))
	f.Add(AppendClose(nil, 4001, strings.Repeat("é", 100)))
	f.Add([]byte{0x88, 0})
	f.Add([]byte{0x8a, 2, 3, 4})
	f.Fuzz(func(t *testing.T, p []byte) {
		code, reason, ok := parseClose(p)
		if ok && !bytes.Equal(append([]byte{0x88, byte(len(reason) + 2), byte(code >> 8), byte(code)}, reason...), p) {
			t.Errorf("% x read as %d %q", p, code, reason)
		}
	})
}

// notes is a Sink that writes down what it hears.
type notes struct {
	mu   sync.Mutex
	said []string
	ends chan End
}

func newNotes() *notes { return &notes{ends: make(chan End, 4)} }

func (n *notes) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, fmt.Sprintf(format, args...))
}

func (n *notes) Text(p []byte)   { n.note("text %s", p) }
func (n *notes) Binary(p []byte) { n.note("binary %s", p) }
func (n *notes) Ping(p []byte)   { n.note("ping %s", p) }
func (n *notes) End(e End)       { n.ends <- e }
func (n *notes) all() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.said, ", ")
}

// open makes a connection: the server's side, already reading to a sink, and
// the client's raw TCP.
func open(t *testing.T, o Options, messageBytes int64) (*Conn, *notes, *websocket.Conn) {
	t.Helper()
	l, err := Listen(context.Background(), "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan *Conn, 1)
	u := NewUpgrader(messageBytes, time.Second)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			accepted <- c
		}
	})}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	ws, resp, err := websocket.DefaultDialer.Dial("ws://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	c, sink := <-accepted, newNotes()
	running.Go(func() { c.Serve(sink) })
	t.Cleanup(func() {
		_ = c.Close()
		_ = ws.Close()
		_ = server.Close()
		running.Wait()
	})
	return c, sink, ws
}

func options() Options {
	return Options{StallTimeout: time.Second, MessageTimeout: 300 * time.Millisecond, HalfOpen: 4}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("not in 10 s:", what)
		}
	}
}

func TestReadsAndNeverWrites(t *testing.T) {
	c, sink, ws := open(t, options(), 1000)
	_ = ws.WriteMessage(websocket.TextMessage, []byte("one"))
	_ = ws.WriteControl(websocket.PingMessage, []byte("p"), time.Now().Add(time.Second))
	_ = ws.WriteMessage(websocket.BinaryMessage, []byte("two"))
	until(t, "three frames", func() bool { return sink.all() == "text one, ping p, binary two" })
	if !c.Heard() || c.Heard() {
		t.Error("Heard is not true once")
	}
	// Nothing came back: gorilla's pong went nowhere.
	_ = ws.NetConn().SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := ws.NetConn().Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("%d bytes were written", n)
	}
}

func TestEnds(t *testing.T) {
	raw := func(p ...byte) func(*websocket.Conn) {
		return func(ws *websocket.Conn) { _, _ = ws.NetConn().Write(p) }
	}
	for _, e := range []struct {
		name  string
		do    func(*websocket.Conn)
		cause Cause
		code  wire.CloseCode
	}{
		{"client closes", func(ws *websocket.Conn) {
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1001, "bye"), time.Now().Add(time.Second))
		}, PeerClosed, 1001},
		{"client closes without a code", raw(0x88, 0x80, 0, 0, 0, 0), PeerClosed, NoStatus},
		{"reserved opcode", raw(0x83, 0x80, 0, 0, 0, 0), Violated, wire.CloseProtocolError},
		{"unmasked", raw(0x81, 0x01, 'x'), Violated, wire.CloseProtocolError},
		{"client closes without a code, after more", raw(0x81, 0x81, 0, 0, 0, 0, 'x', 0x88, 0x80, 0x88, 0x81, 0, 0, 'y'), PeerClosed, NoStatus},
		{"client closes without a code, and sends more", raw(0x88, 0x80, 0, 0, 0, 0, 0x88, 0x81, 0, 0, 0, 0, 3), PeerClosed, NoStatus},
		{"close with half a code", raw(0x88, 0x81, 0, 0, 0, 0, 3), Violated, wire.CloseProtocolError},
		{"close with half a code, and more", raw(0x88, 0x81, 0, 0, 0, 0, 3, 0x88, 0x80, 0, 0, 0, 0), Violated, wire.CloseProtocolError},
		{"close with a bad code", raw(0x88, 0x82, 0, 0, 0, 0, 0, 1), Violated, wire.CloseProtocolError},
		{"invalid UTF-8", raw(0x81, 0x81, 0, 0, 0, 0, 0xff), Violated, wire.CloseInvalidUTF8},
		{"too big", func(ws *websocket.Conn) { _ = ws.WriteMessage(websocket.TextMessage, make([]byte, 1001)) }, Violated, wire.CloseMessageTooBig},
		{"too big by its length field", raw(0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0), Violated, wire.CloseMessageTooBig},
		{"too big by its last fragment", raw(0x01, 0x81, 0, 0, 0, 0, 'x', 0x80, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0), Violated, wire.CloseMessageTooBig},
		{"too big by a sum that overflows", raw(0x01, 0x81, 0, 0, 0, 0, 'x', 0x80, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), Violated, wire.CloseMessageTooBig},
		{"length with its first bit set", raw(0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0), Violated, wire.CloseProtocolError},
		{"close with a reason that is not UTF-8", raw(0x88, 0x83, 0, 0, 0, 0, 3, 0xe8, 0xff), Violated, wire.CloseInvalidUTF8},
		{"too big in fragments", func(ws *websocket.Conn) {
			w, _ := ws.NextWriter(websocket.TextMessage)
			for range 100 {
				_, _ = w.Write(bytes.Repeat([]byte("x"), 100))
			}
			_ = w.Close()
		}, Violated, wire.CloseMessageTooBig},
		{"fragments without end and content", func(ws *websocket.Conn) {
			_, _ = ws.NetConn().Write([]byte{0x01, 0x80, 0, 0, 0, 0})
			for range 20_000 {
				if _, err := ws.NetConn().Write([]byte{0x00, 0x80, 0, 0, 0, 0}); err != nil {
					return
				}
			}
		}, Violated, wire.CloseMessageTooBig},
		{"first byte and no more", raw(0x81), Violated, wire.CloseTimeout},
		{"half a message", raw(0x01, 0x81, 0, 0, 0, 0, 'x'), Violated, wire.CloseTimeout},
		{"message dripped, with pings between", func(ws *websocket.Conn) {
			_, _ = ws.NetConn().Write([]byte{0x01, 0x80, 0, 0, 0, 0, 0x89, 0x80, 0, 0, 0, 0})
			for range 20 {
				time.Sleep(50 * time.Millisecond)
				_, _ = ws.NetConn().Write([]byte{0x00, 0x81, 0, 0, 0, 0, 'x', 0x89, 0x80, 0, 0, 0, 0})
			}
		}, Violated, wire.CloseTimeout},
		{"a message and the start of the next", raw(0x81, 0x81, 0, 0, 0, 0, 'x', 0x81), Violated, wire.CloseTimeout},
		{"flood of pings", func(ws *websocket.Conn) {
			for range 120 {
				_ = ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			}
		}, Violated, wire.CloseTooManyRequests},
		{"line cut", func(ws *websocket.Conn) { _ = ws.NetConn().Close() }, Gone, 0},
	} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			_, sink, ws := open(t, options(), 1000)
			go e.do(ws)
			select {
			case end := <-sink.ends:
				if end.Cause != e.cause || end.Code != e.code {
					t.Fatalf("ended with %+v, want cause %d, code %d", end, e.cause, e.code)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("did not end")
			}
		})
	}
}

func TestIdleConnectionHasNoDeadline(t *testing.T) {
	_, sink, ws := open(t, options(), 1000)
	for _, m := range []string{"a", "b"} {
		time.Sleep(700 * time.Millisecond) // twice the time a message may take
		_ = ws.WriteMessage(websocket.TextMessage, []byte(m))
	}
	until(t, "both", func() bool { return sink.all() == "text a, text b" })
}

// TestFramesInTwoParts cuts a stream of all kinds of frames in two, everywhere:
// at each place something else is left to read, or nothing.
func TestFramesInTwoParts(t *testing.T) {
	var stream []byte
	frame := func(first byte, payload string) {
		stream = append(append(stream, first, 0x80|byte(len(payload)), 0, 0, 0, 0), payload...)
	}
	frame(0x81, "one")
	frame(0x8a, "")
	frame(0x81, "")
	frame(0x01, "tw")
	frame(0x89, "in")
	frame(0x80, "o")
	frame(0x82, "three")
	frame(0x89, "out")
	const want = "text one, text , ping in, text two, binary three, ping out"
	for cut := range stream {
		_, sink, ws := open(t, options(), 1000)
		_, _ = ws.NetConn().Write(stream[:cut])
		time.Sleep(time.Millisecond)
		_, _ = ws.NetConn().Write(stream[cut:])
		until(t, fmt.Sprintf("all, cut at %d, after %q", cut, sink.all()), func() bool { return sink.all() == want })
	}
}

// TestClosesInTwoParts: a close frame with half a code and one without a code, cut in two everywhere.
func TestClosesInTwoParts(t *testing.T) {
	for _, c := range []struct {
		frame []byte
		want  End
	}{
		{[]byte{0x88, 0x80, 0x88, 0x81, 0, 0}, End{Cause: PeerClosed, Code: NoStatus}},
		{[]byte{0x88, 0x81, 0x88, 0x80, 0, 0, 3}, End{Cause: Violated, Code: wire.CloseProtocolError}},
	} {
		for cut := range c.frame {
			_, sink, ws := open(t, options(), 1000)
			_, _ = ws.NetConn().Write(c.frame[:cut])
			time.Sleep(time.Millisecond)
			_, _ = ws.NetConn().Write(c.frame[cut:])
			select {
			case end := <-sink.ends:
				if end.Cause != c.want.Cause || end.Code != c.want.Code {
					t.Errorf("%x, cut at %d: ended with %+v", c.frame, cut, end)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("did not end")
			}
		}
	}
}

// TestIdleConnectionHasNoReader is why an idle connection is small.
func TestIdleConnectionHasNoReader(t *testing.T) {
	_, sink, ws := open(t, options(), 1000)
	for _, frames := range [][]byte{
		{0x81, 0x81, 0, 0, 0, 0, 'a'},
		{0x89, 0x80, 0, 0, 0, 0},
		{0x8a, 0x80, 0, 0, 0, 0},
		{0x01, 0x80, 0, 0, 0, 0, 0x8a, 0x80, 0, 0, 0, 0, 0x80, 0x80, 0, 0, 0, 0},
		{0x8a, 0x80, 0, 0, 0, 0, 0x81, 0x81, 0, 0, 0, 0, 'b'},
	} {
		before := sink.all()
		_, _ = ws.NetConn().Write(frames[:len(frames)-1])
		until(t, "a reader", reading)
		_, _ = ws.NetConn().Write(frames[len(frames)-1:])
		idle(t)
		if frames[0] != 0x8a && sink.all() == before {
			t.Errorf("% x was not heard", frames)
		}
	}
}

// idle waits until nothing is read by any connection.
func idle(t *testing.T) {
	t.Helper()
	until(t, "reading to end", func() bool { return !reading() })
}

func reading() bool {
	stacks := make([]byte, 1<<20)
	return bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("socket.(*reader).messages("))
}

func TestKernelIsBounded(t *testing.T) {
	c, _, _ := open(t, options(), 1000)
	for option, want := range map[int]int{unix.TCP_NOTSENT_LOWAT: notSentLowWater, unix.TCP_USER_TIMEOUT: 11_000} {
		if got, err := unix.GetsockoptInt(int(c.fd), unix.IPPROTO_TCP, option); err != nil || got != want {
			t.Errorf("option %d is %d, %v, want %d: accepted sockets inherit it", option, got, err, want)
		}
	}
}

func TestAwaitRoom(t *testing.T) {
	c, _, ws := open(t, options(), 1000)
	if err := c.AwaitRoom(); err != nil {
		t.Fatal("an empty socket has room:", err)
	}
	frame := AppendHeader(nil, OpText, 60_000)
	frame = append(frame, make([]byte, 60_000)...)
	sent := 0
	for {
		n, err := c.Send(frame)
		if err != nil {
			t.Fatal(err)
		}
		if sent += n; n < len(frame) {
			break
		}
	}
	room := make(chan error, 1)
	go func() { room <- c.AwaitRoom() }()
	select {
	case err := <-room:
		t.Fatal("a full socket has room:", err)
	case <-time.After(200 * time.Millisecond):
	}
	go func() { _, _ = io.CopyN(io.Discard, ws.NetConn(), int64(sent)) }()
	select {
	case err := <-room:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("room was not noticed")
	}
	// Close ends a wait.
	for full := 0; full < 5; { // the kernel makes some room while it fills
		n, err := c.Send(frame)
		if err != nil {
			t.Fatal(err)
		}
		if full++; n > 0 {
			full = 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	go func() { room <- c.AwaitRoom() }()
	time.Sleep(50 * time.Millisecond)
	_ = c.Close()
	if err := <-room; !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}

func TestHalfOpenConnectionsAreBounded(t *testing.T) {
	o := options()
	o.HalfOpen = 2
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} // who is never reset
	l, err := Listen(context.Background(), "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	third := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		third <- c
	}()
	select {
	case <-third:
		t.Fatal("three are half open, two may be")
	case <-time.After(3 * silence):
	}
	_ = first.Close()
	_ = first.Close() // counted once
	select {
	case c := <-third:
		_ = c.Close()
	case <-time.After(5 * time.Second):
		t.Fatal("a close does not make room")
	}
	_ = second.Close()
	_ = l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}

func TestRefuse(t *testing.T) {
	l, err := Listen(context.Background(), "127.0.0.1:0", options())
	if err != nil {
		t.Fatal(err)
	}
	u := NewUpgrader(1000, time.Second)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			c.Refuse(wire.CloseUnauthorized, "token expired")
		}
	})}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	defer running.Wait()
	defer server.Close()
	ws, resp, err := websocket.DefaultDialer.Dial("ws://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	defer ws.Close()
	var closed *websocket.CloseError
	if _, _, err := ws.ReadMessage(); !errors.As(err, &closed) || closed.Code != 4501 || closed.Text != "token expired" {
		t.Fatal(err)
	}
}
