package loop

import (
	"math"

	"github.com/adred-codev/ws_poc/ws-single/internal/history"
)

// maxPassed bounds the entries looked at and passed over in one visit.
const maxPassed = 4096

// pullFrom makes a connection one that is pulled: what it is due becomes its
// position.
func (l *Loop) pullFrom(c *conn) {
	if !c.due.empty() {
		if n := l.due[c.due.head-1].n; !c.missed || n < c.at {
			c.missed, c.at, c.first = true, n, n
		}
		c.due = dueList{}
	}
	if !c.pulled {
		c.pulled = true
		l.behind++
	}
}

// pull visits up to limit connections that have something to catch up with.
func (l *Loop) pull(limit int) int {
	visited := 0
	for visited < limit && l.pulls.len() > 0 {
		c := l.conns[l.pulls.pop()]
		if c == nil || c.queued&inPulls == 0 {
			continue
		}
		c.queued &^= inPulls
		if !c.pulled || c.full || c.closing == closed {
			continue
		}
		l.visit(c)
		visited++
	}
	return visited
}

// visit sends one buffer of what a connection missed and of its replay. When
// there is nothing left it is live again.
func (l *Loop) visit(c *conn) {
	o := &l.out
	o.begin(c, l.position(c), l.replayAt(c))
	l.renderControl(o, c)
	if c.replay != nil && c.replay.goesFirst() {
		if !l.pullReplay(o, c) {
			return
		}
	}
	if c.missed && (c.replay == nil || !c.replay.goesFirst() || c.replay.ended) {
		if !l.pullMain(o, c) {
			return
		}
	}
	if c.replay != nil && !c.replay.goesFirst() {
		if !l.pullReplay(o, c) {
			return
		}
	}
	if !l.send(c) {
		return
	}
	if c.missed || c.replay != nil || len(c.control) > 0 || c.pinging {
		l.toPulls(c)
		return
	}
	l.closeReaders(c)
	c.pulled = false
	l.behind--
	if c.closing == finishing {
		l.closeNow(c, c.code, c.reason, true)
	}
}

// pullMain renders what the connection missed, up to a visit's share, and
// leaves the stream at the next entry that is due, or at the end. It reports
// false when the connection was closed.
func (l *Loop) pullMain(o *output, c *conn) bool {
	for passed := 0; ; {
		n, ok := l.nextMain(o, c)
		if !ok {
			return o.main.at == l.log.Next()
		}
		if len(o.buf) >= maxPull || passed == maxPassed {
			return true
		}
		o.main.at = n + 1
		if _, isGap := l.log.Gap(n); isGap {
			l.gap(o, c, &o.main, aGap, n)
		} else if l.conflated(n) {
			o.main.passed++
			passed++
		} else {
			l.message(o, aMessage, n, o.main.passed)
			o.main.passed = 0
		}
		c.main.Advance()
		o.main.at, _ = c.main.Peek()
	}
}

// nextMain finds the next entry due. It returns false at the end of the
// history, and when the connection fell out of it and was closed.
func (l *Loop) nextMain(o *output, c *conn) (uint64, bool) {
	for o.main.at < l.log.Next() {
		if c.first < l.log.First() {
			l.slow(c)
			return 0, false
		}
		if c.main == nil {
			c.main = l.openMain(c, o.main.at)
		}
		n, ok := c.main.Peek()
		o.main.at = n
		if ok {
			return n, true
		}
		c.main.Close()
		c.main = nil
	}
	return 0, false
}

// openMain reads what the connection subscribes to from number from on, but for
// the events that its replay brings.
func (l *Loop) openMain(c *conn, from uint64) *history.Reader {
	r := l.log.Open(l.log.Next())
	for id, event := range c.subs.Channels() {
		if !c.replay.covers(event) {
			r.Channel(id, from, nil)
		}
	}
	for event := range c.subs.WholeEvents() {
		if !c.replay.covers(event) {
			r.Event(event, from, nil)
		}
	}
	for _, event := range c.subs.Events() {
		if !c.replay.covers(event) {
			r.Gaps(event, from)
		}
	}
	return r
}

// conflated reports whether a client that is behind is spared this message.
func (l *Loop) conflated(n uint64) bool {
	return l.conflates[l.log.Event(n)] && l.log.Superseded(n)
}

func (l *Loop) closeReaders(c *conn) {
	if c.main != nil {
		c.main.Close()
		c.main = nil
	}
	if c.replay != nil && c.replay.reader != nil {
		c.replay.reader.Close()
		c.replay.reader = nil
	}
}

// reopen makes the pulls fit the subscriptions after these have changed.
func (l *Loop) reopen(c *conn) {
	if !c.pulled {
		return
	}
	l.closeReaders(c)
	if c.replay != nil {
		l.keepSubscribed(c)
	}
	l.look(c)
}

// nothing is the number of an entry that does not exist.
const nothing = math.MaxUint64

// look finds what is due first after the subscriptions have changed. The
// positions stay: frames that wait may not cover what was not sent before them.
func (l *Loop) look(c *conn) {
	first := func(r *history.Reader) uint64 {
		defer r.Close()
		if n, ok := r.Peek(); ok {
			return n
		}
		return nothing
	}
	if c.missed && c.first >= l.log.First() {
		c.first = first(l.openMain(c, c.at))
	}
	if r := c.replay; r != nil && r.first >= l.log.First() {
		r.first = first(l.openReplay(c, r.at))
	}
}
