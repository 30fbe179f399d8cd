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
	seat := &s.seats[c.id.slot()]
	l := &late{stream: stream{pos: s.pos, first: none}}
	if seat.head != 0 {
		l.pos = s.due[seat.head-1].n
		l.first = l.pos
	}
	seat.head, seat.tail, seat.state = 0, 0, l.state()
	c.late = l
	s.late++
}

// stands sets where a late connection stands to where the output has come.
func (s *Shard) stands(c *conn) {
	l, o := c.late, &s.out
	l.pos, l.first = o.main.at, o.main.first
	if l.replay.beside() {
		l.replay.pos, l.replay.first = o.again.at, o.again.first
	}
	s.seats[c.id.slot()].state = l.state()
}

// forgotten reports whether the history has forgotten what a connection wants.
func (s *Shard) forgotten(l *late) bool {
	return l.first < s.view.First || l.replay.beside() && l.replay.first < s.view.First
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
	if s.forgotten(l) {
		s.slow(c)
		return
	}
	o.begin(c, s.position(c), s.replayPosition(c))
	s.renderOutbox(o, c)
	s.renderWanted(o, c)
	if !s.send(c) {
		return
	}
	s.stands(c)
	if l.first != none || l.replay != nil || len(c.outbox) > 0 || c.has(pinging) || l.pos < s.pos {
		s.toPull(c)
		return
	}
	s.closeReaders(l)
	c.late = nil
	s.late--
	s.seats[c.id.slot()].state = live
	if c.closing == finishing {
		s.closeNow(c, c.rare.code, c.rare.reason, true)
	}
}

// renderWanted renders what is wanted next, up to a visit's share, and the end of
// the replay where it comes to that. A resume leaves the main stream, where other
// events go on, at least half of the share (kit/PROTOCOL.md, P7.5).
func (s *Shard) renderWanted(o *output, c *conn) {
	r := c.late.replay
	if !r.beside() {
		s.renderStream(o, c, &c.late.stream, &o.main, maxPull)
		return
	}
	s.renderStream(o, c, &c.late.stream, &o.main, maxPull/2)
	s.renderStream(o, c, &r.stream, &o.again, maxPull)
	if o.main.first == none && o.again.first == none && s.pos >= r.end {
		// Both are where the live ones are: they go on as one.
		o.main.at = s.pos
		o.again.at = s.pos
		s.renderComplete(o, c)
	}
}

// renderStream renders what one stream brings, until the buffer has limit bytes.
func (s *Shard) renderStream(o *output, c *conn, st *stream, p *progress, limit int) {
	r := c.late.replay
	for passed := 0; ; {
		n, ok := s.peek(p, c, st)
		if p.first = none; ok {
			p.at, p.first = n, n
		}
		if r != nil && !r.beside() && !o.complete && p.at >= r.end {
			s.renderComplete(o, c)
		}
		if !ok || len(o.buf) >= limit || passed == maxPassed {
			return
		}
		switch e := s.view.Entry(n); {
		case e.Kind == gapEntry:
			s.gap(o, c, n, p)
		case s.merges[e.Event] && !r.asked(n) && s.view.Superseded(n):
			p.passed++
			passed++
		case p == &o.again || r.asked(n):
			s.message(o, aReplayed, n, p)
			o.replayed++
		default:
			s.message(o, aMessage, n, p)
		}
		p.at = n + 1
		st.reader.Advance()
	}
}

// peek finds what a stream brings next, from p.at on; ok is false when there is
// nothing below the place up to which the live ones were served.
func (s *Shard) peek(p *progress, c *conn, st *stream) (n uint64, ok bool) {
	for {
		if st.reader == nil {
			if p.at >= s.pos {
				return 0, false
			}
			s.openReader(c, st, p.at)
		}
		if n, ok := st.reader.Peek(); ok {
			return n, true
		}
		// A channel may have appeared since the reader was opened: what lies
		// behind its bound needs a new one.
		p.at = max(p.at, st.bound)
		s.closeReader(st)
	}
}

