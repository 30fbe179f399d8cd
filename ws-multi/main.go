package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, forget := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	// One signal drains. The next has its usual effect: whoever sends two is in
	// a hurry.
	go func() {
		<-ctx.Done()
		forget()
	}()
	p := cli{environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr, serve: serve}
	os.Exit(p.run(ctx, os.Args[1:]))
}
