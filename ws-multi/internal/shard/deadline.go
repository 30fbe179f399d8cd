package shard

import (
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

const (
	// lateEvery is how often a late connection is judged, ms.
	lateEvery = 1000
	// unreadGrace is for a client whose frame lies unread in the kernel when its
	// time is up: that lateness is ours. ms
	unreadGrace = 1000
)

// after is a deadline on the shard's clock; a duration of 0 is none.
func after(now int64, d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return now + d.Milliseconds()
}

// wakeFor has the wheel look at a connection at a time; 0 is never.
func (s *Shard) wakeFor(c *conn, at int64) {
	if at == 0 || c.wakeAt != 0 && c.wakeAt <= at {
		return
	}
	c.wakeAt = at
	s.wheel.add(c.id, at)
}

// check judges a connection's deadlines and asks to be woken for the next.
func (s *Shard) check(c *conn) {
	now := s.clock.now
	if c.closeBy != 0 && now >= c.closeBy {
		if c.closing == closed {
			s.release(c)
			return
		}
		s.closeNow(c, c.rare.code, c.rare.reason, true)
	}
	id := c.id
	if c.closing != closed {
		s.judge(c, now)
	}
	if s.get(id) != c {
		return
	}
	s.wakeFor(c, c.closeBy)
	if c.closing == closed {
		return
	}
	s.wakeFor(c, c.pongBy)
	s.wakeFor(c, c.wholeBy)
	s.wakeFor(c, c.pingAt)
	if c.late != nil {
		s.wakeFor(c, c.late.stallBy)
		s.wakeFor(c, now+lateEvery)
	}
	if a := c.awaits(); a != nil {
		s.wakeFor(c, a.until)
		if !a.asked {
			s.wakeFor(c, a.askAt)
		}
	}
	s.watchToken(c)
}

// judge closes a connection whose time is up, and pings one that is due.
func (s *Shard) judge(c *conn, now int64) {
	switch {
	case c.wholeBy != 0 && now >= c.wholeBy && (c.has(spent) || !s.spared(c, &c.wholeBy)):
		s.closeNow(c, wire.CloseTimeout, "a message was not finished in time", true)
	case c.pongBy != 0 && now >= c.pongBy && !s.spared(c, &c.pongBy):
		s.closeNow(c, wire.CloseTimeout, "no frame after a ping", true)
	case c.late != nil && s.tooLate(c, now):
		s.slow(c)
	case !c.identity.Expires.IsZero() && !s.now.Before(c.identity.Expires):
		s.closeAfter(c, wire.CloseUnauthorized, "token expired", farewell)
	}
	if c.closing != open {
		return
	}
	if a := c.awaits(); a != nil && (now >= a.until || !a.asked && now >= a.askAt) {
		s.try(c)
		if c.closing != open {
			return
		}
	}
	if c.pingAt != 0 && now >= c.pingAt {
		s.ping(c, now)
	}
}

// spared gives a client a moment more when something of it lies unread, for we
// may be late ourselves.
func (s *Shard) spared(c *conn, deadline *int64) bool {
	if !c.has(unread|verifying) && c.fd.Unread() == 0 {
		return false
	}
	if deadline == &c.wholeBy {
		c.flags |= spent // once a message, or one without an end has no deadline
	}
	*deadline = s.clock.now + unreadGrace
	return true
}

// ping asks an idle client for a sign of life. One that has something pending
// is judged by what it takes.
func (s *Shard) ping(c *conn, now int64) {
	if c.late != nil {
		c.pingAt = now + lateEvery
		return
	}
	c.pingAt = after(now, s.o.PingInterval)
	c.flags |= pinging
	s.toMarked(c.id.slot())
}

// tooLate is the rule for slow consumers (protocol.md, section 6): a socket that
// takes nothing, what is wanted fallen out of the history and, but for who has not
// been live since a replay, the oldest message unsent for too long.
func (s *Shard) tooLate(c *conn, now int64) bool {
	l := c.late
	if l.full && l.stallBy != 0 && now >= l.stallBy {
		return true
	}
	switch {
	case s.forgotten(l):
		return true
	case l.first == none || l.first >= s.view.End:
		return false
	case l.replay != nil || l.resumed:
		return false
	}
	limit := s.o.MaxBehind.Milliseconds()
	return limit > 0 && s.clock.age(s.view.Entry(l.first).ReadAt) > limit
}
