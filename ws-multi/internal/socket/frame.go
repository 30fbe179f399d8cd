package socket

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// Opcode is what a frame carries (RFC 6455 section 5.2).
type Opcode byte

// The opcodes. The server sends each message as one frame, so it never sends
// OpContinuation; it sends OpBinary only in tests.
const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xA
)

// control reports whether it is one of the control frames (section 5.5).
func (o Opcode) control() bool { return o&0x8 != 0 }

// Close codes that tell how a connection ended and are never in a frame
// (RFC 6455 section 7.4.1).
const (
	NoStatus wire.CloseCode = 1005 // the peer's close frame had no code
	Abnormal wire.CloseCode = 1006 // there was no close frame
)

// The bits and lengths of a header's first two bytes.
const (
	finBit   = 0x80
	rsvBits  = 0x70
	maskBit  = 0x80
	length16 = 126 // the length is in the next 2 bytes
	length64 = 127 // the length is in the next 8 bytes

	// maxControl is the longest payload of a control frame (section 5.5).
	maxControl = 125
)

// AppendHeader appends the header of a final, unmasked frame, as servers send
// them, with payload bytes to follow. Like all of the Append functions it returns
// the extended dst and is safe for any goroutine.
func AppendHeader(dst []byte, op Opcode, payload int) []byte {
	dst = append(dst, finBit|byte(op))
	if payload < length16 {
		return append(dst, byte(payload))
	}
	if payload <= math.MaxUint16 {
		return binary.BigEndian.AppendUint16(append(dst, length16), uint16(payload))
	}
	return binary.BigEndian.AppendUint64(append(dst, length64), uint64(payload))
}

// AppendMessage appends a data message as one text frame: the header, the seq
// field of this connection, and the body that all subscribers share.
func AppendMessage(dst []byte, seq uint64, body []byte) []byte {
	dst = AppendHeader(dst, OpText, wire.SeqLen+len(body))
	dst = slices.Grow(dst, wire.SeqLen+len(body))
	field := dst[len(dst) : len(dst)+wire.SeqLen]
	wire.PutSeq(field, seq)
	return append(dst[:len(dst)+wire.SeqLen], body...)
}

// AppendClose appends a close frame. A reason over 123 bytes is cut between two
// runes. NoStatus becomes a close frame without a code.
func AppendClose(dst []byte, code wire.CloseCode, reason string) []byte {
	if code == NoStatus {
		return AppendHeader(dst, OpClose, 0)
	}
	reason = wire.CloseReason(reason)
	dst = AppendHeader(dst, OpClose, 2+len(reason))
	return append(binary.BigEndian.AppendUint16(dst, uint16(code)), reason...)
}
