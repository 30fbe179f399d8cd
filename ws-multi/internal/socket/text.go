package socket

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// unmask applies the mask to p (RFC 6455 section 5.3), whose first byte goes with
// the mask's lowest, and returns the mask as the byte after p needs it.
func unmask(p []byte, mask uint32) uint32 {
	after := bits.RotateLeft32(mask, -8*(len(p)%4))
	if mask == 0 {
		return after
	}
	wide := uint64(mask)<<32 | uint64(mask)
	for len(p) >= 32 {
		q := p[:32:32]
		binary.LittleEndian.PutUint64(q[0:], binary.LittleEndian.Uint64(q[0:])^wide)
		binary.LittleEndian.PutUint64(q[8:], binary.LittleEndian.Uint64(q[8:])^wide)
		binary.LittleEndian.PutUint64(q[16:], binary.LittleEndian.Uint64(q[16:])^wide)
		binary.LittleEndian.PutUint64(q[24:], binary.LittleEndian.Uint64(q[24:])^wide)
		p = p[32:]
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^wide)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(wide)
		wide = bits.RotateLeft64(wide, -8)
	}
	return after
}

// checkText returns how many bytes of p are whole valid runes, and whether the rest
// may still become one: it is then the beginning of a rune, 3 bytes at most.
func checkText(p []byte) (valid int, ok bool) {
	valid = len(p)
	for i := len(p) - 1; i >= 0 && i >= len(p)-(utf8.UTFMax-1); i-- {
		if utf8.RuneStart(p[i]) {
			// One that cannot be completed counts as full, and fails below.
			if !utf8.FullRune(p[i:]) {
				valid = i
			}
			break
		}
	}
	return valid, utf8.Valid(p[:valid])
}
