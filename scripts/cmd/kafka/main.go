// Command kafka starts, stops and shows a real Kafka broker for development
// and tests, or works on the cluster that KAFKA_BROKERS names.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, errHelp):
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "kafka:", err)
		os.Exit(2) //nolint:gocritic // nothing is left for stop to undo
	default:
		fmt.Fprintln(os.Stderr, "kafka:", err)
		os.Exit(1)
	}
}
