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
)

// Exit codes: what a script can act on.
const (
	exitAlike   = 0
	exitDiffers = 1 // or it could not be found out
	exitUsage   = 2
)

// errUsage is wrapped by errors in the command line.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, env, stdout)
	alike := false
	if err == nil {
		alike, err = o.compare(ctx, stdout, stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitAlike
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "parity: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
		return exitUsage
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "parity: interrupted: no report was written")
		return exitDiffers
	case err != nil:
		fmt.Fprintf(stderr, "parity: %v\n", err)
		return exitDiffers
	case !alike:
		return exitDiffers
	}
	return exitAlike
}
