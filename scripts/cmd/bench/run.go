package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const runExample = `  scripts/bench run broadcast
  scripts/bench run --server ws-single --connections 2000 --rounds 6 broadcast fanout-100
  scripts/bench run                      # every scenario, about 25 minutes`

func runCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var o options
	f := newFlags("run", "run [SCENARIO ...] [options]", runExample, stdout)
	o.define(f)
	server := f.String("server", "ws-single", "`name` of the server under test, or name=binary")
	names, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	under, binaries, beside, err := servers([]string{*server})
	if err != nil {
		return 0, err
	}
	if len(beside) > 0 {
		return 0, fmt.Errorf("%w: %s is a baseline: it runs beside; compare puts it against another", errUsage, beside[0])
	}
	all, err := scenarios(names)
	if err != nil {
		return 0, err
	}
	cores, err := place(o.anywhere)
	if err != nil {
		return 0, err
	}
	var results []*result.Result
	for i := range all {
		if err := o.apply(&all[i]); err != nil {
			return 0, err
		}
		fmt.Fprintf(stderr, "%s: %s\n", all[i].Name, all[i].Title)
		res, err := measureOne(ctx, &o, cores, measure.Config{
			Scenario: all[i], Servers: under, Binaries: binaries, Command: append([]string{"scripts/bench", "run"}, args...),
		}, stdout, stderr)
		if res != nil {
			results = append(results, res)
		}
		if err != nil {
			return exitWorse, err
		}
		if ctx.Err() != nil {
			return max(exitCode(results), exitRefused), nil // the rest never ran
		}
	}
	return exitCode(results), nil
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
	return watched(o, c, cfg, stdout, stderr, func(cfg measure.Config) (*result.Result, error) { return measure.Run(ctx, cfg) })
}

// searchOne is the same for a search.
func searchOne(ctx context.Context, o *options, c cores, cfg measure.Config, b measure.Bound, stdout, stderr io.Writer) (*result.Result, error) {
	return watched(o, c, cfg, stdout, stderr, func(cfg measure.Config) (*result.Result, error) { return measure.Capacity(ctx, cfg, b) })
}

func watched(o *options, c cores, cfg measure.Config, stdout, stderr io.Writer, do func(measure.Config) (*result.Result, error)) (*result.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	line := newLine(stderr)
	cfg.Worker, cfg.Server, cfg.Load = []string{self, "worker"}, c.Server, c.Load
	cfg.Brokers, cfg.Seed, cfg.Progress = o.brokers, o.seed, line.show
	res, err := do(cfg)
	line.end()
	if res == nil {
		return nil, err
	}
	path, werr := keep(o, res)
	if werr != nil {
		return res, werr
	}
	printOutcome(stdout, res, path)
	return res, err
}
