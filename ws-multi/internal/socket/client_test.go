package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// The key of every masked frame here: four different bytes, so that a phase which
// is wrong shows.
var testMask = [4]byte{0x37, 0xFA, 0x21, 0x3D}

const (
	notFinal byte = 0
	final    byte = finBit
)

// clientFrame is a frame as a client sends it: first is its first byte.
func clientFrame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, maskBit|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|127), uint64(n))
	}
	b = append(b, testMask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^testMask[i%4])
	}
	return b
}

func text(payload string) []byte { return clientFrame(final|byte(OpText), payload) }
func ping(payload string) []byte { return clientFrame(final|byte(OpPing), payload) }

func join(frames ...[]byte) []byte {
	var b []byte
	for _, f := range frames {
		b = append(b, f...)
	}
	return b
}

// transcript notes what a sink hears. Each stop-th call says stop; 0: none does.
type transcript struct {
	heard []string
	stop  int
	calls int
}

func (s *transcript) note(format string, a ...any) bool {
	s.heard = append(s.heard, fmt.Sprintf(format, a...))
	s.calls++
	return s.stop == 0 || s.calls%s.stop != 0
}

func (s *transcript) Text(p []byte) bool   { return s.note("text %q", p) }
func (s *transcript) Binary(p []byte) bool { return s.note("binary %q", p) }
func (s *transcript) Ping(p []byte) bool   { return s.note("ping %q", p) }
func (s *transcript) Pong() bool           { return s.note("pong") }
func (s *transcript) Close(code wire.CloseCode, reason string) bool {
	return s.note("close %d %q", code, reason)
}

// read gives b to f in pieces whose lengths the function piece says, and what the
// sink stopped before it once more, and returns what was heard, the error with it.
func (s *transcript) read(f *Frames, b []byte, limit int, piece func(left int) int) string {
	for len(b) > 0 {
		p := append([]byte(nil), b[:piece(len(b))]...)
		b = b[len(p):]
		for {
			n, err := f.Take(p, limit, s)
			if v := (*Violation)(nil); errors.As(err, &v) {
				s.note("violation %d %s", v.Code, v.Reason)
			}
			if n == len(p) {
				break
			}
			p = append([]byte(nil), p[n:]...)
		}
	}
	if f.Partial() {
		s.note("not whole")
	}
	return strings.Join(s.heard, "\n")
}

func whole(left int) int { return left }
