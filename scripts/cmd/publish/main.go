package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/adred-codev/ws_poc/scripts/internal/produce"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once, in the middle of its wait for acknowledgements.
	context.AfterFunc(ctx, cancel)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// errUsage marks errors that mean: the caller asked for something wrong.
var errUsage = errors.New("wrong usage")

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	summary, err := publish(ctx, args, env, stdout, stderr)
	if summary != nil {
		line, merr := json.Marshal(summary)
		if merr != nil {
			err = errors.Join(err, merr)
		}
		fmt.Fprintf(stdout, "%s\n", line)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "publish: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "publish: %v\n", err)
		return 1
	case summary != nil && summary.Errors > 0:
		return 1
	}
	return 0
}

func publish(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) (*produce.Summary, error) {
	o, err := parse(args, env, stdout)
	if err != nil {
		return nil, err
	}
	source, topics, err := o.source()
	if err != nil {
		return nil, err
	}
	defer source.Close()

	p, err := produce.New(produce.Config{
		Brokers: o.brokers, Properties: o.properties, Rate: float64(o.rate), Duration: o.duration,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	defer p.Close()
	missing, err := p.MissingTopics(topics)
	if err != nil {
		return nil, err
	}
	switch {
	case len(missing) > 0 && o.noCreate:
		return nil, fmt.Errorf("no such topic: %s; leave out --no-create to have it made", strings.Join(missing, ", "))
	case len(missing) > 0:
		if err := p.CreateTopics(ctx, missing, o.partitions); err != nil {
			return nil, err
		}
		fmt.Fprintf(stderr, "publish: made with %d partitions: %s\n", o.partitions, strings.Join(missing, ", "))
	}

	var shown sync.WaitGroup
	done := make(chan struct{})
	show := newDisplay(stderr, o.duration, source.total)
	shown.Go(func() { show.run(p.Progress, done) })
	summary, err := p.Run(ctx, source)
	close(done)
	shown.Wait()
	return &summary, err
}
