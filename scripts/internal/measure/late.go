package measure

import (
	"context"
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/load"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// late are the clients that resume while others, which know nothing of them, are measured. They are a fleet of their own,
// whose processes stand back behind the one whose latencies are looked at, and hold one channel that nobody else does.
type late struct {
	fleet    *load.Fleet
	scenario scenario.Scenario
	plan     *scenario.Plan
	missed   int
	n        int64 // records of their channel so far
}

func startLate(ctx context.Context, in *instance, spec load.Spec) (*late, error) {
	l := &late{scenario: in.scenario, missed: in.scenario.Missed}
	l.scenario.Connections = in.scenario.Resuming()
	l.scenario.Subscribe = scenario.Subscribe{Each: 1, Late: true}
	l.plan = scenario.NewPlan(&l.scenario, 0)
	spec.Scenario, spec.Stalled, spec.Last, spec.Cursors, spec.Behind = &l.scenario, 0, false, true, true
	var err error
	if l.fleet, err = load.Start(ctx, spec); err != nil {
		return nil, err
	}
	return l, nil
}

// connect brings them up, each with a position to come back to: that of one record.
func (l *late) connect(ctx context.Context, r *Rig, in *instance) error {
	within, cancel := context.WithTimeout(ctx, connectBudget)
	defer cancel()
	r.tell(Progress{Phase: "connect", Lane: in.name, Connections: in.connections})
	if _, err := l.fleet.Connect(within, l.scenario.Connections, nil); err != nil {
		return fmt.Errorf("connect %d clients to %s that are to resume: %w", l.scenario.Connections, in.name, err)
	}
	if err := l.fleet.Begin(ctx); err != nil {
		return err
	}
	if err := l.publish(ctx, r, in, 1); err != nil {
		return err
	}
	for until := time.Now().Add(patience); ; time.Sleep(poll) {
		c, err := l.fleet.Counts(ctx)
		if err != nil || c.Received >= int64(l.scenario.Connections) {
			_, ended := l.fleet.End(ctx)
			if err == nil {
				err = ended
			}
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d of %d clients that are to resume had a record of their channel", c.Received, l.scenario.Connections)
		}
	}
}

// leave cuts them, publishes what they miss, and waits until the server has read it: all of that is in no turn.
func (l *late) leave(ctx context.Context, r *Rig, in *instance) error {
	if err := l.fleet.Cut(ctx); err != nil {
		return err
	}
	return l.publish(ctx, r, in, l.missed)
}

func (l *late) publish(ctx context.Context, r *Rig, in *instance, records int) error {
	before, err := in.look(ctx)
	if err != nil {
		return err
	}
	if err := r.publisher.toLate(ctx, in, records); err != nil {
		return err
	}
	for until := time.Now().Add(patience); ; time.Sleep(10 * poll) {
		now, err := in.look(ctx)
		if err != nil || now.records-before.records >= float64(records) {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s has read %.0f of %d records that its clients are to miss", in.name, now.records-before.records, records)
		}
	}
}

// comeBack lets them all return at once, and returns what waits for the last of them to have what it missed.
func (l *late) comeBack(ctx context.Context, r *Rig) func() (result.Resume, error) {
	type outcome struct {
		result.Resume
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		back, err := l.back(ctx)
		done <- outcome{back, err}
	}()
	return func() (result.Resume, error) {
		o := <-done
		return o.Resume, o.err
	}
}

func (l *late) back(ctx context.Context) (result.Resume, error) {
	out := result.Resume{Expected: int64(l.missed) * int64(l.scenario.Connections)}
	// While it counts it wakes by the clock and not by its sockets, as all clients here do: what wakes it is no cost of the server.
	if err := l.fleet.Begin(ctx); err != nil {
		return out, err
	}
	within, cancel := context.WithTimeout(ctx, connectBudget)
	defer cancel()
	back, err := l.fleet.Return(within, l.missed)
	if err != nil && (within.Err() == nil || ctx.Err() != nil) {
		return out, err
	}
	out.Clients, out.Seconds, out.Replayed, out.Lost, out.Doubled = back.Complete, back.CaughtUp, back.Replayed, back.Lost, back.Doubled
	_, err = l.fleet.End(ctx)
	return out, err
}
