package socket

import (
	"encoding/binary"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// Opcode is a frame's kind (RFC 6455, section 5.2). Frames of this server are
// final and unmasked.
type Opcode byte

// The opcodes the server sends.
const (
	OpText   Opcode = 1
	OpBinary Opcode = 2 // never by the server itself
	OpClose  Opcode = 8
	OpPing   Opcode = 9
	OpPong   Opcode = 10
)

const fin = 0x80

// Codes that say how a connection ended and never stand in a frame (RFC 6455,
// section 7.4.1).
const (
	NoStatus wire.CloseCode = 1005 // a close frame without a code
	Abnormal wire.CloseCode = 1006 // no close frame
)

// AppendHeader appends the header of a frame with n bytes of payload.
func AppendHeader(dst []byte, op Opcode, n int) []byte {
	switch {
	case n < 126:
		return append(dst, fin|byte(op), byte(n))
	case n < 1<<16:
		return append(dst, fin|byte(op), 126, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, fin|byte(op), 127), uint64(n))
	}
}

// AppendMessage appends a data message: header, seq field, shared body.
func AppendMessage(dst []byte, seq uint64, body []byte) []byte {
	dst = AppendHeader(dst, OpText, wire.SeqLen+len(body))
	n := len(dst)
	dst = append(dst, seqField[:]...)
	wire.PutSeq(dst[n:], seq)
	return append(dst, body...)
}

var seqField [wire.SeqLen]byte

// AppendClose appends a close frame; a long reason is cut.
func AppendClose(dst []byte, code wire.CloseCode, reason string) []byte {
	reason = wire.CloseReason(reason)
	dst = AppendHeader(dst, OpClose, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// parseClose reads a close frame as gorilla writes it: unmasked, short.
func parseClose(p []byte) (code wire.CloseCode, reason string, ok bool) {
	if len(p) < 4 || p[0] != fin|byte(OpClose) || int(p[1]) != len(p)-2 {
		return 0, "", false
	}
	return wire.CloseCode(binary.BigEndian.Uint16(p[2:])), string(p[4:]), true
}
