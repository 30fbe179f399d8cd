package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/adred-codev/ws_poc/scripts/internal/rollout"
)

// carry does what the command line asks for.
func (o *options) carry(ctx context.Context, env func(string) string, stdout io.Writer) (err error) {
	plan, err := rollout.ReadPlan(o.plan, env)
	if err == nil && o.drain != "" {
		plan, err = plan.Drain(o.drain)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	limits, err := rollout.ReadLimits(plan.Limits)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if o.check {
		return rollout.Describe(stdout, plan, limits)
	}
	site, done, err := rollout.NewSite(plan, env("WS_ADMIN_TOKEN"))
	if err != nil {
		return err
	}
	defer done()
	if o.dry {
		return rollout.Dry(ctx, stdout, plan, limits, site)
	}
	store, err := rollout.OpenStore(o.state)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	tell := o.view(plan, stdout)
	if o.log != "" {
		// Appended: a rollout that is resumed goes on with its log.
		f, err := os.OpenFile(o.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("open log: %w", err)
		}
		defer f.Close()
		see, log := tell, rollout.LogTo(f)
		tell = func(e rollout.Event) error { return errors.Join(see(e), log(e)) }
	}
	return rollout.Run(ctx, rollout.Options{
		Plan: plan, Limits: limits, Site: site, Store: store, StateFile: o.state, Resume: o.resume, Tell: tell,
	})
}

// view is a picture on a terminal, lines elsewhere.
func (o *options) view(p *rollout.Plan, w io.Writer) func(rollout.Event) error {
	f, ok := w.(*os.File)
	if !ok || o.plain || !term.IsTerminal(int(f.Fd())) {
		return rollout.Lines(w, p)
	}
	return rollout.Screen(w, p, func() int {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return columns
		}
		return 80
	})
}
