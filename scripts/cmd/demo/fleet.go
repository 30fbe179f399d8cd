package main

import (
	"context"
	"errors"
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

	life context.Context // ends when Stop begins, and with it each Start and Drain
	end  context.CancelFunc
	all  sync.WaitGroup // each Start and Drain that is going on, and watch goroutines; see begin

	draining sync.Mutex // held by the one Drain that is going on
	mu       sync.Mutex // guards what follows
	current  *instance
	started  int
	running  map[*instance]bool
	stopping bool
}

// errStopping is what comes too late gets.
var errStopping = errors.New("the demo is ending")

func newFleet(p program, env []string, out io.Writer) *fleet {
	f := &fleet{program: p, env: env, out: out, failed: make(chan error, 1), running: make(map[*instance]bool)}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// begin says whether something may still be begun. If so, Stop waits for its done; ctx ends then, or when Stop begins.
func (f *fleet) begin(ctx context.Context) (_ context.Context, done func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopping {
		return nil, nil, false
	}
	f.all.Add(1) // not after Stop has begun to wait: that sets stopping first
	ctx, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(f.life, cancel)
	return ctx, func() {
		unlink()
		cancel()
		f.all.Done()
	}, true
}

// Start starts an instance, to which new connections go from now on. It fails when Stop was called meanwhile.
func (f *fleet) Start(ctx context.Context) error {
	ctx, done, ok := f.begin(ctx)
	if !ok {
		return errStopping
	}
	defer done()
	f.mu.Lock()
	f.started++
	number := f.started
	f.mu.Unlock()
	s, err := startInstance(ctx, f.program, number, f.env, f.out)
	if err != nil {
		return err
	}
	if !f.take(s) {
		s.stop() // Stop did not know of it
		return errStopping
	}
	return nil
}

// take makes an instance the one to which new connections go, unless Stop was called. It is for Start alone, whose begin
// keeps Stop waiting.
func (f *fleet) take(s *instance) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopping {
		return false
	}
	f.current = s
	f.running[s] = true
	f.all.Go(func() { f.watch(s) })
	return true
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

// Drain starts another instance, sends new connections there, and drains the one before. It fails when Stop was called
// meanwhile.
func (f *fleet) Drain(ctx context.Context) error {
	ctx, done, ok := f.begin(ctx)
	if !ok {
		return errStopping
	}
	defer done()
	f.draining.Lock()
	defer f.draining.Unlock()
	before := f.now()
	if err := f.Start(ctx); err != nil {
		return err
	}
	return before.drain(ctx)
}

// Stop ends all instances, and each Start and Drain that is going on, and waits for them.
func (f *fleet) Stop() {
	f.mu.Lock()
	f.stopping = true
	f.end()
	var stops sync.WaitGroup
	for s := range f.running {
		stops.Go(s.stop)
	}
	f.mu.Unlock()
	stops.Wait()
	f.all.Wait()
}
