package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
	"github.com/adred-codev/ws_poc/scripts/internal/promotion"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const help = `usage: scripts/promote VARIANT [options]
       scripts/promote --candidate VARIANT
       scripts/promote --rollback

Turns the link ws to another variant. The link says which one is in production: "cd ws && go build" and the release of an image as
latest go by it. It moves no client and changes nothing that runs; scripts/rollout moves clients. Turning it takes

  - a status of candidate or standby in its VERSION, and tests that pass: scripts/test VARIANT kit-copies
  - a report of scripts/parity of exactly these trees, that passed
  - a result of scripts/bench of the same trees, that neither refused nor stayed undecided, inside of deploy/limits.yml

What does not hold is said. Without --yes nothing is changed. With it the link is turned, both VERSION files are written,
and it is all committed with the evidence, in scripts/evidence/promotion. Nothing is pushed.

--candidate makes a variant's status candidate, from then on it may be promoted. --rollback goes back to the variant on
standby, without evidence and tests. Both are dry runs without --yes, too.

Examples:
  scripts/promote ws-multi
  scripts/promote --candidate ws-multi --yes
  scripts/promote ws-multi --parity scripts/.cache/parity/report.json --yes
  scripts/promote --rollback

Exit codes: 0 done, or with a dry run all holds; 1 something does not hold, or failed; 2 wrong usage.

Options:
`

// errUsage is wrapped by errors in the command line.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	root, err := variant.Root()
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "promote:", err)
	} else {
		code = run(ctx, &promotion.Desk{Root: root, Output: os.Stderr}, os.Args[1:], os.Stdout, os.Stderr)
	}
	cancel()
	os.Exit(code)
}

// run does one call at the desk and gives its exit code: 0, 1 where something does not hold or failed, 2 for wrong usage.
func run(ctx context.Context, desk *promotion.Desk, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if err == nil {
		err = o.do(ctx, desk, stdout)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage), errors.Is(err, promotion.ErrUnknown):
		fmt.Fprintf(stderr, "promote: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
		return 2
	}
	fmt.Fprintf(stderr, "promote: %v\n", err)
	return 1
}

type options struct {
	variant             string
	candidate, rollback bool
	yes, dry            bool
	evidence            promotion.Evidence
}

func parse(args []string, stdout io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("promote", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.yes, "yes", false, "do it")
	flags.BoolVar(&o.dry, "dry-run", false, "only say what would be done, and what is in its way (the default)")
	flags.BoolVar(&o.candidate, "candidate", false, "make the variant a candidate")
	flags.BoolVar(&o.rollback, "rollback", false, "go back to the variant on standby")
	flags.StringVar(&o.evidence.Parity, "parity", "", "the report's `file` (default: the newest of these trees in scripts/.cache/parity, or scripts/evidence/parity.json)")
	flags.Func("bench", "a result's `file`, again for more (default: the newest of these trees in scripts/.cache/bench)", func(file string) error {
		o.evidence.Bench = append(o.evidence.Bench, callers(file))
		return nil
	})
	var names []string
	for rest := args; len(rest) > 0; { // options may stand behind the name, as people write them
		if !strings.HasPrefix(rest[0], "-") {
			names, rest = append(names, rest[0]), rest[1:]
			continue
		}
		err := flags.Parse(rest)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
			flags.SetOutput(stdout)
			flags.PrintDefaults()
			return nil, flag.ErrHelp
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w; scripts/promote --help shows the options", errUsage, err)
		}
		rest = flags.Args()
	}
	o.evidence.Parity = callers(o.evidence.Parity)
	given := o.evidence.Parity != "" || len(o.evidence.Bench) > 0
	switch {
	case o.yes && o.dry:
		return nil, fmt.Errorf("%w: --yes does it and --dry-run does not: leave one out", errUsage)
	case o.candidate && o.rollback:
		return nil, fmt.Errorf("%w: --candidate and --rollback are two things: leave one out", errUsage)
	case given && (o.candidate || o.rollback):
		return nil, fmt.Errorf("%w: --parity and --bench are for a promotion: neither --candidate nor --rollback asks for evidence", errUsage)
	case o.rollback && len(names) > 0:
		return nil, fmt.Errorf("%w: --rollback goes to the variant on standby: leave %s out", errUsage, names[0])
	case !o.rollback && len(names) != 1:
		return nil, fmt.Errorf("%w: name one variant, such as: scripts/promote ws-multi", errUsage)
	case !o.rollback:
		o.variant = strings.TrimSuffix(names[0], "/")
	}
	return &o, nil
}

// callers is a path of the caller's: the wrapper has changed the folder.
func callers(path string) string {
	if dir := os.Getenv("CALLER_DIR"); path != "" && dir != "" && !filepath.IsAbs(path) {
		return filepath.Join(dir, path)
	}
	return path
}

func (o *options) do(ctx context.Context, desk *promotion.Desk, stdout io.Writer) error {
	desk.Watch = func(line string) { fmt.Fprintln(stdout, line) }
	var c *change.Change
	var err error
	switch {
	case o.rollback:
		c, err = desk.Rollback(ctx)
	case o.candidate:
		c, err = desk.Candidate(ctx, o.variant)
	default:
		c, err = desk.Promote(ctx, o.variant, o.evidence)
	}
	if err != nil {
		return err
	}
	return c.Conclude(ctx, stdout, o.yes, "Look at it (git show --stat), and push it.")
}
