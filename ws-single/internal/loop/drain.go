package loop

import (
	"math/rand/v2"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// pacer closes connections one after the other at an even rate.
type pacer struct {
	refs   []ref
	next   int
	from   int64
	perMS  float64
	code   wire.CloseCode
	notice wire.NoticeCode
	reason string
	within time.Duration
}

// maxReconnectDelay spreads the reconnects of clients that were closed
// together, ms.
const maxReconnectDelay = 1000

// Drain tells every client that the server goes away, and closes them evenly
// over spread, each after everything pending was sent, or within the timeout.
// The channel it returns is closed when no connection is left. Connections that
// come after it are told and closed too. Any goroutine, while Run runs.
func (l *Loop) Drain(spread, timeout time.Duration) <-chan struct{} {
	emptied := make(chan struct{})
	l.put(input{kind: inCall, run: func() {
		if l.held == 0 {
			close(emptied)
			return
		}
		l.emptied = emptied
		l.drain = l.pace(l.pick(l.held), 0, spread, &pacer{
			code: wire.CloseDrain, notice: wire.NoticeDrain, reason: "server drains", within: timeout,
		})
	}})
	return emptied
}

// Rebalance tells n clients, chosen at random, that their share moves to another
// server, and closes them at rate connections a second. It returns how many it
// chose: fewer if there are fewer. Any goroutine, while Run runs.
func (l *Loop) Rebalance(n int, rate float64, within time.Duration) int {
	chosen := make(chan int, 1)
	l.put(input{kind: inCall, run: func() {
		refs := l.pick(n)
		l.pace(refs, rate/1000, 0, &pacer{
			code: wire.CloseRebalance, notice: wire.NoticeRebalance, reason: "rebalance", within: within,
		})
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

// pace starts closing refs at perMS, or evenly over spread.
func (l *Loop) pace(refs []ref, perMS float64, spread time.Duration, p *pacer) *pacer {
	p.refs, p.from, p.perMS = refs, l.clock.now, perMS
	if perMS == 0 {
		p.perMS = float64(max(len(refs), 1)) / float64(max(spread.Milliseconds(), 1))
	}
	for _, r := range refs {
		l.warn(l.conns[r.slot], p)
	}
	l.pacers = append(l.pacers, p)
	return p
}

// warn sends the notice, with a delay of the client's own.
func (l *Loop) warn(c *conn, p *pacer) {
	c.leaving = true
	m := wire.Notice{Code: p.notice, ReconnectInMS: rand.Int64N(maxReconnectDelay + 1)}
	l.announce(c, m.Append(nil))
}

// closePaced closes those whose turn has come.
func (l *Loop) closePaced() {
	for i := 0; i < len(l.pacers); i++ {
		p := l.pacers[i]
		due := min(int(float64(l.clock.now-p.from)*p.perMS)+1, len(p.refs))
		for ; p.next < due; p.next++ {
			r := p.refs[p.next]
			if c := l.conns[r.slot]; c != nil && c.gen == r.gen {
				l.closeAfter(c, p.code, p.reason, p.within)
			}
		}
		if p.next == len(p.refs) && p != l.drain {
			l.pacers = append(l.pacers[:i], l.pacers[i+1:]...)
			i--
		}
	}
}
