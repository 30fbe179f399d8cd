package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/broker"
)

const help = `usage: scripts/kafka start|stop|status [--port 9092] [--dir DIR]

  start   start a Kafka ` + broker.Version + ` broker (if it does not run yet), wait until it answers,
          and make the default topics with 12 partitions each
  stop    end it; its data stays for the next start
  status  show its process, address and topics

  --port N       port for clients (default 9092)
  --dir DIR      where its properties, data and log live
                 (default: a directory of the port's in the user's cache directory)
  --foreground   start only: a broker for one program, see below

With KAFKA_BROKERS set, start and status use that cluster: start makes the
topics that are missing, stop leaves it alone.

start --foreground prints the address when the broker answers, then obeys lines
on standard input, each answered with "ok" or "error: ...":

  kill, restart, freeze, thaw
  create TOPIC PARTITIONS, delete TOPIC, partitions TOPIC TOTAL
  delete-records TOPIC PARTITION BEFORE

At the end of standard input the broker ends. No default topics are made;
--port 0 takes a free port, and without --dir nothing is left behind.
`

const partitions = 12

type usageError struct{ error }

var errHelp = errors.New("help was asked for")

func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		return usageError{errors.New("say start, stop or status (--help shows more)")}
	}
	command := args[0]
	flags := flag.NewFlagSet("kafka", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	port := flags.Int("port", 9092, "")
	dir := flags.String("dir", "", "")
	foreground := flags.Bool("foreground", false, "")
	err := flags.Parse(args[1:])
	if errors.Is(err, flag.ErrHelp) || command == "help" || command == "-h" || command == "--help" {
		io.WriteString(stdout, help) //nolint:errcheck // nobody left to tell
		return errHelp
	}
	if err != nil {
		return usageError{err}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	if *port < 0 || *port > 65535 {
		return usageError{fmt.Errorf("--port %d: not a port (1 to 65535)", *port)}
	}
	if *dir != "" && !filepath.IsAbs(*dir) {
		*dir = filepath.Join(getenv("CALLER_DIR"), *dir)
	}
	if *foreground {
		if command != "start" {
			return usageError{errors.New("--foreground goes with start")}
		}
		return serve(ctx, broker.Options{Port: *port, Dir: *dir}, stdin, stdout)
	}
	if *port == 0 {
		return usageError{errors.New("--port 0 goes with --foreground: nobody could find the broker again")}
	}
	cluster := getenv("KAFKA_BROKERS")
	if *dir == "" {
		cache, err := broker.CacheDir()
		if err != nil {
			return err
		}
		*dir = filepath.Join(cache, "broker-"+strconv.Itoa(*port))
	}
	switch command {
	case "start":
		return start(ctx, cluster, broker.Options{Port: *port, Dir: *dir}, stdout)
	case "stop":
		return stop(cluster, *dir, stdout)
	case "status":
		return status(ctx, cluster, *dir, stdout)
	}
	return usageError{fmt.Errorf("unknown command %q: say start, stop or status", command)}
}

func start(ctx context.Context, cluster string, opts broker.Options, stdout io.Writer) error {
	whose := "KAFKA_BROKERS"
	if cluster == "" {
		b, err := broker.StartDetached(ctx, opts)
		if err != nil {
			return err
		}
		cluster, whose = b.Addr(), fmt.Sprintf("process %d, data in %s", b.PID(), b.Dir())
	}
	topics, err := wire.ParseTopics(wire.DefaultTopics)
	if err != nil {
		return fmt.Errorf("parse default topics: %w", err)
	}
	var names []string
	for _, t := range topics {
		names = append(names, t.Name)
	}
	if err := broker.CreateTopics(ctx, cluster, partitions, names...); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "Kafka answers at %s (%s)\n", cluster, whose)
	return err
}

func stop(cluster, dir string, stdout io.Writer) error {
	if cluster != "" {
		return fmt.Errorf("KAFKA_BROKERS is set: the cluster at %s is not mine to stop (unset KAFKA_BROKERS to stop a broker that scripts/kafka started)", cluster)
	}
	b, err := broker.Find(dir)
	if err != nil {
		return err
	}
	if b == nil {
		_, err = fmt.Fprintf(stdout, "No broker runs in %s\n", dir)
		return err
	}
	pid := b.PID()
	if err := b.Stop(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "Stopped process %d; its data stays in %s\n", pid, dir)
	return err
}

func status(ctx context.Context, cluster, dir string, stdout io.Writer) error {
	whose := "KAFKA_BROKERS"
	if cluster == "" {
		b, err := broker.Find(dir)
		if err != nil {
			return err
		}
		if b == nil {
			return fmt.Errorf("no broker runs in %s (scripts/kafka start starts one)", dir)
		}
		cluster, whose = b.Addr(), fmt.Sprintf("process %d, data in %s", b.PID(), b.Dir())
	}
	topics, err := broker.Topics(ctx, cluster)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "Kafka answers at %s (%s)\n", cluster, whose); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		if _, err := fmt.Fprintf(stdout, "  %-20s %d partitions\n", name, topics[name]); err != nil {
			return err
		}
	}
	return nil
}
