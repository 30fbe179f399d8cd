package measure

import (
	"context"
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const (
	foreignLimit = 0.05
	stealLimit   = 0.02
	again        = 0.34 // share of the rounds that may be repeated because the machine was disturbed
	fillBytes    = 4096
)

// deliver lets the lanes take turns. A round in which the machine was disturbed is repeated.
func (r *Rig) deliver(ctx context.Context) error {
	s := r.cfg.Scenario
	if err := r.warmUp(ctx, r.lanes, time.Duration(s.Slice)/2, false); err != nil {
		return err
	}
	if err := r.stall(ctx); err != nil {
		return err
	}
	r.expect = s.Rounds
	for round := 0; round < r.expect && ctx.Err() == nil; round++ {
		disturbed := false
		for i := range r.lanes {
			// Each lane is first, last and in between equally often, so that what drifts falls on all alike.
			l := r.lanes[(i+round)%len(r.lanes)]
			if round%2 == 1 {
				l = r.lanes[(round-i+2*len(r.lanes)*(round+1))%len(r.lanes)]
			}
			began := time.Now()
			slice, err := r.slice(ctx, l, round, time.Duration(s.Slice))
			if ctx.Err() != nil {
				break // cut short: no sample
			}
			if err != nil {
				return fmt.Errorf("measure %s: %w", l.out.Name, err)
			}
			l.out.Slices = append(l.out.Slices, slice)
			disturbed = disturbed || slice.Disturbed != ""
			r.took(time.Since(began), round*len(r.lanes)+i+1)
		}
		if disturbed && float64(r.expect-s.Rounds) < again*float64(s.Rounds) {
			r.expect++
		}
	}
	return nil
}

// stall makes the clients that are to read no more stop, and publishes until the server has found each of their sockets
// full. What is not full then is told by the slices.
func (r *Rig) stall(ctx context.Context) error {
	for _, l := range r.lanes {
		stalled := l.in.plan.StalledOf(l.in.connections)
		if stalled == 0 || l.in.filled {
			continue
		}
		l.in.filled = true
		r.tell(Progress{Phase: "stall", Lane: l.out.Name, Connections: l.in.connections})
		if err := l.in.fleet.Stall(ctx); err != nil {
			return err
		}
		fill := *l
		fill.publish = scenario.Publish{Rate: 5 * float64(r.cfg.Scenario.Channels), Bytes: fillBytes}
		for until := time.Now().Add(r.cfg.Fill); time.Now().Before(until) && ctx.Err() == nil; {
			slice, err := r.slice(ctx, &fill, -1, time.Second)
			if err != nil {
				return fmt.Errorf("fill the sockets of %s: %w", l.out.Name, err)
			}
			if slice.Behind >= stalled {
				break
			}
		}
	}
	return nil
}

// took notes how long a slice lasts with all around it, for the time that is left.
func (r *Rig) took(d time.Duration, done int) {
	r.perSlice += (d - r.perSlice) / time.Duration(done)
	r.done = done
}

func (r *Rig) left() time.Duration {
	per := r.perSlice
	if per == 0 {
		per = time.Duration(r.cfg.Scenario.Slice) + time.Second/2
	}
	return max(0, per*time.Duration(max(r.expect, r.cfg.Scenario.Rounds)*len(r.lanes)-r.done))
}
