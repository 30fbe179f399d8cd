package shard

import (
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

const (
	// farewell is how long a close waits for what is pending to be sent.
	farewell = 5 * time.Second
	// linger is how long a closed connection may take to hang up, ms.
	linger = 5000
)

// fill notes that a socket has no room. What it wants stays in the history; the
// kernel tells when there is room.
func (s *Shard) fill(c *conn, progress bool) {
	l := c.late
	s.closeReaders(l)
	if !l.full {
		s.full++
	}
	if !l.full || progress {
		l.stallBy = after(s.clock.now, s.o.StallTimeout)
	}
	l.full = true
	c.pongBy = 0 // it is judged by what it takes now; a ping may not be out
	s.wakeFor(c, l.stallBy)
	s.wakeFor(c, s.clock.now+lateEvery)
}

// room goes on where fill stopped.
func (s *Shard) room(c *conn) {
	l := c.late
	if l == nil || !l.full || c.closing == closed {
		return
	}
	if len(l.rest) > 0 {
		n, err := c.fd.Send(l.rest)
		if err != nil {
			s.gone(c)
			return
		}
		s.counts.BytesSent += uint64(n)
		if l.rest = l.rest[n:]; len(l.rest) > 0 {
			s.fill(c, n > 0)
			return
		}
		l.rest = nil
	}
	l.full, l.stallBy = false, 0
	s.full--
	s.toPull(c)
}

// closeAfter closes a connection once it was sent everything that is pending, or
// when the time is up. What it says meanwhile changes nothing.
func (s *Shard) closeAfter(c *conn, code wire.CloseCode, reason string, within time.Duration) {
	if c.closing != open {
		return
	}
	c.closing = finishing
	r := c.uncommon()
	r.code, r.reason, r.awaiting = code, reason, nil
	for c.closing == finishing && c.late == nil && (s.seats[c.id.slot()].head != 0 || len(c.outbox) > 0) {
		s.flush(c)
	}
	switch {
	case c.closing != finishing:
	case c.late == nil:
		s.closeNow(c, code, reason, true)
	default:
		c.closeBy = s.clock.now + max(1, within.Milliseconds())
		s.wakeFor(c, c.closeBy)
	}
}

// slow closes a client that cannot keep up; it resumes with its cursor.
func (s *Shard) slow(c *conn) {
	s.closeNow(c, wire.CloseSlowConsumer, "slow consumer: resume with the cursor", false)
}

// closeNow sends the rest of a frame half sent, a bye and the close frame, as far
// as the socket takes them, and ends the sending side.
func (s *Shard) closeNow(c *conn, code wire.CloseCode, reason string, bye bool) {
	if c.closing == closed {
		return
	}
	b := s.lastWords(c)
	if bye {
		m := wire.Bye{Code: code, Cursor: s.cursor(c, s.position(c), s.replayPosition(c)), Totals: c.totals()}
		p := m.Append(nil)
		b = append(socket.AppendHeader(b, socket.OpText, len(p)), p...)
	}
	s.o.Log.Debug("connection closed", "conn", c.name, "shard", s.number, "code", int(code), "reason", reason, "sent", c.seq)
	s.shut(c, code, socket.AppendClose(b, code, reason))
}

// answerClose echoes a client's close frame (RFC 6455, section 5.5.1).
func (s *Shard) answerClose(c *conn, code wire.CloseCode) {
	b := s.lastWords(c)
	if code == socket.NoStatus {
		b = socket.AppendHeader(b, socket.OpClose, 0)
	} else {
		b = socket.AppendClose(b, code, "")
	}
	s.shut(c, code, b)
}

// lastWords begins with the rest of a frame that is half sent.
func (s *Shard) lastWords(c *conn) []byte {
	b := s.text[:0]
	if c.late != nil {
		b = append(b, c.late.rest...)
	}
	return b
}

// shut takes the connection out of everything but its slot, and sends what is
// last. TCP_NOTSENT_LOWAT is lifted for that: the kernel would not take it of a full
// socket.
func (s *Shard) shut(c *conn, code wire.CloseCode, last []byte) {
	c.closing = closed
	s.seats[c.id.slot()] = seat{}
	s.counts.close(code)
	s.open--
	if l := c.late; l != nil {
		s.late--
		if l.full {
			s.full--
		}
		s.closeReaders(l)
		c.late = nil
	}
	s.index.Clear(&c.subs)
	c.outbox, c.rare = nil, nil
	if len(last) > 0 {
		c.fd.LiftLowWater()
		_, _ = c.fd.Send(last) // who does not take it cannot be told
		s.text = last[:0]
	}
	c.fd.CloseWrite()
	c.pongBy, c.wholeBy, c.pingAt = 0, 0, 0
	c.closeBy = s.clock.now + linger
	s.wakeFor(c, c.closeBy)
}

// gone is for a connection whose transport ended: there is nobody to tell.
func (s *Shard) gone(c *conn) {
	if c.closing != closed {
		s.shut(c, socket.Abnormal, nil)
	}
	s.release(c)
}

// release gives the descriptor back. The connection is out of every list: the
// next client may get its number at once.
func (s *Shard) release(c *conn) {
	slot := c.id.slot()
	if s.conns[slot] != c {
		return
	}
	if c.closing != closed {
		s.shut(c, socket.Abnormal, nil)
	}
	if c.has(reset) {
		c.fd.Reset()
	}
	c.fd.Close()
	s.index.Detach(&c.subs)
	c.place.Release()
	s.conns[slot] = nil
	s.gens[slot]++
	s.free = append(s.free, slot)
	s.held--
	s.assigned.Add(-1)
	if s.held == 0 {
		for _, empty := range s.emptied {
			close(empty)
		}
		s.emptied = nil
	}
}
