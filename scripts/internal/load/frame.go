package load

import "encoding/binary"

// Opcodes of frames (RFC 6455, section 5.2).
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// maxFrame bounds a frame's payload: Kafka's own limit is 1 MiB a record unless somebody raises it.
const maxFrame = 32 << 20

// maxHeader is the length of the longest header of a server's frame, which has no mask.
const maxHeader = 10

// header is a server's frame, but for the payload.
type header struct {
	op    byte
	final bool
	head  int // bytes before the payload
	size  int // bytes of the payload
}

// What readHeader found.
type found uint8

const (
	whole   found = iota // a header
	partial              // the beginning of one
	broken               // what no server may send
)

// readHeader reads the header that p begins with. The payload need not be there. A header that breaks RFC 6455 section 5
// is told as soon as the byte is there that does.
func readHeader(p []byte) (h header, f found) {
	if len(p) < 2 {
		if len(p) == 1 && !validFirst(p[0]) {
			return h, broken
		}
		return h, partial
	}
	h.op, h.final = p[0]&0xf, p[0]&0x80 != 0
	h.size, h.head = int(p[1]), 2
	if !validFirst(p[0]) || h.size > 127 || h.op >= opClose && h.size > 125 { // over 127 is masked
		return h, broken
	}
	switch h.size {
	case 126:
		if len(p) < 4 {
			return h, partial
		}
		h.size, h.head = int(binary.BigEndian.Uint16(p[2:])), 4
		if h.size < 126 {
			return h, broken
		}
	case 127:
		if len(p) < maxHeader {
			return h, partial
		}
		size := binary.BigEndian.Uint64(p[2:])
		if size < 1<<16 || size > maxFrame {
			return h, broken
		}
		h.size, h.head = int(size), maxHeader
	}
	return h, whole
}

// validFirst: no extension was offered, so the reserved bits are 0; control frames are in one piece.
func validFirst(b byte) bool {
	switch op := b & 0xf; {
	case b&0x70 != 0:
		return false
	case op >= opClose:
		return op <= opPong && b&0x80 != 0
	default:
		return op <= opBinary
	}
}

// appendFrame appends a client's frame: final, and masked as section 5.3 demands.
func appendFrame(dst []byte, op byte, mask uint32, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = append(dst, 0x80|126, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	var key [4]byte
	binary.LittleEndian.PutUint32(key[:], mask)
	dst = append(dst, key[:]...)
	for i, b := range payload {
		dst = append(dst, b^key[i&3])
	}
	return dst
}
