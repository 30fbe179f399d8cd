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

	place *place      // nil since the upgrade
	heard atomic.Bool // a frame came since the loop last asked

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

// Read is how net/http reads the request. After the upgrade a reader reads.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if c.place != nil && n > 0 {
		c.place.read(b[:n])
	}
	return n, err
}

// Close releases the descriptor. After the upgrade only the loop may call it,
// once the connection is out of every list: the number is used again at once.
func (c *Conn) Close() error {
	if c.place != nil {
		c.listener.halfOpen.leave(c.place)
	}
	return c.TCPConn.Close()
}

var _ net.Conn = (*Conn)(nil)
