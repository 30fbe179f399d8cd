package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// connectBudget bounds how long all clients of a server may take to connect, or to be back: what never comes must not be
// waited for.
const connectBudget = 2 * time.Minute

// connect brings up an instance's clients: all of them, or the first step of an idle scenario.
func (r *Rig) connect(ctx context.Context, in *instance) error {
	if in.fleet == nil {
		return nil
	}
	n := in.scenario.Connections
	if in.scenario.Kind == scenario.Idle {
		n = in.scenario.Steps[0]
	} else if len(in.scenario.Steps) > 0 && in.server != scenario.Floor {
		return r.climb(ctx, in)
	}
	if err := r.raise(ctx, in, n); err != nil || in.late == nil {
		return err
	}
	return in.late.connect(ctx, r, in)
}

// climb connects step by step, and reads memory at each.
func (r *Rig) climb(ctx context.Context, in *instance) error {
	for _, n := range in.scenario.Steps {
		if err := r.raise(ctx, in, n); err != nil {
			return err
		}
		m, err := r.memory(ctx, in)
		if err != nil {
			return err
		}
		for _, l := range r.lanes {
			if l.in == in {
				l.out.Memory = append(l.out.Memory, m)
			}
		}
	}
	return nil
}

// raise connects until there are n, and notes what it took.
func (r *Rig) raise(ctx context.Context, in *instance, n int) error {
	before, err := in.cpu()
	if err != nil {
		return err
	}
	had := in.connections
	p := Progress{Phase: "connect", Lane: in.name, Connections: had}
	r.tell(p)
	began := time.Now()
	within, cancel := context.WithTimeout(ctx, connectBudget)
	defer cancel()
	c, err := in.fleet.Connect(within, n, func(connected int) {
		p.Connections = connected
		if done := connected - had; done > 0 {
			p.Left = time.Duration(float64(time.Since(began)) * float64(n-connected) / float64(done))
		}
		r.tell(p)
	})
	failed := err
	after, err := in.cpu()
	if err != nil {
		return errors.Join(failed, err)
	}
	in.connections = n
	if failed != nil { // what came is told, and why the others did not
		in.connections = p.Connections
	}
	c.CPUMicros = float64((after - before).Microseconds()) / float64(max(in.connections-had, 1))
	for _, l := range r.lanes {
		if l.in != in {
			continue
		}
		l.out.Connections, l.out.Stalled = in.connections, in.plan.StalledOf(in.connections)
		if had < n { // not of those that came back
			l.out.Connect = &c
		}
	}
	if failed != nil {
		return fmt.Errorf("connect %d clients to %s: %w", n, in.name, failed)
	}
	return nil
}
