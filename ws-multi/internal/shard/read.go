package shard

import (
	"errors"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

const (
	// receiveBytes is the size of the one buffer that all connections of a shard
	// are read into.
	receiveBytes = 64 << 10
	// maxReceives bounds how often a connection is read before others have had
	// their turn.
	maxReceives = 4
	// controlsPerSecond is how many control frames a client may send, over ten
	// seconds (protocol.md, section 6).
	controlsPerSecond = 10
)

// react does what the kernel told of sockets. It reports whether there may be
// more to be told.
func (s *Shard) react() bool {
	n := s.poller.Poll(s.events[:])
	for i := range s.events[:n] {
		e := &s.events[i]
		c := s.get(ident(e.Tag))
		if c == nil {
			continue
		}
		if e.Hangup {
			c.flags |= ended
		}
		if e.Readable || e.Hangup {
			s.receive(c)
		}
		if e.Writable && s.get(ident(e.Tag)) == c {
			s.room(c)
		}
	}
	return n == len(s.events)
}

// receiveUnread goes on with those that had more than their share.
func (s *Shard) receiveUnread() bool {
	for range s.unread.n {
		c := s.conns[s.unread.pop()]
		if c != nil && c.has(unread) {
			c.flags &^= unread
			s.receive(c)
		}
	}
	return !s.unread.empty()
}

// receive reads what has come of a connection: until a read is short, which for
// an edge-triggered stream means that the next byte makes an edge (epoll(7)); or until the
// peer's end has been read, where that was told with the edge.
func (s *Shard) receive(c *conn) {
	if c.has(verifying) {
		return // what comes behind an auth waits for its answer
	}
	id := c.id
	for range maxReceives {
		n, err := c.fd.Recv(s.in)
		if err != nil {
			s.gone(c)
			return
		}
		if n == 0 {
			return
		}
		if c.closing != closed {
			s.feed(c, s.in[:n])
			if s.get(id) != c || c.has(verifying) {
				return
			}
		}
		if n < len(s.in) && !c.has(ended) {
			return
		}
	}
	if !c.has(unread) {
		c.flags |= unread
		s.unread.push(id.slot())
	}
}

// feed takes in bytes of a connection.
func (s *Shard) feed(c *conn, b []byte) {
	id := c.id
	c.pongBy = 0
	s.reading = reading{s: s, c: c}
	n, err := c.in.Take(b, s.o.Limits.MessageBytes, &s.reading)
	s.reading.c = nil
	if s.get(id) != c || c.closing == closed {
		return
	}
	if err != nil {
		s.violated(c, err)
		return
	}
	if c.has(verifying) && n < len(b) {
		r := c.uncommon()
		r.held = append(r.held, b[n:]...)
	}
	switch {
	case !c.in.Partial():
		c.wholeBy = 0
	case c.wholeBy == 0 || c.begun != c.in.Begun():
		c.begun = c.in.Begun()
		c.flags &^= spent
		c.wholeBy = after(s.clock.now, s.o.MessageTimeout)
		s.wakeFor(c, c.wholeBy)
	}
}

// violated closes a connection that broke RFC 6455.
func (s *Shard) violated(c *conn, err error) {
	var v *socket.Violation
	if !errors.As(err, &v) {
		v = &socket.Violation{Code: wire.CloseProtocolError, Reason: err.Error()}
	}
	switch v.Code {
	case wire.CloseProtocolError, wire.CloseInvalidUTF8, wire.CloseMessageTooBig:
		s.closeNow(c, v.Code, v.Reason, false)
	default:
		s.closeAfter(c, v.Code, v.Reason, farewell)
	}
}

// reading is the sink of one connection's frames, while it is read. Its methods
// report whether there is any use in reading on.
type reading struct {
	s *Shard
	c *conn
}

// Text does a command.
func (r *reading) Text(p []byte) bool {
	if r.c.closing == open {
		cmd, err := wire.ParseCommand(p)
		r.s.command(r.c, &cmd, err)
	}
	return r.more()
}

// Binary closes the connection: there is no binary message.
func (r *reading) Binary([]byte) bool {
	if r.c.closing == open {
		r.s.closeAfter(r.c, wire.CloseBadRequest, "binary frames are not used: send JSON text", farewell)
	}
	return r.more()
}

// Ping answers with a pong.
func (r *reading) Ping(payload []byte) bool {
	if r.control() {
		r.s.reply(r.c, control{kind: pong, payload: append([]byte(nil), payload...)})
	}
	return r.more()
}

// Pong is a sign of life, as every frame is.
func (r *reading) Pong() bool {
	r.control()
	return r.more()
}

// Close answers the client's close frame; the connection is over.
func (r *reading) Close(code wire.CloseCode, _ string) bool {
	if r.c.closing != closed {
		r.s.answerClose(r.c, code)
	}
	r.s.release(r.c)
	return false
}

// control counts a control frame, and closes a client that sends too many. It
// reports whether the connection is open.
func (r *reading) control() bool {
	if r.c.closing != open {
		return false
	}
	if !r.c.controls.take(&r.s.clock, controlsPerSecond, 10*controlsPerSecond) {
		r.s.closeAfter(r.c, wire.CloseTooManyRequests, "more than 10 control frames a second for 10 s", farewell)
		return false
	}
	return true
}

func (r *reading) more() bool {
	c := r.c
	return c.closing != closed && !c.has(verifying) && r.s.conns[c.id.slot()] == c
}
