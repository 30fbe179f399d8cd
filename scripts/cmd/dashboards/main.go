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
	"time"
)

const help = `usage: scripts/dashboards COMMAND [options]

Commands:
  check      say whether deploy/grafana/dashboards is what the code says
  write      write it
  pictures   run both servers under load beside a real Prometheus, ask it each query of each panel, and draw the answers into
             deploy/grafana/pictures: three minutes, and prometheus, java and mvn installed

Examples:
  scripts/dashboards write
  scripts/dashboards pictures --for 3m --members 400

Exit codes: 0 done, 1 the files differ, a query has no answer, or something failed, 2 wrong usage.

Options of pictures:
`

// errUsage is wrapped by errors in the command line.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := command(ctx, args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp) || err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "dashboards: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
		return 2
	}
	fmt.Fprintf(stderr, "dashboards: %v\n", err)
	return 1
}

func command(ctx context.Context, args []string, stdout io.Writer) error {
	var o options
	flags := flag.NewFlagSet("dashboards", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.DurationVar(&o.length, "for", 3*time.Minute, "how long the load lasts")
	flags.IntVar(&o.members, "members", 400, "how many clients")
	flags.Float64Var(&o.rate, "rate", 200, "records a second")
	var name string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, help)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return err
	} else if err != nil {
		return fmt.Errorf("%w: %w; scripts/dashboards --help shows what there is", errUsage, err)
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%w: unexpected %q; scripts/dashboards --help shows what there is", errUsage, flags.Arg(0))
	case name != "pictures" && flags.NFlag() > 0:
		return fmt.Errorf("%w: only pictures has options", errUsage)
	case o.length < 10*time.Second || o.members < 2 || o.rate <= 0:
		return fmt.Errorf("%w: --for must be at least 10s, --members 2, --rate above 0", errUsage)
	}
	switch name {
	case "check":
		return check(stdout)
	case "write":
		return write(stdout)
	case "pictures":
		return o.pictures(ctx, stdout)
	case "":
		return fmt.Errorf("%w: say check, write or pictures; scripts/dashboards --help explains them", errUsage)
	}
	return fmt.Errorf("%w: there is no %q: check, write or pictures", errUsage, name)
}
