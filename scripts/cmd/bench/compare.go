package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const compareExample = `  scripts/bench compare ws-single gorilla-hub centrifuge
  scripts/bench compare ws-single floor --scenario fanout-100 --at-most 1.6
  scripts/bench compare ws-single=/tmp/new ws-single=/tmp/old     # two builds of one server
  scripts/bench compare ws-single ws-multi --scenario fanout-100
  scripts/bench compare ws-multi@shards=2 ws-multi@shards=1       # one server with two settings
  scripts/bench compare ws-single ws-single                       # what chance alone makes of it

A server is a variant's name, with a binary (=FILE) and settings (@KEY=VALUE,...) where they are others than usual: shards=N
runs ws-multi with N shards on N cores, cores=N gives it another number, processes=N has so many on one port, and WS_NAME=VALUE
is a setting of the server. More cores than the servers have are taken of the load's; the result then says which are shared.`

func compareCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var o options
	f := newFlags("compare", "compare A B [...] [options]", compareExample, stdout)
	o.define(f)
	name := f.String("scenario", "broadcast", "`name` of the load")
	atMost := f.Float64("at-most", 1, "what A may cost over each of the others: a `ratio`")
	measured := f.String("measure", scenario.CPU, "`what` is compared: cpu (per delivery) or p99 (latency)")
	given, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	if len(given) < 2 {
		return 0, fmt.Errorf("%w: name two servers or more, such as: compare ws-single gorilla-hub", errUsage)
	}
	if *measured != scenario.CPU && *measured != scenario.P99 {
		return 0, fmt.Errorf("%w: --measure %s: say cpu or p99", errUsage, *measured)
	}
	asked, err := servers(given)
	if err != nil {
		return 0, err
	}
	under, beside := asked.names, asked.beside
	if err := checkBaselines(beside); err != nil {
		return 0, err
	}
	all, err := scenarios([]string{*name})
	if err != nil {
		return 0, err
	}
	s := all[0]
	if s.Kind != scenario.Deliver || len(s.Lanes) > 0 || s.Subscribe.None {
		return 0, fmt.Errorf("%w: compare takes a scenario that delivers in one way; %s does not: use run", errUsage, s.Name)
	}
	if err := o.apply(&s); err != nil {
		return 0, err
	}
	s.Beside = slices.DeleteFunc(slices.Clone(beside), func(b string) bool { return b == scenario.Floor }) // it runs anyway
	first := given[0]
	if !slices.Contains(beside, first) {
		first = under[0] // without its binary
	}
	s.Limits, s.Servers = nil, under
	for _, over := range slices.Concat(under, beside) {
		if over != first {
			s.Limits = append(s.Limits, scenario.Limit{Measure: *measured, Of: first, Over: over, AtMost: *atMost})
		}
	}
	cores, err := place(o.anywhere)
	if err != nil {
		return 0, err
	}
	res, err := measureOne(ctx, &o, cores, measure.Config{
		Scenario: s, Servers: under, Binaries: asked.binaries, Command: append([]string{"scripts/bench", "compare"}, args...),
	}, stdout, stderr)
	if err != nil {
		return exitWorse, err
	}
	return exitCode([]*result.Result{res}), nil
}

// checkBaselines turns away what no comparison comes of.
func checkBaselines(beside []string) error {
	for i, b := range beside {
		switch {
		case b == scenario.Reader:
			return fmt.Errorf("%w: %s delivers nothing, and compare is about deliveries: leave it out, or see what a record costs over it: run unwanted", errUsage, b)
		case slices.Contains(beside[:i], b):
			return fmt.Errorf("%w: %s is named twice, and a baseline runs once: leave one out. What chance makes of two equal servers is told by: compare ws-single ws-single", errUsage, b)
		}
	}
	return nil
}
