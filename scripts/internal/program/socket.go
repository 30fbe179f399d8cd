package program

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"
)

// socket is one connection: a reader, which hands frames on until the connection ends.
type socket struct {
	ws    *websocket.Conn
	write sync.Mutex
	done  chan struct{} // closed when the reader has ended
	err   error         // why, valid after done
	at    time.Duration // when, by the clock, valid after done

	mu   sync.Mutex
	gate chan struct{} // not nil: the reader waits for it to close
}

// openSocket connects; take gets each text frame, in order, on the reader's goroutine.
func openSocket(ctx context.Context, url string, thin bool, clock func() time.Duration, take func([]byte)) (*socket, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"ws.v1"}, HandshakeTimeout: patience, ReadBufferSize: 1024}
	if thin {
		dialer.NetDialContext = (&net.Dialer{Control: makeThin}).DialContext
	}
	ws, resp, err := dialer.DialContext(ctx, url, nil)
	if err != nil {
		if resp != nil {
			return nil, fmt.Errorf("connect to %s: %w, status %d", url, err, resp.StatusCode)
		}
		return nil, fmt.Errorf("connect to %s: %w", url, err)
	}
	s := &socket{ws: ws, done: make(chan struct{})}
	ws.SetPingHandler(func(data string) error {
		// Whoever has sent a close sends nothing more, and waits for the other's.
		if err := ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(patience)); err != nil && !errors.Is(err, websocket.ErrCloseSent) {
			return fmt.Errorf("answer a ping: %w", err)
		}
		return nil
	})
	go s.read(clock, take)
	return s, nil
}

// makeThin has the socket take little: the window is small from the first packet on, and segments are smaller than it, for a
// sender that cannot fill one waits for the window to open.
func makeThin(_, _ string, conn syscall.RawConn) error {
	var err error
	if e := conn.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<10),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1000))
	}); e != nil {
		return e
	}
	return err
}

func (s *socket) read(clock func() time.Duration, take func([]byte)) {
	defer close(s.done)
	defer func() { s.at = clock() }()
	defer s.ws.Close()
	for {
		s.mu.Lock()
		gate := s.gate
		s.mu.Unlock()
		if gate != nil {
			<-gate
		}
		kind, b, err := s.ws.ReadMessage()
		if err != nil {
			s.err = err
			return
		}
		if kind != websocket.TextMessage {
			s.err = fmt.Errorf("a binary frame of %d bytes", len(b))
			return
		}
		take(b)
	}
}

func (s *socket) send(b []byte) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.ws.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := s.ws.WriteMessage(websocket.TextMessage, b); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// stall has the reader stop after the frame it waits for.
func (s *socket) stall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate == nil {
		s.gate = make(chan struct{})
	}
}

func (s *socket) stalled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gate != nil
}

func (s *socket) goOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate != nil {
		close(s.gate)
		s.gate = nil
	}
}

func (s *socket) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// close says goodbye and waits for the answer.
func (s *socket) close() {
	s.goOn()
	goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if err := s.ws.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(patience)); err == nil {
		select {
		case <-s.done:
		case <-time.After(patience / 2):
		}
	}
	s.cut()
}

// cut ends the connection by a reset.
func (s *socket) cut() {
	if tcp, ok := s.ws.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails when it is closed already
	}
	_ = s.ws.Close()
	s.goOn()
	<-s.done
}

// code is that of the close frame that ended the connection, 0 if none did.
func (s *socket) code() int {
	var end *websocket.CloseError
	if errors.As(s.err, &end) && end.Code != websocket.CloseAbnormalClosure {
		return end.Code
	}
	return 0
}
