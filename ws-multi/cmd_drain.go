package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
)

const (
	drainLook  = 250 * time.Millisecond // between looks at the server
	drainTell  = 5 * time.Second        // between lines that say how far it is
	drainGrace = 10 * time.Second       // what the server's end may take after its drain's
)

// draining is a preStop for an image without a shell.
func draining(p *cli) ([]config.Flag, action) {
	var patience time.Duration
	own := []config.Flag{{
		Name: "timeout", Value: config.Span(&patience, time.Millisecond, 24*time.Hour),
		Default: "WS_DRAIN_TIMEOUT and 10s", Doc: "how long to wait until it is empty",
	}}
	return own, func(ctx context.Context, cfg *config.Config) error {
		if patience == 0 {
			patience = cfg.DrainTimeout + drainGrace
		}
		door, err := newAdminDoor(cfg)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if _, err := door.ask(ctx, http.MethodPost, "/drain"); err != nil {
			return fmt.Errorf("drain: %w", err)
		}
		w := drainWatch{patience: patience, ask: door.ask, tell: func(format string, args ...any) {
			_, _ = fmt.Fprintf(p.stdout, format+"\n", args...)
		}}
		return w.wait(ctx)
	}
}

// A drainWatch waits for the end of a drain.
type drainWatch struct {
	patience time.Duration // as its context has it
	ask      func(ctx context.Context, method, path string) ([]byte, error)
	tell     func(format string, args ...any)
	left     string // connections at the last look; "" before it
}

// wait returns nil when the server is gone, or is empty and lets nobody in.
func (w *drainWatch) wait(ctx context.Context) error {
	began := time.Now()
	next := began.Add(drainTell)
	look := time.NewTicker(drainLook)
	defer look.Stop()
	var trouble error // of the last look that had its time
	for {
		state, err := w.look(ctx)
		if ctx.Err() == nil {
			trouble = err
		}
		passed := time.Since(began).Round(100 * time.Millisecond)
		switch {
		case state == gone:
			w.tell("drained: the server ended within %s", passed)
			return nil
		case state == empty && passed > noticeTime:
			w.tell("drained: the server is empty after %s", passed)
			return nil
		case w.left != "" && time.Now().After(next):
			w.tell("draining: %s to go", w.clients())
			next = next.Add(drainTell)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return w.givenUp(ctx.Err(), trouble)
		}
	}
}

type drainState int

const (
	busy drainState = iota
	empty
	gone
)

// look asks how far the drain is. An error leaves it open: a server that ends
// answers badly, too.
func (w *drainWatch) look(ctx context.Context) (drainState, error) {
	body, err := w.ask(ctx, http.MethodGet, "/metrics")
	if errors.Is(err, errNobody) {
		return gone, nil
	}
	if err != nil {
		return busy, err
	}
	connections, told := sample(body, metric.Connections.Name)
	if !told {
		return busy, fmt.Errorf("/metrics has no %s", metric.Connections.Name)
	}
	w.left = strconv.FormatFloat(connections, 'f', -1, 64)
	if drains, _ := sample(body, metric.Draining.Name); drains == 1 && connections == 0 {
		return empty, nil
	}
	return busy, nil
}

// givenUp tells what is known when the time is over, or a signal came.
func (w *drainWatch) givenUp(why, trouble error) error {
	said := "drain: stopped waiting"
	if errors.Is(why, context.DeadlineExceeded) {
		said += " after " + w.patience.String()
	}
	said += ", the server drains on"
	if w.left != "" {
		said += " with " + w.clients()
	}
	if trouble != nil {
		said += ", or does not answer (" + trouble.Error() + ")"
	}
	return errors.New(said)
}

func (w *drainWatch) clients() string {
	if w.left == "1" {
		return "1 connection"
	}
	return w.left + " connections"
}

// sample is the value of a metric that has no labels, in Prometheus' text
// format (prometheus.io/docs/instrumenting/exposition_formats).
func sample(exposition []byte, name string) (float64, bool) {
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `[ \t]+(\S+)`).FindSubmatch(exposition)
	if found == nil {
		return 0, false
	}
	value, err := strconv.ParseFloat(string(found[1]), 64)
	return value, err == nil
}
