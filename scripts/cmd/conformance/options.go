package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/conformance"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const usage = `conformance tries each sentence of the protocol (kit/PROTOCOL.md) on real servers and a real Kafka, from outside.

  scripts/conformance                                    # both variants, all sentences, on a Kafka of its own
  scripts/conformance --server ws-single --only P3,P7.2  # parts, clauses or cases alone
  scripts/conformance --report scripts/evidence/conformance.md
  scripts/conformance --list                             # the cases

  scripts/conformance --url ws://localhost:3005/ws --admin localhost:3905 --kafka localhost:9092
                                                         # a server that runs already

Random programs of clients and publishers, checked against a model of the protocol, are another command: see
scripts/conformance programs --help.

A server that runs already must have topics for the eight usual events, WS_ALLOW_NO_ORIGIN=true and no limit for each address; the
suite writes records of its own symbols to its topics. Cases that need other settings, or a server to harm, are then not run: two
thirds of them; WS_COMMANDS_PER_S=off lets 30 more be tried. To start one: scripts/kafka start, and ws-single --config single.env.

It needs Java 17 and Maven for its own Kafka. Both variants take two minutes.

Exit code 0: all that was tried is kept, and the servers are alike. 1: not so, nothing could be tried, or the run failed. 2: wrong
command line.

`

// options is the parsed command line.
type options struct {
	variants []variant.Variant
	cases    []conformance.Case
	kafka    string // bootstrap brokers; "": a broker of the run's own
	race     bool
	atOnce   int
	report   string // absolute, or empty
	json     string // absolute, or empty
	list     bool

	addr, admin string            // of a server that runs already, or empty
	topics      map[string]string // its topics by event
}

func parse(args []string, env func(string) string, help io.Writer) (*options, error) {
	o := &options{}
	wrong := func(format string, a ...any) (*options, error) {
		return nil, fmt.Errorf("%w: %w", errUsage, fmt.Errorf(format, a...))
	}
	var only, servers, address, topics string
	f := flag.NewFlagSet("conformance", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&only, "only", "", "these parts, clauses or cases: `P3,P7.2,P4.1a`")
	f.StringVar(&servers, "server", "", "this one only: `ws-single` or ws-multi")
	f.StringVar(&o.report, "report", "", "`file` for the page, clause by clause (Markdown)")
	f.StringVar(&o.json, "json", "", "`file` for all that was found (JSON)")
	f.BoolVar(&o.race, "race", false, "servers with the race detector")
	f.IntVar(&o.atOnce, "at-once", 8, "`cases` that run at one time")
	f.BoolVar(&o.list, "list", false, "show the cases and run none")
	f.StringVar(&o.kafka, "kafka", "", "bootstrap brokers, `host:port,...` (default: a broker started for the run)")
	f.StringVar(&address, "url", "", "a server that runs already: `ws://host:port/ws`")
	f.StringVar(&o.admin, "admin", "", "its admin address, `host:port`")
	f.StringVar(&topics, "topics", wire.DefaultTopics, "its KAFKA_TOPICS, `topic=event,...`")
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(help, usage)
		f.SetOutput(help)
		f.PrintDefaults()
		return nil, err
	}
	if err != nil {
		return wrong("%w", err)
	}
	if f.NArg() > 0 {
		return wrong("%s: it takes flags alone: name a server by --server ws-multi, sentences by --only P3", f.Arg(0))
	}
	if o.cases, err = conformance.Choose(conformance.Cases(), splitList(only)...); err != nil {
		return wrong("--only: %w", err)
	}
	if o.atOnce < 1 || o.atOnce > 64 {
		return wrong("--at-once %d: must be 1 to 64", o.atOnce)
	}
	for _, path := range []*string{&o.report, &o.json} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(env("CALLER_DIR"), *path)
		}
	}
	if address != "" {
		if servers != "" {
			return wrong("--server %s together with --url: the server says itself what it is", servers)
		}
		return o.running(address, topics)
	}
	given := map[string]bool{}
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	if given["admin"] || given["topics"] {
		return wrong("--admin and --topics are for a server that runs already: add --url ws://host:port/ws")
	}
	o.variants, err = chooseVariants(splitList(servers))
	return o, err
}

// running takes what concerns a server that runs already.
func (o *options) running(address, topics string) (*options, error) {
	wrong := func(format string, a ...any) (*options, error) {
		return nil, fmt.Errorf("%w: %w", errUsage, fmt.Errorf(format, a...))
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "ws" || u.Path != "/ws" || u.Port() == "" {
		return wrong("--url %s: write ws://host:port/ws", address)
	}
	o.addr = u.Host
	if _, port, err := net.SplitHostPort(o.admin); err != nil || port == "" {
		return wrong("--admin %q: say the server's admin address, such as --admin localhost:3905", o.admin)
	}
	switch {
	case o.kafka == "":
		return wrong("--url without --kafka: say the Kafka that the server reads, such as --kafka localhost:9092")
	case o.race:
		return wrong("--race is for servers that the run builds, not for one that runs already")
	}
	list, err := wire.ParseTopics(topics)
	if err != nil {
		return wrong("--topics: %w", err)
	}
	o.topics = map[string]string{}
	for _, t := range list {
		o.topics[t.Event] = t.Name
	}
	for _, event := range conformance.Events {
		if o.topics[event] == "" {
			return wrong("--topics has none for the event %s: the cases need all of %s", event, strings.Join(conformance.Events, ", "))
		}
	}
	return o, nil
}

// chooseVariants are those named, each once and in the usual order; all when none is.
func chooseVariants(names []string) ([]variant.Variant, error) {
	all, err := variant.All()
	if err != nil || len(names) == 0 {
		return all, err
	}
	var known []string
	for _, v := range all {
		known = append(known, v.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%w: --server: there is no %q: say %s, or nothing for all", errUsage, name, strings.Join(known, " or "))
		}
	}
	return slices.DeleteFunc(all, func(v variant.Variant) bool { return !slices.Contains(names, v.Name) }), nil
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}
