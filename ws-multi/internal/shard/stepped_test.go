package shard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// stepped is a shard whose turns the test takes, so that what happens between
// two of them is the test's to say. Within a bubble of synctest its time is, too;
// sockets are real, and used without blocking.
type stepped struct {
	testing.TB
	*source
	*Shard
	places atomic.Int64
	mates  []*mate
}

func newStepped(tb testing.TB, o Options, limits history.Options) *stepped {
	tb.Helper()
	w := &stepped{TB: tb, source: newSource(o.Events, limits)}
	w.build(o)
	return w
}

func (w *stepped) build(o Options) {
	w.Helper()
	tb := w.TB
	var err error
	if w.Shard, err = newShard(0, w.source.log, &o, make(chan struct{}, 1)); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.Shard.context = ctx
	tb.Cleanup(func() {
		cancel()
		w.stop()
		for _, m := range w.mates {
			m.hangUp()
		}
		if n := w.places.Load(); n != 0 {
			tb.Errorf("%d places were not given back", n)
		}
	})
}

// run takes turns until there is nothing more to do.
func (w *stepped) run() {
	for w.turn() {
	}
}

// elapse lets time pass, with turns in between.
func (w *stepped) elapse(d time.Duration) {
	const step = 50 * time.Millisecond
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(step, time.Until(end)))
		w.run()
	}
}

func (w *stepped) show() {
	w.source.log.Publish(Since(time.Now()))
	w.run()
}

// record writes one record and has it offered.
func (w *stepped) record(symbol string, event int, partition int32, value string) {
	w.write(symbol, event, partition, value)
	w.show()
}

// released waits, in real time, until so many connections are left.
func (w *stepped) released(left int) {
	w.Helper()
	for range patience {
		if w.run(); w.held == left {
			return
		}
		_, _ = unix.Poll(nil, 5)
	}
	w.Fatalf("%d connections are held instead of %d", w.held, left)
}

// mate is the client of a stepped shard.
type mate struct {
	w      *stepped
	fd     int
	in     bytes.Buffer
	ended  bool // by the server
	closed bool // by hangUp
}

// join connects a client and reads its welcome.
func (w *stepped) join(receiveBuffer int) *mate { return w.joinAs(auth.Anybody, receiveBuffer) }

func (w *stepped) joinAs(who *auth.Identity, receiveBuffer int) *mate {
	w.Helper()
	fd, m := w.connect(receiveBuffer)
	w.places.Add(1)
	w.assigned.Add(1)
	w.put(item{arrival: &Arrival{FD: fd, Identity: who, Place: place{&w.places}, ID: ulid.Make()}})
	w.run()
	m.expect("welcome")
	return m
}

func (w *stepped) connect(receiveBuffer int) (socket.FD, *mate) {
	w.Helper()
	must := func(err error) {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
	}
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	defer unix.Close(l)
	must(unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(unix.Listen(l, 1))
	addr, err := unix.Getsockname(l)
	must(err)
	c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	if receiveBuffer > 0 {
		must(unix.SetsockoptInt(c, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer))
	}
	must(unix.Connect(c, addr))
	must(unix.SetNonblock(c, true))
	fd, _, err := unix.Accept4(l, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	must(err)
	must(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 16<<10))
	must(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	must(unix.SetsockoptInt(c, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	m := &mate{w: w, fd: c}
	w.mates = append(w.mates, m)
	return socket.FD(fd), m
}

func (m *mate) hangUp() {
	if !m.closed {
		m.closed = true
		_ = unix.Close(m.fd)
	}
}

// raw sends bytes, and lets the shard see them.
func (m *mate) raw(b []byte) {
	m.w.Helper()
	for len(b) > 0 {
		b = b[m.write(b):]
		m.w.run()
	}
}

// write is raw without a turn of the shard. It returns how much the kernel took.
func (m *mate) write(b []byte) int {
	m.w.Helper()
	n, err := unix.Write(m.fd, b)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		m.w.Fatal(err)
	}
	return max(n, 0)
}

func (m *mate) say(format string, args ...any) {
	m.w.Helper()
	m.raw(saying(nil, format, args...))
}

// pull reads what there is; it waits for it, in real time, if it must.
func (m *mate) pull(wait time.Duration) {
	var b [16 << 10]byte
	for {
		n, err := unix.Read(m.fd, b[:])
		switch {
		case n > 0:
			m.in.Write(b[:n])
			wait = 0
			continue
		case err == nil || !errors.Is(err, unix.EAGAIN):
			m.ended = true
			return
		case wait <= 0:
			return
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(m.fd), Events: unix.POLLIN}}, int(wait.Milliseconds()))
		wait = 0
	}
}

// next is the next frame, pings among them; nil when none comes for a moment of
// real time.
func (m *mate) next(tries int) *frameOf {
	m.w.Helper()
	for ; ; tries-- {
		in := bytes.NewReader(m.in.Bytes())
		f, err := readFrame(in)
		if err == nil {
			m.in.Next(m.in.Len() - in.Len())
			return f
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			m.w.Fatal(err)
		}
		if m.ended || tries <= 0 {
			return nil
		}
		m.w.run()
		m.pull(5 * time.Millisecond)
		m.w.run()
	}
}

const patience = 1000 // tries of 5 ms

// hear is the next frame that is no ping; those are answered.
func (m *mate) hear() *frameOf {
	m.w.Helper()
	for {
		f := m.next(patience)
		if f == nil || f.op != socket.OpPing {
			return f
		}
		m.raw(masked(nil, socket.OpPong, f.payload))
	}
}

// expect hears a frame of a type.
func (m *mate) expect(kind string) *frameOf {
	m.w.Helper()
	f := m.hear()
	if f == nil {
		m.w.Fatalf("heard no %s (ended: %v)", kind, m.ended)
	}
	if f.Type != kind {
		m.w.Fatalf("heard %q, code %d, instead of %s: %.200s", f.Type, f.closeCode(), kind, f.payload)
	}
	return f
}

// closes hears the connection close, with a bye before it or without, and then
// the end.
func (m *mate) closes(code int, bye bool) *frameOf {
	m.w.Helper()
	var last *frameOf
	if bye {
		last = m.expect("bye")
		if string(last.Code) != itoa(code) {
			m.w.Fatalf("bye is %s, wanted the code %d", last.payload, code)
		}
	}
	f := m.hear()
	if f == nil || int(f.closeCode()) != code {
		m.w.Fatalf("heard %+v instead of the close code %d", f, code)
	}
	for range patience {
		if m.ended {
			break
		}
		m.pull(5 * time.Millisecond)
	}
	if !m.ended {
		m.w.Fatal("the server's side did not end")
	}
	if last != nil {
		return last
	}
	return f
}

// quiet fails when a frame comes that is no ping; those are answered.
func (m *mate) quiet() {
	m.w.Helper()
	for f := m.next(4); f != nil; f = m.next(4) {
		if f.op != socket.OpPing {
			m.w.Fatalf("heard %.200s", f.payload)
		}
		m.raw(masked(nil, socket.OpPong, f.payload))
	}
}

// refused hears an error.
func (m *mate) refused(code string) *frameOf {
	m.w.Helper()
	f := m.expect("error")
	if string(f.Code) != `"`+code+`"` {
		m.w.Fatalf("heard %s instead of %s", f.payload, code)
	}
	return f
}
