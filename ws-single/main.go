package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, drain := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		// The first signal drains. Before that begins, signals do again what they
		// do by default: a second one ends the process at once, however soon.
		signal.Stop(signals)
		drain()
	}()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
