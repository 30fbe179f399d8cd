package measure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/machine"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Config says what is measured and where.
type Config struct {
	Scenario  scenario.Scenario
	Servers   []string          // under test, as scenario.ParseCandidate reads them; the first is what limits call "server" in a comparison
	Binaries  map[string]string // of servers that are not to be built from the tree
	PerWorker int               // connections of a load process at most; 0: as many as it likes
	Fill      time.Duration     // how long stalled clients' sockets are filled at most; 0: 30 s
	Warm      time.Duration     // how long a young broker is waited for at most; 0: a minute
	Turns     int               // slices of the floor before and after what has no deliveries of its own; 0: 10
	Plain     int               // connections of the floor there; 0: 4,000
	Brokers   string            // a cluster to use; "": one is started
	Worker    []string          // command line of a load process
	Server    []int             // cores of the servers; with Load, both or none
	Load      []int             // cores of generator, publisher and broker
	Command   []string          // for the result
	Seed      uint64
	Progress  func(Progress) // called often, by Run's goroutine; may be nil

	// Provoke is called before each slice, from 0; tests spoil a run with it.
	Provoke func(slice int, r *Rig)
}

// Progress is a moment of a run, for whoever watches.
type Progress struct {
	Phase       string // "start", "connect", "prove", "measure", "rest", "storm"
	Lane        string
	Round       int // from 1
	Rounds      int
	Connections int
	PerSecond   float64 // deliveries
	Reach       float64 // received of expected in this slice
	Left        time.Duration
}

// Rig is what a run has standing: the broker, the servers and their clients.
type Rig struct {
	cfg       Config
	began     time.Time
	broker    *broker.Broker // nil: somebody else's
	brokers   string
	instances []*instance
	lanes     []*lane
	floor     *lane
	publisher *publisher
	witness   *witness
	res       *result.Result
	slices    int           // so many turns were taken
	expect    int           // rounds, with those that are repeated
	done      int           // turns that counted
	perSlice  time.Duration // with all around it, on average
}

// Broker is the broker that the run started, nil when it uses another's.
func (r *Rig) Broker() *broker.Broker { return r.broker }

// Floor is the floor's process number.
func (r *Rig) Floor() int { return r.floor.in.procs[0].PID }

// Workers are the process numbers of the load generator.
func (r *Rig) Workers() []int {
	var pids []int
	for _, in := range r.instances {
		if in.fleet != nil {
			pids = append(pids, in.fleet.PIDs()...)
		}
		if in.late != nil {
			pids = append(pids, in.late.fleet.PIDs()...)
		}
	}
	return pids
}

