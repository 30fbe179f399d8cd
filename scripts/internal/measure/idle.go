package measure

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/machine"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

const (
	resting     = 2 * time.Second // after a collection, until the process has given memory back
	collections = 2
	floorSlice  = time.Second
	restLength  = 5 * time.Second
	mostRests   = 60
)

// idle raises the connections step by step and reads memory at each; then it leaves them alone and reads the CPU clocks.
func (r *Rig) idle(ctx context.Context) error {
	for _, l := range r.lanes {
		if l == r.floor || l.in.fleet == nil {
			continue
		}
		for _, n := range r.cfg.Scenario.Steps {
			if ctx.Err() != nil {
				return nil
			}
			if n > l.in.connections {
				if err := r.raise(ctx, l.in, n); err != nil {
					return err
				}
			}
			m, err := r.memory(ctx, l.in)
			if err != nil {
				return err
			}
			if err := r.still(ctx, l); err != nil {
				return err
			}
			l.out.Memory = append(l.out.Memory, m)
			r.res.Timeline = append(r.res.Timeline, result.Moment{At: r.since(), Phase: "connect", Lane: l.out.Name, Connections: n, RSS: m.RSS})
		}
	}
	return r.rests(ctx)
}

// still counts the connections that are there.
func (r *Rig) still(ctx context.Context, l *lane) error {
	if l.in.fleet == nil {
		return nil
	}
	c, err := l.in.fleet.Counts(ctx)
	if err != nil {
		return err
	}
	l.out.Connections = c.Connections
	return nil
}

// calibrate lets the floor send alone, for what a send costs on this machine now.
func (r *Rig) calibrate(ctx context.Context, from int) error {
	for round := range r.cfg.Turns {
		slice, err := r.slice(ctx, r.floor, from+round, floorSlice)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("measure the floor: %w", err)
		}
		r.floor.out.Slices = append(r.floor.out.Slices, slice)
	}
	return nil
}

// memory reads what a server holds when the collector has run and given back what it will.
func (r *Rig) memory(ctx context.Context, in *instance) (result.Memory, error) {
	for range collections {
		// The collector runs when a heap profile asks for it. Servers without that page keep their garbage, and say so.
		for _, proc := range in.procs {
			resp, err := proc.Admin(ctx, http.MethodGet, "/debug/pprof/heap?gc=1")
			if err != nil {
				return result.Memory{}, err
			}
			if resp.StatusCode != http.StatusOK {
				return result.Memory{}, fmt.Errorf("ask %s to collect its garbage: %d %s", in.name, resp.StatusCode, resp.Body)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(resting):
		}
	}
	now, err := in.look(ctx)
	if err != nil {
		return result.Memory{}, err
	}
	sockets, err := machine.Sockets()
	if err != nil {
		return result.Memory{}, err
	}
	return result.Memory{Connections: in.connections, RSS: now.rss, Sockets: sockets, Goroutines: now.goroutines}, nil
}

// rests leaves all connections of all servers alone for some seconds at a time; the servers' pings go on. After each rest
// the floor has a turn, for what a send costs on this machine then.
func (r *Rig) rests(ctx context.Context) error {
	whole := time.Duration(r.cfg.Scenario.Rest)
	rounds := min(max(int(whole/restLength), fewest), mostRests)
	for round := range rounds {
		left := whole * time.Duration(rounds-round) / time.Duration(rounds)
		if err := r.rest(ctx, round, whole/time.Duration(rounds), left); err != nil || ctx.Err() != nil {
			return err
		}
		slice, err := r.slice(ctx, r.floor, round, 2*floorSlice)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("measure the floor: %w", err)
		}
		r.floor.out.Slices = append(r.floor.out.Slices, slice)
	}
	for _, l := range r.lanes {
		if err := r.still(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// rest is one of them. As while messages are measured, clients wake by the clock: to wake one that sleeps on its socket
// would be on the server's account, as dear as the ping, and no client on another machine causes it.
func (r *Rig) rest(ctx context.Context, round int, d, left time.Duration) error {
	for _, in := range r.instances {
		if in.fleet != nil {
			if err := in.fleet.Begin(ctx); err != nil {
				return err
			}
		}
	}
	from := make([]reading, len(r.lanes))
	for i, l := range r.lanes {
		var err error
		if from[i], err = r.read(l.in); err != nil {
			return err
		}
	}
	began := time.Now()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for time.Since(began) < d {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.tell(Progress{Phase: "rest", Connections: r.cfg.Scenario.Connections, Left: left - time.Since(began)})
		}
	}
	for i, l := range r.lanes {
		to, err := r.read(l.in)
		if err != nil {
			return err
		}
		used := to.cpu - from[i].cpu
		rest := result.Rest{Round: round, Seconds: to.at.Sub(from[i].at).Seconds(), CPUMicros: float64(used.Nanoseconds()) / 1000}
		var core result.Slice
		r.shared(&core, l.in, from[i], to)
		rest.Disturbed = disturbance(core)
		l.out.Idle = append(l.out.Idle, rest)
		r.res.Timeline = append(r.res.Timeline, result.Moment{
			At: r.since(), Phase: "rest", Lane: l.out.Name, Connections: l.in.connections, CPU: used.Seconds() / rest.Seconds,
		})
	}
	for _, in := range r.instances {
		if in.fleet != nil {
			if _, err := in.fleet.End(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
