package socket

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// Conn is an accepted connection. An idle one holds nothing to read with: that
// is lent to it, see reader.
type Conn struct {
	*net.TCPConn
	listener *Listener
	upgrader *Upgrader // since the upgrade; lends the readers
	fd       int32

	counted atomic.Bool // no longer among the half-open
	heard   atomic.Bool // a frame came since the loop last asked

	// Control frames are allowed again in full from then on, since began. Of
	// whoever reads: one at a time.
	allowed time.Duration
}

// Heard reports whether a frame came since the last call. Any goroutine.
func (c *Conn) Heard() bool { return c.heard.Swap(false) }

// Unread is the number of bytes the kernel holds that were not read yet: before
// Close. The loop's, and of whoever reads, to whom a Close in that moment may give
// another connection's number; its next read fails then.
func (c *Conn) Unread() int { return unread(int(c.fd)) }

// Refuse closes a connection that was upgraded only to be told why it may not
// stay. It blocks for a moment at most and is not for connections the loop has.
func (c *Conn) Refuse(code wire.CloseCode, reason string) {
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.Write(AppendClose(nil, code, reason))
	c.CloseWrite()
	var rest [512]byte
	for {
		if _, err := c.Read(rest[:]); err != nil {
			break
		}
	}
	_ = c.Close()
}

// Close releases the descriptor. After the upgrade only the loop may call it,
// once the connection is out of every list: the number is used again at once.
func (c *Conn) Close() error {
	c.listener.halfOpen.leave(c)
	return c.TCPConn.Close()
}

var _ net.Conn = (*Conn)(nil)
