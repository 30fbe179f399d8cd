package socket

// rest is what is kept of a connection between two reads: a frame that is not
// whole, or a message of which fragments came, or both. Its buffers grow with what
// came, and not with what a header announced.
type rest struct {
	// The message of which fragments came, 0 bytes of one included.
	op      Opcode // OpText or OpBinary; OpContinuation: there is none
	message []byte
	checked int   // of a text: the bytes known to be valid UTF-8
	extra   int64 // bytes that came for it and are not of it

	// The frame of which the header came; a data frame's payload goes to message.
	inFrame bool
	fin     bool
	control Opcode // OpContinuation: it is a data frame
	mask    uint32 // for the next byte
	left    int64  // bytes of payload to come
	payload []byte // a control frame's

	// The header that is not whole.
	have int
	head [maxHeader]byte
}

// What a message may cost beyond its payload: headers of fragments, and control
// frames between them. Without a bound, empty fragments would be work for ever and
// never a message that is too big.
//
// With a limit L, all that comes for one message is at most 2 L + 64 KiB; without
// one, what is not payload is at most 64 KiB more than the payload.
const slack = 64 << 10

// spent counts n bytes that are not payload, in a message of total bytes so far, a
// frame just begun included.
func (r *rest) spent(n, total int64, limit int) *Violation {
	r.extra += n
	allowed := total
	if limit > 0 {
		allowed = 2*int64(limit) - total
	}
	if r.extra-slack > allowed {
		return errTooManyFrames
	}
	return nil
}

// add takes a piece of the message's payload, unmasked.
func (r *rest) add(p []byte) *Violation {
	r.message = append(r.message, p...)
	if r.op != OpText {
		return nil
	}
	n, ok := checkText(r.message[r.checked:])
	if !ok {
		return errText
	}
	r.checked += n
	return nil
}

// whole says what is wrong with the message when its last fragment is here.
func (r *rest) whole() *Violation {
	if r.op == OpText && r.checked < len(r.message) {
		return errText
	}
	return nil
}
