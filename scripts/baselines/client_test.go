package baselines

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"
)

// client is a WebSocket client of one of the dialects.
type client struct {
	t *testing.T
	*websocket.Conn
	centrifuge bool
	pending    []string // replies that came with another in one frame
}

// message is what a record became.
type message struct {
	channel string
	n       int
	data    string
}

// connect does the handshake. receive, not 0, is SO_RCVBUF of the socket.
func (p *process) connect(name string, receive int) (*websocket.Conn, error) {
	path := "/ws"
	if name == "centrifuge" {
		path = "/connection/websocket"
	}
	tcp := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if receive == 0 {
			return nil
		}
		if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receive) }); e != nil {
			return e
		}
		return err
	}}
	dialer := websocket.Dialer{HandshakeTimeout: patience, NetDialContext: tcp.DialContext}
	conn, _, err := dialer.Dial("ws://"+p.addr+path, nil)
	return conn, err
}

// dial makes a client with a socket that buffers what it likes.
func (s served) dial() *client {
	s.t.Helper()
	return s.dialBuffering(0)
}

func (s served) dialBuffering(receive int) *client {
	s.t.Helper()
	conn, err := s.connect(s.name, receive)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.client(conn)
}

func (s served) client(conn *websocket.Conn) *client {
	s.t.Helper()
	c := &client{t: s.t, Conn: conn, centrifuge: s.name == "centrifuge"}
	s.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	if c.centrifuge {
		c.say(`{"id":1,"connect":{}}`)
		if reply := c.read(); !strings.HasPrefix(reply, `{"id":1,"connect":{"client":`) {
			s.t.Fatalf("connect is answered by %s", reply)
		}
	}
	return c
}

func (c *client) say(text string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next reply or push.
func (c *client) read() string {
	c.t.Helper()
	for len(c.pending) == 0 {
		kind, text, err := c.ReadMessage()
		if err != nil {
			c.t.Fatal(err)
		}
		if kind != websocket.TextMessage {
			c.t.Fatalf("a frame of kind %d: %q", kind, text)
		}
		if !c.centrifuge {
			return string(text)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSuffix(line, "\n"); line == "{}" {
				c.say("{}") // a ping, answered by the same
			} else {
				c.pending = append(c.pending, line)
			}
		}
	}
	next := c.pending[0]
	c.pending = c.pending[1:]
	return next
}

func (c *client) subscribe(channels ...string) {
	c.t.Helper()
	if c.centrifuge {
		for i, channel := range channels {
			c.say(fmt.Sprintf(`{"id":%d,"subscribe":{"channel":%q}}`, i+2, channel))
			if got, want := c.read(), fmt.Sprintf(`{"id":%d,"subscribe":{}}`, i+2); got != want {
				c.t.Fatalf("subscribe is answered by %s, want %s", got, want)
			}
		}
		return
	}
	list, err := json.Marshal(channels)
	if err != nil {
		c.t.Fatal(err)
	}
	c.say(fmt.Sprintf(`{"type":"subscribe","id":1,"data":{"channels":%s}}`, list))
	if got, want := c.read(), fmt.Sprintf(`{"type":"subscription_ack","id":1,"count":%d}`, len(channels)); got != want {
		c.t.Fatalf("subscribe is answered by %s, want %s", got, want)
	}
}

// next returns the next message.
func (c *client) next() message {
	c.t.Helper()
	text := c.read()
	var got struct {
		Type, Channel string
		TS            int64
		Data          json.RawMessage
		Push          struct {
			Channel string
			Pub     struct{ Data json.RawMessage }
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		c.t.Fatalf("%v: %s", err, text)
	}
	channel, data := got.Channel, got.Data
	if c.centrifuge {
		channel, data = got.Push.Channel, got.Push.Pub.Data
	} else if got.Type != "message" || got.TS == 0 {
		c.t.Fatalf("%s is no message", text)
	}
	var value struct{ N int }
	if err := json.Unmarshal(data, &value); err != nil {
		c.t.Fatalf("%v: %s", err, text)
	}
	return message{channel, value.N, string(data)}
}

// expect reads records of symbols, and nothing else, each symbol's in order.
func (c *client) expect(first, last int, symbols ...string) {
	c.t.Helper()
	seen := map[string]int{}
	for range (last - first + 1) * len(symbols) {
		m := c.next()
		symbol, event, _ := strings.Cut(m.channel, ".")
		n := first + seen[symbol]
		seen[symbol]++
		if want := (record{symbol: symbol, n: n}); event != "trade" || m.data != want.value() {
			c.t.Fatalf("on %s came %s, want %s", m.channel, m.data, want.value())
		}
	}
	for _, s := range symbols {
		if seen[s] != last-first+1 {
			c.t.Fatalf("got %v, want %d of each of %v", seen, last-first+1, symbols)
		}
	}
}
