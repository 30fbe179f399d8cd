package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/program"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const programsUsage = `conformance programs runs random programs of clients and publishers against two servers at once, and checks each client against a
model of the protocol. A program that fails is shrunk, told and written down.

  scripts/conformance programs --for 2m                       # ws-single and ws-multi, on a Kafka of its own
  scripts/conformance programs --server ws-multi,ws-multi   # two servers of one variant
  scripts/conformance programs --seed 7 --for 1m              # the programs that seed 7 and those after it draw
  scripts/conformance programs --file scripts/internal/program/testdata/passed_over_at_the_end_of_a_replay.json
                                                              # this one, three times at once

What happens hangs on who is faster too: a seed draws the same programs, but they need not fail again.

Exit code 0: every client got what it had to. 1: one did not, or the run failed. 2: wrong command line.

`

// atOnce is how many programs run at one time.
const atOnce = 3

// programsOptions is the parsed command line of conformance programs.
type programsOptions struct {
	servers [2]variant.Variant
	kafka   string // bootstrap brokers; "": a broker of the run's own
	race    bool
	long    time.Duration
	seed    uint64 // never 0
	file    string // absolute, or empty
	only    *program.Program
	dir     string // absolute, or empty
}

func parsePrograms(args []string, env func(string) string, help io.Writer) (*programsOptions, error) {
	wrong := func(format string, a ...any) (*programsOptions, error) {
		return nil, fmt.Errorf("%w: programs: %w", errUsage, fmt.Errorf(format, a...))
	}
	o := &programsOptions{}
	var variants string
	f := flag.NewFlagSet("conformance programs", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.DurationVar(&o.long, "for", 5*time.Minute, "begin programs for this `time`; with --file: once, if not said")
	f.Uint64Var(&o.seed, "seed", 0, "`number` that draws the first program, the next one the second (default: another one each time)")
	f.StringVar(&o.file, "file", "", "run the program of this `file`, as a failure leaves it, and no random ones")
	f.StringVar(&variants, "server", "ws-single,ws-multi", "the two `servers` that clients move between")
	f.StringVar(&o.dir, "dir", "", "`folder` for programs that fail (default: the system's for temporary files)")
	f.StringVar(&o.kafka, "kafka", "", "bootstrap brokers, `host:port,...`: topics are made there, and stay (default: a broker started for the run)")
	f.BoolVar(&o.race, "race", false, "servers with the race detector")
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(help, programsUsage)
		f.SetOutput(help)
		f.PrintDefaults()
		return nil, err
	}
	if err != nil {
		return wrong("%w", err)
	}
	if f.NArg() > 0 {
		return wrong("%s: it takes flags alone; name the servers by --server ws-single,ws-multi", f.Arg(0))
	}
	given := map[string]bool{}
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	switch {
	case o.long <= 0:
		return wrong("--for %v: must be more than 0, such as 2m", o.long)
	case o.file != "" && given["seed"]:
		return wrong("--seed together with --file: a program from a file is not drawn")
	case o.file != "" && !given["for"]:
		o.long = 0
	}
	if o.servers, err = chooseTwo(variants); err != nil {
		return wrong("--server %s: %w", variants, err)
	}
	for _, path := range []*string{&o.file, &o.dir} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(env("CALLER_DIR"), *path)
		}
	}
	if o.file != "" {
		p, err := program.Read(o.file)
		if err != nil {
			return wrong("--file: %w", err)
		}
		o.only = &p
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1<<32) + 1
	}
	return o, nil
}

// chooseTwo are the servers that clients move between; both may be the same variant.
func chooseTwo(names string) (two [2]variant.Variant, err error) {
	all, err := variant.All()
	if err != nil {
		return two, err
	}
	list := splitList(names)
	if len(list) != len(two) {
		return two, errors.New("say two servers, such as ws-single,ws-multi or ws-multi,ws-multi")
	}
	for i, name := range list {
		n := slices.IndexFunc(all, func(v variant.Variant) bool { return v.Name == name })
		if n < 0 {
			return two, fmt.Errorf("there is no server %q: say ws-single or ws-multi", name)
		}
		two[i] = all[n]
	}
	return two, nil
}

// runPrograms runs programs until the time is over or one fails; kept says that none did.
func runPrograms(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) (kept bool, err error) {
	o, err := parsePrograms(args, env, stdout)
	if err != nil {
		return false, err
	}
	if o.dir != "" {
		if err := os.MkdirAll(o.dir, 0o755); err != nil {
			return false, fmt.Errorf("make a folder for programs that fail: %w", err)
		}
	}
	if o.kafka == "" {
		fmt.Fprintln(stderr, "conformance: starting a Kafka")
		b, failed := broker.Start(ctx, broker.Options{})
		if failed != nil {
			return false, failed
		}
		defer func() { err = errors.Join(err, b.Stop()) }()
		o.kafka = b.Addr()
	}
	soon, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	topics, err := program.MakeTopics(soon, o.kafka)
	if err != nil {
		return false, fmt.Errorf("on the Kafka at %s: %w", o.kafka, err)
	}
	explore := program.Options{
		Brokers: o.kafka, Topics: topics, For: o.long, Seed: o.seed, AtOnce: atOnce, Only: o.only, Dir: o.dir,
		Log: func(line string) { fmt.Fprintf(stderr, "conformance: %s\n", line) },
	}
	for i, v := range o.servers {
		s, failed := o.start(ctx, v, topics, stderr)
		if failed != nil {
			return false, failed
		}
		// A server that ended by itself, panicked or raced is why clients failed, if they did; and a fault if they did not.
		defer func() {
			if wrong := s.End(); wrong != nil {
				kept, err = false, errors.Join(err, fmt.Errorf("%s: %w", v.Name, wrong))
			}
		}()
		explore.Servers[i] = program.Server{Name: fmt.Sprintf("server %d, %s", i, v.Name), URL: s.URL()}
		if err := s.Process.WaitReady(ctx); err != nil {
			return false, err
		}
	}
	out, err := program.Explore(ctx, explore)
	if out.Failed != nil {
		// Also where it could not be written down.
		fmt.Fprintf(stdout, "%s\n%s", out.Failed, o.again(out.Failed))
		return false, err
	}
	if err != nil {
		return false, err
	}
	fmt.Fprintln(stdout, out)
	if ctx.Err() != nil {
		return false, errors.New("interrupted: no program has failed so far")
	}
	fmt.Fprintln(stdout, "every client got what it had to")
	return true, nil
}

// start starts a server for programs.
func (o *programsOptions) start(ctx context.Context, v variant.Variant, topics program.Topics, stderr io.Writer) (*stage.Server, error) {
	dir, err := variant.BinDir()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(stderr, "conformance: building %s\n", v.Name)
	binary, err := v.Build(ctx, dir, o.race)
	if err != nil {
		return nil, err
	}
	settings := program.Settings(o.kafka, topics)
	if v.Name == "ws-multi" {
		settings["WS_SHARDS"] = "3" // whatever the machine has: a client's channels are on several
	}
	p, err := variant.Start(variant.Options{Binary: binary, Env: settings})
	if err != nil {
		return nil, err
	}
	return &stage.Server{Addr: p.Addr, AdminAddr: p.AdminAddr, Process: p}, nil
}

// again says how the failure may be seen again.
func (o *programsOptions) again(f *program.Failure) string {
	base := []string{"programs"}
	if names := o.servers[0].Name + "," + o.servers[1].Name; names != "ws-single,ws-multi" {
		base = append(base, "--server", names)
	}
	if o.race {
		base = append(base, "--race")
	}
	file := f.File
	if o.file != "" {
		file = o.file
	}
	var b strings.Builder
	fmt.Fprintf(&b, "run it again:\n    %s\n", again(slices.Concat(base, []string{"--file", file})))
	if !f.Alone {
		first := f.Seed - (f.Seed-o.seed)%atOnce
		fmt.Fprintf(&b, "with those that ran beside it:\n    %s\n", again(slices.Concat(base, []string{"--seed", fmt.Sprint(first), "--for", "1s"})))
	}
	return b.String()
}
