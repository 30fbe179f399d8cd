package loop

import (
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

const (
	// behindInterval is how often a connection that is behind is judged, ms.
	behindInterval = 1000
	// expiryInterval bounds how long a step of the wall clock can hide the end
	// of a token, ms.
	expiryInterval = 20_000
	// graceForUnread is given to a client whose frame lies unread in the kernel
	// when its time is up: that lateness is ours. ms
	graceForUnread = 1000
)

// after is a deadline on the loop's clock; a duration of 0 is none.
func after(now int64, d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return now + d.Milliseconds()
}

// wake has the wheel look at a connection at a time; 0 is never.
func (l *Loop) wake(c *conn, at int64) {
	if at == 0 || c.wakeAt != 0 && c.wakeAt <= at {
		return
	}
	c.wakeAt = at
	l.wheel.add(c.ref, at)
}

// check judges a connection's deadlines and asks to be woken for the next.
func (l *Loop) check(c *conn) {
	now := l.clock.now
	if c.closing != open && now >= c.closeBy && c.closeBy != 0 {
		if c.closing == closed {
			l.release(c)
			return
		}
		l.closeNow(c, c.code, c.reason, true)
	}
	if c.closing != closed {
		l.judge(c, now)
	}
	if c.closing == closed {
		l.wake(c, c.closeBy)
		return
	}
	l.wake(c, c.closeBy)
	l.wake(c, c.pongBy)
	l.wake(c, c.stallBy)
	l.wake(c, c.pingAt)
	if c.pulled {
		l.wake(c, now+behindInterval)
	}
	if c.awaiting != nil {
		l.wake(c, c.awaiting.until)
	}
	l.watchExpiry(c)
}

func (l *Loop) judge(c *conn, now int64) {
	switch {
	case c.pongBy != 0 && now >= c.pongBy && !l.heard(c, now):
		l.closeNow(c, wire.CloseTimeout, "no frame after a ping", true)
	case c.stallBy != 0 && now >= c.stallBy:
		l.slow(c)
	case c.pulled && l.tooFarBehind(c, now):
		l.slow(c)
	case !c.identity.Expires.IsZero() && !l.wall.Before(c.identity.Expires):
		l.closeAfter(c, wire.CloseUnauthorized, "token expired", farewellTime)
	}
	if c.closing != open {
		return
	}
	if c.awaiting != nil && now >= c.awaiting.until {
		l.retry(c)
	}
	if c.pingAt != 0 && now >= c.pingAt {
		l.ping(c, now)
	}
}

// heard reports whether the client is alive: a frame came since the ping, or
// one is here and waits for us to read it.
func (l *Loop) heard(c *conn, now int64) bool {
	if c.sock.Heard() {
		c.pongBy = 0
		return true
	}
	if c.sock.Unread() > 0 {
		c.pongBy = now + graceForUnread
		return true
	}
	return false
}

// ping asks an idle client for a sign of life. One that has something pending
// is judged by what it takes.
func (l *Loop) ping(c *conn, now int64) {
	if c.pulled {
		c.pingAt = now + behindInterval
		return
	}
	c.pingAt = after(now, l.o.PingInterval)
	c.pinging = true
	l.toSweep(c)
}

// tooFarBehind is the rule of WS_MAX_BEHIND, for connections that are not in a
// replay, and the end of the history for all.
func (l *Loop) tooFarBehind(c *conn, now int64) bool {
	if c.replay != nil {
		return c.replay.first < min(l.log.First(), l.replayBound(c.replay))
	}
	if !c.missed || c.first >= l.log.Next() {
		return false
	}
	if c.first < l.log.First() {
		return true
	}
	limit := l.o.MaxBehind.Milliseconds()
	return limit > 0 && now-l.log.ReadAt(c.first) > limit
}

// watchExpiry has the wheel look at the connection when its token ends.
func (l *Loop) watchExpiry(c *conn) {
	if c.identity.Expires.IsZero() {
		return
	}
	left := c.identity.Expires.Sub(l.wall).Milliseconds() + 1
	l.wake(c, l.clock.now+min(max(left, 1), expiryInterval))
}
