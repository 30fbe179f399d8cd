package guard

import (
	"context"
	"net"

	"golang.org/x/time/rate"
)

// newPace lets 20 ms' worth through at once: timers need not be exact, and the
// burst does not hold up deliveries.
func newPace(perSecond float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), burst(perSecond/50))
}

// newHopeless bounds what comes past the pace, on connections kept alive: twice
// the pace, and a second's worth at once, which no paced handshake ever exceeds.
func newHopeless(perSecond float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(2*perSecond), burst(perSecond))
}

func burst(n float64) int { return int(min(max(1, n), 1<<30)) }

// Listener paces l to Limits.HandshakesPerSecond, together with all other
// listeners of this guard: what comes faster waits in the backlog. It may be
// accepted from by any number of goroutines; Close ends their waiting. Without
// that limit it is l itself.
//
// A health check of the same port waits like everybody: behind a full backlog of
// 4,096, two seconds at the default pace.
func (g *Guard) Listener(l net.Listener) net.Listener {
	if g.pace == nil {
		return l
	}
	closing, end := context.WithCancel(context.Background())
	return &paced{Listener: l, pace: g.pace, closing: closing, end: end}
}

type paced struct {
	net.Listener
	pace    *rate.Limiter
	closing context.Context // Accept has no context of its own
	end     context.CancelFunc
}

// Accept waits for its turn and then for a client, in this order: a client that
// was accepted and then waited would look served to the kernel.
func (p *paced) Accept() (net.Conn, error) {
	if p.pace.Wait(p.closing) != nil {
		// Nothing but Close ends that wait. http.Server knows the end by this error.
		addr := p.Addr()
		return nil, &net.OpError{Op: "accept", Net: addr.Network(), Addr: addr, Err: net.ErrClosed}
	}
	return p.Listener.Accept()
}

// Close closes the listener.
func (p *paced) Close() error {
	p.end()
	return p.Listener.Close()
}
