package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const fitExample = `  scripts/bench fit                      # measures a grid of small loads, about twelve minutes, and fits a model
  scripts/bench fit --no-run             # fits it to the results that there are
  scripts/bench fit results/*.json       # to these
  scripts/bench map                      # then: which variant is cheaper, load by load
  scripts/bench plan --connections 1000000 --rate 5 --channels 1000`

// The grid: so many connections at most, a third of them, and a twelfth.
const (
	gridConnections = 12_000
	gridRounds      = 3
	gridShardRounds = 5 // of one shard against two, which differ by little
	gridSlice       = 2 * time.Second
	gridRest        = 20 * time.Second
)

func fitCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var o options
	f := newFlags("fit", "fit [FILE ...] [options]", fitExample, stdout)
	o.define(f)
	given := several(f, "server", "`name` of a server to measure; again for more (default: one core of each variant)")
	noRun := f.Bool("no-run", false, "measure nothing: take the newest results that there are")
	files, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	if err := o.check(); err != nil {
		return 0, err
	}
	if len(files) > 0 || *noRun {
		if idle := ofMeasuring(f); len(idle) > 0 {
			return 0, fmt.Errorf("%w: %s: it says what is measured, and nothing is: leave it out", errUsage, strings.Join(idle, ", "))
		}
	}
	var results []*result.Result
	began, gridCode := time.Now(), exitHolds
	switch {
	case len(files) > 0:
		if results, err = readAll(files); err != nil {
			return 0, err
		}
	default:
		if !*noRun {
			// What was refused for its figures is left out below.
			if gridCode, err = runGrid(ctx, &o, *given, args, stdout, stderr); err != nil || ctx.Err() != nil {
				return max(gridCode, exitWorse), err
			}
		}
		if results, err = newest(&o, stderr); err != nil {
			return 0, err
		}
	}
	m, left, err := model.Fit(results, time.Now())
	code := tellLeft(stderr, left, began, gridCode)
	if errors.Is(err, model.ErrTooFew) && code == exitHolds {
		return 0, fmt.Errorf("%w: %w", errUsage, err)
	}
	if err != nil {
		return code, err
	}
	folder, err := o.models()
	if err != nil {
		return 0, err
	}
	path := filepath.Join(folder, m.Fitted.Format("20060102-150405")+"-model.json")
	if err := m.Write(path); err != nil {
		return 0, err
	}
	printModel(stdout, m)
	fmt.Fprintf(stdout, "\nkept in %s; bench map and bench plan take it from there\n", path)
	return code, nil
}

// tellLeft says what was left out. Where something of it was measured just now, the exit code is that of the measurement.
func tellLeft(stderr io.Writer, left []model.Left, began time.Time, measured int) int {
	code := exitHolds
	for _, l := range left {
		fmt.Fprintf(stderr, "bench: left out: %s: %s\n", l.Result, l.Why)
		if !l.Started.Before(began) {
			code = measured
		}
	}
	return code
}

// ofMeasuring are the options that were given and say what is measured, or how.
func ofMeasuring(f *flag.FlagSet) []string {
	var all []string
	f.Visit(func(one *flag.Flag) {
		if slices.Contains([]string{"connections", "rounds", "slice", "brokers", "seed", "anywhere", "server"}, one.Name) {
			all = append(all, "--"+one.Name)
		}
	})
	return all
}

// models is where models are kept: beside the results, which are other files.
func (o *options) models() (string, error) {
	folder, err := o.folder()
	return filepath.Join(folder, "models"), err
}

// newestModel is the last that was fitted, or wrong usage: it says how to make one.
func (o *options) newestModel() (*model.Model, error) {
	folder, err := o.models()
	if err != nil {
		return nil, err
	}
	m, err := model.Newest(folder)
	if errors.Is(err, model.ErrNone) {
		return nil, fmt.Errorf("%w: %w: make one with: scripts/bench fit (it measures for about twelve minutes), or scripts/bench fit --no-run of results that there are", errUsage, err)
	}
	return m, err
}

// runGrid measures what a model is fitted to: loads of each kind at three sizes, as many connections that rest, and two shards
// where there are any. It takes about twelve minutes. All on one broker, so that it is young only once.
func runGrid(ctx context.Context, o *options, given, args []string, stdout, stderr io.Writer) (int, error) {
	if len(given) == 0 {
		there, err := variantNames()
		if err != nil {
			return 0, err
		}
		given = there
		if i := slices.Index(given, scenario.Multi); i >= 0 {
			given[i] += "@shards=1"
		}
	}
	asked, err := servers(given)
	switch {
	case err != nil:
		return 0, err
	case len(asked.beside) > 0:
		return 0, fmt.Errorf("%w: %s is a baseline: there is no model of it", errUsage, asked.beside[0])
	}
	all, err := gridOf(o, asked)
	if err != nil {
		return 0, err
	}
	c, err := place(o.anywhere)
	if err != nil {
		return 0, err
	}
	if o.brokers == "" {
		b, err := broker.Start(ctx, broker.Options{})
		if err != nil {
			if ctx.Err() != nil {
				return exitRefused, errInterrupted
			}
			return 0, fmt.Errorf("start broker: %w", err)
		}
		defer func() { _ = b.Stop() }() // what it would tell is of no measurement
		o.brokers = b.Addr()
	}
	return runAll(ctx, all, stderr, func(s scenario.Scenario) (*result.Result, error) {
		return measureOne(ctx, o, c, measure.Config{
			Scenario: s, Servers: s.Servers, Binaries: asked.binaries, Command: append([]string{"scripts/bench", "fit"}, args...),
		}, stdout, stderr)
	})
}

