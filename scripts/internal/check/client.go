package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// ErrRefused is returned by Dial when the server answered the upgrade with
// another status than 101; the *Refusal in its chain has the answer.
var ErrRefused = errors.New("upgrade refused")

// Refusal is the answer to a refused upgrade.
type Refusal struct {
	StatusCode int
	Header     http.Header
	Body       []byte // at most 1 KiB of it
}

func (r *Refusal) Error() string { return fmt.Sprintf("%d %s", r.StatusCode, r.Body) }

// Unwrap makes a Refusal an [ErrRefused].
func (r *Refusal) Unwrap() error { return ErrRefused }

// Options say how to connect.
type Options struct {
	Header       http.Header
	Subprotocols []string     // nil: ws.v1
	LocalIP      net.IP       // source address, nil: the kernel's choice
	ReadBuffer   int          // SO_RCVBUF in bytes, set before the connect; 0: the kernel's
	NoPong       bool         // leave the server's pings without answer
	Conflated    bool         // the server may pass messages over (P5.5): merged counts them; else it must stay 0
	Handle       func(*Frame) // gets each frame on the reader's goroutine, which then queues none
}

// Client is one connection. All methods may be called from any goroutine, but
// Next and Until take frames away from each other.
type Client struct {
	conn   *websocket.Conn
	handle func(*Frame)

	write  sync.Mutex // gorilla allows one writer
	lastID int

	mu      sync.Mutex // what follows
	ledger  ledger
	queue   []*Frame
	replays map[string]bool // ids of subscribes that asked for a replay
	gate    chan struct{}   // not nil: the reader waits for it to close
	pings   int

	more chan struct{} // has room for one: the queue has grown
	done chan struct{} // closed when the reader has ended
	end  error         // why it has, valid after done
}

// Dial connects and starts reading. The welcome is the first frame of Next.
func Dial(ctx context.Context, url string, o Options) (*Client, error) {
	if o.Subprotocols == nil {
		o.Subprotocols = []string{"ws.v1"}
	}
	net := net.Dialer{LocalAddr: localAddr(o.LocalIP), Control: setReadBuffer(o.ReadBuffer)}
	dialer := websocket.Dialer{
		NetDialContext:   net.DialContext,
		Subprotocols:     o.Subprotocols,
		HandshakeTimeout: 15 * time.Second,
		ReadBufferSize:   1024,
		WriteBufferPool:  &writeBuffers,
	}
	conn, resp, err := dialer.DialContext(ctx, url, o.Header)
	if errors.Is(err, websocket.ErrBadHandshake) && resp.StatusCode != http.StatusSwitchingProtocols {
		body := make([]byte, 1024)
		n, _ := resp.Body.Read(body) // gorilla has buffered it; EOF is no news
		return nil, fmt.Errorf("dial %s: %w", url, &Refusal{resp.StatusCode, resp.Header, body[:n]})
	}
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", url, err)
	}
	c := &Client{
		conn:    conn,
		handle:  o.Handle,
		ledger:  ledger{conflated: o.Conflated},
		replays: map[string]bool{},
		more:    make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	conn.SetPingHandler(func(data string) error {
		c.mu.Lock()
		c.pings++
		c.mu.Unlock()
		if o.NoPong {
			return nil
		}
		// gorilla's own handler gives the pong one second and says nothing when it
		// did not go out; on a busy machine the client would be closed for silence.
		// Whoever has sent a close sends nothing more, and waits for the other's.
		if err := conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(pongTime)); err != nil && !errors.Is(err, websocket.ErrCloseSent) {
			return fmt.Errorf("answer a ping: %w", err)
		}
		return nil
	})
	go c.read()
	return c, nil
}

var writeBuffers sync.Pool

// pongTime is how long a pong may take to be written.
const pongTime = 20 * time.Second

func localAddr(ip net.IP) net.Addr {
	if ip == nil {
		return nil
	}
	return &net.TCPAddr{IP: ip}
}

// setReadBuffer makes the window small from the first packet: set after the
// connect, the kernel has already told the server of a larger one.
func setReadBuffer(bytes int) func(string, string, syscall.RawConn) error {
	if bytes == 0 {
		return nil
	}
	return func(_, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes)
		}); e != nil {
			return e
		}
		return err
	}
}

// read is the client's one goroutine.
func (c *Client) read() {
	defer close(c.done)
	defer c.conn.Close()
	for {
		c.mu.Lock()
		gate := c.gate
		c.mu.Unlock()
		if gate != nil {
			<-gate
		}
		kind, raw, err := c.conn.ReadMessage()
		if err != nil {
			c.end = err
			return
		}
		f, err := decode(raw)
		c.mu.Lock()
		switch {
		case err != nil:
			c.ledger.complain("%v", err)
		case kind != websocket.TextMessage:
			c.ledger.complain("binary frame: %s", f)
		default:
			c.ledger.take(f)
			if f.Type == "subscription_ack" && c.replays[string(f.ID)] {
				c.ledger.replaying = true
			}
			if c.handle == nil {
				c.queue = append(c.queue, f)
			}
		}
		c.mu.Unlock()
		if err == nil && c.handle != nil {
			c.handle(f)
		}
		select {
		case c.more <- struct{}{}:
		default:
		}
	}
}