// openReader merges what a stream brings, from a number on.
func (s *Shard) openReader(c *conn, st *stream, at uint64) {
	r := c.late.replay
	st.reader, st.bound = s.takeReader(), s.pos
	st.reader.Reset(s.pos)
	mine := func(event int) bool { return c.late.streamOf(event) == st }
	from := at // of what a last is not about
	if r != nil && !r.beside() {
		from = max(at, r.floor)
	}
	s.index.Sources(&c.subs, func(ch *history.Channel) {
		if !mine(ch.Event) {
			return
		}
		if e := r.of(ch.Event); e != nil {
			st.reader.Channel(s.view, ch, at, e.starts)
			return
		}
		st.reader.Channel(s.view, ch, max(at, r.newestOf(ch, from)), nil)
	}, func(event int) {
		if !mine(event) {
			return
		}
		if e := r.of(event); e != nil {
			st.reader.Event(s.view, event, at, e.starts)
			return
		}
		st.reader.Event(s.view, event, from, nil)
	})
	s.present = s.index.Events(&c.subs, s.present)
	for event := range s.o.Events {
		switch {
		case !s.present.Has(event) || !mine(event):
		case r.of(event) != nil:
			st.reader.Gaps(s.view, event, max(at, r.end))
		default:
			st.reader.Gaps(s.view, event, from)
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

func (s *Shard) closeReader(st *stream) {
	if st.reader == nil {
		return
	}
	if len(s.readers) < maxReaders {
		st.reader.Reset(0)
		s.readers = append(s.readers, st.reader)
	}
	st.reader = nil
}

func (s *Shard) closeReaders(l *late) {
	s.closeReader(&l.stream)
	if l.replay != nil {
		s.closeReader(&l.replay.stream)
	}
}

// look finds anew what a late connection wants first, after its subscriptions or
// its position have changed. The position stays: frames that wait may not cover
// what was not sent before them.
func (s *Shard) look(c *conn) {
	l := c.late
	if l == nil {
		return
	}
	s.closeReaders(l)
	if s.forgotten(l) {
		return // it is closed for that
	}
	s.lookIn(c, &l.stream)
	if l.replay.beside() {
		s.lookIn(c, &l.replay.stream)
	}
	s.seats[c.id.slot()].state = l.state()
	s.toPull(c)
}

func (s *Shard) lookIn(c *conn, st *stream) {
	s.openReader(c, st, st.pos)
	first, ok := st.reader.Peek()
	if st.first = first; !ok {
		st.first = none
	}
	if !ok || c.late.full {
		s.closeReader(st)
	}
}

// position is the number before which there is nothing that the connection wants
// and was not sent, but for what a resume brings. It moves on to the history's
// beginning when nothing before that is wanted.
func (s *Shard) position(c *conn) uint64 {
	l := c.late
	if l == nil {
		if head := s.seats[c.id.slot()].head; head != 0 {
			return s.due[head-1].n
		}
		return s.pos
	}
	if l.first == none && (l.replay == nil || l.replay.beside()) {
		l.pos = s.pos
	}
	l.pos = max(l.pos, min(l.first, s.view.First))
	return l.pos
}

// replayPosition is the same for what a resume brings; 0 where there is none.
func (s *Shard) replayPosition(c *conn) uint64 {
	r := c.replaying()
	if !r.beside() {
		return 0
	}
	if r.first == none {
		r.pos = max(r.pos, s.pos)
	}
	r.pos = max(r.pos, min(r.first, s.view.First))
	return r.pos
}

// cursor says, for each event that the connection subscribes to, where one stands
// that was sent everything below at, and of a resume everything below again.
func (s *Shard) cursor(c *conn, at, again uint64) wire.Cursor {
	cur := make(wire.Cursor)
	r := c.replaying()
	s.present = s.index.Events(&c.subs, s.present)
	for event, name := range s.o.Events {
		if !s.present.Has(event) {
			continue
		}
		switch e := r.of(event); {
		case e != nil:
			cur[name] = e.standing(s.view.Position(event, again), again, again < r.end)
		case r != nil:
			cur[name] = s.view.Position(event, max(at, r.floor))
		default:
			cur[name] = s.view.Position(event, at)
		}
	}
	return cur
}
