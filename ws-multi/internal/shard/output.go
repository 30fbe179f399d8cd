package shard

import (
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// output is what one send will carry, and what each frame of it means to the
// connection if the kernel takes the frame's first byte. A shard has one.
type output struct {
	buf      []byte
	frames   []frame
	seq      uint64 // of the last message in it
	replayed uint64 // messages of the replay in it
	main     progress
	again    progress // of a resume beside it
	complete bool     // replay_complete is in it
}

// progress is how far one of a connection's streams has come in an output.
type progress struct {
	at     uint64 // all that is wanted below was sent, is in it, or was passed over
	first  uint64 // what is wanted next; none: nothing yet
	passed uint32 // messages passed over behind the last frame of the stream
}

// frame is where one begins, and what it is.
type frame struct {
	start  int
	kind   frameKind
	again  bool   // it is of the resume beside the main stream
	passed uint32 // messages of its stream passed over right before it, each for a newer one
	n      uint64 // its number in the history
}

type frameKind uint8

const (
	aControl frameKind = iota
	aPing
	aComplete // replay_complete
	aMessage
	aReplayed
	aGap
)

// data reports whether a frame stands for an entry of the history.
func (k frameKind) data() bool { return k >= aMessage }

const (
	// maxWrite is where a buffer for a live connection takes no more messages:
	// a socket takes less than that at once.
	maxWrite = 256 << 10
	// maxPull is the same for one visit of a connection that catches up: its share
	// of a turn.
	maxPull = 48 << 10
)

func (o *output) begin(c *conn, at, again uint64) {
	o.buf, o.frames = o.buf[:0], o.frames[:0]
	o.seq, o.replayed, o.complete = c.seq, 0, false
	o.main = progress{at: at, first: none}
	o.again = progress{at: again, first: none}
}

// control begins a frame that stands for no entry.
func (o *output) control(k frameKind) {
	o.frames = append(o.frames, frame{start: len(o.buf), kind: k})
}

// entry begins a frame for entry n of a stream.
func (o *output) entry(k frameKind, n uint64, p *progress) {
	o.frames = append(o.frames, frame{start: len(o.buf), kind: k, n: n, passed: p.passed, again: p == &o.again})
	p.passed = 0
}

func (o *output) text(payload []byte) {
	o.buf = append(socket.AppendHeader(o.buf, socket.OpText, len(payload)), payload...)
}

// message renders an entry as the connection's next data message.
func (s *Shard) message(o *output, k frameKind, n uint64, p *progress) {
	o.entry(k, n, p)
	o.seq++
	o.buf = socket.AppendMessage(o.buf, o.seq, s.view.Body(n))
}

// gap renders a gap entry; its cursor covers the gap.
func (s *Shard) gap(o *output, c *conn, n uint64, p *progress) {
	g := s.view.Gap(n)
	o.entry(aGap, n, p)
	p.at = n + 1
	m := wire.Gap{
		Event: s.o.Events[g.Event], Partition: g.Partition, From: g.From, To: g.To, Log: g.Log,
		Cursor: s.cursor(c, o.main.at, o.again.at),
	}
	s.text = m.Append(s.text[:0])
	o.text(s.text)
}

// send hands the output to the kernel and notes what it took. It reports whether
// the connection has room for more; if not it is late now, or gone.
func (s *Shard) send(c *conn) bool {
	o := &s.out
	taken := 0
	if len(o.buf) > 0 {
		n, err := c.fd.Send(o.buf)
		if err != nil {
			s.gone(c)
			return false
		}
		taken = n
		s.counts.BytesSent += uint64(n)
	}
	i := s.settle(c, taken)
	if taken == len(o.buf) {
		s.merged(c, o.main.passed)
		s.merged(c, o.again.passed)
		return true
	}
	end := len(o.buf)
	if i < len(o.frames) {
		end = o.frames[i].start
	}
	main, again := false, false // their first frames that were not taken are found
	for ; i < len(o.frames); i++ {
		switch f := &o.frames[i]; {
		case !f.kind.data():
		case f.again && !again:
			again = true
			s.back(c, &o.again, f)
		case !f.again && !main:
			main = true
			s.back(c, &o.main, f)
		}
	}
	s.merged(c, o.main.passed)
	s.merged(c, o.again.passed)
	s.fallBehind(c)
	if taken < end {
		c.late.rest = append([]byte(nil), o.buf[taken:end]...)
	}
	s.stands(c)
	s.fill(c, taken > 0)
	return false
}

// back takes a stream back to a frame that was not taken. What was passed over
// before that stays passed over, and what came after did not happen.
func (s *Shard) back(c *conn, p *progress, f *frame) {
	s.merged(c, f.passed)
	*p = progress{at: f.n, first: f.n}
}

// settle counts the frames of which the kernel took the first byte: seq and
// position advance only with a frame that is on its way. It returns how many
// they are.
func (s *Shard) settle(c *conn, taken int) int {
	o := &s.out
	i := 0
	for ; i < len(o.frames) && o.frames[i].start < taken; i++ {
		f := &o.frames[i]
		s.merged(c, f.passed)
		switch f.kind {
		case aControl:
			if c.outbox = c.outbox[1:]; len(c.outbox) == 0 {
				c.outbox = nil
			}
		case aPing:
			c.flags &^= pinging
		case aComplete:
			s.closeReaders(c.late)
			c.late.replay = nil
		case aMessage:
			c.seq++
			s.counts.Sent++
		case aReplayed:
			c.seq++
			c.uncommon().replayed++
			c.late.replay.sent++
			s.counts.Sent++
			s.counts.Replayed++
		}
	}
	return i
}

func (s *Shard) merged(c *conn, n uint32) {
	if n > 0 {
		c.uncommon().merged += uint64(n)
		s.counts.Merged += uint64(n)
	}
}
