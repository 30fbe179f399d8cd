package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const help = `parity runs both variants side by side on one Kafka, under load, with clients that are cut and moved from one to the other, and
says whether they are alike: the same messages in the same order on every channel over the same offsets, nothing missing, double,
reordered or changed, and how much later one brings a record than the other.

  scripts/parity                                         # both variants, built now, on a Kafka of its own, for 2 minutes
  scripts/parity --for 10m --json scripts/evidence/parity.json --page scripts/evidence/parity.md
                                                         # evidence for scripts/promote: commit first, it names the trees
  scripts/parity --kafka localhost:9092                  # on a Kafka that runs; topics are made there, and stay

  scripts/parity --kafka localhost:9092 --url ws-single=ws://localhost:3005/ws --url ws-multi=ws://localhost:3006/ws \
      --admin ws-single=localhost:3905 --admin ws-multi=localhost:3906
                                                         # servers that run; by --admin they tell their commit

Servers that run must read the same topics of that Kafka (--topics), with WS_ALLOW_NO_ORIGIN=true and without WS_CONFLATE_EVENTS.
Records of symbols of its own are written to their topics; with --rate 0 none are, and what others write is compared.

Exit code 0: alike. 1: not alike, or it could not be found out. 2: wrong command line.

`

// options is the parsed command line.
type options struct {
	long, stay, late, settle time.Duration
	rate                     float64
	transactions             bool
	symbols, moving          int
	seed                     uint64
	kafka                    string // bootstrap brokers; "": a broker of the run's own
	topics                   []wire.Topic
	urls, admins             map[string]string // of servers that run, by variant
	json, page               string            // absolute, or empty
	command                  string            // that does it again

	// build makes a variant's binary in a folder.
	build func(ctx context.Context, v variant.Variant, dir string) (string, error)
}

func parse(args []string, env func(string) string, out io.Writer) (*options, error) {
	o := &options{urls: map[string]string{}, admins: map[string]string{}, command: again(args)}
	o.build = func(ctx context.Context, v variant.Variant, dir string) (string, error) {
		return v.Build(ctx, dir, false)
	}
	var topics string
	f := flag.NewFlagSet("parity", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.DurationVar(&o.long, "for", 2*time.Minute, "publish and move clients for this `time`")
	f.Float64Var(&o.rate, "rate", 1000, "`records` to publish a second, over all channels")
	f.BoolVar(&o.transactions, "transactions", true, "publish in transactions too, every other one aborted; =false where the Kafka does not permit it")
	f.IntVar(&o.symbols, "symbols", 40, "`number` of symbols that they have")
	f.IntVar(&o.moving, "moving", 8, "`clients` that are cut and moved")
	f.DurationVar(&o.stay, "stay", 3*time.Second, "about how much `time` one of them stays on a connection")
	f.DurationVar(&o.late, "late", 10*time.Second, "a record that comes later from one than from the other by more than this `time` is a difference; 0: none is")
	f.DurationVar(&o.settle, "settle", time.Minute, "`time` for all clients to come to the end, after the last record")
	f.Uint64Var(&o.seed, "seed", 0, "`number` that draws the records and the moves (default: another one each time)")
	f.StringVar(&o.kafka, "kafka", "", "bootstrap brokers, `host:port,...` (default: a broker started for the run)")
	f.StringVar(&topics, "topics", "", "KAFKA_TOPICS of servers that run, `topic=event,...` (default: the servers' own default)")
	f.Var(named{o.urls, checkURL}, "url", "a server that runs, `VARIANT=ws://host:port/ws`; twice, once for each variant")
	f.Var(named{o.admins, checkAddr}, "admin", "its admin address, `VARIANT=host:port`")
	f.StringVar(&o.json, "json", "", "`file` for all that was found (JSON), which scripts/promote reads")
	f.StringVar(&o.page, "page", "", "`file` for the page (Markdown)")
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, help)
		f.SetOutput(out)
		f.PrintDefaults()
		return nil, err
	}
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%q is no option: it takes options alone", f.Arg(0))
	}
	if err == nil {
		err = o.check(topics)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w; scripts/parity --help shows the options", errUsage, err)
	}
	for _, path := range []*string{&o.json, &o.page} {
		// The wrapper has changed the folder; paths are the caller's.
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(env("CALLER_DIR"), *path)
		}
	}
	return o, nil
}

// check says what does not fit together, and reads the topics.
func (o *options) check(topics string) (err error) {
	for name, d := range map[string]time.Duration{"for": o.long, "stay": o.stay, "settle": o.settle} {
		if d <= 0 {
			return fmt.Errorf("--%s %v: must be more than 0, such as 30s", name, d)
		}
	}
	running := len(o.urls) > 0
	switch {
	case o.late < 0:
		return fmt.Errorf("--late %v: must be 0 or more", o.late)
	case !(o.rate >= 0) || o.rate > 1e6:
		return fmt.Errorf("--rate %v: must be 0 to 1000000", o.rate)
	case o.rate == 0 && !running:
		return errors.New("--rate 0 without --url: nobody else writes to topics that are made for the run")
	case o.symbols < 1 || o.symbols > 10_000:
		return fmt.Errorf("--symbols %d: must be 1 to 10000", o.symbols)
	case o.moving < 0 || o.moving > 1000:
		return fmt.Errorf("--moving %d: must be 0 to 1000", o.moving)
	case running && len(o.urls) < len(variants):
		return fmt.Errorf("--url once: name a server of each variant, --url %s=ws://localhost:3005/ws --url %s=ws://localhost:3006/ws", variants[0], variants[1])
	case running && o.kafka == "":
		return errors.New("--url without --kafka: say which Kafka the servers read, such as --kafka localhost:9092")
	case !running && len(o.admins) > 0:
		return errors.New("--admin without --url: it is of servers that run")
	case !running && topics != "":
		return errors.New("--topics without --url: it is of servers that run; the topics for others are made")
	}
	if !running {
		return nil
	}
	if topics == "" {
		topics = wire.DefaultTopics
	}
	if o.topics, err = wire.ParseTopics(topics); err != nil {
		return fmt.Errorf("--topics: %w", err)
	}
	return nil
}

// variants are the two, in the order in which they are told.
var variants = [2]string{"ws-single", "ws-multi"}

// named is a flag VARIANT=VALUE that may stand once for each variant.
type named struct {
	values map[string]string
	check  func(string) error
}

func (n named) String() string { return "" }

// Set implements flag.Value.
func (n named) Set(s string) error {
	name, value, _ := strings.Cut(s, "=")
	if name != variants[0] && name != variants[1] {
		return fmt.Errorf("it must begin with %s= or %s=", variants[0], variants[1])
	}
	if _, twice := n.values[name]; twice {
		return fmt.Errorf("there is one of %s already", name)
	}
	n.values[name] = value
	return n.check(value)
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Port() == "" || u.Hostname() == "" {
		return fmt.Errorf("%q is not ws://host:port/ws", s)
	}
	return nil
}

func checkAddr(s string) error {
	if host, port, err := net.SplitHostPort(s); err != nil || host == "" || port == "" {
		return fmt.Errorf("%q is not host:port", s)
	}
	return nil
}

// again is the command line for a shell.
func again(args []string) string {
	words := []string{"scripts/parity"}
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, " '\"$\\*?;&|<>()") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
