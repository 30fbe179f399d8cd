package load

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// server does what a test's script says to each connection, which is numbered from 0 in the order of the accepts. The
// connection is closed when its script has ended.
type server struct {
	Addr     string
	accepted atomic.Int64
}

func serve(t testing.TB, script func(p *peer, conn int)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Addr: l.Addr().String()}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			conn := int(s.accepted.Add(1)) - 1
			all.Go(func() {
				p := &peer{Conn: c, in: bufio.NewReader(c), t: t}
				script(p, conn)
				c.Close()
				mu.Lock()
				defer mu.Unlock()
				delete(open, c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return s
}

// peer is the server's end of a connection.
type peer struct {
	net.Conn
	in      *bufio.Reader
	t       testing.TB
	request *http.Request
	pos     int64 // of the next data message
	seq     uint64
	bytes   bool // write byte by byte
}

// errOver ends a script whose client is gone.
var errOver = errors.New("the client has gone")

// Write writes p, in one piece or in many.
func (p *peer) Write(b []byte) (int, error) {
	if !p.bytes {
		return p.Conn.Write(b)
	}
	for k := range b {
		if _, err := p.Conn.Write(b[k : k+1]); err != nil {
			return k, err
		}
		if k%16 == 15 {
			time.Sleep(100 * time.Microsecond) // the kernel would put them together again
		}
	}
	return len(b), nil
}

// upgrade reads the request and accepts it.
func (p *peer) upgrade() error {
	if err := p.readRequest(); err != nil {
		return err
	}
	protocol := ""
	if p.request.Header.Get("Sec-WebSocket-Protocol") == "ws.v1" {
		protocol = "Sec-WebSocket-Protocol: ws.v1\r\n"
	}
	_, err := fmt.Fprintf(p, "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n%sSec-WebSocket-Accept: %s\r\n\r\n",
		protocol, accept(p.request.Header.Get("Sec-WebSocket-Key")))
	return err
}

func (p *peer) readRequest() (err error) {
	p.request, err = http.ReadRequest(p.in)
	return err
}

// refuse answers the request with a status.
func (p *peer) refuse(status int, header string) {
	if p.readRequest() == nil {
		fmt.Fprintf(p, "HTTP/1.1 %d %s\r\n%sContent-Length: 4\r\n\r\nbusy", status, http.StatusText(status), header)
	}
}

// rst makes Close reset the connection.
func (p *peer) rst() { _ = p.Conn.(*net.TCPConn).SetLinger(0) }

// next reads a client's frame, which must be masked.
func (p *peer) next() (op byte, payload []byte, err error) {
	var head [14]byte
	if _, err := io.ReadFull(p.in, head[:2]); err != nil {
		return 0, nil, errOver
	}
	if head[0]&0xf0 != 0x80 || head[1]&0x80 == 0 {
		p.t.Errorf("the client sent a frame that begins % x", head[:2])
		return 0, nil, errOver
	}
	size := int(head[1] & 0x7f)
	switch size {
	case 126:
		_, err = io.ReadFull(p.in, head[2:4])
		size = int(binary.BigEndian.Uint16(head[2:]))
	case 127:
		_, err = io.ReadFull(p.in, head[2:10])
		size = int(binary.BigEndian.Uint64(head[2:]))
	}
	payload = make([]byte, 4+size)
	if err == nil {
		_, err = io.ReadFull(p.in, payload)
	}
	if err != nil {
		return 0, nil, errOver
	}
	for k := range payload[4:] {
		payload[4+k] ^= payload[k%4]
	}
	return head[0] & 0xf, payload[4:], nil
}

func (p *peer) text(format string, args ...any) {
	payload := format
	if len(args) > 0 {
		payload = fmt.Sprintf(format, args...)
	}
	_, _ = p.Write(text(payload))
}

// command is what a client of ws or hub says.
type command struct {
	Type string `json:"type"`
	ID   int    `json:"id"`
	Data struct {
		Channels []string        `json:"channels"`
		Cursor   json.RawMessage `json:"cursor"`
	} `json:"data"`
}

// readCommand reads the next subscribe.
func (p *peer) readCommand() (c command, err error) {
	op, payload, err := p.next()
	if err != nil {
		return c, err
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil || op != opText || c.Type != "subscribe" {
		p.t.Errorf("got opcode %d, %s, %v", op, payload, err)
		return c, errOver
	}
	return c, nil
}

const welcome = `{"type":"welcome","conn":"01J","server":"test","version":"1","heartbeat_ms":25000,"limits":{"message_bytes":65536,"channels":256,"commands_per_s":10}}`

// subscribed does all that a well-behaved server of the dialect does until the client has its channels, which it returns.
func (p *peer) subscribed(dialect string) (channels []string, err error) {
	if err := p.upgrade(); err != nil {
		return nil, err
	}
	if dialect == Centrifuge {
		return p.subscribedReplies()
	}
	if dialect == WS {
		p.text(welcome)
	}
	c, err := p.readCommand()
	if err != nil {
		return nil, err
	}
	cursor := `,"cursor":{"trade":{"log":"0123456789abcdef","at":[-1,-1,-1]}}`
	if dialect == Hub {
		cursor = ""
	}
	p.text(`{"type":"subscription_ack","id":%d,"count":%d%s}`, c.ID, len(c.Data.Channels), cursor)
	return c.Data.Channels, nil
}

func (p *peer) subscribedReplies() (channels []string, err error) {
	_, payload, err := p.next()
	if err != nil {
		return nil, err
	}
	var replies []string
	for line := range strings.Lines(string(payload)) {
		var c struct {
			ID        int
			Connect   *struct{}
			Subscribe *struct{ Channel string }
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			p.t.Errorf("got %q: %v", line, err)
		}
		if c.Connect != nil {
			replies = append(replies, fmt.Sprintf(`{"id":%d,"connect":{"client":"x","version":"1","ping":25,"pong":true}}`, c.ID))
			continue
		}
		channels = append(channels, c.Subscribe.Channel)
		replies = append(replies, fmt.Sprintf(`{"id":%d,"subscribe":{}}`, c.ID))
	}
	p.text("%s", strings.Join(replies, "\n"))
	return channels, nil
}

// message sends the next data message of channel 0 in a dialect. A seq or pos of its own may be set before.
func (p *peer) message(dialect string, n int64) {
	_, _ = p.Write(p.frame(dialect, n))
}

func (p *peer) frame(dialect string, n int64) []byte {
	p.seq++
	p.pos++
	m := message{p.seq, 0, 2, p.pos, n, time.Now().UnixMicro()}
	switch dialect {
	case WS:
		return text(wsPayload(m))
	case Hub:
		return text(hubPayload(m))
	default:
		return text(pushPayload(m))
	}
}

// wait keeps the connection until the client hangs up, and answers nothing.
func (p *peer) wait() { _, _ = io.Copy(io.Discard, p.in) }
