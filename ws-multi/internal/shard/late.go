package shard

import (
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// maxPassed bounds the messages that one visit passes over.
const maxPassed = 4096

// fallBehind makes a live connection a late one: what it is due becomes its
// position.
func (s *Shard) fallBehind(c *conn) {
	if c.late != nil {
		return
	}
	slot := c.id.slot()
	l := &late{pos: s.pos, first: none}
	seat := &s.seats[slot]
	if seat.head != 0 {
		l.pos = s.due[seat.head-1].n
		l.first = l.pos
	}
	*seat = seat.falls(l.first)
	c.late = l
	s.late++
}

// falls is the seat of a connection that is not live any more.
func (s seat) falls(first uint64) seat {
	s.head, s.tail, s.state = 0, 0, behind
	if first == none {
		s.state = idling
	}
	return s
}

// stands sets where a late connection stands, and what it wants first.
func (s *Shard) stands(c *conn, pos, first uint64) {
	c.late.pos, c.late.first = pos, first
	s.seats[c.id.slot()].state = behind
	if first == none {
		s.seats[c.id.slot()].state = idling
	}
}

func (s *Shard) toPull(c *conn) {
	if c.late.full || c.has(pulled) {
		return
	}
	c.flags |= pulled
	s.pulls.push(c.id.slot())
}

// pull visits up to limit of those who have something to catch up with.
func (s *Shard) pull(limit int) {
	for range min(uint32(limit), s.pulls.n) {
		c := s.conns[s.pulls.pop()]
		if c == nil || !c.has(pulled) {
			continue
		}
		c.flags &^= pulled
		if c.late != nil && !c.late.full && c.closing != closed {
			s.catchUp(c)
		}
	}
}

// catchUp sends a late connection one visit's share of what it wants. With
// nothing left it is live again.
func (s *Shard) catchUp(c *conn) {
	l, o := c.late, &s.out
	if l.first < s.view.First {
		s.slow(c)
		return
	}
	o.begin(c, s.position(c))
	s.renderOutbox(o, c)
	if !s.renderWanted(o, c) {
		s.slow(c)
		return
	}
	if !s.send(c) {
		return
	}
	s.stands(c, o.at, o.first)
	if l.first != none || l.replay != nil || len(c.outbox) > 0 || c.has(pinging) || o.at < s.pos {
		s.toPull(c)
		return
	}
	s.closeReader(l)
	c.late = nil
	s.late--
	s.seats[c.id.slot()].state = live
	if c.closing == finishing {
		s.closeNow(c, c.rare.code, c.rare.reason, true)
	}
}

// renderWanted renders what is wanted next, up to a visit's share, and the end of
// the replay where it comes to that. It reports false when the history has
// forgotten what is next.
func (s *Shard) renderWanted(o *output, c *conn) bool {
	l := c.late
	for passed := 0; ; {
		n, ok := s.peek(o, c)
		if ok && n < s.view.First {
			return false
		}
		if ok {
			o.at, o.first = n, n
		} else {
			o.first = none
		}
		if r := l.replay; r != nil && !o.complete && o.at >= r.bound {
			s.renderComplete(o, c)
		}
		if !ok || len(o.buf) >= maxPull || passed == maxPassed {
			return true
		}
		switch e := s.view.Entry(n); {
		case e.Kind == gapEntry:
			s.gap(o, c, n)
		case s.merges[e.Event] && !l.replay.asked(n) && s.view.Superseded(n):
			o.passed++
			passed++
		case l.replay.brings(n, int(e.Event)):
			s.message(o, aReplayed, n)
			o.replayed++
		default:
			s.message(o, aMessage, n)
		}
		o.at = n + 1
		l.reader.Advance()
	}
}

// peek finds what a late connection wants next, from o.at on; ok is false when
// there is nothing below the place up to which the live ones were served.
func (s *Shard) peek(o *output, c *conn) (n uint64, ok bool) {
	l := c.late
	for {
		if l.reader == nil {
			if o.at >= s.pos {
				return 0, false
			}
			s.openReader(c, o.at)
		}
		if n, ok := l.reader.Peek(); ok {
			return n, true
		}
		// A channel may have appeared since the reader was opened: what lies
		// behind its bound needs a new one.
		o.at = max(o.at, l.bound)
		s.closeReader(l)
	}
}

// openReader merges what the connection wants, from a number on.
func (s *Shard) openReader(c *conn, at uint64) {
	l := c.late
	l.reader, l.bound = s.takeReader(), s.pos
	l.reader.Reset(s.pos)
	r := l.replay
	from := at
	if r != nil {
		from = max(at, r.floor)
	}
	s.index.Sources(&c.subs, func(ch *history.Channel) {
		switch e := r.of(ch.Event); {
		case e != nil:
			l.reader.Channel(s.view, ch, at, e.starts)
		default:
			l.reader.Channel(s.view, ch, max(at, r.newestOf(ch, from)), nil)
		}
	}, func(event int) {
		if e := r.of(event); e != nil {
			l.reader.Event(s.view, event, at, e.starts)
		} else {
			l.reader.Event(s.view, event, from, nil)
		}
	})
	s.present = s.index.Events(&c.subs, s.present)
	for event := range s.o.Events {
		if !s.present.Has(event) {
			continue
		}
		if r.of(event) != nil {
			l.reader.Gaps(s.view, event, max(at, r.bound))
		} else {
			l.reader.Gaps(s.view, event, from)
		}
	}
}

func (s *Shard) takeReader() *history.Reader {
	if n := len(s.readers); n > 0 {
		r := s.readers[n-1]
		s.readers = s.readers[:n-1]
		return r
	}
	return new(history.Reader)
}

// maxReaders is how many readers are kept for others.
const maxReaders = 64

func (s *Shard) closeReader(l *late) {
	if l.reader == nil {
		return
	}
	if len(s.readers) < maxReaders {
		l.reader.Reset(0)
		s.readers = append(s.readers, l.reader)
	}
	l.reader = nil
}

// look finds anew what a late connection wants first, after its subscriptions or
// its position have changed. The position stays: frames that wait may not cover
// what was not sent before them.
func (s *Shard) look(c *conn) {
	l := c.late
	if l == nil {
		return
	}
	s.closeReader(l)
	if l.first < s.view.First {
		return // it has fallen out of the history, and is closed for that
	}
	s.openReader(c, l.pos)
	first, ok := l.reader.Peek()
	if !ok {
		first = none
	}
	if !ok || l.full {
		s.closeReader(l)
	}
	s.stands(c, l.pos, first)
	s.toPull(c)
}

// position is the number before which there is nothing that the connection wants
// and was not sent. It moves on to the history's beginning when nothing before that is
// wanted.
func (s *Shard) position(c *conn) uint64 {
	l := c.late
	if l == nil {
		if head := s.seats[c.id.slot()].head; head != 0 {
			return s.due[head-1].n
		}
		return s.pos
	}
	if l.first == none && l.replay == nil {
		l.pos = s.pos
	}
	l.pos = max(l.pos, min(l.first, s.view.First))
	return l.pos
}

// cursor says, for each event that the connection subscribes to, where one stands
// that was sent everything below at.
func (s *Shard) cursor(c *conn, at uint64) wire.Cursor {
	cur := make(wire.Cursor)
	r := c.replaying()
	s.present = s.index.Events(&c.subs, s.present)
	for event, name := range s.o.Events {
		if s.present.Has(event) {
			cur[name] = s.standing(r, event, at)
		}
	}
	return cur
}
