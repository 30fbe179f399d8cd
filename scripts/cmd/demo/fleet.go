package main

import (
	"context"
	"fmt"
	"io"
	"sync"
)

// fleet is the instances of one server: the one that takes new connections and those that are being drained. Any
// goroutine may call its methods.
type fleet struct {
	program
	env    []string
	out    io.Writer
	failed chan error // one error: an instance that takes connections ended by itself

	draining sync.Mutex // held by the one Drain that is going on
	mu       sync.Mutex // guards what follows
	current  *instance
	started  int
	all      sync.WaitGroup // watch goroutines
	running  map[*instance]bool
	stopping bool
}

func newFleet(p program, env []string, out io.Writer) *fleet {
	return &fleet{program: p, env: env, out: out, failed: make(chan error, 1), running: make(map[*instance]bool)}
}

// Start starts an instance, to which new connections go from now on.
func (f *fleet) Start(ctx context.Context) error {
	f.mu.Lock()
	f.started++
	number := f.started
	f.mu.Unlock()
	s, err := startInstance(ctx, f.program, number, f.env, f.out)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current = s
	f.running[s] = true
	f.all.Go(func() { f.watch(s) })
	if f.stopping {
		go s.stop()
	}
	return nil
}

// watch waits for an instance's end and reports one that nobody asked for.
func (f *fleet) watch(s *instance) {
	<-s.exited
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, s)
	if f.current == s && !f.stopping {
		select {
		case f.failed <- fmt.Errorf("%s server %d ended: %w\n%s", s.name, s.number, s.how(), s.log):
		default:
		}
	}
}

// now returns the instance that takes new connections, nil before the first.
func (f *fleet) now() *instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// Drain starts another instance, sends new connections there, and drains the one before.
func (f *fleet) Drain(ctx context.Context) error {
	f.draining.Lock()
	defer f.draining.Unlock()
	before := f.now()
	if err := f.Start(ctx); err != nil {
		return err
	}
	return before.drain(ctx)
}

// Stop ends all instances and waits for them.
func (f *fleet) Stop() {
	f.mu.Lock()
	f.stopping = true
	var stops sync.WaitGroup
	for s := range f.running {
		stops.Go(s.stop)
	}
	f.mu.Unlock()
	stops.Wait()
	f.all.Wait()
}
