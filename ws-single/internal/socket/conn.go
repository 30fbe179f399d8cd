package socket

import (
	"bufio"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// Conn is an accepted connection. net/http and gorilla see a net.Conn; after
// the upgrade its Write and write deadlines do nothing but note the close frame
// gorilla wants to send: written through, a pong or a close frame would land in
// the middle of a frame of which the loop has sent one half.
type Conn struct {
	net.Conn
	tcp   *net.TCPConn
	raw   syscall.RawConn
	fd    int
	limit *halfOpen // counted there until the upgrade or the close

	ws     *websocket.Conn
	br     *bufio.Reader // gorilla reads through it; tells what is left over
	opened bool          // upgraded: set before the reading goroutine starts

	// The reading goroutine's own.
	messageTimeout time.Duration
	messageBytes   int64 // the limit; 0: none
	received       int64 // bytes since the message's first
	started        bool  // the first byte of a frame is here, its end is not
	inMessage      bool  // a data message has begun, so a control frame ends nothing
	violation      wire.CloseCode
	reason         string
	allowance      *rate.Limiter // of control frames; made by the first

	counted atomic.Bool // no longer among the half-open
	heard   atomic.Bool // a frame came since the loop last asked
	closed  atomic.Bool
}

// Heard reports whether a frame came since the last call. Any goroutine.
func (c *Conn) Heard() bool { return c.heard.Swap(false) }

// Unread is the number of bytes the kernel holds that were not read yet. Only
// the loop, before Close.
func (c *Conn) Unread() int { return unread(c.fd) }

// Read passes on what came. The first byte of a message starts its deadline.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.opened {
		return n, err
	}
	if n == 0 && c.started && errors.Is(err, os.ErrDeadlineExceeded) && unread(c.fd) > 0 {
		// It came in time, and we were late to read it.
		_ = c.tcp.SetReadDeadline(time.Now().Add(time.Second))
		n, err = c.Conn.Read(p)
	}
	if n > 0 && !c.started {
		c.begin()
	}
	if c.received += int64(n); c.messageBytes > 0 && c.received > 2*c.messageBytes+overhead {
		return n, errOverhead
	}
	return n, err
}

// overhead is how many bytes of frame headers and control frames a message may
// have beyond its own: empty fragments cost the client nothing, and us a turn.
const overhead = 64 << 10

var errOverhead = errors.New("message of too many frames")

// begin starts the deadline of the message whose first byte is here.
func (c *Conn) begin() {
	c.started, c.received = true, 0
	_ = c.tcp.SetReadDeadline(time.Now().Add(c.messageTimeout))
}

// finish ends it. A next frame may have begun in the same read.
func (c *Conn) finish() {
	if c.br.Buffered() > 0 {
		c.begin()
		return
	}
	c.started = false
	_ = c.tcp.SetReadDeadline(time.Time{})
}

// Write writes during the handshake; afterwards it only notes a close frame.
func (c *Conn) Write(p []byte) (int, error) {
	if !c.opened {
		return c.Conn.Write(p)
	}
	if code, reason, ok := parseClose(p); ok {
		c.violation, c.reason = code, reason
	}
	return len(p), nil
}

// SetWriteDeadline is for the handshake only: later it would wake the
// goroutine that waits for room.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.opened {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

// Close releases the descriptor. After the upgrade only the loop may call it,
// once the connection is out of every list: the number is used again at once.
func (c *Conn) Close() error {
	c.closed.Store(true)
	c.limit.leave(c)
	return c.Conn.Close()
}
