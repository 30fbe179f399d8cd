package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/feed"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const usage = `publish writes records to Kafka at a steady rate: a believable market, or the records of a file.

  scripts/publish --rate 1000/s --symbols 50 --events trade,liquidity --duration 1m
  scripts/publish --file records.jsonl

A line of a file is a JSON object: {"topic" or "event", "key", "value": any JSON or "value_base64", "headers": {}, "partition",
"timestamp": Unix milliseconds}. "value": null makes a tombstone. "key_base64" stands for a key that is no text. A header whose
value is a list is sent once for each of its values.

Ends at --duration, at the file's end or with Ctrl-C; then one JSON object with the figures goes to standard output.
Exit code 0: all acknowledged. 1: not all, or no broker. 2: wrong command line or file.

`

// options is the parsed command line.
type options struct {
	brokers    string
	topics     []wire.Topic
	properties kafka.ConfigMap
	rate       perSecond
	duration   time.Duration
	partitions int
	noCreate   bool
	file       string // absolute, or empty
	feed       feed.Options
}

// perSecond is a flag such as 1000, 1000/s or 0.5/s.
type perSecond float64

func (r perSecond) String() string { return strconv.FormatFloat(float64(r), 'f', -1, 64) + "/s" }

func (r *perSecond) Set(s string) error {
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "/s"), 64)
	if err != nil || !(v > 0 && v <= 1e7) {
		return errors.New("want records a second, such as 1000/s")
	}
	*r = perSecond(v)
	return nil
}

func parse(args []string, env func(string) string, help io.Writer) (options, error) {
	envOr := func(name, otherwise string) string {
		if v := env(name); v != "" {
			return v
		}
		return otherwise
	}
	o := options{rate: 1000}
	var topics, properties, symbols, events string
	f := flag.NewFlagSet("publish", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&o.brokers, "brokers", envOr("KAFKA_BROKERS", "localhost:9092"), "bootstrap brokers, `host:port,...` (or KAFKA_BROKERS)")
	f.StringVar(&topics, "topics", envOr("KAFKA_TOPICS", wire.DefaultTopics), "`topic=event,...` (or KAFKA_TOPICS)")
	f.StringVar(&properties, "properties", env("KAFKA_PROPERTIES"), "more librdkafka properties, `name=value,...` (or KAFKA_PROPERTIES)")
	f.Var(&o.rate, "rate", "records a second")
	f.DurationVar(&o.duration, "duration", 0, "end after this `time`; 0: at the file's end, or never")
	f.IntVar(&o.partitions, "partitions", 12, "partitions of a topic that has to be made")
	f.BoolVar(&o.noCreate, "no-create", false, "a topic that does not exist is an error")
	f.StringVar(&o.file, "file", "", "records as JSON lines, in place of the market")
	f.StringVar(&symbols, "symbols", "100", "how many symbols, or which: `n or BTC,ETH,...`, the most popular first")
	f.StringVar(&events, "events", "", "`events` to make (all that are in --topics)")
	f.Float64Var(&o.feed.Zipf, "zipf", 1, "the k-th symbol is k^-`x` as popular as the first; 0: all alike")
	f.Uint64Var(&o.feed.Seed, "seed", 1, "another seed, another market")
	f.Uint64Var(&o.feed.StartN, "start-n", 1, "what the counter n in the values starts with, in each channel")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(help, usage)
			f.SetOutput(help)
			f.PrintDefaults()
			return o, err
		}
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	var err error
	if o.properties, err = parseProperties(properties); err != nil {
		return o, fmt.Errorf("%w: --properties: %w", errUsage, err)
	}
	if o.topics, err = wire.ParseTopics(topics); err != nil {
		return o, fmt.Errorf("%w: --topics: %w", errUsage, err)
	}
	wrong := func(format string, a ...any) (options, error) {
		return o, fmt.Errorf("%w: %w", errUsage, fmt.Errorf(format, a...))
	}
	switch {
	case f.NArg() > 0:
		return wrong("unexpected %q: there are only flags, see --help", f.Arg(0))
	case o.duration < 0:
		return wrong("--duration %v: must not be negative", o.duration)
	case o.partitions < 1 || o.partitions > 10_000:
		return wrong("--partitions %d: must be 1 to 10000", o.partitions)
	}
	if o.file != "" {
		for _, name := range []string{"symbols", "events", "zipf", "seed", "start-n"} {
			f.Visit(func(g *flag.Flag) {
				if g.Name == name {
					err = fmt.Errorf("%w: --%s is for the market and means nothing with --file", errUsage, name)
				}
			})
		}
		if !filepath.IsAbs(o.file) {
			o.file = filepath.Join(env("CALLER_DIR"), o.file)
		}
		return o, err
	}
	if o.feed.Symbols, err = parseSymbols(symbols); err != nil {
		return o, fmt.Errorf("%w: --symbols: %w", errUsage, err)
	}
	if o.feed.Events, err = chooseEvents(events, o.topics); err != nil {
		return o, fmt.Errorf("%w: --events: %w", errUsage, err)
	}
	return o, nil
}

func parseSymbols(s string) ([]string, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > 1_000_000 {
			return nil, fmt.Errorf("%d symbols: must be 1 to 1000000", n)
		}
		return feed.Symbols(n), nil
	}
	symbols := splitList(s)
	for _, sym := range symbols {
		if !wire.ValidSymbol(sym) {
			return nil, fmt.Errorf("%q is no symbol: 1 to 64 bytes without '.', '*', '/' and white space", sym)
		}
	}
	if len(symbols) == 0 {
		return nil, errors.New("none listed")
	}
	return symbols, nil
}

// chooseEvents returns the events to make: those asked for, each of which must have a topic, or all that have one.
func chooseEvents(asked string, topics []wire.Topic) ([]string, error) {
	var have []string
	for _, t := range topics {
		have = append(have, t.Event)
	}
	if asked == "" {
		chosen := slices.DeleteFunc(feed.Events(), func(e string) bool { return !slices.Contains(have, e) })
		if len(chosen) == 0 {
			return nil, fmt.Errorf("--topics has none of the events the market makes: %s", strings.Join(feed.Events(), ", "))
		}
		return chosen, nil
	}
	chosen := splitList(asked)
	for _, e := range chosen {
		if !slices.Contains(feed.Events(), e) {
			return nil, fmt.Errorf("no event %q: the market makes %s", e, strings.Join(feed.Events(), ", "))
		}
		if !slices.Contains(have, e) {
			return nil, fmt.Errorf("event %q has no topic: --topics has %s", e, strings.Join(have, ", "))
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("none listed")
	}
	return chosen, nil
}

func parseProperties(s string) (kafka.ConfigMap, error) {
	m := kafka.ConfigMap{}
	for _, entry := range splitList(s) {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q: want name=value", entry)
		}
		m[name] = value
	}
	return m, nil
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}
