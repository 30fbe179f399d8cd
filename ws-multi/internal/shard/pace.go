package shard

import (
	"math/rand/v2"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// pacer closes connections of one shard one after the other: at a rate, or
// evenly over what is left of a time.
type pacer struct {
	ids    []ident
	next   int
	rate   float64 // closes a ms; 0: over the time until
	until  int64
	by     int64   // when those whose pending is not sent by then are closed all the same
	credit float64 // closes that are due
	at     int64   // when that was reckoned
	code   wire.CloseCode
	notice wire.NoticeCode
	reason string
}

// maxReconnectDelay spreads the reconnects of those who are closed together, ms.
const maxReconnectDelay = 1000

// beginDrain sends everybody away over spread, also who comes later; who was not
// sent all that is pending after timeout is closed all the same.
func (s *Shard) beginDrain(spread, timeout time.Duration) {
	now := s.clock.now
	s.pacers = nil // a rebalance is overtaken
	for _, c := range s.conns {
		if c != nil {
			c.flags &^= leaving
		}
	}
	s.drain = &pacer{
		until: now + spread.Milliseconds(), by: now + timeout.Milliseconds(), credit: 1,
		code: wire.CloseDrain, notice: wire.NoticeDrain, reason: "server drains",
	}
	s.pace(s.drain, s.pick(s.held))
}

// beginRebalance tells n connections, chosen at random, that they move, and
// closes them at rate a second. It returns how many it chose.
func (s *Shard) beginRebalance(n int, rate float64, within time.Duration) int {
	ids := s.pick(n)
	if len(ids) == 0 {
		return 0
	}
	last := int64(float64(len(ids)) / rate * 1000)
	s.pace(&pacer{
		rate: rate / 1000, by: s.clock.now + last + within.Milliseconds(),
		code: wire.CloseRebalance, notice: wire.NoticeRebalance, reason: "rebalance",
	}, ids)
	return len(ids)
}

// stayers counts those whom pick may choose.
func (s *Shard) stayers() int {
	n := 0
	for _, c := range s.conns {
		if c != nil && c.closing == open && !c.has(leaving) {
			n++
		}
	}
	return n
}

// pick chooses up to n of the connections that nobody is closing yet.
func (s *Shard) pick(n int) []ident {
	ids := make([]ident, 0, s.held)
	for _, c := range s.conns {
		if c != nil && c.closing == open && !c.has(leaving) {
			ids = append(ids, c.id)
		}
	}
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids[:min(n, len(ids))]
}

func (s *Shard) pace(p *pacer, ids []ident) {
	p.at = s.clock.now
	s.pacers = append(s.pacers, p)
	for _, id := range ids {
		s.warn(s.conns[id.slot()], p)
	}
}

// warn tells a connection that it will be closed, with a delay of its own for
// coming back, and puts it behind the others of the pacer.
func (s *Shard) warn(c *conn, p *pacer) {
	c.flags |= leaving
	p.ids = append(p.ids, c.id)
	m := wire.Notice{Code: p.notice, ReconnectInMS: rand.Int64N(maxReconnectDelay + 1)}
	s.announce(c, m.Append(nil))
}

// closePaced closes those whose turn has come.
func (s *Shard) closePaced() {
	kept := s.pacers[:0]
	for _, p := range s.pacers {
		p.reckon(s.clock.now)
		for ; p.credit >= 1 && p.next < len(p.ids); p.next++ {
			p.credit--
			if c := s.get(p.ids[p.next]); c != nil {
				s.closeAfter(c, p.code, p.reason, time.Duration(max(p.by-s.clock.now, 0))*time.Millisecond)
			}
		}
		if p.next < len(p.ids) || p == s.drain {
			kept = append(kept, p)
		}
	}
	s.pacers = kept
}

// reckon finds how many closes are due. Those who come late share what is left
// of the time.
func (p *pacer) reckon(now int64) {
	passed, left := float64(now-p.at), float64(p.until-p.at)
	p.at = now
	waiting := float64(len(p.ids) - p.next)
	switch {
	case p.rate > 0:
		p.credit = min(p.credit+passed*p.rate, max(waiting, 1))
	case passed >= left:
		p.credit = waiting
	default:
		p.credit += (waiting - p.credit) * passed / left
	}
}
