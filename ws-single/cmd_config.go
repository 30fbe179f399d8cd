package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/version"
)

func runConfigCheck(_ context.Context, in invocation) error {
	cfg, err := in.load(newFlags())
	if err != nil {
		return err
	}
	// What only librdkafka can tell, it tells without connecting to anything.
	if _, err := kafka.New(kafkaConfig(cfg), slog.New(slog.DiscardHandler)); err != nil {
		return kafkaError(cfg, err)
	}
	for _, w := range cfg.Warnings {
		_, _ = fmt.Fprintf(in.stderr, "%s: warning: %s\n", version.Name, w)
	}
	_, err = fmt.Fprintln(in.stdout, "configuration is valid")
	return err
}

func runConfigPrint(_ context.Context, in invocation) error {
	cfg, err := in.load(newFlags())
	if err != nil {
		return err
	}
	return cfg.Write(in.stdout)
}
