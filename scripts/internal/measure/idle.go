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
	// The floor's turns stand around the rest: with all the other connections there, for they make it dearer.
	if err := r.calibrate(ctx, 0); err != nil {
		return err
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	return r.calibrate(ctx, r.cfg.Turns)
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
		resp, err := in.proc.Admin(ctx, http.MethodGet, "/debug/pprof/heap?gc=1")
		if err != nil {
			return result.Memory{}, err
		}
		if resp.StatusCode != http.StatusOK {
			return result.Memory{}, fmt.Errorf("ask %s to collect its garbage: %d %s", in.name, resp.StatusCode, resp.Body)
		}
		select {
		case <-ctx.Done():
		case <-time.After(resting):
		}
	}
	rss, err := machine.RSS(in.proc.PID)
	if err != nil {
		return result.Memory{}, err
	}
	sockets, err := machine.Sockets()
	if err != nil {
		return result.Memory{}, err
	}
	return result.Memory{Connections: in.connections, RSS: rss, Sockets: sockets}, nil
}

// rest leaves all connections of all servers alone; the servers' pings go on.
func (r *Rig) rest(ctx context.Context) error {
	d := time.Duration(r.cfg.Scenario.Rest)
	// As while messages are measured, clients wake by the clock: to wake one that sleeps on its socket would be on the
	// server's account, twice the ping, and no client on another machine causes it.
	for _, in := range r.instances {
		if in.fleet != nil {
			if err := in.fleet.Begin(ctx); err != nil {
				return err
			}
		}
	}
	from := map[*instance]time.Duration{}
	for _, in := range r.instances {
		cpu, err := machine.ProcessCPU(in.proc.PID)
		if err != nil {
			return err
		}
		from[in] = cpu
	}
	began := time.Now()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for ctx.Err() == nil && time.Since(began) < d {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.tell(Progress{Phase: "rest", Connections: r.cfg.Scenario.Connections, Left: d - time.Since(began)})
		}
	}
	seconds := time.Since(began).Seconds()
	for _, l := range r.lanes {
		cpu, err := machine.ProcessCPU(l.in.proc.PID)
		if err != nil {
			return err
		}
		if err := r.still(ctx, l); err != nil {
			return err
		}
		used := (cpu - from[l.in]).Seconds()
		if l.in.connections > 0 {
			l.out.Totals.IdleCPU = used * 1e6 / seconds / float64(l.in.connections)
		}
		r.res.Timeline = append(r.res.Timeline, result.Moment{At: r.since(), Phase: "rest", Lane: l.out.Name, Connections: l.in.connections, CPU: used / seconds})
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
