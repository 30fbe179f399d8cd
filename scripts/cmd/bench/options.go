package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// options are what run, compare and capacity have in common.
type options struct {
	connections int
	rounds      int
	slice       time.Duration
	brokers     string
	out         string
	seed        uint64
	anywhere    bool
}

func (o *options) define(f *flag.FlagSet) {
	f.IntVar(&o.connections, "connections", 0, "so many instead of the scenario's `number`")
	f.IntVar(&o.rounds, "rounds", 0, "so many instead of the scenario's `number` of turns of each lane, or of storms")
	f.DurationVar(&o.slice, "slice", 0, "how long a turn is, instead of the scenario's `time`")
	f.StringVar(&o.brokers, "brokers", "", "an `address` of a Kafka to use; without it one is started for the run")
	f.StringVar(&o.out, "out", "", "`folder` for the results (default scripts/.cache/bench)")
	f.Uint64Var(&o.seed, "seed", 1, "another seed, another order of records")
	f.BoolVar(&o.anywhere, "anywhere", false, "do not place servers and load on cores of their own: figures for nobody but yourself")
}

// newFlags is a set whose help is printed to out, with an example that works.
func newFlags(name, usage, example string, out io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("bench "+name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {
		fmt.Fprintf(out, "usage: scripts/bench %s\n\n", usage)
		f.SetOutput(out)
		f.PrintDefaults()
		f.SetOutput(io.Discard)
		fmt.Fprintf(out, "\nFor example\n\n%s\n", example)
	}
	return f
}

// parse takes flags before and after the names.
func parse(f *flag.FlagSet, args []string) ([]string, error) {
	var names []string
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %s: %w", errUsage, f.Name(), err)
		}
		if f.NArg() == 0 {
			return names, nil
		}
		names = append(names, f.Arg(0))
		args = f.Args()[1:]
	}
}

// apply changes the scenario as asked. What does not concern it is an error.
func (o *options) apply(s *scenario.Scenario) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := o.change(s); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return nil
}

// applyAll changes each of several scenarios by what concerns it, and says which keep what they have. With one it is apply:
// who names it means it.
func (o *options) applyAll(all []scenario.Scenario) (notes []string, err error) {
	if len(all) == 1 {
		return nil, o.apply(&all[0])
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	var errs []error
	rounds, slice := false, false // one takes them
	for i := range all {
		s, mine := &all[i], *o
		note := func(option, why string, args ...any) {
			notes = append(notes, fmt.Sprintf("%s: %s %s", s.Name, option, fmt.Sprintf(why, args...)))
		}
		if o.rounds > 0 && s.Kind == scenario.Idle {
			mine.rounds = 0
			note("--rounds", "does not concern it: its connections rest once")
		}
		switch {
		case o.slice > 0 && s.Kind != scenario.Deliver:
			mine.slice = 0
			note("--slice", "does not concern it: there are no turns")
		case o.slice > 0 && o.slice < shortest(s):
			mine.slice = 0
			note("--slice", "%v is too short for its records, of which one or a burst must fit: it keeps %v", o.slice, s.Slice)
		}
		rounds, slice = rounds || mine.rounds > 0, slice || mine.slice > 0
		errs = append(errs, mine.change(s))
	}
	if o.rounds > 0 && !rounds {
		errs = append(errs, errors.New("--rounds concerns none of the scenarios: leave it out"))
	}
	if o.slice > 0 && !slice {
		errs = append(errs, fmt.Errorf("--slice %v fits none of the scenarios: leave it out", o.slice))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	return notes, nil
}

func (o *options) check() error {
	if o.connections < 0 || o.rounds < 0 || o.slice < 0 {
		return fmt.Errorf("%w: --connections, --rounds and --slice take positive numbers", errUsage)
	}
	return nil
}

func (o *options) change(s *scenario.Scenario) error {
	if o.connections > 0 && o.connections != s.Connections {
		s.Title += fmt.Sprintf("; here %d connections", o.connections) // the title may tell another number
	}
	if o.connections > 0 {
		if len(s.Steps) > 0 {
			s.Steps = []int{max(1, o.connections/4), o.connections}
		}
		s.Connections = o.connections
		delete(s.Settings, "WS_MAX_CONNECTIONS") // it is the scenario's number that was meant
	}
	if o.rounds > 0 {
		s.Rounds = o.rounds
	}
	if o.slice > 0 {
		s.Slice = scenario.Duration(o.slice)
	}
	return s.Validate()
}

// shortest is how long a turn takes at least: each lane has a record in it, or a burst.
func shortest(s *scenario.Scenario) time.Duration {
	least := 0.0
	for _, l := range s.AllLanes() {
		least = max(least, float64(max(l.Publish.Burst, 1))/l.Publish.Rate)
	}
	return time.Duration(math.Ceil(least * float64(time.Second)))
}

// contest is who is measured.
type contest struct {
	names    []string          // under test, as results name them
	binaries map[string]string // of those that are not built from the tree
	beside   []string          // baselines
}

// servers splits NAME, NAME=BINARY, NAME@SETTINGS and NAME=BINARY@SETTINGS, and checks the names. The same name twice, with
// another binary or to see what two equal servers differ by, gets a number.
func servers(given []string) (contest, error) {
	known, err := variantNames()
	if err != nil {
		return contest{}, err
	}
	c := contest{binaries: map[string]string{}}
	for _, g := range given {
		head, settings, with := strings.Cut(g, "@")
		name, binary, isFile := strings.Cut(head, "=")
		if slices.Contains(baselineNames(), name) && !isFile && !with {
			c.beside = append(c.beside, name)
			continue
		}
		if !slices.Contains(known, name) {
			return c, fmt.Errorf("%w: there is no server %q: say one of %s, or a baseline: %s",
				errUsage, name, strings.Join(known, ", "), strings.Join(baselineNames(), ", "))
		}
		if with {
			name += "@" + settings
		}
		if _, err := scenario.ParseCandidate(name); err != nil {
			return c, fmt.Errorf("%w: %w", errUsage, err)
		}
		plain := name
		for n := 2; slices.Contains(c.names, name); n++ {
			name = fmt.Sprintf("%s#%d", plain, n)
		}
		if isFile {
			if c.binaries[name], err = filepath.Abs(inCallersFolder(binary)); err != nil {
				return c, fmt.Errorf("%w: %s: %w", errUsage, g, err)
			}
			if _, err := os.Stat(c.binaries[name]); err != nil {
				return c, fmt.Errorf("%w: %w", errUsage, err)
			}
		}
		c.names = append(c.names, name)
	}
	return c, nil
}

// several lets an option be given more than once.
func several(f *flag.FlagSet, name, usage string) *[]string {
	var all []string
	f.Func(name, usage, func(value string) error {
		all = append(all, value)
		return nil
	})
	return &all
}

func variantNames() ([]string, error) {
	all, err := variant.All()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, v := range all {
		names = append(names, v.Name)
	}
	return names, nil
}

func baselineNames() []string { return slices.Sorted(maps.Keys(measure.Baselines)) }

// inCallersFolder resolves a path as the caller of the launcher meant it.
func inCallersFolder(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(os.Getenv("CALLER_DIR"), path)
}

// folder is where results go.
func (o *options) folder() (string, error) {
	if o.out != "" {
		return inCallersFolder(o.out), nil
	}
	root, err := variant.Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "scripts", ".cache", "bench"), nil
}
