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
	"syscall"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const help = `usage: scripts/changed [options]

Says which parts of scripts/test a change needs, and which images, and for each the path that asks for it. The change is all
that differs from where the branch left --base: commits, and what is not committed yet.

Examples:
  scripts/changed
  scripts/changed --base HEAD~3
  scripts/test $(scripts/changed --names)

Exit codes: 0 done, 1 failed, 2 wrong usage.

Options:
`

// errUsage is wrapped by errors in the command line.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program; its result is the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := do(ctx, args, stdout)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "changed: %v\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "changed: %v\n", err)
	return 1
}

func do(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("changed", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	base := flags.String("base", "origin/main", "the `commit` to compare with; empty, all zeros or unknown here: everything is needed")
	full := flags.Bool("full", false, "also the parts that take long")
	var with []string
	flags.Func("with", "of those that take long, this `part` too; may be repeated", func(name string) error {
		with = append(with, name)
		return nil
	})
	names := flags.Bool("names", false, "only the parts' names, on one line")
	github := flags.Bool("github", false, "lines for $GITHUB_OUTPUT: parts and images, as JSON")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return err
	case err != nil:
		return fmt.Errorf("%w: %w; scripts/changed --help lists the options", errUsage, err)
	case flags.NArg() > 0:
		return fmt.Errorf("%w: %q is not an option, and it takes nothing else", errUsage, flags.Arg(0))
	case *names && *github:
		return fmt.Errorf("%w: --names or --github, not both", errUsage)
	}
	root, err := variant.Root()
	if err != nil {
		return err
	}
	known, err := knownParts(ctx, root)
	if err != nil {
		return err
	}
	for _, name := range with {
		i := slices.IndexFunc(known, func(p part) bool { return p.name == name })
		if i < 0 {
			return fmt.Errorf("%w: --with %s: scripts/test has no such part, scripts/test --list shows them", errUsage, name)
		}
		known[i].long = false
	}
	var d decision
	paths, err := changedPaths(ctx, root, *base)
	switch {
	case errors.Is(err, errNoBase):
		d = everything(known, *full, err.Error())
	case err != nil:
		return err
	default:
		d = decide(rules, known, paths, *full)
	}
	switch {
	case *names:
		return d.tellNames(stdout)
	case *github:
		return d.tellGitHub(stdout)
	}
	return d.tell(stdout)
}
