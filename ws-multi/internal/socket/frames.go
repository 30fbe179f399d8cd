package socket

import (
	"math"
	"unicode/utf8"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// Sink hears what a client sent. Bytes are the sink's until it returns. A method
// returns false to hear no more from this Take.
type Sink interface {
	// Text is a whole message of valid UTF-8.
	Text(p []byte) bool
	// Binary is a whole binary message.
	Binary(p []byte) bool
	// Ping asks for a pong with the same payload, of 125 bytes at most.
	Ping(payload []byte) bool
	// Pong is an answer to a ping, or came unasked.
	Pong() bool
	// Close is the client's close frame, to be answered with one; NoStatus if it had
	// no code. Nothing comes after it.
	Close(code wire.CloseCode, reason string) bool
}

// Frames reads the frames of one client (RFC 6455 section 5, the server's part). It
// is given whatever bytes came, and keeps what is not whole; between messages it
// keeps nothing. The zero value is ready. It belongs to the connection's owner.
type Frames struct {
	rest  *rest
	begun uint32
	done  bool
}

// Take reads b, which came after what former calls took, and hands what is whole to
// the sink. Messages are of at most limit bytes, 0 for no limit. b is unmasked in
// place, and not kept.
//
// It returns how many bytes of b it took: all, unless the sink said stop; the
// caller gives it b[n:] later, before anything else. An error is a *Violation: what
// came before has been handed over. After it, and after a close frame, all bytes are
// taken and dropped.
//
// Beyond its limit a message may cost so much in fragments and in control frames
// between them: 2 limit + 64 KiB in all, or without a limit 64 KiB more than its
// payload; then 1009.
func (f *Frames) Take(b []byte, limit int, to Sink) (n int, err error) {
	for n < len(b) && !f.done {
		used, more, violation := f.step(b[n:], limit, to)
		if violation != nil {
			f.rest, f.done = nil, true
			return len(b), violation
		}
		n += used
		if !more && !f.done {
			return n, nil
		}
	}
	return len(b), nil
}

// Partial reports whether something has begun and is not whole: a message, if only
// by the first byte of its first frame, or a control frame. A control frame between
// a message's fragments does not end it.
func (f *Frames) Partial() bool { return f.rest != nil }

// Begun counts what has begun and was not whole at the end of its Take, or had
// fragments. While Partial, another count says that what is not whole is not what it
// was before: for a deadline that each message has to itself. It wraps around.
func (f *Frames) Begun() uint32 { return f.begun }

// step takes one frame from b, or what there is of one.
func (f *Frames) step(b []byte, limit int, to Sink) (used int, more bool, v *Violation) {
	if f.rest != nil && f.rest.inFrame {
		return f.resume(b, to)
	}
	h, used, v := f.header(b)
	if v != nil || h.size == 0 {
		return used, true, v
	}
	if v := f.admit(h, limit); v != nil {
		return used, false, v
	}
	p := b[used:]
	if int64(len(p)) < h.length {
		f.enter(h)
		return used, true, nil
	}
	p = p[:h.length]
	unmask(p, h.mask)
	used += len(p)
	if h.op.control() {
		more, v = f.control(h.op, p, to)
	} else {
		more, v = f.data(h, p, to)
	}
	return used, more, v
}

// header reads a header, of which the beginning may have come before. A size of 0
// says that it is not whole; b is used up then.
func (f *Frames) header(b []byte) (h header, used int, v *Violation) {
	r := f.rest
	if r == nil || r.have == 0 {
		h, v = parseHeader(b, f.fragmented())
		if v == nil && h.size == 0 {
			r = f.begin()
			r.have = copy(r.head[:], b)
			return h, len(b), nil
		}
		return h, h.size, v
	}
	before := r.have
	have := before + copy(r.head[before:], b)
	h, v = parseHeader(r.head[:have], f.fragmented())
	if v == nil && h.size == 0 {
		r.have = have
		return h, len(b), nil
	}
	r.have = 0
	return h, h.size - before, v
}

// fragmented reports whether a message has fragments, the last one not among them.
func (f *Frames) fragmented() bool { return f.rest != nil && f.rest.op != OpContinuation }

// admit judges by its header what a frame would do to its message.
func (f *Frames) admit(h header, limit int) *Violation {
	most := int64(math.MaxInt64)
	if limit > 0 {
		most = int64(limit)
	}
	if !f.fragmented() {
		if !h.op.control() && h.length > most {
			return errTooBig
		}
		return nil
	}
	before := int64(len(f.rest.message))
	if h.op.control() {
		return f.rest.spent(int64(h.size)+h.length, before, limit)
	}
	if h.length > most-before {
		return errTooBig
	}
	return f.rest.spent(int64(h.size), before+h.length, limit)
}

// begin makes room for what is not whole.
func (f *Frames) begin() *rest {
	if f.rest == nil {
		f.rest = new(rest)
		f.begun++
	}
	return f.rest
}

// enter begins a frame of which some payload is to come.
func (f *Frames) enter(h header) {
	r := f.begin()
	r.inFrame, r.fin, r.mask, r.left = true, h.fin, h.mask, h.length
	r.control = OpContinuation
	if h.op.control() {
		r.control = h.op
	} else if h.op != OpContinuation {
		r.op = h.op
	}
}

// resume takes more of a frame's payload.
func (f *Frames) resume(b []byte, to Sink) (used int, more bool, v *Violation) {
	r := f.rest
	p := b[:min(int64(len(b)), r.left)]
	r.mask = unmask(p, r.mask)
	r.left -= int64(len(p))
	r.inFrame = r.left > 0
	if r.control != OpContinuation {
		r.payload = append(r.payload, p...)
		if r.inFrame {
			return len(p), true, nil
		}
		whole := r.payload
		r.payload = nil
		more, v = f.control(r.control, whole, to)
		return len(p), more, v
	}
	if v := r.add(p); v != nil || r.inFrame || !r.fin {
		return len(p), true, v
	}
	more, v = f.finish(to)
	return len(p), more, v
}

// data takes a data frame that is here as a whole.
func (f *Frames) data(h header, p []byte, to Sink) (more bool, v *Violation) {
	if h.fin && h.op != OpContinuation {
		f.rest = nil // its header may have come in pieces
		if h.op == OpBinary {
			return to.Binary(p), nil
		}
		if !utf8.Valid(p) {
			return false, errText
		}
		return to.Text(p), nil
	}
	r := f.begin()
	if h.op != OpContinuation {
		r.op = h.op
	}
	if v := r.add(p); v != nil || !h.fin {
		return true, v
	}
	return f.finish(to)
}

// finish hands over a message that came in pieces.
func (f *Frames) finish(to Sink) (more bool, v *Violation) {
	r := f.rest
	f.rest = nil
	if v := r.whole(); v != nil {
		return false, v
	}
	if r.op == OpBinary {
		return to.Binary(r.message), nil
	}
	return to.Text(r.message), nil
}

// control hands over a control frame.
func (f *Frames) control(op Opcode, p []byte, to Sink) (more bool, v *Violation) {
	if !f.fragmented() {
		f.rest = nil // only pieces of this frame
	}
	switch op {
	case OpPing:
		return to.Ping(p), nil
	case OpPong:
		return to.Pong(), nil
	}
	code, reason, v := parseClose(p)
	if v != nil {
		return false, v
	}
	f.rest, f.done = nil, true
	return to.Close(code, reason), nil
}
