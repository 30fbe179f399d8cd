package socket

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// Subprotocol is selected when a client offers it.
const Subprotocol = "ws.v1"

// readBuffer is gorilla's per connection. Commands are short, and a larger
// message is read into a shared buffer anyway.
const readBuffer = 512

// Upgrader does the handshake (RFC 6455, section 4.2) with gorilla. Origins and
// tokens are the caller's to judge, before or after.
type Upgrader struct {
	ws           websocket.Upgrader
	messageBytes int64
}

// NewUpgrader returns an Upgrader whose connections take messages of at most
// messageBytes; 0 is no limit.
func NewUpgrader(messageBytes int64, handshake time.Duration) *Upgrader {
	return &Upgrader{
		ws: websocket.Upgrader{
			HandshakeTimeout: handshake,
			Subprotocols:     []string{Subprotocol},
			WriteBufferSize:  1024,
			WriteBufferPool:  &sync.Pool{},
			CheckOrigin:      func(*http.Request) bool { return true },
		},
		messageBytes: messageBytes,
	}
}

// Upgrade answers the handshake and returns the connection, which is the
// caller's from then on. After an error the response has been written.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	h := &hijacker{ResponseWriter: w}
	ws, err := u.ws.Upgrade(h, r, nil)
	if err != nil {
		return nil, err
	}
	c := h.conn
	c.ws, c.br = ws, h.br
	c.opened = true
	ws.SetReadLimit(u.messageBytes)
	c.messageBytes = u.messageBytes
	c.limit.leave(c)
	return c, nil
}

// hijacker gives gorilla a small read buffer that we can look into, in the
// place of net/http's 4 KiB.
type hijacker struct {
	http.ResponseWriter
	conn *Conn
	br   *bufio.Reader
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hj, ok := h.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, errors.New("upgrade: response cannot be hijacked")
	}
	nc, brw, err := hj.Hijack()
	if err != nil {
		return nil, nil, err
	}
	conn, ok := nc.(*Conn)
	if !ok {
		_ = nc.Close()
		return nil, nil, fmt.Errorf("upgrade: connection is a %T, not of this package's listener", nc)
	}
	h.conn = conn
	if brw.Reader.Buffered() > 0 {
		return conn, brw, nil // gorilla refuses: data before the handshake's end
	}
	h.br = bufio.NewReaderSize(conn, readBuffer)
	return conn, bufio.NewReadWriter(h.br, brw.Writer), nil
}

// Refuse closes a connection that was upgraded only to be told why it may not
// stay. It blocks for a moment at most and is not for connections the loop has.
func (c *Conn) Refuse(code wire.CloseCode, reason string) {
	_ = c.tcp.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.tcp.Write(AppendClose(nil, code, reason))
	_ = c.tcp.CloseWrite()
	var rest [512]byte
	for {
		if _, err := c.tcp.Read(rest[:]); err != nil {
			break
		}
	}
	_ = c.Close()
}
