package parity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// client is one connection. Its reader, a goroutine that ends with the connection, owns what is not behind the mutex.
//
// It reads messages by their bytes alone (see partsOf), where package check would take one with a changed byte for no message
// at all; so it is not that package's client.
type client struct {
	socket  *websocket.Conn
	message func(raw []byte, c *client) // each data message, on the reader's goroutine
	claim   func(cursor wire.Cursor)    // each cursor behind messages, likewise
	wrong   func(what string)           // a promise broken
	done    chan struct{}
	err     error // why the connection ended, valid after done

	received  uint64
	replaying bool

	write sync.Mutex // gorilla allows one writer
	id    int

	mu      sync.Mutex // guards what follows
	cursor  wire.Cursor
	pongs   int
	refused *answer       // to the subscribe
	acked   chan struct{} // closed by its answer
	lost    []string
	pause   time.Duration // how long to wait after a close that was announced; -1: it was not
}

// answer is any frame of the server that is no data message.
type answer struct {
	Type      string          `json:"type"`
	Code      json.RawMessage `json:"code"`
	Message   string          `json:"message"`
	Temporary bool            `json:"temporary"`
	Cursor    wire.Cursor     `json:"cursor"`
	Lost      []string        `json:"lost"`
	Sent      uint64          `json:"sent"`
	Merged    uint64          `json:"merged"`
	Server    string          `json:"server"`
	Version   string          `json:"version"`
	Reconnect int64           `json:"reconnect_in_ms"`
	Event     string          `json:"event"`
}

// dial connects and takes the welcome.
func dial(ctx context.Context, url string) (*websocket.Conn, answer, error) {
	var welcome answer
	dialer := websocket.Dialer{
		NetDialContext: (&net.Dialer{}).DialContext, Subprotocols: []string{"ws.v1"}, HandshakeTimeout: 15 * time.Second, ReadBufferSize: 16 << 10,
	}
	socket, resp, err := dialer.DialContext(ctx, url, nil)
	if errors.Is(err, websocket.ErrBadHandshake) {
		hint := ""
		if resp.StatusCode == http.StatusForbidden {
			hint = "; this program sends no Origin: set WS_ALLOW_NO_ORIGIN=true"
		}
		return nil, welcome, fmt.Errorf("connect to %s: refused with %d%s", url, resp.StatusCode, hint)
	}
	if err != nil {
		return nil, welcome, fmt.Errorf("connect to %s: %w", url, err)
	}
	// A write may not wait for ever on a busy machine, nor be given up early.
	socket.SetPingHandler(func(data string) error {
		return socket.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(20*time.Second))
	})
	_ = socket.SetReadDeadline(time.Now().Add(20 * time.Second)) // a TCP connection has deadlines
	_, raw, err := socket.ReadMessage()
	if err == nil {
		err = json.Unmarshal(raw, &welcome)
	}
	if err == nil && welcome.Type != "welcome" {
		err = fmt.Errorf("the first message is %.200s", raw)
	}
	if err != nil {
		_ = socket.Close() // it is of no use
		return nil, welcome, fmt.Errorf("connect to %s: wait for the welcome: %w", url, err)
	}
	_ = socket.SetReadDeadline(time.Time{})
	return socket, welcome, nil
}

// open starts reading and subscribes. The cursor is where it resumes; nil: from now on.
func open(socket *websocket.Conn, patterns []string, cursor wire.Cursor,
	message func([]byte, *client), claim func(wire.Cursor), wrong func(string),
) (*client, error) {
	c := &client{
		socket: socket, message: message, claim: claim, wrong: wrong, done: make(chan struct{}), replaying: cursor != nil,
		cursor: copyOf(cursor), acked: make(chan struct{}), pause: -1,
	}
	go c.read()
	type data struct {
		Channels []string    `json:"channels"`
		Cursor   wire.Cursor `json:"cursor,omitzero"`
	}
	if err := c.command("subscribe", data{patterns, cursor}); err != nil {
		c.cut()
		return nil, err
	}
	return c, nil
}

func copyOf(c wire.Cursor) wire.Cursor {
	out := wire.Cursor{}
	for event, p := range c {
		out[event] = wire.Position{Log: p.Log, At: append([]int64(nil), p.At...)}
	}
	return out
}

