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
	exitKept   = 0
	exitBroken = 1 // a sentence, or the servers differ, or the run failed
	exitUsage  = 2
)

// errUsage marks errors that mean: the caller asked for something wrong.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	kept, err := command(ctx, args, env, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitKept
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "conformance: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "conformance: %v\n", err)
		return exitBroken
	case !kept:
		return exitBroken
	}
	return exitKept
}

// command does what the first argument says: without a command's name, the cases.
func command(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) (kept bool, err error) {
	if len(args) > 0 && args[0] == "programs" {
		return runPrograms(ctx, args[1:], env, stdout, stderr)
	}
	return runCases(ctx, args, env, stdout, stderr)
}
