package measure

import (
	"context"
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// missedRate is how fast the records that clients miss are published. Nobody hears of them meanwhile.
const missedRate = 5000

// storm cuts all connections, publishes what they miss, and lets all come back at once.
func (r *Rig) storm(ctx context.Context) error {
	s := r.cfg.Scenario
	if err := r.calibrate(ctx, 0); err != nil {
		return err
	}
	for _, l := range r.lanes {
		if l == r.floor {
			continue
		}
		// A position is needed to come back to: a record for each channel.
		warm := *l
		warm.next = scenario.NewSequence(s.Channels, 0, 0)
		warm.publish.Rate = float64(s.Channels)
		if _, err := r.slice(ctx, &warm, -1, time.Second); err != nil {
			return fmt.Errorf("warm up %s: %w", l.out.Name, err)
		}
		for cut := range s.Rounds {
			if ctx.Err() != nil {
				return nil
			}
			r.tell(Progress{Phase: "storm", Lane: l.out.Name, Round: cut + 1, Rounds: s.Rounds, Connections: l.in.connections})
			storm, err := r.cutAndReturn(ctx, l)
			if err != nil {
				return fmt.Errorf("storm on %s: %w", l.out.Name, err)
			}
			l.out.Storms = append(l.out.Storms, storm)
		}
	}
	return r.calibrate(ctx, r.cfg.Turns)
}

// cutAndReturn is one storm. The clients are cut, then the records they miss are published and read by the server, and
// they are let back. The time of publishing is taken out: what is measured is the server's work, not the broker's.
func (r *Rig) cutAndReturn(ctx context.Context, l *lane) (result.Storm, error) {
	s := r.cfg.Scenario
	out := result.Storm{}
	before, err := l.in.look(ctx)
	if err != nil {
		return out, err
	}
	began := time.Now()
	if err := l.in.fleet.Cut(ctx); err != nil {
		return out, err
	}
	cut := time.Since(began).Seconds()
	missed := *l
	missed.next = scenario.NewSequence(s.Channels, 0, 0) // each channel in turn: so many for each
	records := s.Missed * s.Channels
	missed.publish = scenario.Publish{Rate: missedRate, Bytes: l.publish.Bytes}
	done, err := r.publisher.run(ctx, &missed, time.Duration(float64(records)/missedRate*float64(time.Second)))
	if err != nil {
		return out, err
	}
	if done.expected = 0; done.records != int64(records) && ctx.Err() == nil {
		return out, fmt.Errorf("%d records were published, not %d", done.records, records)
	}
	if _, err := r.await(ctx, l, done, before, nil); err != nil {
		return out, err
	}
	from, err := r.read(l.in)
	if err != nil {
		return out, err
	}
	within, cancel := context.WithTimeout(ctx, connectBudget)
	back, err := l.in.fleet.Return(within, s.Missed)
	late := within.Err() != nil && ctx.Err() == nil // then what did not come is told by the counts
	cancel()
	if err != nil && !late {
		return out, err
	}
	to, err := r.read(l.in)
	if err != nil {
		return out, err
	}
	var core result.Slice
	r.shared(&core, l.in, from, to)
	refused := 0
	for _, n := range back.Refused {
		refused += n
	}
	out = result.Storm{
		Connected: cut + back.Connected, CaughtUp: cut + back.CaughtUp, Replayed: back.Replayed,
		Expected: int64(s.Missed) * int64(l.in.connections), Lost: back.Lost, Doubled: back.Doubled, Refused: refused,
		CPUMicros: float64((to.cpu - from.cpu).Microseconds()) / float64(max(l.in.connections, 1)),
		Disturbed: disturbance(core),
	}
	r.res.Timeline = append(r.res.Timeline, result.Moment{
		At: r.since(), Phase: "storm", Lane: l.out.Name, Connections: l.in.connections,
		PerSecond: float64(out.Replayed) / max(out.CaughtUp, 1e-9), CPU: (to.cpu - from.cpu).Seconds() / max(out.CaughtUp, 1e-9),
	})
	return out, nil
}
