package socket

import (
	"io"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// Sink hears what a client sends, on a goroutine that reads this connection. A
// method may block; then only this connection waits.
type Sink interface {
	// Text is a whole message of valid UTF-8. p is the reader's: use it before
	// returning.
	Text(p []byte)
	// Binary is a whole binary message; p as in Text.
	Binary(p []byte)
	// Ping wants a pong with the same payload (RFC 6455, section 5.5.3).
	Ping(payload []byte)
	// End comes once; after a Violated one more follows, with Gone.
	End(End)
}

// End says why there will be no more messages.
type End struct {
	Cause  Cause
	Code   wire.CloseCode // PeerClosed: the client's; Violated: the one to close with
	Reason string
}

// Cause is how reading ended.
type Cause uint8

// The causes.
const (
	Gone       Cause = iota // the transport failed or is at its end
	PeerClosed              // the client sent a close frame
	Violated                // the client broke a rule and is to be closed with Code
)

// A client that broke a rule is read on and ignored for so long and so much,
// until it has seen the close frame and hangs up: closing a socket with unread
// bytes resets it, and the frame would be lost.
const (
	lingerTimeout = 5 * time.Second
	lingerBytes   = 16 << 20
)

// Serve is the connection's reading goroutine; it returns after the last End.
// The loop starts it after the upgrade, and stops it with Close.
//
// All it does is wait, so that it needs no more than the 2 KiB of stack it
// starts with: reading needs 4, and a stack that has grown to that stays so.
// Therefore what came is read by another goroutine, which lives no longer.
func (c *Conn) Serve(sink Sink) {
	if raw, err := c.SyscallConn(); err == nil {
		a := arrival{conn: c}
		look := a.look // bound once
		for raw.Read(look) == nil {
			if !c.read(sink, a.first) {
				return
			}
		}
	}
	sink.End(End{Cause: Gone})
}

// read reads what begins with first, and the rest of what has begun, on a
// goroutine of its own. It reports whether more may come.
func (c *Conn) read(sink Sink, first *first) (more bool) {
	v := visits.Get().(*visit)
	v.conn, v.sink, v.first, v.more = c, sink, first, false
	v.done.Add(1)
	go v.run()
	v.done.Wait()
	more = v.more
	v.conn, v.sink, v.first = nil, nil, nil
	visits.Put(v)
	return more
}

// visit is one call of read, to be used again.
type visit struct {
	conn  *Conn
	sink  Sink
	first *first
	more  bool
	done  sync.WaitGroup
	run   func() // the method read, bound once
}

var visits = sync.Pool{New: func() any {
	v := &visit{}
	v.run = v.read
	return v
}}

// read reads with a borrowed reader.
func (v *visit) read() {
	defer v.done.Done()
	growStack(0)
	r := v.conn.upgrader.readers.Get().(*reader)
	r.borrowed = borrowed{conn: v.conn, sink: v.sink, first: v.first, waited: true}
	if err := r.messages(); err != nil {
		v.conn.end(v.sink, r.ended(err))
		return
	}
	r.borrowed = borrowed{}
	v.conn.upgrader.readers.Put(r)
	v.more = true
}

// growStack makes the goroutine's stack as large as reading needs it, while
// there is little on it: deep within gorilla the copy takes 1 us more.
//
//go:noinline
func growStack(i int) byte {
	var room [2 << 10]byte
	return room[i]
}

// end says why there will be no more messages.
func (c *Conn) end(sink Sink, e End) {
	sink.End(e)
	if e.Cause != Violated {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(lingerTimeout))
	_, _ = io.CopyN(io.Discard, c.TCPConn, lingerBytes)
	sink.End(End{Cause: Gone})
}

// More control frames than this, and the client is closed (protocol.md,
// section 6: more than 10 a second over 10 seconds).
const (
	controlEvery = time.Second / 10
	controlFill  = 10 * time.Second
)

// allow takes a control frame off the allowance, which is kept as the time when
// it is full again.
func (c *Conn) allow() error {
	now := time.Since(began)
	full := max(c.allowed, now) + controlEvery
	if full-now > controlFill {
		return errControlFrames
	}
	c.allowed = full
	return nil
}

var began = time.Now()
