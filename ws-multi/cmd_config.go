package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-multi/internal/version"
)

func checkingConfig(p *cli) ([]config.Flag, action) {
	return nil, func(_ context.Context, cfg *config.Config) error {
		if err := checkKafka(cfg); err != nil {
			return err
		}
		for _, w := range cfg.Warnings {
			_, _ = fmt.Fprintf(p.stderr, "%s: warning: %s\n", version.Name, w)
		}
		_, err := fmt.Fprintln(p.stdout, "the settings are valid")
		return err
	}
}

// checkKafka has librdkafka look at its properties, which it does without a
// connection to anything.
func checkKafka(cfg *config.Config) error {
	_, err := kafka.New(kafkaConfig(cfg), slog.New(slog.DiscardHandler))
	return kafkaError(cfg, err)
}

// kafkaConfig is what the kafka package needs of cfg.
func kafkaConfig(cfg *config.Config) kafka.Config {
	from := &cfg.Kafka
	to := kafka.Config{Brokers: from.Brokers, Topics: slices.Clone(from.Topics), Properties: from.Properties}
	to.Window, to.MaxRate = cfg.HistoryWindow, from.MaxRate
	to.SecurityProtocol, to.SASLMechanism = from.SecurityProtocol, from.SASLMechanism
	to.SASLUsername, to.SASLPassword = from.SASLUsername, from.SASLPassword.Reveal()
	to.SSLCALocation, to.SSLCertificateLocation = from.SSLCALocation, from.SSLCertificateLocation
	to.SSLKeyLocation, to.SSLKeyPassword = from.SSLKeyLocation, from.SSLKeyPassword.Reveal()
	return to
}

// kafkaError makes what kafka.New refuses an error about a setting, if possible
// with where it was set. nil stays nil.
func kafkaError(cfg *config.Config, err error) error {
	if err == nil {
		return nil
	}
	if name, why, found := strings.Cut(err.Error(), ": "); found && strings.HasPrefix(name, "KAFKA_") {
		return cfg.Wrong(name, why, "")
	}
	return misuse(err.Error())
}

func printingConfig(p *cli) ([]config.Flag, action) {
	return nil, func(_ context.Context, cfg *config.Config) error { return cfg.Print(p.stdout) }
}