// gridOf is what runGrid measures.
func gridOf(o *options, asked contest) ([]scenario.Scenario, error) {
	most := gridConnections
	if o.connections > 0 {
		most = o.connections
	}
	var all []scenario.Scenario
	for _, n := range gridSteps(most) {
		s := gridScenario(n)
		if o.rounds > 0 {
			s.Rounds = o.rounds
		}
		if o.slice > 0 {
			s.Slice = scenario.Duration(o.slice)
		}
		all = append(all, s)
	}
	idle, err := scenario.Find("idle")
	if err != nil {
		return nil, err
	}
	idle.Limits, idle.Connections, idle.Steps = nil, most, gridSteps(most)
	idle.Title = fmt.Sprintf("up to %d idle clients", most)
	idle.Rest = scenario.Duration(gridRest)
	if o.slice > 0 {
		idle.Rest = scenario.Duration(max(min(10*o.slice, gridRest), time.Second))
	}
	delete(idle.Settings, "WS_MAX_CONNECTIONS")
	all = append(all, *idle)
	for i := range all {
		all[i].Servers = asked.names
	}
	if slices.ContainsFunc(asked.names, func(name string) bool { return scenario.VariantOf(name) == scenario.Multi }) {
		two := gridScenario(max(most/3, 1))
		two.Name, two.Rounds, two.Servers = "grid-shards", gridShardRounds, []string{scenario.Multi + "@shards=1", scenario.Multi + "@shards=2"}
		two.Title += ", on one shard and on two"
		two.About = "What a second shard costs the model: a wake-up for each batch, a walk through all records, and what is in proportion to the rest. Loads that differ in " +
			"records tell them apart, also when one of them is left out: two have many records for what else they take. On a machine with two cores the second shard has its core in common with the load; CPU time counts all the same."
		two.Lanes = slices.DeleteFunc(two.Lanes, func(l scenario.Lane) bool { return !slices.Contains(gridShardLanes, l.Name) })
		if o.rounds > 0 {
			two.Rounds = o.rounds
		}
		if o.slice > 0 {
			two.Slice = scenario.Duration(o.slice)
		}
		all = append(all, two)
	}
	for i := range all {
		if err := all[i].Validate(); err != nil {
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
	}
	return all, nil
}

// gridShardLanes are the loads on two shards.
var gridShardLanes = []string{"all-fast", "hundred-fast", "one-slow", "one-fast"}

// gridSteps are the grid's numbers of connections, each but once.
func gridSteps(most int) []int { return slices.Compact([]int{max(most/12, 1), max(most/3, 1), most}) }

// rungs are messages a second that a client gets: those of the map's loads, and one below.
var rungs = []float64{0.05, 0.2, 1, 5, 20}

// pace is the two highest of the rungs that come to no more records a second than most.
func pace(recordsPer, most float64) (slow, fast float64) {
	slow, fast = rungs[0]*recordsPer, rungs[0]*recordsPer
	for i := 1; i < len(rungs); i++ {
		if rungs[i]*recordsPer <= most {
			slow, fast = rungs[i-1]*recordsPer, rungs[i]*recordsPer
		}
	}
	return slow, fast
}

// gridScenario has a load of each kind for so many connections, each of which holds a channel that all hold, one that a
// hundred do, and one of its own. The rates are such that nothing is near its end: up to 60,000 messages a second one by one, or
// 6,000 records. Of records that come sixteen at once it is up to 192,000 messages, sixteen of which make one send.
func gridScenario(connections int) scenario.Scenario {
	n := float64(connections)
	hundred := min(100, n)
	allSlow, allFast := pace(1, 60_000/n)
	hundredSlow, hundredFast := pace(n/hundred, 60_000/hundred)
	oneSlow, oneFast := pace(n, 6000)
	lane := func(name string, group int, rate float64, burst int) scenario.Lane {
		// A turn has a record in it.
		return scenario.Lane{Name: name, Publish: &scenario.Publish{Rate: max(rate, 1/gridSlice.Seconds()), Burst: burst, Group: group}}
	}
	bursts := max(1, min(4, math.Round(6000/n)))
	return scenario.Scenario{
		Name: "grid", Kind: scenario.Deliver, Connections: connections,
		Title: fmt.Sprintf("%d clients, loads of each kind", connections),
		About: "What the model is fitted to: records for all clients, for a hundred and for one, slowly and faster, and sixteen at once. Each " +
			"client holds a channel of each kind. Rates are such that nothing is near its end.",
		Subscribe: scenario.Subscribe{Each: 3, FanOuts: []int{0, int(hundred), 1}},
		Publish:   scenario.Publish{Rate: 1, Bytes: 104, Group: 1},
		Slice:     scenario.Duration(gridSlice), Rounds: gridRounds,
		Lanes: []scenario.Lane{
			lane("all-slow", 1, allSlow, 0), lane("all-fast", 1, allFast, 0), lane("all-sixteen", 1, 16*bursts, 16),
			lane("hundred-slow", 2, hundredSlow, 0), lane("hundred-fast", 2, hundredFast, 0),
			lane("one-slow", 3, oneSlow, 0), lane("one-fast", 3, oneFast, 0),
		},
		Settings: map[string]string{"WS_HANDSHAKES_PER_S": "off", "WS_CPU_REJECT_PERCENT": "off", "WS_CPU_PAUSE_PERCENT": "off"},
	}
}

// readAll reads results that somebody named.
func readAll(files []string) ([]*result.Result, error) {
	var all []*result.Result
	for _, file := range files {
		r, err := result.Read(inCallersFolder(file))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
