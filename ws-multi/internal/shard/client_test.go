package shard

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
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
	Partition int32                    `json:"partition"`
	From, To  int64
	Log       string `json:"log"`
	Conn      string `json:"conn"`
	Expires   int64  `json:"expires"`
	Delay     *int   `json:"reconnect_in_ms"`
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

// connect connects a client with a descriptor for a shard, over the loopback.
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
	_, err := p.Write(masked(nil, op, payload))
	return err
}

// masked appends one whole frame of a client.
func masked(b []byte, op socket.Opcode, payload []byte) []byte {
	return maskedPiece(b, 0x80|byte(op), payload)
}

// maskedPiece is masked with a first byte of any kind.
func maskedPiece(b []byte, first byte, payload []byte) []byte {
	b = append(b, first)
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

func (p *peer) say(format string, args ...any) error {
	return p.frame(socket.OpText, fmt.Appendf(nil, format, args...))
}

// hear returns the next frame; pings are answered and passed over.
func (p *peer) hear(within time.Duration) (*frameOf, error) {
	_ = p.SetReadDeadline(time.Now().Add(within))
	for {
		f, err := readFrame(p.in)
		if err != nil {
			return nil, err
		}
		if f.op != socket.OpPing {
			return f, nil
		}
		if err := p.frame(socket.OpPong, f.payload); err != nil {
			return nil, err
		}
	}
}

// readFrame reads one frame of the server.
func readFrame(in io.Reader) (*frameOf, error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	n := uint64(head[1])
	var long [8]byte
	switch n {
	case 126:
		if _, err := io.ReadFull(in, long[6:]); err != nil {
			return nil, err
		}
		n = binary.BigEndian.Uint64(long[:])
	case 127:
		if _, err := io.ReadFull(in, long[:]); err != nil {
			return nil, err
		}
		n = binary.BigEndian.Uint64(long[:])
	}
	f := &frameOf{op: socket.Opcode(head[0] & 15), payload: make([]byte, n)}
	if _, err := io.ReadFull(in, f.payload); err != nil {
		return nil, err
	}
	if f.op == socket.OpText {
		if err := json.Unmarshal(f.payload, f); err != nil {
			return nil, fmt.Errorf("%w: %s", err, f.payload)
		}
	}
	return f, nil
}

// saying appends a text frame of a client.
func saying(b []byte, format string, args ...any) []byte {
	return masked(b, socket.OpText, fmt.Appendf(nil, format, args...))
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
