package program

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// Run runs programs in a world, all at once, and returns what happened in each. An error of a program is one of its
// clients' or publishers' that the model cannot see: no answer, no connection, no broker. Each has symbols of its own, but
// their patterns with * meet in the topics.
func Run(ctx context.Context, w *World, programs ...Program) ([]Transcript, []error) {
	w.forget()
	transcripts, errs := make([]Transcript, len(programs)), make([]error, len(programs))
	var all sync.WaitGroup
	for i, p := range programs {
		all.Go(func() { transcripts[i], errs[i] = w.run(ctx, p) })
	}
	all.Wait()
	log, err := w.written()
	for i := range transcripts {
		transcripts[i].Log = log
		errs[i] = errors.Join(errs[i], err)
	}
	return transcripts, errs
}

// actors are those of one program.
type actors struct {
	clients []*client
	queues  map[string]chan Step
	busy    sync.WaitGroup // steps handed out and not done
	over    sync.WaitGroup // actors
	fail    context.CancelCauseFunc
}

func (w *World) run(parent context.Context, p Program) (Transcript, error) {
	if err := p.valid(); err != nil {
		return Transcript{}, err
	}
	ctx, fail := context.WithCancelCause(parent)
	defer fail(nil)
	prefix := stage.Symbol() + "-"
	a := &actors{queues: map[string]chan Step{}, fail: fail}
	pub, txn := &publisher{w, prefix}, &publisher{w, prefix}
	a.start(ctx, "pub", len(p.Steps), pub.do)
	a.start(ctx, "txn", len(p.Steps), txn.do)
	for k := range p.clients() {
		c := newClient(w, k, prefix)
		a.clients = append(a.clients, c)
		a.start(ctx, fmt.Sprintf("c%d", k), len(p.Steps), c.do)
	}
	for _, s := range p.Steps {
		switch s.Do {
		case Pause:
			sleep(ctx, time.Duration(s.MS)*time.Millisecond)
		case Meet:
			a.busy.Wait()
		default:
			a.busy.Add(1)
			a.queues[s.Who] <- s
		}
	}
	a.busy.Wait()
	for _, q := range a.queues {
		close(q)
	}
	a.over.Wait()
	t := Transcript{Target: w.target(prefix)}
	for _, c := range a.clients {
		a.over.Go(func() {
			if ctx.Err() == nil {
				if err := c.finish(ctx, t.Target); err != nil {
					fail(err)
				}
			}
			c.abort()
		})
	}
	a.over.Wait()
	for _, c := range a.clients {
		t.Clients = append(t.Clients, Client{Conns: c.conns})
	}
	return t, context.Cause(ctx)
}

// start has an actor do its steps, one after the other, until one fails.
func (a *actors) start(ctx context.Context, who string, most int, do func(context.Context, Step) error) {
	q := make(chan Step, most)
	a.queues[who] = q
	a.over.Go(func() {
		for s := range q {
			if ctx.Err() == nil {
				if err := do(ctx, s); err != nil {
					a.fail(fmt.Errorf("%s, %s: %w", who, s.Do, err))
				}
			}
			a.busy.Done()
		}
	})
}
