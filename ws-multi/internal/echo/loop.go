package main

import (
	"errors"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

const (
	// messageLimit is above the largest message of the Autobahn cases.
	messageLimit = 32 << 20
	// patience is how long a client may take to hang up after a close frame.
	patience = time.Second
)

// loop owns connections on one goroutine. take is for any other.
type loop struct {
	poller *socket.Poller

	mu    sync.Mutex
	inbox []socket.FD

	// Of the goroutine of run.
	conns      map[uint64]*conn // by tag
	generation uint64
	closing    []*conn // in the order of their deadlines
	scratch    []byte
}

func newLoop() (*loop, error) {
	p, err := socket.NewPoller()
	if err != nil {
		return nil, err
	}
	return &loop{poller: p, conns: map[uint64]*conn{}, scratch: make([]byte, 64<<10)}, nil
}

// take gives the loop a connection.
func (l *loop) take(fd socket.FD) {
	l.mu.Lock()
	l.inbox = append(l.inbox, fd)
	l.mu.Unlock()
	l.poller.Wake()
}

func (l *loop) run() error {
	events := make([]socket.Event, 64)
	for {
		l.welcome()
		n := l.poller.Poll(events)
		for _, e := range events[:n] {
			if c := l.conns[e.Tag]; c != nil && !c.serve(l) {
				l.drop(c)
			}
		}
		now := time.Now()
		for len(l.closing) > 0 && !now.Before(l.closing[0].deadline) {
			c := l.closing[0]
			l.closing = l.closing[1:]
			if l.conns[c.tag] == c {
				l.drop(c)
			}
		}
		if n > 0 {
			continue
		}
		var until time.Time
		if len(l.closing) > 0 {
			until = l.closing[0].deadline
		}
		if err := l.poller.Sleep(until); err != nil {
			return err
		}
	}
}

// welcome adds the connections that were handed over.
func (l *loop) welcome() {
	l.mu.Lock()
	fds := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, fd := range fds {
		l.generation++
		c := &conn{fd: fd, tag: l.generation<<32 | uint64(uint32(fd))}
		if l.poller.Add(fd, c.tag) != nil {
			fd.Close()
			continue
		}
		l.conns[c.tag] = c
	}
}

func (l *loop) drop(c *conn) {
	delete(l.conns, c.tag)
	c.fd.Close()
}

// conn is a connection, and the sink of what its client sends.
type conn struct {
	fd     socket.FD
	tag    uint64
	frames socket.Frames

	out      []byte    // what the socket did not take
	in       []byte    // what came and waits for room
	ended    bool      // a close frame is the last of out
	deadline time.Time // then: for hanging up
}

// serve goes on with a connection until there is nothing to read or no room to
// write; it reports false when the connection is at its end.
func (c *conn) serve(l *loop) bool {
	for {
		if !c.flush() {
			return false
		}
		if len(c.out) > 0 {
			return true
		}
		if c.ended && c.deadline.IsZero() {
			c.fd.CloseWrite()
			c.deadline = time.Now().Add(patience)
			l.closing = append(l.closing, c)
		}
		if in := c.in; len(in) > 0 {
			c.in = in[c.read(in):]
			continue
		}
		c.in = nil
		n, err := c.fd.Recv(l.scratch)
		if err != nil {
			return false
		}
		if n == 0 {
			return true
		}
		if used := c.read(l.scratch[:n]); used < n {
			c.in = append([]byte(nil), l.scratch[used:n]...)
		}
	}
}

// read reads frames from b until the socket is full.
func (c *conn) read(b []byte) int {
	n, err := c.frames.Take(b, messageLimit, c)
	var v *socket.Violation
	if errors.As(err, &v) {
		c.end(v.Code, v.Reason)
	}
	return n
}

func (c *conn) flush() bool {
	for len(c.out) > 0 {
		n, err := c.fd.Send(c.out)
		if err != nil {
			return false
		}
		if n == 0 {
			return true
		}
		c.out = c.out[n:]
	}
	c.out = nil
	return true
}

func (c *conn) end(code wire.CloseCode, reason string) {
	c.ended = true
	c.out = socket.AppendClose(c.out, code, reason)
}

// send sends a frame; false stops the reading until the socket has room.
func (c *conn) send(op socket.Opcode, p []byte) bool {
	c.out = append(socket.AppendHeader(c.out, op, len(p)), p...)
	return c.flush() && len(c.out) == 0
}

func (c *conn) Text(p []byte) bool   { return c.send(socket.OpText, p) }
func (c *conn) Binary(p []byte) bool { return c.send(socket.OpBinary, p) }
func (c *conn) Ping(p []byte) bool   { return c.send(socket.OpPong, p) }
func (c *conn) Pong() bool           { return true }

func (c *conn) Close(code wire.CloseCode, _ string) bool {
	c.end(code, "")
	return false
}
