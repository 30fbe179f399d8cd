package measure

import (
	"context"
	"fmt"
	"time"
)

const (
	warmups      = 2                // slices of each lane that do not count, at least
	settledAckMS = 25               // acknowledgements below are those of a broker that has warmed up
	warmupTime   = 60 * time.Second // of waiting for that at most: a young broker is slow for a minute
)

// warmUp gives each lane slices that do not count, until the broker acknowledges as one does that has run for a while: a
// young one is slow, and gives records in larger batches, which are cheaper. mend lets clients come back that were closed,
// where that does not spoil what follows.
func (r *Rig) warmUp(ctx context.Context, lanes []*lane, d time.Duration, mend bool) error {
	ack := 0.0
	for n, began := 0, time.Now(); n < warmups || ack > settledAckMS && time.Since(began) < r.cfg.Warm; n++ {
		ack = 0
		for _, l := range lanes {
			warm := *l
			if warm.publish.Burst > 1 { // one by one: a burst is no warm-up
				warm.publish.Rate, warm.publish.Burst = max(1, warm.publish.Rate/float64(warm.publish.Burst)), 1
			}
			slice, err := r.slice(ctx, &warm, -1, d)
			if err != nil {
				return fmt.Errorf("warm up %s: %w", l.out.Name, err)
			}
			if slice.Closed > 0 && mend {
				if err := r.raise(ctx, l.in, l.in.connections); err != nil {
					return err
				}
			}
			ack = max(ack, slice.AckP99MS)
		}
	}
	return nil
}