// Next takes the oldest frame not yet taken, waiting for one if need be. When
// the connection has ended and all is taken, it returns the reason: a
// *websocket.CloseError when a close frame came.
func (c *Client) Next(ctx context.Context) (*Frame, error) {
	for {
		ended := false
		select {
		case <-c.done:
			ended = true
		default:
		}
		c.mu.Lock()
		if len(c.queue) > 0 {
			f := c.queue[0]
			c.queue = c.queue[1:]
			c.mu.Unlock()
			return f, nil
		}
		c.mu.Unlock()
		if ended {
			return nil, c.end
		}
		select {
		case <-c.more:
		case <-c.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a frame: %w", ctx.Err())
		}
	}
}

// Until takes frames up to the first that hit accepts, and returns that one
// and those before it.
func (c *Client) Until(ctx context.Context, hit func(*Frame) bool) (found *Frame, before []*Frame, err error) {
	for {
		f, err := c.Next(ctx)
		if err != nil {
			return nil, before, err
		}
		if hit(f) {
			return f, before, nil
		}
		before = append(before, f)
	}
}

// Send writes one frame of type websocket.TextMessage or BinaryMessage.
func (c *Client) Send(kind int, payload []byte) error {
	c.write.Lock()
	defer c.write.Unlock()
	if err := c.conn.WriteMessage(kind, payload); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// SendBytes writes bytes as they are, for a test of odd frames.
func (c *Client) SendBytes(b []byte) error {
	c.write.Lock()
	defer c.write.Unlock()
	if _, err := c.conn.NetConn().Write(b); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// Subscription is the data of a subscribe command.
type Subscription struct {
	Channels []string    `json:"channels,omitempty"`
	Cursor   wire.Cursor `json:"cursor,omitzero"` // an empty one is one, too
	Last     int         `json:"last,omitempty"`
}

// Subscribe sends a subscribe command and returns its id.
func (c *Client) Subscribe(s Subscription) (id string, err error) {
	c.mu.Lock()
	c.lastID++
	id = strconv.Itoa(c.lastID)
	c.replays[id] = s.Cursor != nil || s.Last > 0
	c.mu.Unlock()
	return id, c.command("subscribe", id, s)
}

// Command sends any command and returns its id.
func (c *Client) Command(kind string, data any) (id string, err error) {
	c.mu.Lock()
	c.lastID++
	id = strconv.Itoa(c.lastID)
	c.mu.Unlock()
	return id, c.command(kind, id, data)
}

func (c *Client) command(kind, id string, data any) error {
	message := map[string]any{"type": kind, "id": json.Number(id)}
	if data != nil {
		message["data"] = data
	}
	payload, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	return c.Send(websocket.TextMessage, payload)
}

// Cursor is the client's position by the rules of protocol section 5.
func (c *Client) Cursor() wire.Cursor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Clone(c.ledger.cursor)
}

// Received is the number of data messages that have come.
func (c *Client) Received() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ledger.received
}

// Pings is the number of pings that have come.
func (c *Client) Pings() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pings
}

// Broken lists the promises this connection has broken, in words.
func (c *Client) Broken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ledger.broken)
}

// Stall makes the reader stop after the frame it waits for; the kernel's
// buffers then fill. Unstall lets it go on.
func (c *Client) Stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gate == nil {
		c.gate = make(chan struct{})
	}
}

// Unstall ends a Stall.
func (c *Client) Unstall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gate != nil {
		close(c.gate)
		c.gate = nil
	}
}

// Subprotocol is what the server selected.
func (c *Client) Subprotocol() string { return c.conn.Subprotocol() }

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Ended waits for the connection's end and returns why.
func (c *Client) Ended(ctx context.Context) error {
	select {
	case <-c.done:
		return c.end
	case <-ctx.Done():
		return fmt.Errorf("wait for the connection's end: %w", ctx.Err())
	}
}

// Close ends the connection with a close frame, and by force after a second.
func (c *Client) Close() {
	c.Unstall()
	goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if err := c.conn.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(time.Second)); err == nil {
		select {
		case <-c.done:
		case <-time.After(time.Second):
		}
	}
	c.Abort()
}

// Abort ends the connection without a word: the server sees a reset.
func (c *Client) Abort() {
	if tcp, ok := c.conn.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails when it is closed already
	}
	c.Unstall()
	_ = c.conn.Close()
	<-c.done
}
