package socket

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// Sink hears what a client sends, on the connection's reading goroutine. A
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

// More control frames than this, and the client is closed (protocol.md,
// section 6: more than 10 a second over 10 seconds).
const (
	controlRate  = 10
	controlBurst = 10 * controlRate
)

// A client that broke a rule is read on and ignored for so long and so much,
// until it has seen the close frame and hangs up: closing a socket with unread
// bytes resets it, and the frame would be lost.
const (
	lingerTimeout = 5 * time.Second
	lingerBytes   = 16 << 20
)

var (
	errInvalidUTF8   = errors.New("text is not valid UTF-8")
	errControlFrames = errors.New("too many control frames")
)

// Serve is the connection's reading goroutine; it returns after the last End.
// The loop starts it after the upgrade, and stops it with Close.
func (c *Conn) Serve(sink Sink) {
	c.ws.SetPingHandler(func(payload string) error {
		if err := c.control(); err != nil {
			return err
		}
		sink.Ping([]byte(payload))
		return nil
	})
	c.ws.SetPongHandler(func(string) error { return c.control() })
	c.ws.SetCloseHandler(func(int, string) error { return nil })

	end := c.ended(c.readMessages(sink))
	sink.End(end)
	if end.Cause != Violated {
		return
	}
	_ = c.tcp.SetReadDeadline(time.Now().Add(lingerTimeout))
	_, _ = io.CopyN(io.Discard, c.tcp, lingerBytes)
	sink.End(End{Cause: Gone})
}

func (c *Conn) readMessages(sink Sink) error {
	for {
		kind, r, err := c.ws.NextReader()
		if err != nil {
			return err
		}
		c.inMessage = true
		c.heard.Store(true)
		buf := buffers.Get().(*[]byte)
		p, err := readAll((*buf)[:0], r)
		if err == nil {
			c.inMessage = false
			c.heard.Store(true)
			c.finish()
			switch {
			case kind == websocket.BinaryMessage:
				sink.Binary(p)
			case !utf8.Valid(p):
				err = errInvalidUTF8
			default:
				sink.Text(p)
			}
		}
		if cap(p) <= keepBuffer {
			*buf = p
			buffers.Put(buf)
		}
		if err != nil {
			return err
		}
	}
}

// Buffers are shared by all readers: an idle connection holds none.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

const keepBuffer = 16 << 10

// readAll is io.ReadAll into a buffer that is used again.
func readAll(b []byte, r io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// control takes note of a ping or pong.
func (c *Conn) control() error {
	c.heard.Store(true)
	if !c.inMessage {
		c.finish()
	}
	if c.allowance == nil {
		c.allowance = rate.NewLimiter(controlRate, controlBurst)
	}
	if !c.allowance.Allow() {
		return errControlFrames
	}
	return nil
}

// ended says what an error of reading means.
func (c *Conn) ended(err error) End {
	var peer *websocket.CloseError
	var netErr net.Error // gorilla keeps of a deadline's error only that it is a timeout
	switch {
	case errors.As(err, &peer) && peer.Code == int(Abnormal): // gorilla's word for an unexpected EOF
		return End{Cause: Gone}
	case errors.As(err, &peer):
		return End{Cause: PeerClosed, Code: wire.CloseCode(peer.Code), Reason: peer.Text}
	case errors.Is(err, errInvalidUTF8):
		return End{Cause: Violated, Code: wire.CloseInvalidUTF8, Reason: "text must be valid UTF-8"}
	case errors.Is(err, errControlFrames):
		return End{Cause: Violated, Code: wire.CloseTooManyRequests, Reason: "more than 10 control frames a second"}
	case errors.Is(err, errOverhead):
		return End{Cause: Violated, Code: wire.CloseMessageTooBig, Reason: "message of too many frames"}
	case errors.Is(err, websocket.ErrReadLimit):
		return End{Cause: Violated, Code: wire.CloseMessageTooBig, Reason: "message over limits.message_bytes"}
	case c.violation != 0:
		return End{Cause: Violated, Code: c.violation, Reason: c.reason}
	case errors.As(err, &netErr) && netErr.Timeout():
		return End{Cause: Violated, Code: wire.CloseTimeout, Reason: "message not finished in time"}
	default:
		return End{Cause: Gone}
	}
}
