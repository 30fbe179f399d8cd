package socket

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// Subprotocol is selected when the client offers it. It is the only one ever
// named in a response: offers of "bearer.<token>" carry a secret.
const Subprotocol = "ws.v1"

// Upgrader does the server's part of the handshake (RFC 6455 section 4.2), without
// extensions. Origin and token are the caller's to judge. It is safe for concurrent
// use.
type Upgrader struct {
	gorilla websocket.Upgrader
}

// NewUpgrader returns an Upgrader that gives the client so long to take the
// response; 0 is no bound. How long the request may take is net/http's
// ReadHeaderTimeout.
func NewUpgrader(handshakeTimeout time.Duration) *Upgrader {
	return &Upgrader{gorilla: websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		Subprotocols:     []string{Subprotocol},
		CheckOrigin:      func(*http.Request) bool { return true },
		// A pool is asked for a buffer only by a write, of which there is none:
		// without it, gorilla makes one for each connection.
		WriteBufferPool: new(sync.Pool),
	}}
}

// Upgrade answers the handshake and detaches the connection: net/http, gorilla and
// the runtime's poller know nothing of it any more, and no deadline set on it
// before has a meaning. The FD is the caller's, who closes it; the handler should
// return. After an error the request has been answered or its connection closed.
//
// w must come from a net/http server whose connections are TCP without TLS.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (FD, error) {
	oneLine(r.Header)
	ws, err := u.gorilla.Upgrade(w, r, nil)
	if err != nil {
		return -1, fmt.Errorf("upgrade to websocket: %w", err)
	}
	return detach(ws.NetConn())
}

// oneLine makes one header of the lines that offer subprotocols: they are one list (RFC 6455, section 11.3.4), and gorilla
// looks at the first only.
func oneLine(h http.Header) {
	const name = "Sec-Websocket-Protocol"
	if lines := h[name]; len(lines) > 1 {
		h[name] = []string{strings.Join(lines, ",")}
	}
}

var errMadeRoom = errors.New("the connection was silent for long, and makes room for others")

// detach takes the TCP connection out of nc, which is closed in any case: the
// descriptor that is a copy keeps the connection, and Close takes the one that was
// copied out of the runtime's poller.
//
// The copy is made under Control because File().Fd() would make the connection
// blocking. It shares the file's flags, so it is non-blocking as nc's is.
func detach(nc net.Conn) (FD, error) {
	defer nc.Close()
	if h, ok := nc.(*halfOpen); ok && !h.claim() {
		return -1, errMadeRoom
	}
	c, ok := nc.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("detach connection: %T has no descriptor", nc)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("detach connection: %w", err)
	}
	copied, failed := -1, error(nil)
	err = raw.Control(func(fd uintptr) {
		copied, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		// The handshake was answered: the client is told that it is not its fault.
		_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = nc.Write(AppendClose(nil, wire.CloseInternalError, "the server has no descriptor left"))
		return -1, fmt.Errorf("detach connection: %w", err)
	}
	return FD(copied), nil
}
