package main

import (
	"encoding/binary"
	"errors"
)

// The opcodes that a whole message or a control frame has.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

const (
	fin         = 0x80
	masked      = 0x80
	maxIncoming = 64 << 10 // bytes of a client's frame
)

// appendHeader appends the header of a final, unmasked frame of n bytes.
func appendHeader(b []byte, op byte, n int) []byte {
	switch {
	case n < 126:
		return append(b, fin|op, byte(n))
	case n < 1<<16:
		return append(b, fin|op, 126, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, fin|op, 127), uint64(n))
	}
}

var (
	errFragment = errors.New("a frame that is not a whole message")
	errUnmasked = errors.New("a frame without a mask")
	errLong     = errors.New("a frame over 64 KiB")
)

// parseFrame takes a client's frame from the front of b and unmasks it in
// place. size is what it took of b; 0: it is not whole yet.
func parseFrame(b []byte) (op byte, payload []byte, size int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	if b[0]&^0x0f != fin || b[0]&0x0f == 0 {
		return 0, nil, 0, errFragment
	}
	if b[1]&masked == 0 {
		return 0, nil, 0, errUnmasked
	}
	head, n := 2, uint64(b[1]&^masked)
	switch n {
	case 126:
		head = 4
		if len(b) < head {
			return 0, nil, 0, nil
		}
		n = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		head = 10
		if len(b) < head {
			return 0, nil, 0, nil
		}
		n = binary.BigEndian.Uint64(b[2:])
	}
	if n > maxIncoming {
		return 0, nil, 0, errLong
	}
	size = head + 4 + int(n)
	if len(b) < size {
		return 0, nil, 0, nil
	}
	mask := b[head : head+4]
	payload = b[head+4 : size]
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	return b[0] & 0x0f, payload, size, nil
}
