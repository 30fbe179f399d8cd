package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/load"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Baselines are what a server can be measured against, with the dialect of their clients.
var Baselines = map[string]string{scenario.Floor: "hub", scenario.GorillaHub: "hub", scenario.Centrifuge: "centrifuge", scenario.Reader: ""}

const (
	partitions  = 12 // of a topic, as everywhere in this project
	spare       = 100
	spareFiles  = 500 // of a server's, that are no connections
	startBudget = 30 * time.Second
)

// instance is one server with its topic and its clients: a process, or several on one port. Lanes that differ in the load
// only share one.
type instance struct {
	name      string             // "ws-single", "ws-single-stalled"
	server    string             // "ws-single", "ws-multi@shards=2"
	candidate scenario.Candidate // of a server under test
	dialect   string
	topic     string
	scenario  scenario.Scenario
	stalled   float64
	settings  map[string]string
	cores     []int // it has; none: any
	shards    int   // of each process, as it tells
	plan      *scenario.Plan
	procs     []*variant.Server
	fleet     *load.Fleet         // nil for the reader
	late      *late               // those who resume; nil: nobody does
	feed      string              // the floor's: where it takes its records
	counts    []int64             // n of the last record of each channel
	intended  map[int64]time.Time // of records that go to all, by n, until their last read is known
	filled    bool                // its stalled clients were told to stop

	connections int
}

// lane is an instance under a load.
type lane struct {
	out     result.Lane
	in      *instance
	publish scenario.Publish
	next    *scenario.Sequence
	latency merged
	resume  int // clients that come back in each turn
}

// startInstances starts what the scenario needs: the floor first, then the other baselines, then the servers.
func (r *Rig) startInstances(ctx context.Context) error {
	s := r.cfg.Scenario
	bin, err := variant.BinDir()
	if err != nil {
		return err
	}
	if err := buildBaselines(ctx, bin); err != nil {
		return err
	}
	floor := s
	if s.PlainFloor() {
		floor = plainFloor(s, r.cfg.Plain)
	}
	if err := r.addLanes(ctx, bin, scenario.Floor, floor, alone(floor)); err != nil {
		return err
	}
	r.floor = r.lanes[0]
	r.floor.publish = evenly(r.floor.publish, floor)
	for _, name := range s.Beside {
		if err := r.addLanes(ctx, bin, name, s, alone(s)); err != nil {
			return err
		}
	}
	for _, name := range r.cfg.Servers {
		if err := r.addLanes(ctx, bin, name, s, s.AllLanes()); err != nil {
			return err
		}
	}
	return nil
}

// plainFloor is the load that tells what a send costs, where the scenario's own has no deliveries to tell it by.
func plainFloor(s scenario.Scenario, connections int) scenario.Scenario {
	s.Kind, s.Channels, s.Subscribe = scenario.Deliver, 1, scenario.Subscribe{Each: 1}
	s.Connections = connections
	s.Publish = scenario.Publish{Rate: 5, Bytes: 104}
	s.Steps, s.Lanes = nil, nil
	return s
}

// alone is the one lane of a baseline: its load is the scenario's.
func alone(s scenario.Scenario) []scenario.Lane {
	return []scenario.Lane{{Publish: &s.Publish, Settings: s.Settings}}
}

// yardstick is how many deliveries a second the floor makes at most where the others have bursts.
const yardstick = 60_000

// evenly is a load without bursts, which would tell nothing of the floor: it sends each record by itself, so it would
// only be overrun, and the generator with it.
func evenly(p scenario.Publish, s scenario.Scenario) scenario.Publish {
	if p.Burst > 1 {
		p.Burst = 1
		each := float64(s.Connections) * float64(s.Subscribe.Each) / float64(s.Channels) // deliveries of a record
		p.Rate = min(p.Rate, max(1, yardstick/each))
	}
	return p
}

