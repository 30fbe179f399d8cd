package socket

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Subprotocol is selected when a client offers it.
const Subprotocol = "ws.v1"

// Upgrader does the handshake (RFC 6455, section 4.2) with gorilla. Origins and
// tokens are the caller's to judge, before or after.
type Upgrader struct {
	ws      websocket.Upgrader
	readers sync.Pool // of *reader
}

// NewUpgrader returns an Upgrader whose connections take messages of at most
// messageBytes; 0 is no limit.
func NewUpgrader(messageBytes int64, handshake time.Duration) *Upgrader {
	u := &Upgrader{
		ws: websocket.Upgrader{
			HandshakeTimeout: handshake,
			Subprotocols:     []string{Subprotocol},
			WriteBufferSize:  1024,
			WriteBufferPool:  &sync.Pool{},
			CheckOrigin:      func(*http.Request) bool { return true },
		},
	}
	u.readers.New = func() any { return newReader(&u.ws, messageBytes) }
	return u
}

// Upgrade answers the handshake and returns the connection, which is the
// caller's from then on. After an error the response has been written.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	h := &hijacker{ResponseWriter: w}
	// Several lines are one list (RFC 6455, section 11.3.4), of which gorilla reads the first.
	if offered := r.Header["Sec-Websocket-Protocol"]; len(offered) > 1 {
		r.Header.Set("Sec-Websocket-Protocol", strings.Join(offered, ", "))
	}
	if _, err := u.ws.Upgrade(h, r, nil); err != nil {
		return nil, err
	}
	h.conn.upgrader = u
	if !h.conn.listener.halfOpen.leave(h.conn.place) {
		_ = h.conn.Close()
		return nil, errThinnedOut
	}
	h.conn.place = nil
	return h.conn, nil
}

// hijacker looks at the connection as gorilla takes it over.
type hijacker struct {
	http.ResponseWriter
	conn *Conn
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
	if h.conn, ok = nc.(*Conn); !ok {
		_ = nc.Close()
		return nil, nil, fmt.Errorf("upgrade: connection is a %T, not of this package's listener", nc)
	}
	return nc, brw, nil
}
