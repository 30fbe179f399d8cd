package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/release"
)

const releaseHelp = `usage: scripts/kit release VERSION [--yes]

Releases the kit: writes the version into kit/VERSION, where it is not there yet, commits that, and makes the tag
kit/vVERSION with what the changelog says of it. Nothing is pushed. It takes the branch main, as it is committed; a version
above the last tag; a heading of it in kit/CHANGELOG.md, the first one; copies that scripts/kit check finds whole; and
tests that pass: scripts/test kit kit-copies. What does not hold is said.

  --yes       do it; without it nothing is changed
  --dry-run   only say what would be done, the default

example:

  scripts/kit release 0.2.0
`

func runRelease(ctx context.Context, root string, args []string, out io.Writer) error {
	return releaseAt(ctx, &release.Desk{Root: root, Output: os.Stderr}, args, out)
}

func releaseAt(ctx context.Context, desk *release.Desk, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	yes := flags.Bool("yes", false, "")
	dry := flags.Bool("dry-run", false, "")
	var versions []string
	for rest := args; len(rest) > 0; { // options may stand behind the version, as people write them
		if !strings.HasPrefix(rest[0], "-") {
			versions, rest = append(versions, rest[0]), rest[1:]
			continue
		}
		if err := flags.Parse(rest); err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		rest = flags.Args()
	}
	switch {
	case len(versions) != 1:
		return fmt.Errorf("%w: say in which version", errUsage)
	case *yes && *dry:
		return fmt.Errorf("%w: --yes does it and --dry-run does not", errUsage)
	}
	desk.Watch = func(line string) { fmt.Fprintln(out, line) }
	c, err := desk.Kit(ctx, versions[0])
	if errors.Is(err, release.ErrUsage) {
		return fmt.Errorf("%w: %s", errUsage, strings.TrimPrefix(err.Error(), release.ErrUsage.Error()+": "))
	}
	if err != nil {
		return err
	}
	return c.Conclude(ctx, out, *yes, release.Push(c))
}