func (r *Rig) addLanes(ctx context.Context, bin, server string, s scenario.Scenario, lanes []scenario.Lane) error {
	_, baseline := Baselines[server]
	var candidate scenario.Candidate
	if !baseline {
		var err error
		if candidate, err = scenario.ParseCandidate(server); err != nil {
			return err
		}
	}
	processes := map[string]*instance{}
	for _, l := range lanes {
		settings := candidate.Over(l.Settings)
		key := fmt.Sprint(l.Stalled, settings)
		in := processes[key]
		if in == nil {
			in = &instance{name: server, server: server, candidate: candidate, scenario: s, stalled: l.Stalled, settings: settings}
			if len(processes) > 0 {
				in.name += "-" + l.Name
			}
			in.plan = scenario.NewPlan(&in.scenario, l.Stalled)
			in.counts, in.intended = make([]int64, s.Channels), map[int64]time.Time{}
			// By chance, too: runs that begin together on one cluster would hear each other's records.
			in.topic = fmt.Sprintf("bench.%s.%d-%08x", topicName(in.name), r.began.UnixMilli(), rand.Uint32())
			processes[key] = in
			r.instances = append(r.instances, in) // from here on Close ends it
			if err := in.start(ctx, r, bin); err != nil {
				return fmt.Errorf("start %s: %w", in.name, err)
			}
		}
		name := server
		if l.Name != "" {
			name += "/" + l.Name
		}
		publish := *l.Publish
		r.lanes = append(r.lanes, &lane{
			in: in, publish: publish, resume: l.Resume, next: scenario.SequenceOf(&in.scenario, publish, r.cfg.Seed),
			out: result.Lane{
				Name: name, Server: server, Baseline: baseline, Given: r.cfg.Binaries[server] != "", Settings: settings, Totals: result.Totals{},
				Shards: in.shards, Processes: len(in.procs), Cores: in.cores, Shared: shared(in.cores, r.cfg.Load), Resuming: l.Resume,
			},
		})
	}
	return nil
}

// topicName is a server's name with what Kafka allows in a topic's.
func topicName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("#@=,:+*", r) {
			return '-'
		}
		return r
	}, name)
}

// start starts the processes and waits until they are ready.
func (in *instance) start(ctx context.Context, r *Rig, bin string) error {
	clients := in.scenario.Connections + in.scenario.Resuming()
	env := map[string]string{
		"KAFKA_BROKERS":         r.brokers,
		"KAFKA_TOPICS":          in.topic + "=" + scenario.Event,
		"WS_MAX_CONNECTIONS":    strconv.Itoa(clients + spare),
		"WS_HANDSHAKES_PER_S":   "off",
		"WS_CPU_REJECT_PERCENT": "off",
		"WS_CPU_PAUSE_PERCENT":  "off",
		"LOG_LEVEL":             "warn",
	}
	if most := r.res.Host.OpenFiles - spareFiles; in.candidate.Processes > 1 && clients+spare > most {
		env["WS_MAX_CONNECTIONS"] = strconv.Itoa(most) // of each
	}
	for _, guard := range []string{"WS_MAX_CONNECTIONS", "WS_HANDSHAKES_PER_S", "WS_CPU_REJECT_PERCENT", "WS_CPU_PAUSE_PERCENT"} {
		if _, ok := in.settings[guard]; !ok {
			in.settings[guard] = env[guard] // the result tells what was off
		}
	}
	maps.Copy(env, in.settings)
	binary, err := in.program(ctx, r, bin)
	if err != nil {
		return err
	}
	if in.server == scenario.Floor {
		addr, err := variant.FreeAddr()
		if err != nil {
			return err
		}
		in.feed, env["FLOOR_FEED"] = addr, addr
	} else if err := broker.CreateTopics(ctx, r.brokers, partitions, in.topic); err != nil {
		return err
	}
	if in.cores, err = r.coresOf(in.candidate); err != nil {
		return err
	}
	if err := in.run(ctx, binary, env); err != nil {
		return err
	}
	if in.dialect == "" {
		return nil
	}
	spec := load.Spec{
		Worker: r.cfg.Worker, CPUs: r.cfg.Load, Addr: in.procs[0].Addr, Dialect: in.dialect, Scenario: &in.scenario, PerWorker: r.cfg.PerWorker,
		Stalled: in.stalled, Last: r.wantsLast(), Cursors: in.scenario.Kind == scenario.Storm,
	}
	if in.fleet, err = load.Start(ctx, spec); err != nil {
		return err
	}
	if in.scenario.Resuming() > 0 && in.dialect == "ws" {
		in.late, err = startLate(ctx, in, spec)
	}
	return err
}

