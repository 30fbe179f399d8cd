package shard

import (
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// exodus is connections of a shard that are told to go. Each has a time of its
// own at which it is closed, so that those who come back elsewhere do not come all at
// once.
type exodus struct {
	code   wire.CloseCode
	notice wire.NoticeCode
	reason string

	queue []departure // ascending
	end   int64       // by then all are closed, but for those with something pending
	by    int64       // and by then those
}

// departure is when, on the shard's clock, a connection is to be closed.
type departure struct {
	at int64
	id ident
}

// maxReconnectDelay is told to clients at most: how long to wait before they come
// back, ms (protocol.md, section 6).
const maxReconnectDelay = 1000

// beginDrain has everybody go, evenly over spread, and who comes later within the
// same time. Who was not sent all that is pending after timeout is closed all the same.
func (s *Shard) beginDrain(spread, timeout time.Duration) {
	for _, c := range s.conns {
		if c != nil {
			c.flags &^= leaving // a rebalance is overtaken
		}
	}
	now := s.clock.now
	s.drain = &exodus{
		code: wire.CloseDrain, notice: wire.NoticeDrain, reason: "server drains",
		end: now + spread.Milliseconds(), by: now + timeout.Milliseconds(),
	}
	s.leaving = []*exodus{s.drain}
	s.sendAway(s.drain, s.pick(s.held))
}

// beginRebalance has n connections go, chosen at random, rate a second; each is
// given within for what is pending. It returns how many it chose.
func (s *Shard) beginRebalance(n int, rate float64, within time.Duration) int {
	chosen := s.pick(n)
	if len(chosen) > 0 {
		end := s.clock.now + int64(float64(len(chosen))/rate*1000)
		e := &exodus{
			code: wire.CloseRebalance, notice: wire.NoticeRebalance, reason: "rebalance",
			end: end, by: end + within.Milliseconds(),
		}
		s.leaving = append(s.leaving, e)
		s.sendAway(e, chosen)
	}
	return len(chosen)
}

// stayers counts those whom pick may choose.
func (s *Shard) stayers() int {
	n := 0
	for range s.staying {
		n++
	}
	return n
}

// staying yields the connections that nobody is closing yet.
func (s *Shard) staying(yield func(*conn) bool) {
	for _, c := range s.conns {
		if c != nil && c.closing == open && !c.has(leaving) && !yield(c) {
			return
		}
	}
}

// pick chooses up to n of those who stay.
func (s *Shard) pick(n int) []*conn {
	all := make([]*conn, 0, s.held)
	for c := range s.staying {
		all = append(all, c)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(n, len(all))]
}

// sendAway spreads connections evenly over the time of an exodus.
func (s *Shard) sendAway(e *exodus, all []*conn) {
	now := s.clock.now
	for i, c := range all {
		s.depart(e, c, now+(e.end-now)*int64(i)/int64(len(all)))
	}
}

// departLate has one go who came during a drain.
func (s *Shard) departLate(c *conn) {
	left := max(s.drain.end-s.clock.now, 0)
	s.depart(s.drain, c, s.clock.now+rand.Int64N(left+1))
}

// depart tells a connection that it is closed at a time, and how long to wait then.
func (s *Shard) depart(e *exodus, c *conn, at int64) {
	c.flags |= leaving
	i := sort.Search(len(e.queue), func(i int) bool { return e.queue[i].at > at })
	e.queue = slices.Insert(e.queue, i, departure{at: at, id: c.id})
	m := wire.Notice{Code: e.notice, ReconnectInMS: rand.Int64N(maxReconnectDelay + 1)}
	s.announce(c, m.Append(nil))
}

// closeLeaving closes those whose time has come.
func (s *Shard) closeLeaving() {
	for _, e := range s.leaving {
		gone := 0
		for gone < len(e.queue) && e.queue[gone].at <= s.clock.now {
			if c := s.get(e.queue[gone].id); c != nil {
				s.closeAfter(c, e.code, e.reason, time.Duration(max(e.by-s.clock.now, 0))*time.Millisecond)
			}
			gone++
		}
		e.queue = e.queue[gone:]
	}
	s.leaving = slices.DeleteFunc(s.leaving, func(e *exodus) bool { return len(e.queue) == 0 && e != s.drain })
}

// nextLeaving is when the next is to be closed; the end of time if nobody is.
func (s *Shard) nextLeaving() int64 {
	next := never
	for _, e := range s.leaving {
		if len(e.queue) > 0 {
			next = min(next, e.queue[0].at)
		}
	}
	return next
}
