package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const capacityExample = `  scripts/bench capacity --scenario market --p99 100ms --settings capacity.env
  ws-single/ws-single --config ws-single/single.env --config capacity.env`

func capacityCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var o options
	f := newFlags("capacity", "capacity [options]", capacityExample, stdout)
	o.define(f)
	server := f.String("server", "ws-single", "`name` of the server, or name=binary")
	name := f.String("scenario", "broadcast", "`name` of the load whose rate is raised")
	p99 := f.Duration("p99", 250*time.Millisecond, "the `time` that p99 must stay below")
	headroom := f.Float64("headroom", 0.2, "`share` of the rate found that the settings leave free")
	file := f.String("settings", "capacity.env", "`file` for the settings")
	rest, err := parse(f, args)
	switch {
	case err != nil:
		return 0, err
	case len(rest) > 0:
		return 0, fmt.Errorf("%w: capacity takes no names, but --scenario and --server", errUsage)
	case *p99 <= 0 || *headroom < 0 || *headroom >= 1:
		return 0, fmt.Errorf("%w: --p99 takes a time above 0, --headroom a share from 0 to below 1", errUsage)
	}
	under, binaries, beside, err := servers([]string{*server})
	if err != nil {
		return 0, err
	}
	if len(beside) > 0 {
		return 0, fmt.Errorf("%w: %s is a baseline: it takes no settings", errUsage, beside[0])
	}
	all, err := scenarios([]string{*name})
	if err != nil {
		return 0, err
	}
	s := all[0]
	if s.Kind != scenario.Deliver || len(s.Lanes) > 0 || s.Subscribe.None {
		return 0, fmt.Errorf("%w: capacity takes a scenario that delivers in one way; %s does not", errUsage, s.Name)
	}
	s.Limits, s.Beside = nil, nil
	if err := o.apply(&s); err != nil {
		return 0, err
	}
	c, err := place(o.anywhere)
	if err != nil {
		return 0, err
	}
	res, err := searchOne(ctx, &o, c, measure.Config{
		Scenario: s, Servers: under, Binaries: binaries, Command: append([]string{"scripts/bench", "capacity"}, args...),
	}, measure.Bound{P99: *p99, Headroom: *headroom}, stdout, stderr)
	if err != nil {
		return exitWorse, err
	}
	if res.Verdict == result.Refused {
		fmt.Fprintln(stdout, "no settings were written: what cannot be judged is no limit to run with")
		return exitRefused, nil
	}
	path := inCallersFolder(*file)
	if err := write(path, func(w io.Writer) error { return writeSettings(w, res) }); err != nil {
		return 0, err
	}
	fmt.Fprintf(stdout, "settings in %s: give them after the others, --config %s\n", path, *file)
	return exitCode([]*result.Result{res}), nil
}

// writeSettings writes a file that a server's --config takes.
func writeSettings(w io.Writer, res *result.Result) error {
	c := res.Capacity
	lines := []string{
		fmt.Sprintf("# What %s holds on this machine: %.0f records/s, %.0f deliveries/s to %d connections,", res.Servers[0], c.Rate, c.Deliveries, c.Connections),
		fmt.Sprintf("# with p99 below %.0f ms. KAFKA_MAX_RATE leaves %.0f%% of it free.", c.BoundMS, 100*c.Headroom),
		fmt.Sprintf("# Measured %s with: %s", res.Started.Format(time.DateTime), strings.Join(res.Command, " ")),
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		lines = append(lines, name+"="+c.Settings[name])
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}
