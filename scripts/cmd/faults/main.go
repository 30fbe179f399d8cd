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

	"github.com/adred-codev/ws_poc/scripts/internal/fault"
)

const help = `usage: scripts/faults [FAULT ...] [options]

Does faults to both variants, one after the other, and holds what clients see to its limits. A FAULT is a name of --list, or
the beginning of some with a dash at its end (broker-). Without one, all are made; that takes two hours, one of them the soak.

It needs Java 17 and Maven for Kafka; link-dropped, link-lossy and log-disk-full need root, the first two iptables as well. What
judges times wants a machine on which nothing else runs.

Examples:
  scripts/faults --list
  scripts/faults broker-killed
  scripts/faults slow- --server ws-multi
  scripts/faults --record scripts/evidence/faults.json --page scripts/evidence/faults.md

Exit code 0: all held. 1: a limit was broken, or something failed. 2: wrong command line. 3: some could not be made here.

Options:
`

// errUsage is wrapped by errors in the command line.
var errUsage = errors.New("wrong usage")

func main() {
	fault.Child()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// run returns the exit code: 0 all held, 1 a limit was broken or something failed, 2 wrong usage, 3 some could not be made.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	code := 0
	if err == nil {
		code, err = o.make(ctx, stdout, stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "faults: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "faults: %v\n", err)
		return 1
	}
	return code
}

type options struct {
	names        []string
	list, small  bool
	server       string
	record, page string
}

func parse(args []string, stdout io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.list, "list", false, "show the faults and end")
	flags.BoolVar(&o.small, "small", false, "crowds of a tenth, as in scripts/test")
	flags.StringVar(&o.server, "server", "", "do it to this `variant` only: ws-single or ws-multi")
	flags.StringVar(&o.record, "record", "", "keep the results in this `file` of JSON; those of other faults in it stay")
	flags.StringVar(&o.page, "page", "", "write this `file` of Markdown from all that --record holds")
	// Options may stand behind the names, as people write them.
	for rest := args; len(rest) > 0; {
		if !strings.HasPrefix(rest[0], "-") {
			o.names, rest = append(o.names, rest[0]), rest[1:]
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
			return nil, fmt.Errorf("%w: %w; scripts/faults --help shows the options", errUsage, err)
		}
		rest = flags.Args()
	}
	if o.page != "" && o.record == "" {
		return nil, fmt.Errorf("%w: --page needs --record: the page is made from what the record holds", errUsage)
	}
	if o.small && o.record != "" {
		return nil, fmt.Errorf("%w: --record is for faults at their full size: leave --small out", errUsage)
	}
	for _, path := range []*string{&o.record, &o.page} {
		// The wrapper has changed the folder; paths are the caller's.
		if dir := os.Getenv("CALLER_DIR"); *path != "" && dir != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	return &o, nil
}
