package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/haproxy"
	"github.com/adred-codev/ws_poc/scripts/internal/rollout"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// token is the servers' WS_ADMIN_TOKEN.
const token = "a-token-for-tests"

// rig is all of it: both servers, HAProxy with the configuration that is shipped, Prometheus, clients, and a feed.
type rig struct {
	t        *testing.T
	dir      string
	binaries [2]string
	servers  [2]*stage.Server // ws-single, ws-multi
	proxy    *haproxy.Process
	crowd    *audience.Crowd
	feed     *audience.Feed
	plan     string
	log      string
	seen     int // events of the log that wait has returned
}

type rigOptions struct {
	clients  int
	rate     float64 // records a second
	size     int     // of a record's payload, bytes; 0: 50
	settings [2]stage.Settings
	pace     int
	hold     time.Duration
	last     time.Duration // hold of the last step; 0: as the others
	steps    []int
	crowd    audience.Options
}

func newRig(t *testing.T, o rigOptions) *rig {
	t.Helper()
	// Not t.TempDir: a socket's path may have 100 bytes.
	dir, err := os.MkdirTemp("", "rollout-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &rig{t: t, dir: dir, plan: filepath.Join(dir, "plan.yml"), log: filepath.Join(dir, "log")}
	tp := stage.MakeTopics(t, brokers, 3, "trade")
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range all {
		if r.binaries[i], err = v.Binary(t.Context()); err != nil {
			t.Fatal(err)
		}
		set := stage.Settings{"WS_ADMIN_TOKEN": token}
		maps.Copy(set, o.settings[i])
		r.servers[i] = stage.Start(t, r.binaries[i], tp, set)
	}
	r.proxy, err = haproxy.Start(stage.Within(t), haproxy.Options{Dir: dir, Env: map[string]string{
		"LB_SINGLE": r.servers[0].Addr, "LB_MULTI": r.servers[1].Addr, "LB_MULTI_SLOWSTART": "2s",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.proxy.Stop()
		if t.Failed() {
			t.Logf("HAProxy's last words:\n%s", lastLines(r.proxy.Log(), 20))
		}
	})
	prometheus := r.startPrometheus()
	r.writePlan(o, prometheus)

	channels := make([]audience.Channel, max(4, o.clients/100)) // a client has one of them
	for i := range channels {
		channels[i] = audience.Channel{Symbol: stage.Symbol(), Event: "trade"}
	}
	o.crowd.URLs, o.crowd.Members = []string{"ws://" + r.proxy.Addr + "/ws"}, o.clients
	o.crowd.Channels = func(i int) []string { return []string{channels[i%len(channels)].Name()} }
	if r.crowd, err = audience.Gather(stage.Within(t), o.crowd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.crowd.Close)
	r.feed = audience.StartFeed(t, tp, channels, o.rate, max(50, o.size))
	return r
}

// startPrometheus starts the real one, with the labels of deploy/prometheus and a scrape each second.
func (r *rig) startPrometheus() (addr string) {
	r.t.Helper()
	addr, err := variant.FreeAddr()
	if err != nil {
		r.t.Fatal(err)
	}
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: ws
    static_configs:
      - {targets: [%q], labels: {variant: ws-single}}
      - {targets: [%q], labels: {variant: ws-multi}}
`, r.servers[0].AdminAddr, r.servers[1].AdminAddr)
	path := filepath.Join(r.dir, "prometheus.yml")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		r.t.Fatal(err)
	}
	p, err := variant.Start(variant.Options{Binary: "prometheus", Args: []string{
		"--config.file=" + path, "--storage.tsdb.path=" + filepath.Join(r.dir, "data"), "--web.listen-address=" + addr, "--log.level=warn",
	}, Env: map[string]string{"WS_ADDR": addr, "WS_ADMIN_ADDR": addr}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(p.Kill)
	if err := p.WaitStatus(stage.Within(r.t), "/-/ready", http.StatusOK); err != nil {
		r.t.Fatal(err)
	}
	return addr
}

// writePlan writes the plan, and beside it the limits that are shipped with a window of eight scrapes and patience for the machine.
func (r *rig) writePlan(o rigOptions, prometheus string) {
	r.t.Helper()
	root, err := variant.Root()
	if err != nil {
		r.t.Fatal(err)
	}
	limits, err := os.ReadFile(filepath.Join(root, "deploy", "limits.yml"))
	if err != nil {
		r.t.Fatal(err)
	}
	// The tests share the machine with others: what is well may be late by a few hundred milliseconds.
	for old, new := range map[string]string{"window: 1m": "window: 8s", "p99_ignored_below: 50ms": "p99_ignored_below: 500ms"} {
		if !bytes.Contains(limits, []byte(old)) {
			r.t.Fatalf("deploy/limits.yml has no %s", old)
		}
		limits = bytes.Replace(limits, []byte(old), []byte(new), 1)
	}
	// The shipped plan is the one that is used, with other addresses, pace and steps.
	plan, err := os.ReadFile(filepath.Join(root, "deploy", "haproxy", "rollout.yml"))
	if err != nil {
		r.t.Fatal(err)
	}
	head, _, found := strings.Cut(string(plan), "\npace:")
	if !found {
		r.t.Fatal("deploy/haproxy/rollout.yml has no pace")
	}
	for old, new := range map[string]string{
		"${SINGLE_ADMIN-http://127.0.0.1:3905}": "http://" + r.servers[0].AdminAddr, "${MULTI_ADMIN-http://127.0.0.1:3906}": "http://" + r.servers[1].AdminAddr,
		"${LB_RUNTIME-127.0.0.1:9999}": r.proxy.Admin, "${PROMETHEUS-http://127.0.0.1:9090}": "http://" + prometheus, "../limits.yml": "limits.yml",
	} {
		if !strings.Contains(head, old) {
			r.t.Fatalf("deploy/haproxy/rollout.yml has no %s", old)
		}
		head = strings.Replace(head, old, new, 1)
	}
	head += fmt.Sprintf("\npace: %d\nsteps:\n", o.pace)
	for i, share := range o.steps {
		if i == len(o.steps)-1 && o.last > 0 {
			o.hold = o.last
		}
		head += fmt.Sprintf("  - {share: %d, hold: %s}\n", share, o.hold)
	}
	err = errors.Join(os.WriteFile(r.plan, []byte(head), 0o644), os.WriteFile(filepath.Join(r.dir, "limits.yml"), limits, 0o644))
	if err != nil {
		r.t.Fatal(err)
	}
}

// program is a scripts/rollout of its own process.
type program struct {
	r    *rig
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan struct{} // closed when it has ended
	err  error         // of its end, valid after done
}

// start starts the program with more arguments behind the plan.
func (r *rig) start(args ...string) *program {
	r.t.Helper()
	p := &program{r: r, done: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], append([]string{r.plan, "--log", r.log}, args...)...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "CALLER_DIR=", "WS_ADMIN_TOKEN="+token)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	r.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // an error says that it has ended
		<-p.done
		r.t.Logf("rollout %v said:\n%s", args, lastLines(p.out.String(), 60))
	})
	return p
}

// wait waits for the next event of the log that is like that, and fails when the program ends first.
func (p *program) wait(what string, like func(rollout.Event) bool) rollout.Event {
	p.r.t.Helper()
	return p.waitFor(what, 2*stage.Patience, like)
}

func (p *program) waitFor(what string, patience time.Duration, like func(rollout.Event) bool) rollout.Event {
	p.r.t.Helper()
	ended := false
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		events := p.r.events()
		for ; p.r.seen < len(events); p.r.seen++ {
			if e := events[p.r.seen]; like(e) {
				p.r.seen++
				return e
			}
		}
		if ended || time.Now().After(end) {
			p.r.t.Fatalf("no event: %s", what)
		}
		select {
		case <-p.done:
			ended = true // its last events may have come meanwhile
		default:
		}
	}
}

// code waits for the program's end.
func (p *program) code() int {
	p.r.t.Helper()
	select {
	case <-p.done:
		var exit *exec.ExitError
		if p.err != nil && !errors.As(p.err, &exit) {
			p.r.t.Fatal(p.err)
		}
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(2 * stage.Patience):
		p.r.t.Fatal("the program does not end")
		return 0
	}
}

// kill kills the program as a crash does.
func (p *program) kill() {
	p.r.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		p.r.t.Fatal(err)
	}
	p.code()
}

// events are those of the log so far. A last line that is not whole yet is left out.
func (r *rig) events() (all []rollout.Event) {
	r.t.Helper()
	text, err := os.ReadFile(r.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var e rollout.Event
		if err := json.Unmarshal(line, &e); err != nil {
			r.t.Fatalf("a line of the log is no event: %v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

// allFiguresAreKnown checks that each query finds its series, when clients have moved within the last half minute: one that does
// not would never be beyond its limit.
func (r *rig) allFiguresAreKnown() {
	r.t.Helper()
	plan, err := rollout.ReadPlan(r.plan, os.Getenv)
	if err != nil {
		r.t.Fatal(err)
	}
	site, done, err := rollout.NewSite(plan, token)
	if err != nil {
		r.t.Fatal(err)
	}
	defer done()
	figures, err := site.Figures(stage.Within(r.t), 30*time.Second)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range []rollout.Figure{
		rollout.Gaps, rollout.KafkaGaps, rollout.SlowCloses, rollout.Rejections, rollout.P99, rollout.OtherP99, rollout.Restarts,
	} {
		if value, ok := figures[name]; !ok || math.IsNaN(value) {
			r.t.Errorf("nothing is known of %s: %v", name, figures)
		}
	}
}

// state is what the state file says.
func (r *rig) state() (s rollout.State) {
	r.t.Helper()
	text, err := os.ReadFile(r.plan + ".state")
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// share is the challenger's, by the servers' own gauges, and the number of all.
func (r *rig) share() (share float64, total int) {
	r.t.Helper()
	single, multi := r.servers[0].Metric(r.t, "ws_connections"), r.servers[1].Metric(r.t, "ws_connections")
	return multi / max(1, single+multi), int(single + multi)
}

// is checks that the share is within two points of the target, by what the event says, and by the gauges, unless the rollout has
// moved on before they were read: on a busy machine this comes late.
func (r *rig) is(e rollout.Event, clients int) {
	r.t.Helper()
	share, total := r.share()
	late := slices.ContainsFunc(r.events()[r.seen:], func(next rollout.Event) bool { return next.Kind == rollout.Shedding && next.Target != e.Target })
	r.t.Logf("%s at %.0f %%: the rollout says %.2f %%, the gauges %.2f %% of %d; moved on: %t", e.Kind, 100*e.Target, 100*e.Share, 100*share, total, late)
	off := func(share float64, total int) bool {
		return math.Abs(share-e.Target) > 0.02 || math.Abs(float64(total-clients)) > 0.02*float64(clients)
	}
	if off(e.Share, e.Incumbent+e.Challenger) || !late && off(share, total) {
		r.t.Errorf("at %v: the gauges say %.3f of %d, the rollout says %.3f", e.Target, share, total, e.Share)
	}
}

// whole ends the feed and checks that every client has everything, once and in order.
func (r *rig) whole() audience.Report {
	r.t.Helper()
	if err := r.crowd.AwaitAll(stage.Within(r.t)); err != nil {
		r.t.Fatal(err)
	}
	ends, err := r.feed.Stop()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.crowd.AwaitEnds(stage.Within(r.t), ends); err != nil {
		r.t.Errorf("something is lost: %v", err)
	}
	if err := r.crowd.Settle(stage.Within(r.t)); err != nil {
		r.t.Errorf("not all ledgers are closed: %v", err)
	}
	report := r.crowd.Report()
	if report.NotRecovered > 0 || report.Gaps > 0 || len(report.Broken) > 0 {
		r.t.Errorf("something is lost: %v", report)
	}
	return report
}

func lastLines(text string, n int) string {
	lines := slices.Collect(strings.Lines(text))
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

// at is an event of a kind with a target.
func at(kind rollout.Kind, percent int) func(rollout.Event) bool {
	return func(e rollout.Event) bool { return e.Kind == kind && math.Abs(e.Target*100-float64(percent)) < 0.01 }
}

func of(kinds ...rollout.Kind) func(rollout.Event) bool {
	return func(e rollout.Event) bool { return slices.Contains(kinds, e.Kind) }
}
