package measure

import (
	"context"
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

const (
	proofTime  = 2 * time.Second
	leastAhead = 20_000 // deliveries
)

// prove lets the floor send as fast as it can and sees how much the generator takes: a server under test must stay
// below that. The floor waits for a socket that is full, so nothing is lost on the way.
func (r *Rig) prove(ctx context.Context) error {
	l := r.floor
	r.tell(Progress{Phase: "prove", Lane: l.out.Name, Connections: l.in.connections, Left: proofTime})
	if err := l.in.fleet.Begin(ctx); err != nil {
		return err
	}
	began := time.Now()
	var expected, received int64
	// The feed is a pipe of some length: it is kept full, but not with more than a moment's work.
	ahead := max(int64(2*l.in.connections), leastAhead)
	for time.Since(began) < proofTime && ctx.Err() == nil {
		for expected-received < ahead {
			channel := l.next.Next()
			l.in.counts[channel]++
			now := time.Now()
			r.publisher.value = appendValue(r.publisher.value[:0], l.in.counts[channel], now, l.publish.Bytes)
			if err := r.publisher.toFloor(l.in, channel, now); err != nil {
				return err
			}
			expected += int64(l.in.plan.Subscribers(channel, l.in.connections))
		}
		time.Sleep(time.Millisecond)
		c, err := l.in.fleet.Counts(ctx)
		if err != nil {
			return err
		}
		received = c.Received
	}
	if _, err := r.await(ctx, l, published{expected: expected}, sight{}, nil); err != nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	heard, err := l.in.fleet.End(ctx)
	if err != nil {
		return err
	}
	if heard.Received < expected {
		return fmt.Errorf("prove the generator: it received %d of the floor's %d frames", heard.Received, expected)
	}
	r.res.Proof = result.Proof{
		FramesPerSecond: float64(heard.Received) / seconds, Connections: l.in.connections, Seconds: seconds, LoadBusy: heard.Busy,
	}
	return nil
}
