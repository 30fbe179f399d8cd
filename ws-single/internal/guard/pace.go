package guard

import (
	"context"
	"net"

	"golang.org/x/time/rate"
)

// Listener paces Accept to Limits.HandshakesPerSecond: what comes faster waits
// in the kernel's backlog, which costs nothing and is emptied in order. Only one
// goroutine may call Accept; Close may be called from any and ends a wait. With
// the rate off, l is returned as it is.
//
// Everything on this listener is paced, a health check of the public port too:
// with a full backlog of 4,096 at 2,000 a second it waits 2 s.
func (g *Guard) Listener(l net.Listener) net.Listener {
	if g.limits.HandshakesPerSecond <= 0 {
		return l
	}
	ctx, stop := context.WithCancel(context.Background())
	return &pacedListener{
		Listener: l,
		bucket:   newBucket(g.limits.HandshakesPerSecond),
		ctx:      ctx,
		stop:     stop,
	}
}

// newBucket has a burst of 20 ms: long enough that timers need not be exact,
// short enough that a burst of handshakes does not hold up deliveries.
func newBucket(perSecond float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/50)))
}

type pacedListener struct {
	net.Listener
	bucket *rate.Limiter
	ctx    context.Context // ends with the listener: Accept has none of its own
	stop   context.CancelFunc
}

// Accept waits for its turn, then for a connection.
func (l *pacedListener) Accept() (net.Conn, error) {
	if err := l.bucket.Wait(l.ctx); err != nil {
		// Only Close ends the wait, and http.Server wants the listener's own
		// error then.
		return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
	}
	return l.Listener.Accept()
}

func (l *pacedListener) Close() error {
	l.stop()
	return l.Listener.Close()
}
