package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const usage = `Usage: scripts/test [--full] [--jobs N] [part ...]

Runs all tests, or those of the parts named, with the race detector, against a
real Kafka broker. Sets up what is missing, and installs it where that can be
done by apt-get; otherwise it says what to install.

Example:
  scripts/test kit e2e

  --full      also what takes long (WS_TEST_FULL=1 does the same)
  --jobs N    parts that run at once (default: the cores, at most 2)
  --list      list the parts
  --help      this

Exit code: 0 when all passed, 1 when some failed, 2 for a wrong command line
or a missing tool.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run is the program; its result is the exit code.
func run(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	flags.Usage = func() { fmt.Fprint(os.Stdout, usage) }
	full := flags.Bool("full", os.Getenv("WS_TEST_FULL") == "1", "")
	jobs := flags.Int("jobs", min(2, runtime.NumCPU()), "")
	list := flags.Bool("list", false, "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if *jobs < 1 {
		fmt.Fprintf(os.Stderr, "test: --jobs %d: must be at least 1\n", *jobs)
		return 2
	}
	root, err := variant.Root()
	if err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		return 2
	}
	variants, err := variant.All()
	if err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		return 2
	}
	all := parts(variants)
	if *list {
		for _, p := range all {
			mark := ""
			if p.full {
				mark = " (--full)"
			}
			fmt.Printf("%-20s %s%s\n", p.name, p.about, mark)
		}
		return 0
	}
	chosen, err := choose(all, flags.Args(), *full)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		return 2
	}
	if err := setUp(ctx, chosen); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		return 2
	}
	return runParts(ctx, newShared(root, variants), chosen, *jobs)
}

// choose picks the parts by name; none named means all, the long ones only
// with full.
func choose(all []part, names []string, full bool) ([]part, error) {
	var chosen []part
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p part) bool { return p.name == name }) {
			var known []string
			for _, p := range all {
				known = append(known, p.name)
			}
			return nil, fmt.Errorf("there is no part %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	for _, p := range all {
		if slices.Contains(names, p.name) || len(names) == 0 && (full || !p.full) {
			chosen = append(chosen, p)
		}
	}
	return chosen, nil
}
