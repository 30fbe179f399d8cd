package loop

import (
	"math/rand/v2"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// pacer closes connections one after the other: at a rate, or evenly over what
// is left of a time.
type pacer struct {
	refs   []ref
	next   int
	rate   float64 // a ms; 0: over a time
	until  int64   // the end of that time
	by     int64   // when those whose pending is not sent by then are closed all the same
	credit float64 // closes that are due
	at     int64   // when credit was reckoned
	code   wire.CloseCode
	notice wire.NoticeCode
	reason string
}

// maxReconnectDelay spreads the reconnects of clients that were closed
// together, ms.
const maxReconnectDelay = 1000

// Drain tells every client that the server goes away, and closes them evenly
// over spread, each after everything pending was sent, or at the timeout.
// Connections that come after it are told and closed too, within the same time.
// Any goroutine, while Run runs.
func (l *Loop) Drain(spread, timeout time.Duration) {
	l.put(input{kind: inCall, run: func() {
		now := l.clock.now
		l.pacers = nil // a rebalance that is under way is overtaken
		for _, c := range l.conns {
			if c != nil {
				c.leaving = false
			}
		}
		l.drain = &pacer{
			until: now + spread.Milliseconds(), by: now + timeout.Milliseconds(), credit: 1,
			code: wire.CloseDrain, notice: wire.NoticeDrain, reason: "server drains",
		}
		l.pace(l.drain, l.pick(l.held))
	}})
}

// Emptied returns a channel that is closed once no connection is left. New ones
// must not come any more. Any goroutine, while Run runs.
func (l *Loop) Emptied() <-chan struct{} {
	emptied := make(chan struct{})
	l.put(input{kind: inCall, run: func() {
		if l.held == 0 {
			close(emptied)
			return
		}
		l.emptied = emptied
	}})
	return emptied
}

// Rebalance tells n clients, chosen at random, that their share moves to another
// server, and closes them at rate connections a second, each after everything
// pending was sent, or when as much time has passed as within. It returns how many it
// chose: fewer if there are fewer. Any goroutine, while Run runs.
func (l *Loop) Rebalance(n int, rate float64, within time.Duration) int {
	chosen := make(chan int, 1)
	l.put(input{kind: inCall, run: func() {
		refs := l.pick(n)
		last := int64(float64(len(refs)) / rate * 1000)
		l.pace(&pacer{
			rate: rate / 1000, by: l.clock.now + last + within.Milliseconds(),
			code: wire.CloseRebalance, notice: wire.NoticeRebalance, reason: "rebalance",
		}, refs)
		chosen <- len(refs)
	}})
	select {
	case n := <-chosen:
		return n
	case <-l.done:
		return 0
	}
}

// pick chooses up to n of the open connections that nobody is closing yet.
func (l *Loop) pick(n int) []ref {
	var refs []ref
	for _, c := range l.conns {
		if c != nil && c.closing == open && !c.leaving {
			refs = append(refs, c.ref)
		}
	}
	rand.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
	return refs[:min(n, len(refs))]
}

// pace starts closing refs.
func (l *Loop) pace(p *pacer, refs []ref) {
	p.at = l.clock.now
	l.pacers = append(l.pacers, p)
	for _, r := range refs {
		l.warn(l.conns[r.slot], p)
	}
}

// warn sends the notice, with a delay of the client's own, and has the pacer
// close the connection in its turn.
func (l *Loop) warn(c *conn, p *pacer) {
	c.leaving = true
	p.refs = append(p.refs, c.ref)
	m := wire.Notice{Code: p.notice, ReconnectInMS: rand.Int64N(maxReconnectDelay + 1)}
	l.announce(c, m.Append(nil))
}

// closePaced closes those whose turn has come.
func (l *Loop) closePaced() {
	now := l.clock.now
	for i := 0; i < len(l.pacers); i++ {
		p := l.pacers[i]
		p.earn(now)
		for ; p.credit >= 1 && p.next < len(p.refs); p.next++ {
			p.credit--
			r := p.refs[p.next]
			if c := l.conns[r.slot]; c != nil && c.gen == r.gen {
				l.closeAfter(c, p.code, p.reason, time.Duration(max(p.by-now, 0))*time.Millisecond)
			}
		}
		if p.next == len(p.refs) && p != l.drain {
			l.pacers = append(l.pacers[:i], l.pacers[i+1:]...)
			i--
		}
	}
}

// earn reckons how many closes have become due. Those who come late share what
// is left of the time.
func (p *pacer) earn(now int64) {
	passed, left := float64(now-p.at), float64(p.until-p.at)
	p.at = now
	switch waiting := float64(len(p.refs) - p.next); {
	case p.rate > 0:
		p.credit = min(p.credit+passed*p.rate, max(waiting, 1))
	case passed >= left:
		p.credit = waiting
	default:
		p.credit += (waiting - p.credit) * passed / left
	}
}
