package conformance

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// rawConn is a connection of which a case writes and reads every byte: what a decent client never sends, and what one
// never shows.
type rawConn struct {
	t      *T
	conn   net.Conn
	reader *bufio.Reader
	answer *http.Response // to the request; nil before
	body   []byte         // of the answer
}

// rawFrame is a frame as it came.
type rawFrame struct {
	first   byte // FIN, RSV and opcode
	payload []byte
}

func (f rawFrame) op() int      { return int(f.first & 0x0f) }
func (f rawFrame) code() uint16 { return binary.BigEndian.Uint16(append(f.payload, 0, 0)) }

func (f rawFrame) String() string { return fmt.Sprintf("frame %#02x %.200q", f.first, f.payload) }

// acceptKey and acceptAnswer are those of the example in RFC 6455, section 1.3.
const (
	acceptKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	acceptAnswer = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// dialRaw opens a connection and says nothing.
func dialRaw(t *T, s *stage.Server) *rawConn {
	var d net.Dialer
	conn, err := d.DialContext(stage.Within(t), "tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(stage.Patience))
	return &rawConn{t: t, conn: conn, reader: bufio.NewReader(conn)}
}

// upgradeRequest is a good handshake with these header lines more.
func upgradeRequest(s *stage.Server, lines ...string) string {
	all := append([]string{
		"GET /ws HTTP/1.1", "Host: " + s.Addr, "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + acceptKey,
	}, lines...)
	return strings.Join(all, "\r\n") + "\r\n\r\n"
}

// handshake sends a good handshake and takes the answer, which must be an upgrade.
func handshake(t *T, s *stage.Server, lines ...string) *rawConn {
	r := dialRaw(t, s)
	if answer := r.ask(upgradeRequest(s, lines...)); answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake got %s", answer.Status)
	}
	return r
}

// ask sends bytes and takes an HTTP answer.
func (r *rawConn) ask(request string) *http.Response {
	r.send([]byte(request))
	answer, err := http.ReadResponse(r.reader, nil)
	if err != nil {
		r.t.Fatalf("read the answer: %v", err)
	}
	defer answer.Body.Close()
	if r.body, err = io.ReadAll(answer.Body); err != nil {
		r.t.Fatalf("read the answer: %v", err)
	}
	r.answer = answer
	return answer
}

func (r *rawConn) send(b []byte) {
	if _, err := r.conn.Write(b); err != nil {
		r.t.Fatalf("send: %v", err)
	}
}

// next takes a frame; io.EOF at the connection's end. A frame that the server masked, or that is not whole, fails.
func (r *rawConn) next() (rawFrame, error) {
	var head [2]byte
	if _, err := io.ReadFull(r.reader, head[:]); err != nil {
		return rawFrame{}, err
	}
	if head[1]&0x80 != 0 {
		r.t.Fatal("the server masked a frame (RFC 6455, section 5.1)")
	}
	n := uint64(head[1])
	switch n {
	case 126:
		n = r.length(2)
	case 127:
		n = r.length(8)
	}
	if n > 16<<20 {
		r.t.Fatalf("a frame of %d bytes", n)
	}
	f := rawFrame{first: head[0], payload: make([]byte, n)}
	if _, err := io.ReadFull(r.reader, f.payload); err != nil {
		r.t.Fatalf("a frame ends early: %v", err)
	}
	return f, nil
}

func (r *rawConn) length(n int) uint64 {
	b := make([]byte, 8)
	if _, err := io.ReadFull(r.reader, b[8-n:]); err != nil {
		r.t.Fatalf("a frame ends early: %v", err)
	}
	return binary.BigEndian.Uint64(b)
}

// want takes the next frame, which must have the opcode.
func (r *rawConn) want(op int) rawFrame {
	f, err := r.next()
	if err != nil || f.op() != op {
		r.t.Fatalf("got %v, %v; want a frame with opcode %d", f, err, op)
	}
	return f
}

// end takes all frames up to the connection's end.
func (r *rawConn) end() (all []rawFrame) {
	for {
		f, err := r.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			r.t.Fatalf("the connection ended with %v; before it came %v", err, all)
		}
		all = append(all, f)
	}
}

// closed takes all frames up to the end; the last must be a close frame with the code, and is not among those returned.
func (r *rawConn) closed(code wire.CloseCode) []rawFrame {
	all := r.end()
	if len(all) == 0 {
		r.t.Fatalf("ended without a close frame, want %d", code)
	}
	last := all[len(all)-1]
	if last.op() != websocket.CloseMessage || last.code() != uint16(code) {
		r.t.Fatalf("ended with %v, want close %d; before it came %v", last, code, all[:len(all)-1])
	}
	return all[:len(all)-1]
}

// frame is a client's frame: first is FIN, RSV and opcode; masked, by zeros, so that the payload stays legible.
func frame(first byte, payload string) []byte {
	b := []byte{first, 0x80}
	switch n := len(payload); {
	case n < 126:
		b[1] |= byte(n)
	case n < 1<<16:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// closeFrame is a client's close frame.
func closeFrame(code wire.CloseCode, reason string) []byte {
	return frame(0x88, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}
