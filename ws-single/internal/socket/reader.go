package socket

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// reader reads a connection's frames with gorilla, and then another's: between
// two messages gorilla keeps nothing of a connection, so an idle one needs no
// reader.
//
// It is the net.Conn that gorilla sees. Write notes the close frame gorilla wants
// to send and does nothing else: written through, a pong or a close frame would
// land in the middle of a frame of which the loop has sent one half.
type reader struct {
	net.Conn // nil: of the rest gorilla uses nothing
	ws       *websocket.Conn
	br       *bufio.Reader // gorilla reads through it; tells what is left over
	limit    int64         // bytes of a message; 0: none
	message  []byte        // the last one's buffer
	borrowed
}

// borrowed is a reader's state of the connection that has it.
type borrowed struct {
	conn      *Conn
	sink      Sink
	first     *first    // what was read before gorilla asked; nil: nothing
	waited    bool      // for what is read next: reading will not block
	paused    bool      // gorilla was given a pause
	started   bool      // the first byte of a frame is here, its end is not
	inMessage bool      // a data message has begun, so a control frame ends nothing
	since     time.Time // when the message's first byte came
	received  int64     // bytes since then
	deadline  bool      // one is set
	late      bool      // it was moved, because we were late; once a message
	chunk     []byte    // what the last Read brought, good until the next
	before    lastBytes // of what was read before chunk
	end       lastBytes // of all that was read
	violation wire.CloseCode
	reason    string
}

const (
	// readBuffer is gorilla's. Commands are short, and a larger message is read
	// past it.
	readBuffer = 512
	// keepMessage is how large a buffer may be to be used again.
	keepMessage = 16 << 10
	// overhead is how many bytes of frame headers and control frames a message
	// may have beyond its own: empty fragments cost the client nothing, and us a
	// turn.
	overhead = 64 << 10
)

// newReader makes a reader of messages of at most limit bytes. gorilla makes
// what reads only in a handshake; this one is with nobody.
func newReader(u *websocket.Upgrader, limit int64) *reader {
	r := &reader{limit: limit}
	r.br = bufio.NewReaderSize(r, readBuffer)
	var err error
	if r.ws, err = u.Upgrade(nobody{reader: r}, nobodys, nil); err != nil {
		panic("socket: gorilla refuses its own handshake: " + err.Error())
	}
	r.ws.SetReadLimit(limit)
	r.ws.SetPingHandler(func(payload string) error {
		if err := r.control(); err != nil {
			return err
		}
		r.sink.Ping([]byte(payload))
		return nil
	})
	r.ws.SetPongHandler(func(string) error { return r.control() })
	r.ws.SetCloseHandler(func(code int, _ string) error {
		if code == int(NoStatus) && !r.closedEmpty() {
			return errHalfCode
		}
		return nil
	})
	return r
}

// nobody is who a new reader shakes hands with.
type nobody struct {
	http.ResponseWriter
	reader *reader
}

var nobodys = &http.Request{Method: http.MethodGet, Header: http.Header{
	"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
	"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
}}

func (n nobody) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return n.reader, bufio.NewReadWriter(n.reader.br, bufio.NewWriter(nil)), nil
}

// messages hands over messages until there is none, whole or begun; then it
// returns nil. After an error the reader is of no more use.
func (r *reader) messages() error {
	for {
		kind, m, err := r.ws.NextReader()
		if err != nil || r.paused {
			return err
		}
		r.inMessage = true
		r.conn.heard.Store(true)
		p, err := readAll(r.message[:0], m)
		if cap(p) <= keepMessage {
			r.message = p
		}
		if err != nil {
			return err
		}
		r.inMessage = false
		r.conn.heard.Store(true)
		r.finish()
		switch {
		case kind == websocket.BinaryMessage:
			r.sink.Binary(p)
		case !utf8.Valid(p):
			return errInvalidUTF8
		default:
			r.sink.Text(p)
		}
	}
}

// pause is an empty message that gorilla gets in the client's place, so that it
// returns: its errors are for ever.
var pause = []byte{fin | byte(OpText), 0x80, 0, 0, 0, 0}

// Read gives gorilla what came, and a pause where a message would begin for
// which nobody has waited. A message that is not whole has a deadline.
func (r *reader) Read(p []byte) (int, error) {
	if r.first != nil {
		n, more := r.first.take(p)
		if !more {
			firsts.Put(r.first)
			r.first, r.waited = nil, false
		}
		return r.took(p, n, nil)
	}
	switch {
	case r.started:
		if !r.deadline {
			r.setDeadline(r.since.Add(r.conn.listener.options.MessageTimeout))
		}
	case r.waited:
		r.waited = false
	default:
		r.paused = true
		return copy(p, pause), nil
	}
	n, err := r.conn.TCPConn.Read(p)
	if n == 0 && r.deadline && !r.late && errors.Is(err, os.ErrDeadlineExceeded) && r.conn.Unread() > 0 {
		// It came in time, and we were late to read it.
		r.late = true
		r.setDeadline(time.Now().Add(time.Second))
		n, err = r.conn.TCPConn.Read(p)
	}
	return r.took(p, n, err)
}

// took notes what a Read brought, and passes it on.
func (r *reader) took(p []byte, n int, err error) (int, error) {
	if n > 0 {
		r.chunk, r.before = p[:n], r.end
		r.end.add(r.chunk)
	}
	if n > 0 && !r.started {
		r.begin()
	}
	if r.received += int64(n); r.limit > 0 && r.received > 2*r.limit+overhead {
		return n, errOverhead
	}
	return n, err
}

