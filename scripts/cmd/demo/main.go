package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(2)
	default:
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

// errUsage is wrapped by errors in the command line.
var errUsage = errors.New("wrong command line")

// options is the parsed command line.
type options struct {
	host      string
	port      int
	portAsked bool
	rate      float64
	symbols   int
	seed      uint64
	duration  time.Duration
	open      bool
	servers   []program
	verbose   bool
}

func parse(args []string, help io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&o.host, "host", "127.0.0.1", "`address` to serve the page on; 0.0.0.0 lets a phone in the same network see it")
	f.IntVar(&o.port, "port", 8080, "the page's port (the next free one)")
	f.Float64Var(&o.rate, "rate", 300, "records a second")
	f.IntVar(&o.symbols, "symbols", 24, "how many symbols the market has")
	f.Uint64Var(&o.seed, "seed", 1, "another seed, another market")
	f.DurationVar(&o.duration, "duration", 0, "end after this `time` (0: with Ctrl-C)")
	f.BoolVar(&o.open, "open", true, "open the page in the browser")
	f.Var(programList{&o.servers, os.Getenv("CALLER_DIR")}, "server",
		"show this server, `[name=]binary`, and each one named by a further --server beside it (all variants of the repository, built now)")
	f.BoolVar(&o.verbose, "verbose", false, "show the server's log")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(help, "demo shows the servers at work: a broker, a market, each variant of the server, and a page to watch them.\n\n")
			f.SetOutput(help)
			f.PrintDefaults()
			return o, err
		}
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	f.Visit(func(g *flag.Flag) { o.portAsked = o.portAsked || g.Name == "port" })
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%w: unexpected %q: there are only flags, see --help", errUsage, f.Arg(0))
	case o.port < 0 || o.port > 65535:
		return o, fmt.Errorf("%w: --port %d: must be 0 to 65535", errUsage, o.port)
	case !(o.rate > 0 && o.rate <= 5000):
		return o, fmt.Errorf("%w: --rate %v: must be above 0 and at most 5000, which is what the embedded broker is good for", errUsage, o.rate)
	case o.symbols < 1 || o.symbols > 1000:
		return o, fmt.Errorf("%w: --symbols %d: must be 1 to 1000", errUsage, o.symbols)
	case o.duration < 0:
		return o, fmt.Errorf("%w: --duration %v: must not be negative", errUsage, o.duration)
	}
	return o, nil
}
