package conformance

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// A lie is what a proxy between a case and a real server changes. Without any it passes on every byte as it is.
type lie struct {
	// request and answer change the heads of a handshake, line by line.
	request, answer func(line string) string
	// frame tells a frame of the server, in its own words, by say: any number of times.
	frame func(m *mouth, f wsFrame, say func(wsFrame))
	// cut is how long the connection may be silent after m.withheld was set; then it is cut, for the case that waits for
	// what does not come would wait long.
	cut time.Duration
}

// mouth is what a lie remembers of a connection.
type mouth struct {
	seen     int     // frames of the kind that the lie is about
	kept     wsFrame // one of them
	shift    int     // data messages told more than the server sent
	withheld bool    // something was kept back: see cut
}

// wsFrame is a frame of the server: they are whole, and not masked (RFC 6455 section 5.1).
type wsFrame struct {
	opcode  byte
	payload []byte
}

const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// kind is a text frame's type.
func (f wsFrame) kind() string {
	if f.opcode != opText {
		return ""
	}
	var head struct{ Type string }
	if json.Unmarshal(f.payload, &head) != nil {
		return ""
	}
	return head.Type
}

// replace is the frame with the first match of the pattern changed.
func (f wsFrame) replace(pattern *regexp.Regexp, by func(match []byte) []byte) wsFrame {
	at := pattern.FindIndex(f.payload)
	if at == nil {
		return f
	}
	out := append([]byte{}, f.payload[:at[0]]...)
	out = append(out, by(f.payload[at[0]:at[1]])...)
	return wsFrame{f.opcode, append(out, f.payload[at[1]:]...)}
}

// closeCode is a close frame's.
func (f wsFrame) closeCode() uint16 {
	if f.opcode != opClose || len(f.payload) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(f.payload)
}

func readFrame(r *bufio.Reader) (wsFrame, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return wsFrame{}, err
	}
	if head[0]&0xf0 != 0x80 || head[1]&0x80 != 0 {
		return wsFrame{}, fmt.Errorf("the server sent a frame that is masked, in pieces or with reserved bits: % x", head)
	}
	size := uint64(head[1])
	switch size {
	case 126:
		var long [2]byte
		if _, err := io.ReadFull(r, long[:]); err != nil {
			return wsFrame{}, err
		}
		size = uint64(binary.BigEndian.Uint16(long[:]))
	case 127:
		var long [8]byte
		if _, err := io.ReadFull(r, long[:]); err != nil {
			return wsFrame{}, err
		}
		size = binary.BigEndian.Uint64(long[:])
	}
	f := wsFrame{head[0] & 0xf, make([]byte, size)}
	_, err := io.ReadFull(r, f.payload)
	return f, err
}

func (f wsFrame) bytes() []byte {
	b := []byte{0x80 | f.opcode}
	switch n := len(f.payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, f.payload...)
}

// liar is a site that puts a proxy before each server of another.
type liar struct {
	Site
	lie lie
}

func (l liar) Server(t *T, set stage.Settings) *stage.Server {
	return l.before(t, l.Site.Server(t, set))
}

func (l liar) Start(t *T, tp *stage.Topics, set stage.Settings) *stage.Server {
	return l.before(t, l.Site.Start(t, tp, set))
}

func (l liar) Other(t *T, tp *stage.Topics, set stage.Settings) *stage.Server {
	return l.before(t, l.Site.Other(t, tp, set))
}

// before listens until the case ends, and then until its connections have.
func (l liar) before(t *T, s *stage.Server) *stage.Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer client.Close()
				server, err := net.Dial("tcp", s.Addr)
				if err != nil {
					return // the client sees its connection end, as without a proxy
				}
				defer server.Close()
				l.lie.between(t, client.(*net.TCPConn), server.(*net.TCPConn))
			})
		}
	})
	proxied := *s
	proxied.Addr = listener.Addr().String()
	return &proxied
}

// between passes on until both sides have ended.
func (l lie) between(t *T, client, server *net.TCPConn) {
	// Small buffers: a client that does not read must be felt by the server.
	_ = client.SetWriteBuffer(16 << 10)
	_ = server.SetReadBuffer(16 << 10)
	fromClient, fromServer := bufio.NewReader(client), bufio.NewReader(server)
	if err := passHead(server, fromClient, l.request); err != nil {
		return
	}
	var both sync.WaitGroup
	silence := &silence{after: l.cut, cut: client}
	both.Go(func() {
		_, err := io.Copy(io.MultiWriter(silence, server), fromClient)
		passEnd(server, err)
	})
	both.Go(func() {
		passEnd(client, l.tell(client, fromServer, silence))
	})
	both.Wait()
	silence.end()
}

// silence cuts a connection that has none of what is written to it for a time, once it watches.
type silence struct {
	after time.Duration
	cut   io.Closer

	mu    sync.Mutex
	timer *time.Timer
}

func (s *silence) watch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil {
		s.timer = time.AfterFunc(s.after, func() { _ = s.cut.Close() })
	}
}

func (s *silence) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Reset(s.after)
	}
	return len(p), nil
}

func (s *silence) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// passEnd ends a side as the other one ended: in order, or by a reset.
func passEnd(to *net.TCPConn, err error) {
	if errors.Is(err, syscall.ECONNRESET) {
		_ = to.SetLinger(0)
		_ = to.Close()
		return
	}
	_ = to.CloseWrite()
}

// passHead passes on an HTTP head.
func passHead(to io.Writer, from *bufio.Reader, change func(string) string) error {
	var head bytes.Buffer
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return err
		}
		if change != nil && line != "\r\n" {
			line = change(line)
		}
		head.WriteString(line)
		if line == "\r\n" {
			_, err = to.Write(head.Bytes())
			return err
		}
	}
}

// tell passes on what the server says, and how it ends.
func (l lie) tell(client *net.TCPConn, server *bufio.Reader, quiet *silence) error {
	upgraded, _ := server.Peek(12)
	if err := passHead(client, server, l.answer); err != nil {
		return err
	}
	if !strings.HasSuffix(string(upgraded), " 101") {
		_, err := io.Copy(client, server)
		return err
	}
	m := &mouth{}
	for {
		f, err := readFrame(server)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		var failed error
		say := func(f wsFrame) {
			if failed == nil {
				_, failed = io.MultiWriter(quiet, client).Write(f.bytes())
			}
		}
		if l.frame == nil {
			say(f)
		} else {
			l.frame(m, f, say)
		}
		if m.withheld {
			quiet.watch()
		}
		if failed != nil {
			// The client has gone; the server hears it by the other direction.
			return failed
		}
	}
}

// The frames are read and written as they are.
func TestFrames(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 127, 1<<16 - 1, 1 << 16} {
		f := wsFrame{opText, bytes.Repeat([]byte("x"), size)}
		got, err := readFrame(bufio.NewReader(bytes.NewReader(f.bytes())))
		if err != nil || got.opcode != f.opcode || !bytes.Equal(got.payload, f.payload) {
			t.Errorf("%d bytes: got %d, %v", size, len(got.payload), err)
		}
	}
	if _, err := readFrame(bufio.NewReader(strings.NewReader("\x01\x00"))); err == nil {
		t.Error("a frame in pieces was read as a whole one")
	}
}