func (r *reader) setDeadline(t time.Time) {
	r.deadline = !t.IsZero()
	_ = r.conn.SetReadDeadline(t)
}

// begin notes the first byte of a message.
func (r *reader) begin() { r.started, r.late, r.since, r.received = true, false, time.Now(), 0 }

// finish notes the last one's. A next message may have begun in the same read.
func (r *reader) finish() {
	r.started = false
	if r.deadline {
		r.setDeadline(time.Time{})
	}
	if r.br.Buffered() > 0 {
		r.begin()
	}
}

// control takes note of a ping or pong.
func (r *reader) control() error {
	r.conn.heard.Store(true)
	if !r.inMessage {
		r.finish()
	}
	return r.conn.allow()
}

// lastBytes has room for the header of a frame with a length of 64 bits, and for a close frame without a payload: its header
// and mask, 6 bytes.
type lastBytes [10]byte

// add moves the last bytes of p in.
func (h *lastBytes) add(p []byte) {
	p = p[max(0, len(p)-len(h)):]
	copy(h[:], h[len(p):])
	copy(h[len(h)-len(p):], p)
}

// closedEmpty reports whether the close frame that gorilla has just read is one without a payload. Of one with half a code,
// a single byte, gorilla says the same, and that breaks RFC 6455, section 5.5.1.
func (r *reader) closedEmpty() bool {
	last := r.seen()
	return last[4] == fin|byte(OpClose) && last[5] == 0x80
}

// lengthOverflows reports whether the frame length that gorilla has just read has its first bit set, which RFC 6455, section
// 5.2, forbids. Gorilla calls it a message that is too big, and answers nothing, as it does where a message's sum overflows:
// but then it has read the mask too.
func (r *reader) lengthOverflows() bool {
	last := r.seen()
	return r.violation == 0 && last[0]&0x70 == 0 && last[1] == 0xff && last[2]&0x80 != 0
}

// seen is the last that gorilla took of what was read.
func (r *reader) seen() lastBytes {
	last := r.before
	last.add(r.chunk[:len(r.chunk)-r.br.Buffered()])
	return last
}

// Write notes a close frame.
func (r *reader) Write(p []byte) (int, error) {
	if code, reason, ok := parseClose(p); ok {
		r.violation, r.reason = code, reason
	}
	return len(p), nil
}

// SetDeadline does nothing, and neither does SetWriteDeadline: a deadline would
// wake the goroutine that waits for room.
func (r *reader) SetDeadline(time.Time) error      { return nil }
func (r *reader) SetWriteDeadline(time.Time) error { return nil }

// readAll is io.ReadAll into a buffer that is used again.
func readAll(b []byte, r io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// ended says what an error of reading means.
func (r *reader) ended(err error) End {
	var peer *websocket.CloseError
	var netErr net.Error // gorilla keeps of a deadline's error only that it is a timeout
	switch {
	case errors.As(err, &peer) && peer.Code == int(Abnormal): // gorilla's word for an unexpected EOF
		return End{Cause: Gone}
	case errors.As(err, &peer):
		return End{Cause: PeerClosed, Code: wire.CloseCode(peer.Code), Reason: peer.Text}
	case errors.Is(err, errInvalidUTF8):
		return End{Cause: Violated, Code: wire.CloseInvalidUTF8, Reason: "text must be valid UTF-8"}
	case errors.Is(err, errControlFrames):
		return End{Cause: Violated, Code: wire.CloseTooManyRequests, Reason: "more than 10 control frames a second"}
	case errors.Is(err, errHalfCode):
		return End{Cause: Violated, Code: wire.CloseProtocolError, Reason: "close frame with half a code"}
	case errors.Is(err, errOverhead):
		return End{Cause: Violated, Code: wire.CloseMessageTooBig, Reason: "message of too many frames"}
	case errors.Is(err, websocket.ErrReadLimit) && r.lengthOverflows():
		return End{Cause: Violated, Code: wire.CloseProtocolError, Reason: "frame length with its first bit set"}
	case errors.Is(err, websocket.ErrReadLimit):
		return End{Cause: Violated, Code: wire.CloseMessageTooBig, Reason: "message over limits.message_bytes"}
	case r.violation == wire.CloseProtocolError && r.reason == reasonNotUTF8:
		// Gorilla answers 1002; RFC 6455, section 8.1, has a code of its own for text that is not UTF-8.
		return End{Cause: Violated, Code: wire.CloseInvalidUTF8, Reason: "the reason of a close frame must be valid UTF-8"}
	case r.violation != 0:
		return End{Cause: Violated, Code: r.violation, Reason: r.reason}
	case errors.As(err, &netErr) && netErr.Timeout():
		return End{Cause: Violated, Code: wire.CloseTimeout, Reason: "message not finished in time"}
	default:
		return End{Cause: Gone}
	}
}

// reasonNotUTF8 is what gorilla says of a close frame whose reason is not UTF-8.
const reasonNotUTF8 = "invalid utf8 payload in close frame"

var (
	errInvalidUTF8   = errors.New("text is not valid UTF-8")
	errControlFrames = errors.New("too many control frames")
	errOverhead      = errors.New("message of too many frames")
	errHalfCode      = errors.New("close frame with half a code")
)