// program is the binary to run, built from the tree unless another was given.
func (in *instance) program(ctx context.Context, r *Rig, bin string) (binary string, err error) {
	if dialect, baseline := Baselines[in.server]; baseline {
		in.dialect, in.settings = dialect, nil
		return filepath.Join(bin, "baselines", in.server), nil
	}
	in.dialect, binary = "ws", r.cfg.Binaries[in.server]
	name := in.server
	if binary == "" {
		name = in.candidate.Variant // it is one program, whatever its settings
		v, err := find(name)
		if err != nil {
			return "", err
		}
		if binary, err = v.Build(ctx, bin, false); err != nil {
			return "", err
		}
	}
	return binary, r.version(ctx, name, binary)
}

// run starts each process: the first chooses the port, the others share it.
func (in *instance) run(ctx context.Context, binary string, env map[string]string) error {
	ready, cancel := context.WithTimeout(ctx, startBudget)
	defer cancel()
	n := max(in.candidate.Processes, 1)
	if n > 1 {
		env["WS_REUSE_PORT"] = "true"
	}
	for range n {
		if len(in.procs) > 0 {
			env["WS_ADDR"] = in.procs[0].Addr
		}
		proc, err := variant.Start(variant.Options{Binary: binary, Env: env, CPUs: in.cores})
		if err != nil {
			return err
		}
		in.procs = append(in.procs, proc)
		if err := proc.WaitReady(ready); err != nil {
			return err
		}
	}
	if in.dialect != "ws" {
		return nil
	}
	m, err := in.procs[0].Metrics(ctx)
	if err != nil {
		return err
	}
	in.shards = shardsOf(m)
	if want := in.candidate.Shards; want > 0 && in.shards != want {
		return fmt.Errorf("it was to run %d shards, and tells of %d", want, in.shards)
	}
	return nil
}

func (in *instance) close() error {
	var errs []error
	if in.fleet != nil {
		errs = append(errs, in.fleet.Close())
	}
	if in.late != nil {
		errs = append(errs, in.late.fleet.Close())
	}
	for _, proc := range in.procs {
		select {
		case <-proc.Done():
			errs = append(errs, fmt.Errorf("%s ended by itself\n%s", in.name, proc.Logs()))
		default:
		}
	}
	for _, proc := range in.procs {
		proc.Kill()
	}
	return errors.Join(errs...)
}

// version asks the server what it is, and by which name it knows this host.
func (r *Rig) version(ctx context.Context, server, binary string) error {
	out, err := exec.CommandContext(ctx, binary, "version", "--json").Output()
	if err != nil {
		return fmt.Errorf("ask for its version: %w", err)
	}
	var v struct{ Version, Host string }
	if err := json.Unmarshal(out, &v); err != nil {
		return fmt.Errorf("read its version: %w", err)
	}
	r.res.Versions[server], r.res.Host.Fingerprint = v.Version, v.Host
	return nil
}

// find returns the variant of that name, or an error that names those there are.
func find(name string) (variant.Variant, error) {
	all, err := variant.All()
	if err != nil {
		return variant.Variant{}, err
	}
	var names []string
	for _, v := range all {
		if v.Name == name {
			return v, nil
		}
		names = append(names, v.Name)
	}
	return variant.Variant{}, fmt.Errorf("there is no server %q here: say one of %s", name, strings.Join(names, ", "))
}

// buildBaselines builds the programs of scripts/baselines into bin/baselines; one that is up to date is left as it is.
func buildBaselines(ctx context.Context, bin string) error {
	if os.Getenv(variant.BinDirEnv) != "" {
		bin = os.Getenv(variant.BinDirEnv)
	}
	root, err := variant.Root()
	if err != nil {
		return err
	}
	out := filepath.Join(bin, "baselines")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", out, err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out+"/", "./cmd/...")
	cmd.Dir = filepath.Join(root, "scripts", "baselines")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the baselines: %w\n%s", err, output)
	}
	return nil
}

// Baseline runs a baseline in the foreground until ctx is done, with the caller's environment.
func Baseline(ctx context.Context, name string) error {
	bin, err := variant.BinDir()
	if err != nil {
		return err
	}
	if err := buildBaselines(ctx, bin); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "baselines", name))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}
