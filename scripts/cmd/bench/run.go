package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const runExample = `  scripts/bench run broadcast
  scripts/bench run --server ws-single --connections 2000 --rounds 6 broadcast fanout-100
  scripts/bench run --server ws-single --server ws-multi@shards=1 pending stalled   # side by side, in one run
  scripts/bench run                      # every scenario but those that run only when named, about three quarters of an hour
  scripts/bench run --rounds 6           # the same in less; a scenario that an option does not concern goes without`

func runCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var o options
	f := newFlags("run", "run [SCENARIO ...] [options]", runExample, stdout)
	o.define(f)
	given := several(f, "server", "`name` of the server under test, name=binary, or name@settings such as "+scenario.Multi+
		"@shards=2; again for more, side by side (default: the scenario's, else "+scenario.Single+")")
	names, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	asked, err := servers(*given)
	if err != nil {
		return 0, err
	}
	if len(asked.beside) > 0 {
		return 0, fmt.Errorf("%w: %s is a baseline: it runs beside; compare puts it against another", errUsage, asked.beside[0])
	}
	all, err := scenarios(names)
	if err != nil {
		return 0, err
	}
	all, left, err := field(all, asked, len(names) > 0)
	if err != nil {
		return 0, err
	}
	notes, err := o.applyAll(all) // before minutes go into the first of them
	if err != nil {
		return 0, err
	}
	cores, err := place(o.anywhere)
	if err != nil {
		return 0, err
	}
	for _, note := range append(left, notes...) { // not earlier: place starts this program anew
		fmt.Fprintf(stderr, "bench: %s\n", note)
	}
	return runAll(ctx, all, stderr, func(s scenario.Scenario) (*result.Result, error) {
		return measureOne(ctx, &o, cores, measure.Config{
			Scenario: s, Servers: s.Servers, Binaries: asked.binaries, Command: append([]string{"scripts/bench", "run"}, args...),
		}, stdout, stderr)
	})
}

// field gives each scenario the servers that are measured in it: those that were asked for, else its own as far as the
// repository has them, else the one in production. Of all scenarios those are left out that run only when they are named, or for
// whose servers there is nothing.
func field(all []scenario.Scenario, asked contest, named bool) (kept []scenario.Scenario, notes []string, err error) {
	there, err := variantNames()
	if err != nil {
		return nil, nil, err
	}
	for _, s := range all {
		if s.ByName && !named {
			notes = append(notes, fmt.Sprintf("%s: left out, it takes so much that it runs only when it is named", s.Name))
			continue
		}
		want := s.Servers
		switch {
		case len(asked.names) > 0:
			want = asked.names
		case len(want) == 0:
			want = []string{scenario.Single}
		}
		s.Servers = slices.DeleteFunc(slices.Clone(want), func(name string) bool { return !slices.Contains(there, scenario.VariantOf(name)) })
		switch missing := len(want) - len(s.Servers); {
		case len(s.Servers) == 0 && named:
			return nil, nil, fmt.Errorf("%w: %s is for %s, and this repository has %s", errUsage, s.Name, strings.Join(want, ", "), strings.Join(there, ", "))
		case len(s.Servers) == 0:
			notes = append(notes, fmt.Sprintf("%s: left out, none of %s is here", s.Name, strings.Join(want, ", ")))
			continue
		case missing > 0:
			notes = append(notes, fmt.Sprintf("%s: measured without what is not here, of %s", s.Name, strings.Join(want, ", ")))
		}
		kept = append(kept, s)
	}
	return kept, notes, nil
}

// runAll measures one scenario after the other. One that breaks off does not keep the others from being measured: each
// starts its own broker and servers. Of several its error is told at once, and their names at the end.
func runAll(ctx context.Context, all []scenario.Scenario, stderr io.Writer, one func(scenario.Scenario) (*result.Result, error)) (int, error) {
	var results []*result.Result
	var broken []string
	measured := 0
	for _, s := range all {
		if ctx.Err() != nil {
			break
		}
		fmt.Fprintf(stderr, "%s: %s\n", s.Name, s.Title)
		res, err := one(s)
		if res != nil {
			results = append(results, res)
		}
		switch {
		case errors.Is(err, errInterrupted):
			continue // ctx ends the loop
		case err != nil && len(all) == 1:
			return exitWorse, err
		case err != nil:
			broken = append(broken, s.Name)
			fmt.Fprintf(stderr, "bench: %s: %v\n", s.Name, err)
		}
		measured++
	}
	code := exitCode(results)
	switch {
	case measured == len(all):
	case measured == 0:
		return exitRefused, errInterrupted
	default:
		fmt.Fprintf(stderr, "bench: interrupted: %d of %d scenarios were not measured\n", len(all)-measured, len(all))
		if code != exitWorse {
			code = exitRefused
		}
	}
	if len(broken) > 0 {
		return exitWorse, fmt.Errorf("%d of %d scenarios failed: %s", len(broken), len(all), strings.Join(broken, ", "))
	}
	return code, nil
}

// scenarios reads the named ones, or all.
func scenarios(names []string) ([]scenario.Scenario, error) {
	if len(names) == 0 {
		all, err := scenario.List()
		if err != nil {
			return nil, err
		}
		out := make([]scenario.Scenario, len(all))
		for i, s := range all {
			out[i] = *s
		}
		return out, nil
	}
	var out []scenario.Scenario
	for _, name := range names {
		read := scenario.Find
		if strings.HasSuffix(name, ".yaml") {
			read, name = scenario.Load, inCallersFolder(name)
		}
		s, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		out = append(out, *s)
	}
	return out, nil
}

// measureOne runs one scenario, keeps its result and prints it.
func measureOne(ctx context.Context, o *options, c cores, cfg measure.Config, stdout, stderr io.Writer) (*result.Result, error) {
	return watched(ctx, o, c, cfg, stdout, stderr, func(cfg measure.Config) (*result.Result, error) { return measure.Run(ctx, cfg) })
}

// searchOne is the same for a search.
func searchOne(ctx context.Context, o *options, c cores, cfg measure.Config, b measure.Bound, stdout, stderr io.Writer) (*result.Result, error) {
	return watched(ctx, o, c, cfg, stdout, stderr, func(cfg measure.Config) (*result.Result, error) { return measure.Capacity(ctx, cfg, b) })
}

// watched does it under the eyes of the caller, keeps the result and prints it. A result that could not be kept is printed
// all the same: it took minutes.
func watched(ctx context.Context, o *options, c cores, cfg measure.Config, stdout, stderr io.Writer, do func(measure.Config) (*result.Result, error)) (*result.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	line := newLine(stderr)
	cfg.Worker, cfg.Server, cfg.Load = []string{self, "worker"}, c.Server, c.Load
	cfg.Brokers, cfg.Seed, cfg.Progress = o.brokers, o.seed, line.show
	res, err := do(cfg)
	line.end()
	if ctx.Err() != nil && !hasSamples(res) {
		return nil, errInterrupted // what broke off because of it is no failure
	}
	if res == nil {
		return nil, err
	}
	path, unkept := keep(o, res)
	printOutcome(stdout, res, path)
	return res, errors.Join(err, unkept)
}

// hasSamples says whether anything was measured.
func hasSamples(res *result.Result) bool {
	return res != nil && slices.ContainsFunc(res.Lanes, func(l result.Lane) bool {
		return len(l.Slices)+len(l.Memory)+len(l.Storms) > 0
	})
}
