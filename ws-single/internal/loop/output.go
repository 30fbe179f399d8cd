package loop

import (
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

// output is what one send will carry: rendered frames, and what each of them
// means to the connection if the kernel takes its first byte.
type output struct {
	buf   []byte
	marks []mark
	seq   uint64 // of the last message rendered
	more  uint64 // messages of the replay rendered here
	main  stream
	again stream // the replay
}

// stream is how far rendering has come in one of a connection's two pulls.
type stream struct {
	at     uint64 // everything before it was rendered or passed over
	passed uint32 // passed over since its last mark
}

// mark is where a frame begins, and what it is.
type mark struct {
	start  int
	what   what
	passed uint32 // messages passed over right before it, for a newer one
	n      uint64 // its number in the history
}

type what uint8

const (
	aControl what = iota
	aPing
	aMessage
	aGap
	aReplayed
	aReplayedGap
	aReplayEnd
)

const (
	// maxWrite is where a buffer stops taking messages: more than a socket
	// takes at once would be rendered in vain.
	maxWrite = 256 << 10
	// maxPull is the same for one visit of a connection that is pulled: its
	// share of a turn.
	maxPull = 48 << 10
)

func (o *output) begin(c *conn, at, again uint64) {
	o.buf, o.marks = o.buf[:0], o.marks[:0]
	o.seq, o.more = c.seq, 0
	o.main = stream{at: at}
	o.again = stream{at: again}
}

func (o *output) mark(w what, n uint64, passed uint32) {
	o.marks = append(o.marks, mark{start: len(o.buf), what: w, n: n, passed: passed})
}

// message renders the entry n of the history as this connection's next message.
func (l *Loop) message(o *output, w what, n uint64, passed uint32) {
	o.mark(w, n, passed)
	o.seq++
	o.buf = socket.AppendMessage(o.buf, o.seq, l.log.Body(n))
}

// gap renders a gap entry for this connection.
func (l *Loop) gap(o *output, c *conn, s *stream, w what, n uint64) {
	g, _ := l.log.Gap(n)
	o.mark(w, n, s.passed)
	s.passed = 0
	m := wire.Gap{
		Event: l.events[g.Event], Partition: g.Partition, From: g.From, To: g.To, Log: g.Log,
		Cursor: l.cursor(c, o.main.at, o.again.at),
	}
	l.text = m.Append(l.text[:0])
	o.text(l.text)
}

func (o *output) text(payload []byte) {
	o.buf = socket.AppendHeader(o.buf, socket.OpText, len(payload))
	o.buf = append(o.buf, payload...)
}

// send hands the output to the kernel and takes note of what it took. It
// reports whether the connection still has room.
func (l *Loop) send(c *conn) bool {
	o := &l.out
	if len(o.buf) == 0 {
		l.settle(c, 0)
		return true
	}
	n, err := c.sock.Send(o.buf)
	if err != nil {
		l.gone(c)
		return false
	}
	l.stats.BytesSent += uint64(n)
	l.settle(c, n)
	if n < len(o.buf) {
		l.fill(c, n > 0)
		return false
	}
	return true
}

// settle counts the frames whose first byte the kernel took, and sets the
// connection's positions to the first that it did not take: seq and position
// advance only with a frame that is on its way.
func (l *Loop) settle(c *conn, taken int) {
	o := &l.out
	k := 0
	for ; k < len(o.marks) && o.marks[k].start < taken; k++ {
		m := &o.marks[k]
		c.merged += uint64(m.passed)
		l.stats.Merged += uint64(m.passed)
		switch m.what {
		case aControl:
			c.control = c.control[1:]
		case aPing:
			c.pinging = false
		case aMessage:
			c.seq++
			l.stats.Sent++
		case aReplayed:
			c.seq++
			c.replayed++
			c.replay.replayed++
			l.stats.Sent++
			l.stats.Replayed++
		case aReplayEnd:
			l.pass(c, &o.again) // what was passed over behind its last message
			l.endReplay(c)
		}
	}
	if len(c.control) == 0 {
		c.control = nil
	}
	if taken < len(o.buf) {
		end := len(o.buf)
		if k < len(o.marks) {
			end = o.marks[k].start
		}
		c.rest = append([]byte(nil), o.buf[taken:end]...)
		if len(c.rest) == 0 {
			c.rest = nil
		}
	}
	main, again := false, false
	for ; k < len(o.marks) && !(main && again); k++ {
		m := &o.marks[k]
		switch m.what {
		case aMessage, aGap:
			if !main {
				main = true
				o.main.back(m)
			}
		case aReplayed, aReplayedGap:
			if !again {
				again = true
				o.again.back(m)
			}
		}
	}
	l.pass(c, &o.main)
	if o.main.at != c.at || !c.missed {
		c.at, c.first = o.main.at, o.main.at
	}
	c.missed = c.at < l.log.Next()
	if r := c.replay; r != nil {
		l.pass(c, &o.again)
		if o.again.at != r.at {
			r.at, r.first = o.again.at, o.again.at
		}
		if r.newest == 0 && r.at == l.log.Next() {
			r.first = nothing // mark tells when there is something
		}
	}
}

// back takes a stream back to its first frame that was not taken. What was
// passed over before that frame stays passed over.
func (s *stream) back(m *mark) {
	*s = stream{at: m.n, passed: m.passed}
}

func (l *Loop) pass(c *conn, s *stream) {
	c.merged += uint64(s.passed)
	l.stats.Merged += uint64(s.passed)
}

// fill notes that the socket has no room. What it was due stays in the
// history; one goroutine waits for room.
func (l *Loop) fill(c *conn, progress bool) {
	l.pullFrom(c)
	l.closeReaders(c)
	if !c.full || progress {
		c.stallBy = after(l.clock.now, l.o.StallTimeout)
	}
	c.full = true
	c.pongBy = 0 // it is judged by what it takes now; the ping may not be out
	l.wake(c, c.stallBy)
	l.wake(c, l.clock.now+behindInterval)
	r, sock := c.ref, c.sock
	l.started.Go(func() {
		if sock.AwaitRoom() == nil {
			l.put(input{kind: inRoom, ref: r})
		}
	})
}

// room goes on where fill stopped.
func (l *Loop) room(c *conn) {
	if !c.full || c.closing == closed {
		return
	}
	if len(c.rest) > 0 {
		n, err := c.sock.Send(c.rest)
		if err != nil {
			l.gone(c)
			return
		}
		l.stats.BytesSent += uint64(n)
		c.rest = c.rest[n:]
		if len(c.rest) > 0 {
			l.fill(c, n > 0)
			return
		}
		c.rest = nil
	}
	c.full, c.stallBy = false, 0
	l.toPulls(c)
}
