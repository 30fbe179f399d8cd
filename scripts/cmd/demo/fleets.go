package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
)

// fleets are the servers that stand beside each other on one feed, in the order in which the page shows them.
type fleets []*fleet

// newFleets makes a fleet of each program. An instance that ends by itself is told by the channel they share.
func newFleets(list []program, env []string, out io.Writer) (fleets, <-chan error) {
	failed := make(chan error, 1)
	var all fleets
	for _, p := range list {
		f := newFleet(p, env, out)
		f.failed = failed
		all = append(all, f)
	}
	return all, failed
}

// Start starts one instance of each server.
func (fs fleets) Start(ctx context.Context) error {
	errs := make([]error, len(fs))
	var starts sync.WaitGroup
	for i, f := range fs {
		starts.Go(func() { errs[i] = f.Start(ctx) })
	}
	starts.Wait()
	return errors.Join(errs...)
}

// Stop ends all instances of all servers and waits for them.
func (fs fleets) Stop() {
	var stops sync.WaitGroup
	for _, f := range fs {
		stops.Go(f.Stop)
	}
	stops.Wait()
}

// Names are the servers' names, in their order.
func (fs fleets) Names() []string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.name
	}
	return names
}

// find returns the server of that name; the first when it is empty; nil when there is none.
func (fs fleets) find(name string) *fleet {
	for _, f := range fs {
		if name == "" || f.name == name {
			return f
		}
	}
	return nil
}

// Upstream returns where new connections to a server go, the first when name is empty. It is false when there is none.
func (fs fleets) Upstream(name string) (Upstream, bool) {
	f := fs.find(name)
	if f == nil {
		return Upstream{}, false
	}
	s := f.now()
	if s == nil {
		return Upstream{}, false
	}
	return Upstream{Name: s.name, Number: s.number, Addr: s.addr}, true
}

// ServeHTTP is POST /drain?server=NAME. It answers when the drain has begun.
func (fs fleets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := fs.find(r.URL.Query().Get("server"))
	if f == nil {
		http.Error(w, "no such server: there is "+strings.Join(fs.Names(), " and "), http.StatusNotFound)
		return
	}
	// The drain goes on when the page that asked for it is gone.
	if err := f.Drain(context.WithoutCancel(r.Context())); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, map[string]any{"name": f.name, "server": f.now().number})
}