// Start starts the broker, the servers and the baselines. The caller closes the rig.
func Start(ctx context.Context, cfg Config) (*Rig, error) {
	if cfg.Fill == 0 {
		cfg.Fill = 30 * time.Second
	}
	if cfg.Warm == 0 {
		cfg.Warm = warmupTime
	}
	if cfg.Turns == 0 {
		cfg.Turns = 10
	}
	if cfg.Plain == 0 {
		cfg.Plain = 4000
	}
	r := &Rig{cfg: cfg, began: time.Now(), brokers: cfg.Brokers}
	if err := r.describe(ctx); err != nil {
		return nil, err
	}
	if err := r.start(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Rig) start(ctx context.Context) error {
	r.tell(Progress{Phase: "start"})
	if r.brokers == "" {
		b, err := broker.Start(ctx, broker.Options{})
		if err != nil {
			return fmt.Errorf("start broker: %w", err)
		}
		r.broker, r.brokers = b, b.Addr()
	}
	var err error
	if r.publisher, err = newPublisher(r.brokers); err != nil {
		return err
	}
	if err := r.startInstances(ctx); err != nil {
		return err
	}
	if err := r.keepTrees(ctx); err != nil {
		return err
	}
	if r.wantsLast() {
		if r.witness, err = watch(ctx, r.brokers, r.lanes); err != nil {
			return err
		}
	}
	return nil
}

// Close ends all processes. What it returns is about ending, not about the measurement.
func (r *Rig) Close() error {
	var errs []error
	if r.witness != nil {
		errs = append(errs, r.witness.close())
	}
	for _, in := range r.instances {
		errs = append(errs, in.close())
	}
	if r.publisher != nil {
		r.publisher.close()
	}
	if r.broker != nil {
		errs = append(errs, r.broker.Stop())
	}
	return errors.Join(errs...)
}

// Run measures a scenario from start to end. A result comes back whenever something was measured, also with an error.
func Run(ctx context.Context, cfg Config) (*result.Result, error) {
	r, err := Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	err = r.finish(ctx, r.measure(ctx))
	return r.res, errors.Join(err, r.Close())
}

func (r *Rig) measure(ctx context.Context) error {
	for _, in := range r.instances {
		if err := r.connect(ctx, in); err != nil {
			return err
		}
	}
	if err := r.prove(ctx); err != nil {
		return err
	}
	switch r.cfg.Scenario.Kind {
	case scenario.Idle:
		return r.idle(ctx)
	case scenario.Storm:
		return r.storm(ctx)
	default:
		return r.deliver(ctx)
	}
}

// finish closes the result: what was refused, what was judged, and the verdict of all.
// It returns the error that broke the run off; that the caller ended it is none.
func (r *Rig) finish(ctx context.Context, err error) error {
	res := r.res
	res.Seconds = time.Since(r.began).Seconds()
	res.Interrupted = ctx.Err() != nil
	if res.Interrupted {
		err = nil
	}
	if err != nil {
		res.Refusals = append(res.Refusals, result.Refusal{Code: result.Incomplete, Text: "the run broke off: " + err.Error()})
	}
	spoiled := map[int]bool{} // rounds
	for _, l := range r.lanes {
		for _, s := range l.out.Slices {
			spoiled[s.Round] = spoiled[s.Round] || s.Disturbed != ""
		}
	}
	for _, l := range r.lanes {
		l.summarize(spoiled)
		res.Lanes = append(res.Lanes, l.out)
	}
	summarizeFloor(res, r.floor)
	res.Refusals = append(res.Refusals, r.refuse()...)
	res.Judgements = judgeLimits(res)
	res.Verdict = verdict(res)
	return err
}

// describe fills in what does not depend on the measurement.
func (r *Rig) describe(ctx context.Context) error {
	host, err := machine.Describe()
	if err != nil {
		return err
	}
	root, err := variant.Root()
	if err != nil {
		return err
	}
	_, librdkafka := kafka.LibraryVersion()
	r.res = &result.Result{
		Schema: result.SchemaID, Command: r.cfg.Command, Started: r.began.UTC(),
		Versions: map[string]string{"go": strings.TrimPrefix(runtime.Version(), "go"), "librdkafka": librdkafka},
		Host:     result.Host(host), Cores: result.Cores{Server: r.cfg.Server, Load: r.cfg.Load},
		Scenario: r.cfg.Scenario, Servers: r.cfg.Servers,
		Lanes: []result.Lane{}, Timeline: []result.Moment{}, Judgements: []result.Judgement{}, Refusals: []result.Refusal{},
	}
	if r.cfg.Brokers == "" {
		r.res.Versions["kafka"] = broker.Version
	}
	// A tree without git, such as a release's archive, can be measured too.
	git := func(args ...string) string {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", filepath.Clean(root)}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	r.res.Commit = git("rev-parse", "HEAD")
	r.res.Dirty = git("status", "--porcelain") != ""
	r.res.Trees = trees(ctx, root, r.cfg.Servers)
	return nil
}

// keepTrees looks at the trees again, when the servers are built: one that has changed meanwhile is not named.
func (r *Rig) keepTrees(ctx context.Context) error {
	root, err := variant.Root()
	if err != nil {
		return err
	}
	now := trees(ctx, root, r.cfg.Servers)
	maps.DeleteFunc(r.res.Trees, func(name, tree string) bool { return now[name] != tree })
	return nil
}

func (r *Rig) tell(p Progress) {
	if r.cfg.Progress != nil {
		r.cfg.Progress(p)
	}
}

// since is seconds of the run so far.
func (r *Rig) since() float64 { return time.Since(r.began).Seconds() }

// wantsLast says whether each record goes to all, so that there is a last subscriber to look at.
func (r *Rig) wantsLast() bool {
	s := r.cfg.Scenario
	return s.Kind == scenario.Deliver && s.Channels == 1 && !s.Subscribe.None && s.Publish.Burst <= 1
}
