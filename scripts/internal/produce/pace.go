package produce

import (
	"context"
	"time"
)

// Pace is an open-loop schedule: when each record is due, whatever became of those before.
type Pace struct {
	Rate     float64       // records a second, above 0
	Burst    int           // so many are due at the same moment, at the same Rate; 0 and 1: one by one
	Duration time.Duration // what is due later is left out; 0: no end
}

// due is when the record numbered i from 0 is due, after the start.
func (p Pace) due(i int) time.Duration {
	if p.Burst > 1 {
		i -= i % p.Burst
	}
	return time.Duration(float64(i) * float64(time.Second) / p.Rate)
}

// Records is how many records fall into Duration.
func (p Pace) Records() int {
	n := 0
	for p.due(n) < p.Duration {
		n++
	}
	return n
}

// Keep calls do for each record when it is due, or at once when that is past; do gets the time it was due. It ends
// without an error when the duration is over or ctx is done, else with do's error.
func (p Pace) Keep(ctx context.Context, start time.Time, do func(intended time.Time) error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i++ {
		due := p.due(i)
		if p.Duration > 0 && due >= p.Duration {
			return nil
		}
		intended := start.Add(due)
		if wait := time.Until(intended); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		} else if ctx.Err() != nil {
			return nil
		}
		if err := do(intended); err != nil {
			return err
		}
	}
}
