package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// fleet is the server that takes new connections and those that are being drained. Any goroutine may call its methods.
type fleet struct {
	binary string
	env    []string
	out    io.Writer
	failed chan error // one error: the server that takes connections ended by itself

	draining sync.Mutex // held by the one Drain that is going on
	mu       sync.Mutex // guards what follows
	current  *instance
	started  int
	all      sync.WaitGroup // watch goroutines
	running  map[*instance]bool
	stopping bool
}

func newFleet(binary string, env []string, out io.Writer) *fleet {
	return &fleet{binary: binary, env: env, out: out, failed: make(chan error, 1), running: make(map[*instance]bool)}
}

// Start starts a server, to which new connections go from now on.
func (f *fleet) Start(ctx context.Context) error {
	f.mu.Lock()
	f.started++
	number := f.started
	f.mu.Unlock()
	s, err := startInstance(ctx, f.binary, number, f.env, f.out)
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

// watch waits for a server's end and reports one that nobody asked for.
func (f *fleet) watch(s *instance) {
	<-s.exited
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, s)
	if f.current == s && !f.stopping {
		select {
		case f.failed <- fmt.Errorf("server %d ended: %w\n%s", s.number, s.how(), s.log):
		default:
		}
	}
}

// Upstream returns where new connections go.
func (f *fleet) Upstream() (addr string, server int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil {
		return "", 0
	}
	return f.current.addr, f.current.number
}

// Drain starts another server, sends new connections there, and drains the one before.
func (f *fleet) Drain(ctx context.Context) error {
	f.draining.Lock()
	defer f.draining.Unlock()
	f.mu.Lock()
	before := f.current
	f.mu.Unlock()
	if err := f.Start(ctx); err != nil {
		return err
	}
	return before.drain(ctx)
}

// Stop ends all servers and waits for them.
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

// ServeHTTP is POST /drain. It answers when the drain has begun.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The drain goes on when the page that asked for it is gone.
	if err := f.Drain(context.WithoutCancel(r.Context())); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, server := f.Upstream()
	writeJSON(w, map[string]int{"server": server})
}
