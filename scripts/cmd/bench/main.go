package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/adred-codev/ws_poc/scripts/internal/load"
	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// Exit codes: what a script can act on.
const (
	exitHolds     = 0 // or there was no limit to hold
	exitWorse     = 1 // worse than a limit, or it failed
	exitUsage     = 2
	exitRefused   = 3 // or it was interrupted
	exitUndecided = 4
)

const help = `usage: scripts/bench COMMAND [options]

  run [SCENARIO ...]   measure a server in scenarios, beside the kernel's floor, against the scenarios' limits
  compare A B [...]    measure servers side by side and say what A costs over each of the others
  capacity             find the highest rate that a server holds, and write settings for --config
  fit                  measure a grid of small loads and fit a model of what they cost
  map                  say which variant is cheaper, load by load, by the newest model
  plan                 say how many instances a load takes, and what breaks first, by the newest model
  report [FILE ...]    make a page and a table of results (default: the newest of each scenario)
  list                 show the scenarios, the servers and the baselines
  baseline NAME        run a baseline in the foreground, to look at it
  COMMAND --help       options and examples

Exit codes: 0 holds or has no limit to hold, 1 worse than a limit or failed, 2 wrong usage,
            3 refused to judge or interrupted, 4 undecided.
`

var (
	// errUsage is wrapped by errors in the command line.
	errUsage = errors.New("wrong usage")
	// errInterrupted ends a run of which there is nothing to keep.
	errInterrupted = errors.New("interrupted before anything was measured")
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		if err := load.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "bench worker: %v\n", err)
			os.Exit(1)
		}
		return
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	code, err := command(ctx, args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitHolds
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "bench: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
		return exitUsage
	case errors.Is(err, errInterrupted):
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitRefused
	case err != nil:
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return max(code, exitWorse)
	}
	return code
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	if len(args) == 0 {
		return 0, fmt.Errorf("%w: say what to do: run, compare, capacity, fit, map, plan, report, list or baseline (--help shows more)", errUsage)
	}
	rest := args[1:]
	switch args[0] {
	case "run":
		return runCommand(ctx, rest, stdout, stderr)
	case "compare":
		return compareCommand(ctx, rest, stdout, stderr)
	case "capacity":
		return capacityCommand(ctx, rest, stdout, stderr)
	case "fit":
		return fitCommand(ctx, rest, stdout, stderr)
	case "map":
		return mapCommand(rest, stdout)
	case "plan":
		return planCommand(rest, stdout)
	case "report":
		return reportCommand(rest, stdout, stderr)
	case "list":
		return list(stdout)
	case "baseline":
		return baseline(ctx, rest)
	case "help", "-h", "--help":
		fmt.Fprint(stdout, help)
		return exitHolds, nil
	}
	return 0, fmt.Errorf("%w: %q is no command: say run, compare, capacity, fit, map, plan, report, list or baseline", errUsage, args[0])
}

// list shows what can be named.
func list(stdout io.Writer) (int, error) {
	all, err := scenario.List()
	if err != nil {
		return 0, err
	}
	fmt.Fprintln(stdout, "scenarios")
	for _, s := range all {
		named := ""
		if s.ByName {
			named = " (only when it is named)"
		}
		fmt.Fprintf(stdout, "  %-14s %s%s\n", s.Name, s.Title, named)
	}
	servers, err := variantNames()
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(stdout, "servers\n  %s\nbaselines\n  %s\n", strings.Join(servers, ", "), strings.Join(baselineNames(), ", "))
	return exitHolds, nil
}

func baseline(ctx context.Context, args []string) (int, error) {
	if len(args) != 1 || !slices.Contains(baselineNames(), args[0]) {
		return 0, fmt.Errorf("%w: bench baseline NAME, one of %s; it reads the environment of a server: WS_ADDR, WS_ADMIN_ADDR, KAFKA_BROKERS, KAFKA_TOPICS",
			errUsage, strings.Join(baselineNames(), ", "))
	}
	return exitHolds, measure.Baseline(ctx, args[0])
}