// read is the client's goroutine.
func (c *client) read() {
	defer close(c.done)
	for {
		kind, raw, err := c.socket.ReadMessage()
		if err != nil {
			c.err = err
			return
		}
		if kind != websocket.TextMessage {
			c.wrong("a binary frame came")
			continue
		}
		if len(raw) > wire.SeqLen && string(raw[:len(messageBegins)]) == messageBegins {
			c.received++
			if seq, err := strconv.ParseUint(trimmed(raw[len(messageBegins):wire.SeqLen-1]), 10, 64); err != nil || seq != c.received {
				c.wrong(fmt.Sprintf("a hole in seq: %.24s came as message %d", raw, c.received))
				c.received = max(seq, c.received) // one hole is told once
			}
			c.message(raw, c)
			continue
		}
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			c.wrong(fmt.Sprintf("a frame that cannot be read: %.100s", raw))
			continue
		}
		c.take(a)
		if a.Type == "replay_complete" || a.Type == "pong" || a.Type == "bye" {
			c.claim(a.Cursor)
		}
	}
}

func trimmed(b []byte) string {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return string(b)
}

// take takes a frame that is no data message.
func (c *client) take(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.Cursor != nil {
		c.cursor = copyOf(a.Cursor) // P6.5
	}
	switch a.Type {
	case "subscription_ack", "error":
		select {
		case <-c.acked:
			c.wrong(fmt.Sprintf("a heartbeat was answered by %s %s", a.Type, a.Code))
		default:
			if c.lost = a.Lost; a.Type == "error" {
				c.refused = &a
			}
			close(c.acked)
		}
	case "replay_complete":
		c.replaying = false
	case "pong", "bye":
		if a.Sent != c.received {
			c.wrong(fmt.Sprintf("a %s says that %d messages were sent, and %d came", a.Type, a.Sent, c.received))
		}
		if a.Merged > 0 {
			c.wrong("messages were passed over for newer ones: run the servers without WS_CONFLATE_EVENTS")
		}
		if a.Type == "pong" {
			c.pongs++
		}
	case "notice":
		c.pause = time.Duration(a.Reconnect) * time.Millisecond
	case "gap":
		c.wrong(fmt.Sprintf("a gap in %s: the log lost records while it was read", a.Event))
	}
}

// raise moves the cursor to a message (P6.5).
func (c *client) raise(p place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.cursor[p.event]
	if !ok {
		return
	}
	for int(p.partition) >= len(at.At) {
		at.At = append(at.At, -1)
	}
	at.At[p.partition] = max(at.At[p.partition], p.offset)
	c.cursor[p.event] = at
}

// place is the client's cursor, and how many pongs have come.
func (c *client) place() (cursor wire.Cursor, pongs int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return copyOf(c.cursor), c.pongs
}

// answered is the subscribe's answer after acked: nil where it was acknowledged.
func (c *client) answered() (refused *answer, lost []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused, c.lost
}

// announced is how long the server asked to wait after its close; -1: it asked for nothing.
func (c *client) announced() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pause
}

func (c *client) heartbeat() error { return c.command("heartbeat", struct{}{}) }

func (c *client) command(kind string, data any) error {
	c.write.Lock()
	defer c.write.Unlock()
	c.id++
	_ = c.socket.SetWriteDeadline(time.Now().Add(20 * time.Second)) // a TCP connection has deadlines
	if err := c.socket.WriteJSON(map[string]any{"type": kind, "id": c.id, "data": data}); err != nil {
		return fmt.Errorf("send %s: %w", kind, err)
	}
	return nil
}

// cut ends the connection by a reset and waits for the reader.
func (c *client) cut() {
	if tcp, ok := c.socket.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails when it is closed already
	}
	_ = c.socket.Close()
	<-c.done
}

// leave ends the connection by a close frame, by force after a second, and waits for the reader.
func (c *client) leave() {
	goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if c.socket.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(time.Second)) == nil {
		select {
		case <-c.done:
		case <-time.After(time.Second):
		}
	}
	c.cut()
}
