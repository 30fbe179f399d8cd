package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGTERM, syscall.SIGINT)
	ctx, end := context.WithCancel(context.Background())
	go func() {
		<-heard
		// One signal drains. The next has its usual effect, also one that comes
		// as soon as anybody can see the drain: whoever sends two is in a hurry.
		signal.Stop(heard)
		end()
	}()
	p := cli{environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr, serve: serve}
	os.Exit(p.run(ctx, os.Args[1:]))
}
