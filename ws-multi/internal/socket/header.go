package socket

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// Violation is a broken rule. The connection is to be closed with Code, 1002, 1007
// or 1009, and Reason.
type Violation struct {
	Code   wire.CloseCode
	Reason string
}

func (v *Violation) Error() string { return "client violated the protocol: " + v.Reason }

// They are made once: a client that breaks rules costs no garbage.
var (
	errReservedBits  = &Violation{wire.CloseProtocolError, "reserved bits without an extension"}
	errOpcode        = &Violation{wire.CloseProtocolError, "reserved opcode"}
	errContinuation  = &Violation{wire.CloseProtocolError, "continuation of no message"}
	errInterleaved   = &Violation{wire.CloseProtocolError, "new message within a fragmented one"}
	errControlPieces = &Violation{wire.CloseProtocolError, "fragmented control frame"}
	errControlLong   = &Violation{wire.CloseProtocolError, "control frame over 125 bytes"}
	errUnmasked      = &Violation{wire.CloseProtocolError, "frame without a mask"}
	errLength        = &Violation{wire.CloseProtocolError, "length not in its shortest form"}
	errLengthBit     = &Violation{wire.CloseProtocolError, "length over 63 bits"}
	errClosePayload  = &Violation{wire.CloseProtocolError, "close frame with half a code"}
	errCloseCode     = &Violation{wire.CloseProtocolError, "close code not allowed in a frame"}
	errText          = &Violation{wire.CloseInvalidUTF8, "text is not valid UTF-8"}
	errCloseText     = &Violation{wire.CloseInvalidUTF8, "close reason is not valid UTF-8"}
	errTooBig        = &Violation{wire.CloseMessageTooBig, "message over limits.message_bytes"}
	errTooManyFrames = &Violation{wire.CloseMessageTooBig, "message of too many frames"}
)

// maxHeader is the longest header: 2 bytes, a length of 8, a mask of 4.
const maxHeader = 2 + 8 + 4

// header is a client's frame header (RFC 6455 section 5.2).
type header struct {
	op     Opcode
	fin    bool
	size   int    // the header's own, in bytes
	length int64  // the payload's
	mask   uint32 // its first byte is the lowest
}

// parseHeader reads the header at the front of b. A size of 0 means that b ends
// within it. Each byte is judged when it is there, so that a client which breaks a
// rule is told so however its bytes are cut into pieces, and at once. fragmented
// says that the message before is not whole.
func parseHeader(b []byte, fragmented bool) (header, *Violation) {
	if len(b) == 0 {
		return header{}, nil
	}
	h := header{op: Opcode(b[0] & 0x0F), fin: b[0]&finBit != 0}
	if b[0]&rsvBits != 0 {
		return h, errReservedBits
	}
	switch {
	case h.op.control():
		if h.op > OpPong {
			return h, errOpcode
		}
		if !h.fin {
			return h, errControlPieces
		}
	case h.op > OpBinary:
		return h, errOpcode
	case h.op == OpContinuation && !fragmented:
		return h, errContinuation
	case h.op != OpContinuation && fragmented:
		return h, errInterleaved
	}
	if len(b) < 2 {
		return h, nil
	}
	if b[1]&maskBit == 0 {
		return h, errUnmasked
	}
	short := b[1] &^ maskBit
	if h.op.control() && short > maxControl {
		return h, errControlLong
	}
	size := 2
	switch short {
	default:
		h.length = int64(short)
	case length16:
		size += 2
		if len(b) < size {
			return h, nil
		}
		h.length = int64(binary.BigEndian.Uint16(b[2:]))
		if h.length < length16 {
			return h, errLength
		}
	case length64:
		size += 8
		if len(b) < size {
			return h, nil
		}
		length := binary.BigEndian.Uint64(b[2:])
		if length > math.MaxInt64 {
			return h, errLengthBit
		}
		if length <= math.MaxUint16 {
			return h, errLength
		}
		h.length = int64(length)
	}
	if len(b) < size+4 {
		return h, nil
	}
	h.mask = binary.LittleEndian.Uint32(b[size:])
	h.size = size + 4
	return h, nil
}

// parseClose reads a close frame's payload (section 5.5.1). None is NoStatus.
func parseClose(p []byte) (wire.CloseCode, string, *Violation) {
	if len(p) == 0 {
		return NoStatus, "", nil
	}
	if len(p) == 1 {
		return 0, "", errClosePayload
	}
	code := wire.CloseCode(binary.BigEndian.Uint16(p))
	if !mayClose(code) {
		return 0, "", errCloseCode
	}
	if !utf8.Valid(p[2:]) {
		return 0, "", errCloseText
	}
	return code, string(p[2:]), nil
}

// mayClose says whether a client's close frame may have the code: those that
// section 7.4.1 defines for frames, those registered with IANA since (1012 to 1014),
// and the ranges of libraries and of applications (section 7.4.2).
func mayClose(code wire.CloseCode) bool {
	switch {
	case code < 1000:
		return false
	case code <= 1003:
		return true
	case code <= 1006: // 1004 is reserved, 1005 and 1006 are never sent
		return false
	case code <= 1014:
		return true
	default: // 1015 is never sent
		return 3000 <= code && code <= 4999
	}
}
