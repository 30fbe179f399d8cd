package shard

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// frameOf is any frame of the server, as a client sees it.
type frameOf struct {
	op      socket.Opcode
	payload []byte

	Type      string                   `json:"type"`
	ID        int                      `json:"id"`
	Seq       uint64                   `json:"seq"`
	Channel   string                   `json:"channel"`
	Pos       string                   `json:"pos"`
	Data      json.RawMessage          `json:"data"`
	Cursor    map[string]wire.Position `json:"cursor"`
	Code      json.RawMessage          `json:"code"`
	Count     int                      `json:"count"`
	Recovered bool                     `json:"recovered"`
	Lost      []string                 `json:"lost"`
	Replayed  int                      `json:"replayed"`
	Sent      uint64                   `json:"sent"`
	Merged    uint64                   `json:"merged"`
	Event     string                   `json:"event"`
	From, To  int64
	Log       string `json:"log"`
	Conn      string `json:"conn"`
}

// offset is where the message stands: event, partition, offset.
func (f *frameOf) offset() (event string, partition int32, offset int64) {
	at := strings.LastIndexAny(f.Pos, "/")
	event = f.Pos[:at]
	if _, err := fmt.Sscanf(f.Pos[at+1:], "%d:%d", &partition, &offset); err != nil {
		panic(err)
	}
	return event, partition, offset
}

func (f *frameOf) closeCode() wire.CloseCode {
	if f.op != socket.OpClose || len(f.payload) < 2 {
		return 0
	}
	return wire.CloseCode(binary.BigEndian.Uint16(f.payload))
}

// peer is a client that does what it is told.
type peer struct {
	net.Conn
	in *bufio.Reader
}

// pair connects a client with a descriptor for a shard, over the loopback.
func pair(tb testing.TB, receiveBuffer int) (socket.FD, *peer) {
	tb.Helper()
	fd, p, err := connect(receiveBuffer)
	if err != nil {
		tb.Fatal(err)
	}
	return fd, p
}

func connect(receiveBuffer int) (socket.FD, *peer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	defer l.Close()
	dialled := make(chan error, 1)
	var out net.Conn
	go func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err == nil && receiveBuffer > 0 {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		}
		if err == nil {
			a := l.Addr().(*net.TCPAddr)
			err = unix.Connect(fd, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())})
		}
		if err == nil {
			out, err = fileConn(fd)
		}
		dialled <- err
	}()
	in, err := l.Accept()
	if e := <-dialled; e != nil || err != nil {
		return 0, nil, errors.Join(e, err)
	}
	defer in.Close()
	raw, err := in.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	var dup int
	if e := raw.Control(func(fd uintptr) { dup, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); e != nil || err != nil {
		return 0, nil, errors.Join(e, err)
	}
	_ = unix.SetsockoptInt(dup, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 16<<10)
	return socket.FD(dup), &peer{Conn: out, in: bufio.NewReaderSize(out, 4096)}, nil
}

func fileConn(fd int) (net.Conn, error) {
	f := osFile(fd)
	defer f.Close()
	return net.FileConn(f)
}

// frame sends one masked frame.
func (p *peer) frame(op socket.Opcode, payload []byte) error {
	b := []byte{0x80 | byte(op)}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	default:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	_, err := p.Write(b)
	return err
}

func (p *peer) say(format string, args ...any) error {
	return p.frame(socket.OpText, fmt.Appendf(nil, format, args...))
}

// hear returns the next frame; pings are answered and passed over.
func (p *peer) hear(within time.Duration) (*frameOf, error) {
	_ = p.SetReadDeadline(time.Now().Add(within))
	for {
		var head [2]byte
		if _, err := io.ReadFull(p.in, head[:]); err != nil {
			return nil, err
		}
		n := uint64(head[1])
		var long [8]byte
		switch n {
		case 126:
			if _, err := io.ReadFull(p.in, long[6:]); err != nil {
				return nil, err
			}
			n = binary.BigEndian.Uint64(long[:])
		case 127:
			if _, err := io.ReadFull(p.in, long[:]); err != nil {
				return nil, err
			}
			n = binary.BigEndian.Uint64(long[:])
		}
		f := &frameOf{op: socket.Opcode(head[0] & 15), payload: make([]byte, n)}
		if _, err := io.ReadFull(p.in, f.payload); err != nil {
			return nil, err
		}
		switch f.op {
		case socket.OpPing:
			if err := p.frame(socket.OpPong, f.payload); err != nil {
				return nil, err
			}
			continue
		case socket.OpText:
			if err := json.Unmarshal(f.payload, f); err != nil {
				return nil, fmt.Errorf("%w: %s", err, f.payload)
			}
		}
		return f, nil
	}
}
