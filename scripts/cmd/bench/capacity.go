package main

import (
	"context"
	"errors"
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
	server := f.String("server", "ws-single", "`name` of the server, name=binary, or name@settings")
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
	case !(*p99 > 0 && *headroom >= 0 && *headroom < 1): // NaN is no share
		return 0, fmt.Errorf("%w: --p99 takes a time above 0, --headroom a share from 0 to below 1", errUsage)
	}
	asked, err := servers([]string{*server})
	if err != nil {
		return 0, err
	}
	if len(asked.beside) > 0 {
		return 0, fmt.Errorf("%w: %s is a baseline: it takes no settings", errUsage, asked.beside[0])
	}
	all, err := scenarios([]string{*name})
	if err != nil {
		return 0, err
	}
	s := all[0]
	if err := checkCapacity(&s); err != nil {
		return 0, err
	}
	candidate, err := scenario.ParseCandidate(asked.names[0])
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errUsage, err)
	}
	if candidate.Processes > 1 {
		return 0, fmt.Errorf("%w: %s: capacity is that of one process, which its settings are for: leave processes out", errUsage, candidate.Name)
	}
	s.Limits, s.Beside, s.Servers = nil, nil, asked.names
	if err := o.apply(&s); err != nil {
		return 0, err
	}
	c, err := place(o.anywhere)
	if err != nil {
		return 0, err
	}
	if own := len(c.Server); own > 0 && candidate.Cores > own {
		return 0, fmt.Errorf("%w: %s has %d cores, of which %d are the load's too: how late messages are would be its doing. Take up to %d cores, or a machine with more",
			errUsage, candidate.Name, candidate.Cores, candidate.Cores-own, own)
	}
	res, err := searchOne(ctx, &o, c, measure.Config{
		Scenario: s, Servers: asked.names, Binaries: asked.binaries, Command: append([]string{"scripts/bench", "capacity"}, args...),
	}, measure.Bound{P99: *p99, Headroom: *headroom}, stdout, stderr)
	// A result that could not be kept has its settings all the same.
	if res == nil || err != nil && (res.Capacity == nil || len(res.Capacity.Settings) == 0) {
		return exitWorse, err
	}
	if err := errors.Join(err, offerSettings(stdout, res, *file)); err != nil {
		return exitWorse, err
	}
	return exitCode([]*result.Result{res}), nil
}

// checkCapacity turns away a scenario of which no rate can be raised until p99 breaks a bound, and says what to take instead.
func checkCapacity(s *scenario.Scenario) error {
	why := noCapacity(s)
	if why == "" {
		return nil
	}
	all, err := scenarios(nil)
	if err != nil {
		return err
	}
	var names []string
	for _, other := range all {
		if noCapacity(&other) == "" {
			names = append(names, other.Name)
		}
	}
	return fmt.Errorf("%w: capacity does not take %s: %s. Take one of %s (--scenario), or a file of your own; %s as it is is measured by: run %s",
		errUsage, s.Name, why, strings.Join(names, ", "), s.Name, s.Name)
}

// noCapacity says why a scenario has none, "" when it has one.
func noCapacity(s *scenario.Scenario) string {
	switch {
	case s.Kind != scenario.Deliver:
		return fmt.Sprintf("it is of kind %s, and only %s has a rate of deliveries to raise", s.Kind, scenario.Deliver)
	case len(s.Lanes) > 0:
		return "it has lanes, and what is raised is the rate of one load"
	case s.Subscribe.None:
		return "its clients subscribe to nothing that is published, so there is no latency to bound"
	case s.Publish.Burst > 1:
		return fmt.Sprintf("it publishes %d records at once (publish.burst), so p99 is how long a burst takes, whatever the rate", s.Publish.Burst)
	}
	return ""
}

// offerSettings writes the settings that follow from a search, or says why none do.
func offerSettings(stdout io.Writer, res *result.Result, file string) error {
	c := res.Capacity
	if c == nil || len(c.Settings) == 0 {
		fmt.Fprintf(stdout, "no settings were written to %s: %s. What cannot be judged is no limit to run with\n", file, measure.NoSettings(res))
		return nil
	}
	path := inCallersFolder(file)
	if err := write(path, func(w io.Writer) error { return writeSettings(w, res) }); err != nil {
		return err
	}
	if res.Verdict == result.Refused {
		fmt.Fprintf(stdout, "%s holds at least %s records/s; how much more is not known, for what was refused above\n", res.Servers[0], figure(c.Rate))
	}
	fmt.Fprintf(stdout, "settings in %s: give them after the others, --config %s\n", path, file)
	return nil
}

// writeSettings writes a file that a server's --config takes.
func writeSettings(w io.Writer, res *result.Result) error {
	c := res.Capacity
	holds := "holds"
	if res.Verdict == result.Refused {
		holds = "holds at least"
	}
	lines := []string{
		fmt.Sprintf("# What %s %s on this machine: %s records/s, %s deliveries/s to %d connections,", res.Servers[0], holds, figure(c.Rate), figure(c.Deliveries), c.Connections),
		fmt.Sprintf("# with p99 below %s ms. KAFKA_MAX_RATE leaves %.0f%% of it free.", figure(c.BoundMS), 100*c.Headroom),
	}
	if c.Settings["KAFKA_MAX_RATE"] == "" {
		lines[1] = fmt.Sprintf("# with p99 below %s ms. KAFKA_MAX_RATE is not set: it takes whole numbers, and the least is more than that.", figure(c.BoundMS))
	}
	for _, f := range res.Refusals { // of a search with settings they say only what kept the rate from being higher
		lines = append(lines, "# No more is known: "+oneLine(f.Text))
	}
	if l := slices.IndexFunc(res.Lanes, func(l result.Lane) bool { return !l.Baseline && l.Settings["GOMAXPROCS"] != "" }); l >= 0 {
		lines = append(lines, fmt.Sprintf("# It ran with GOMAXPROCS=%s in its environment, which is no setting of the server.", res.Lanes[l].Settings["GOMAXPROCS"]))
	}
	lines = append(lines, fmt.Sprintf("# Measured %s with: %s", res.Started.Format(time.DateTime), oneLine(strings.Join(res.Command, " "))))
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		lines = append(lines, name+"="+c.Settings[name])
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// oneLine keeps a comment a comment.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
