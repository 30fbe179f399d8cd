package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/machine"
	"github.com/adred-codev/ws_poc/scripts/internal/parity"
)

// Of topics that are made for a run: several events, and as many partitions as everywhere in this project.
var events = []string{"trade", "liquidity", "analytics", "social"}

const partitions = 12

// compare compares and reports; alike says that nothing differs.
func (o *options) compare(ctx context.Context, stdout, stderr io.Writer) (alike bool, err error) {
	kafka := "of unknown version, at " + o.kafka
	if o.kafka == "" {
		fmt.Fprintln(stderr, "parity: starting a Kafka")
		b, failed := broker.Start(ctx, broker.Options{})
		if failed != nil {
			return false, failed
		}
		defer func() { err = errors.Join(err, b.Stop()) }()
		o.kafka, kafka = b.Addr(), broker.Version
	} else if _, err := broker.Topics(ctx, o.kafka); err != nil {
		return false, fmt.Errorf("--kafka: %w; is that the address of its brokers, and can it be reached from here?", err)
	}
	report, err := o.beside(ctx, stderr)
	if err != nil {
		return false, err
	}
	report.Command, report.Kafka = o.command, kafka
	host, err := machine.Describe()
	if err != nil {
		return false, err
	}
	report.Host = fmt.Sprintf("%s, %d CPUs", host.CPU, host.CPUs)
	if o.json != "" {
		if err := report.Write(o.json); err != nil {
			return false, err
		}
	}
	if o.page != "" {
		if err := report.WritePage(o.page); err != nil {
			return false, err
		}
	}
	tell(stdout, report)
	return report.Passed, nil
}

// beside runs the comparison of two servers, its own or those that run.
func (o *options) beside(ctx context.Context, stderr io.Writer) (*parity.Report, error) {
	compare := parity.Options{
		Brokers: o.kafka, Topics: o.topics, For: o.long, Rate: o.rate, Plain: !o.transactions, Symbols: o.symbols, Moving: o.moving, Stay: o.stay,
		LateLimit: o.late, Settle: o.settle, Seed: o.seed,
		Log: func(line string) { fmt.Fprintf(stderr, "parity: %s\n", line) },
	}
	var two [2]*server
	var err error
	run := fmt.Sprintf("%06x", rand.Uint32()>>8)
	if len(o.urls) > 0 {
		compare.Prefix = "P" + run + "-" // among others' symbols
		two, err = o.running(ctx)
	} else {
		if compare.Topics, err = makeTopics(ctx, o.kafka, "parity."+run); err != nil {
			return nil, err
		}
		two, err = o.start(ctx, compare.Topics, stderr)
	}
	if err != nil {
		return nil, errors.Join(err, two[0].end(), two[1].end())
	}
	for i, s := range two {
		compare.Sides[i] = parity.Side{Name: s.name, URL: s.url}
	}
	report, err := parity.Run(ctx, compare)
	ends := [2]error{two[0].end(), two[1].end()}
	if err != nil {
		return nil, errors.Join(err, ends[0], ends[1])
	}
	for i, s := range two {
		v := &report.Variants[i]
		v.Commit, v.Tree, v.NoTree = s.commit, s.tree, s.noTree
		if s.process == nil {
			v.URL = s.url
		}
		if ends[i] != nil {
			report.Wrong = append(report.Wrong, ends[i].Error())
		}
	}
	report.Judge()
	return report, nil
}

func makeTopics(ctx context.Context, brokers, prefix string) ([]wire.Topic, error) {
	var topics []wire.Topic
	var names []string
	for _, event := range events {
		topics = append(topics, wire.Topic{Name: prefix + "." + event, Event: event})
		names = append(names, prefix+"."+event)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := broker.CreateTopics(ctx, brokers, partitions, names...); err != nil {
		return nil, fmt.Errorf("on the Kafka at %s: %w", brokers, err)
	}
	return topics, nil
}

// tell is the outcome for whoever waited for it.
func tell(w io.Writer, r *parity.Report) {
	moves, cuts := 0, 0
	for _, c := range r.Clients {
		moves += c.Moves
		cuts += c.Cuts
	}
	fmt.Fprintf(w, "%d records of %d channels, %d messages to %d clients, %d cuts, %d moves\n",
		r.Records, len(r.Channels), r.Messages, len(r.Clients), cuts, moves)
	var without []string
	for _, t := range r.Topics {
		if !slices.ContainsFunc(t.Partitions, func(p parity.Partition) bool { return p.Records > 0 }) {
			without = append(without, t.Topic)
		}
	}
	if len(without) > 0 {
		fmt.Fprintf(w, "no record of: %s; nothing is said of it\n", strings.Join(without, ", "))
	}
	for _, v := range r.Variants {
		fmt.Fprintf(w, "%s: %d records later than the other variant, by %.1f ms p50, %.1f ms p99, %.1f ms max\n",
			v.Name, v.Later.Records, v.Later.P50, v.Later.P99, v.Later.Max)
	}
	if r.Passed {
		fmt.Fprintln(w, "alike: the same messages in the same order on every channel")
		return
	}
	fmt.Fprintln(w, "NOT ALIKE")
	for _, why := range r.Why {
		fmt.Fprintf(w, "  %s\n", why)
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "  %s on %s: %s at %s, client %q: %s\n", d.Kind, d.On, d.Channel, d.Pos, d.Client, d.Detail)
	}
}
