package promotion

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/parity"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/scratch"
	"github.com/adred-codev/ws_poc/scripts/internal/treehash"
)

func TestMain(m *testing.M) {
	if err := scratch.Alone(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

const (
	single = "architecture: single-core\nversion: v1.0.0\nstatus: production\noptimized_for: tests\nmax_connections: 12000\ncpu_cores: 1\n"
	multi  = "architecture: multi-core\nversion: v0.1.0\nstatus: candidate\noptimized_for: tests\nmax_connections: 50000\ncpu_cores: 4\n"
	limits = `promotion:
  parity: {seconds: 60, records: 10000, moves: 5, late: 10s}
  comparisons:
    - {scenario: broadcast, connections: 1000}
  p99: 1.15
  cpu: 1.1
  memory: 1.25
  reach: 1
rollout: {anything: [goes]}
`
)

// world is a repository in which ws-multi may be promoted: there is evidence of its trees, and its tests pass.
type world struct {
	*scratch.Repo
	t      *testing.T
	report parity.Report
	result result.Result
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, Repo: scratch.New(t, func(root string) {
		for path, text := range map[string]string{
			"ws-single/VERSION": single, "ws-single/main.go": "package main // single\n",
			"ws-multi/VERSION": multi, "ws-multi/main.go": "package main // multi\n",
			"deploy/limits.yml": limits, ".gitignore": "/scripts/.cache/\n", "README.md": "read me\n",
		} {
			scratch.Write(t, root, path, text)
		}
		if err := os.Symlink("ws-single", filepath.Join(root, "ws")); err != nil {
			t.Fatal(err)
		}
	})}
	w.report = w.alike()
	w.result = w.measured()
	w.save()
	return w
}

// save writes the evidence to where the tools leave it.
func (w *world) save() {
	w.t.Helper()
	w.report.Judge()
	if err := w.report.Write(filepath.Join(w.Root, parityFolder, "20261126-120000.json")); err != nil {
		w.t.Fatal(err)
	}
	if err := w.result.Write(filepath.Join(w.Root, benchFolder, "20261126-130000-broadcast.json")); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) forget(folder string) {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.Root, folder)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tree(variant string) string {
	w.t.Helper()
	tree, err := treehash.At(w.t.Context(), w.Root, "HEAD", variant)
	if err != nil {
		w.t.Fatal(err)
	}
	return tree
}

func (w *world) desk(output io.Writer) *Desk {
	return &Desk{
		Root: w.Root, Tests: []string{"sh", "-c", "echo all is tested"}, Output: output,
		Now: func() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) },
	}
}

// alike is a report of scripts/parity that passed.
func (w *world) alike() parity.Report {
	w.t.Helper()
	variant := func(name string) parity.Variant {
		return parity.Variant{Name: name, Tree: w.tree(name), Digest: "d", Counts: map[parity.Kind]int64{}, Later: parity.Later{Records: 12000, P50: 1, P99: 9, Max: 30}}
	}
	return parity.Report{
		Schema: parity.Schema, Started: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), Seconds: 125, Digest: "d", Records: 24000, Messages: 96000,
		Variants: []parity.Variant{variant("ws-single"), variant("ws-multi")}, Load: parity.Load{Rate: 200, Seconds: 120}, Limits: parity.Limits{LateMS: 10_000, SettleS: 30},
		Channels: []parity.Channel{{Channel: "S1.trade", Records: 24000, Log: "d", Digests: map[string]string{"ws-single": "d", "ws-multi": "d"}, Alike: true}},
		Clients: []parity.Client{
			{Name: "steady", Patterns: 1, Messages: 24000, Alike: true, Came: true, Travels: parity.Travels{Connections: 1}},
			{Name: "moving", Patterns: 1, Moving: true, Messages: 24000, Alike: true, Came: true, Travels: parity.Travels{Connections: 20, Cuts: 10, Leaves: 9, Moves: 12}},
		},
		Topics: []parity.Topic{}, Differences: []parity.Difference{}, Wrong: []string{},
	}
}

const measuredRounds = 12

// measured is a result of scripts/bench in which ws-multi costs a little less than ws-single.
func (w *world) measured() result.Result {
	w.t.Helper()
	s, err := scenario.Find("broadcast")
	if err != nil {
		w.t.Fatal(err)
	}
	load := *s
	load.Connections, load.Limits = 1000, []scenario.Limit{{Measure: scenario.CPU, Of: "ws-multi@shards=1", Over: "ws-single", AtMost: 1.1}}
	r := result.Result{
		Command: []string{"scripts/bench", "compare", "ws-multi@shards=1", "ws-single"}, Started: time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC), Seconds: 200,
		Commit: w.Git("rev-parse", "HEAD"), Trees: map[string]string{"ws-multi": w.tree("ws-multi"), "ws-single": w.tree("ws-single")},
		Scenario: load, Servers: []string{"ws-multi@shards=1", "ws-single"},
		Judgements: []result.Judgement{{Limit: load.Limits[0], Text: "CPU per delivery: ws-multi@shards=1 over ws-single", Unit: "x", Value: 0.95, Low: 0.93, High: 0.97, Pairs: measuredRounds, Verdict: result.Holds}},
		Verdict:    result.Holds,
	}
	for _, lane := range []struct {
		name, server string
		base         bool
	}{{"floor", "floor", true}, {"ws-multi@shards=1", "ws-multi@shards=1", false}, {"ws-single", "ws-single", false}} {
		l := result.Lane{Name: lane.name, Server: lane.server, Baseline: lane.base, Connections: 1000, FanOut: 1000}
		for round := range measuredRounds {
			l.Slices = append(l.Slices, result.Slice{
				Round: round, Seconds: 2, Records: 10, Expected: 10_000, Received: 10_000, CPUMicros: 45_000, P99MS: 30, RSS: 100 << 20,
			})
		}
		l.Totals = result.Totals{Records: 120, Expected: 120_000, Received: 120_000}
		r.Lanes = append(r.Lanes, l)
	}
	w.scale(&r, "ws-multi@shards=1", 0.95, 1, 0.4, 0.02)
	return r
}

// scale makes a lane's figures so many times what they are, with a spread that differs from round to round.
func (w *world) scale(r *result.Result, lane string, cpu, p99, rss, spread float64) {
	w.t.Helper()
	dice := rand.New(rand.NewPCG(7, 26))
	by := func(factor float64) float64 { return factor * math.Exp(spread*dice.NormFloat64()) }
	for i := range r.Lanes {
		if r.Lanes[i].Name != lane {
			continue
		}
		for k := range r.Lanes[i].Slices {
			s := &r.Lanes[i].Slices[k]
			s.CPUMicros, s.P99MS, s.RSS = s.CPUMicros*by(cpu), s.P99MS*by(p99), int64(float64(s.RSS)*by(rss))
		}
	}
}

// lane is one of the result's.
func (w *world) lane(name string) *result.Lane {
	w.t.Helper()
	for i := range w.result.Lanes {
		if w.result.Lanes[i].Name == name {
			return &w.result.Lanes[i]
		}
	}
	w.t.Fatalf("no lane %s", name)
	return nil
}
