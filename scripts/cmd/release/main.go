package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/adred-codev/ws_poc/scripts/internal/release"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const help = `usage: scripts/release VARIANT VERSION [options]

Releases a variant: writes the version into its VERSION, commits that, and makes the tag VARIANT/vVERSION with what the
changelog says of it. Nothing is pushed; the tag's workflow builds the image once it is. That takes

  - the branch main, as it is committed, with all that its upstream has
  - a version above VERSION's and above the last tag, or VERSION's own where it was never released
  - a heading of that version in VARIANT/CHANGELOG.md, the first one, and something under it
  - a copy of the kit that is whole: scripts/kit check
  - tests that pass: scripts/test VARIANT kit-copies

What does not hold is said. Without --yes nothing is changed.

Examples:
  scripts/release ws-single 1.3.0
  scripts/release ws-multi 0.2.0 --yes

The kit is released by scripts/kit release.

Exit codes: 0 done, or with a dry run all holds; 1 something does not hold, or failed; 2 wrong usage.

Options:
`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	root, err := variant.Root()
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
	} else {
		code = run(ctx, &release.Desk{Root: root, Output: os.Stderr}, os.Args[1:], os.Stdout, os.Stderr)
	}
	cancel()
	os.Exit(code)
}

// run does one call at the desk and gives its exit code: 0, 1 where something does not hold or failed, 2 for wrong usage.
func run(ctx context.Context, desk *release.Desk, args []string, stdout, stderr io.Writer) int {
	err := do(ctx, desk, args, stdout)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, release.ErrUsage):
		fmt.Fprintf(stderr, "release: %s\n", strings.TrimPrefix(err.Error(), release.ErrUsage.Error()+": "))
		return 2
	}
	fmt.Fprintf(stderr, "release: %v\n", err)
	return 1
}

func do(ctx context.Context, desk *release.Desk, args []string, stdout io.Writer) error {
	var yes, dry bool
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&yes, "yes", false, "do it")
	flags.BoolVar(&dry, "dry-run", false, "only say what would be done, and what is in its way (the default)")
	var names []string
	for rest := args; len(rest) > 0; { // options may stand behind the names, as people write them
		if !strings.HasPrefix(rest[0], "-") {
			names, rest = append(names, rest[0]), rest[1:]
			continue
		}
		err := flags.Parse(rest)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
			flags.SetOutput(stdout)
			flags.PrintDefaults()
			return flag.ErrHelp
		}
		if err != nil {
			return fmt.Errorf("%w: %w; scripts/release --help shows the options", release.ErrUsage, err)
		}
		rest = flags.Args()
	}
	switch {
	case len(names) != 2:
		return fmt.Errorf("%w: say what and in which version, such as: scripts/release ws-single 1.3.0", release.ErrUsage)
	case yes && dry:
		return fmt.Errorf("%w: --yes does it and --dry-run does not: leave one out", release.ErrUsage)
	}
	desk.Watch = func(line string) { fmt.Fprintln(stdout, line) }
	c, err := desk.Variant(ctx, strings.TrimSuffix(names[0], "/"), names[1])
	if err != nil {
		return err
	}
	return c.Conclude(ctx, stdout, yes, release.Push(c))
}
