package model

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

var (
	singleCosts = Costs{Send: 4.2, Message: 0.4, Record: 2.5, Wake: 30, Idle: 0.35, Base: 2000}
	multiCosts  = Costs{Send: 4.5, Message: 0.4, Record: 2.8, Wake: 40, Idle: 0.2, Base: 3000, Walk: 0.5}
)

const trueFetch = 0.001

// measured makes results such as bench fit has them, of servers whose costs are known; noise is the relative deviation of
// each lane.
func measured(noise float64) []*result.Result {
	from := rand.New(rand.NewPCG(7, 9))
	off := func() float64 { return 1 + noise*from.NormFloat64() }
	var all []*result.Result
	begin := func(s scenario.Scenario) *result.Result {
		r := &result.Result{
			Scenario: s, Started: time.Date(2026, 11, 23, 9, len(all), 0, 0, time.UTC), Servers: []string{"ws-single", "ws-multi@shards=1"},
			Host: result.Host{Fingerprint: "here", CPU: "test", CPUs: 2, OpenFiles: 20000}, Floor: result.Floor{CPUMicros: 4}, Commit: "abc",
		}
		if len(all)%2 == 1 {
			r.Floor.CPUMicros = 8 // the machine was half as fast then, and all cost twice as much
		}
		all = append(all, r)
		return r
	}
	add := func(r *result.Result, server, lane string, l Load, shards int) {
		costs := singleCosts
		if scenario.VariantOf(server) == scenario.Multi {
			costs = multiCosts
		}
		micros := costs.of(l.features(trueFetch, shards)) * off() * r.Floor.CPUMicros / 4
		if shards > 1 {
			micros *= 1.04
		}
		name := server
		if lane != "" {
			name += "/" + lane
		}
		out := result.Lane{Name: name, Server: server, Connections: int(l.Connections), Shards: shards}
		for round := range 4 {
			out.Slices = append(out.Slices, result.Slice{
				Round: round, Seconds: 300, Records: int64(math.Round(300 * l.Records)), Received: int64(math.Round(300 * l.Deliveries())), CPUMicros: 300 * micros,
			})
		}
		r.Lanes = append(r.Lanes, out)
	}
	for _, connections := range []int{1000, 4000, 12000} {
		s := scenario.Scenario{
			Name: fmt.Sprintf("grid-%d", connections), Kind: scenario.Deliver, Connections: connections, Publish: scenario.Publish{Rate: 1, Bytes: 104},
			Subscribe: scenario.Subscribe{Each: 3, FanOuts: []int{0, 100, 1}},
		}
		n := float64(connections)
		loads := []struct {
			name string
			Load
		}{
			{"all-slow", Load{n, 8000 / n, n, 1, 104}}, {"all-fast", Load{n, 40000 / n, n, 1, 104}}, {"all-burst", Load{n, 16 * 8000 / n, n, 16, 104}},
			{"hundred-slow", Load{n, 60, 100, 1, 104}}, {"hundred-fast", Load{n, 300, 100, 1, 104}},
			{"one-slow", Load{n, 1000, 1, 1, 104}}, {"one-fast", Load{n, 4000, 1, 1, 104}},
		}
		for _, l := range loads {
			s.Lanes = append(s.Lanes, scenario.Lane{Name: l.name, Publish: &scenario.Publish{Rate: l.Records, Burst: int(l.Burst), Bytes: 104}})
		}
		r := begin(s)
		for _, server := range r.Servers {
			for _, l := range loads {
				add(r, server, l.name, l.Load, 1)
			}
		}
	}
	idle := begin(scenario.Scenario{Name: "idle", Kind: scenario.Idle, Connections: 15000, Steps: []int{4000, 15000}})
	for i, server := range idle.Servers {
		costs, perClient := []Costs{singleCosts, multiCosts}[i], []float64{4500, 900}[i]
		idle.Lanes = append(idle.Lanes, result.Lane{
			Name: server, Server: server, Connections: 15000, Shards: 1,
			Totals: result.Totals{IdleCPU: (costs.Idle + costs.Base/15000) * idle.Floor.CPUMicros / 4 * off()},
			Memory: []result.Memory{
				{Connections: 4000, RSS: int64(30e6 + 4000*perClient), Sockets: 50e6}, {Connections: 15000, RSS: int64(30e6 + 15000*perClient), Sockets: 50e6 + 11000*6000},
			},
		})
	}
	two := scenario.Scenario{
		Name: "grid-shards", Kind: scenario.Deliver, Connections: 4000, Publish: scenario.Publish{Rate: 1, Bytes: 104},
		Subscribe: scenario.Subscribe{Each: 3, FanOuts: []int{0, 100, 1}},
	}
	loads := map[string]Load{"all": {4000, 10, 4000, 1, 104}, "hundred": {4000, 300, 100, 1, 104}, "one": {4000, 4000, 1, 1, 104}}
	names := slices.Sorted(maps.Keys(loads))
	for _, name := range names {
		two.Lanes = append(two.Lanes, scenario.Lane{Name: name, Publish: &scenario.Publish{Rate: loads[name].Records, Bytes: 104}})
	}
	shards := begin(two)
	shards.Servers = []string{"ws-multi@shards=1", "ws-multi@shards=2"}
	for i, server := range shards.Servers {
		for _, name := range names {
			add(shards, server, name, loads[name], i+1)
		}
	}
	return all
}

func fitted(t *testing.T, noise float64) *Model {
	t.Helper()
	m, left, err := Fit(measured(noise), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	if err != nil || len(left) > 0 {
		t.Fatal(err, left)
	}
	return m
}

// Out of exact figures come the costs that made them.
func TestFitRecovers(t *testing.T) {
	m := fitted(t, 0)
	for name, want := range map[string]Costs{scenario.Single: singleCosts, scenario.Multi: multiCosts} {
		v := m.Find(name)
		scale := m.Floor / 4
		for _, c := range []struct {
			name      string
			got, want float64
		}{
			{"send", v.Costs.Send, want.Send}, {"message", v.Costs.Message, want.Message}, {"record", v.Costs.Record, want.Record},
			{"wake", v.Costs.Wake, want.Wake}, {"idle", v.Costs.Idle, want.Idle}, {"base", v.Costs.Base, want.Base}, {"walk", v.Costs.Walk, want.Walk},
		} {
			if math.Abs(c.got-c.want*scale) > 0.02*c.want*scale {
				t.Errorf("%s: %s costs %g, want %g", name, c.name, c.got, c.want*scale)
			}
		}
		if v.Fetch != trueFetch || v.Error.Max > 0.02 || v.Error.Loads < fewest {
			t.Errorf("%s: a fetch of %g s, error %+v", name, v.Fetch, v.Error)
		}
		if perClient := map[string]float64{scenario.Single: 4500, scenario.Multi: 900}[name]; math.Abs(v.Memory.Connection-perClient) > 1 || math.Abs(v.Memory.Kernel-3000) > 1 || math.Abs(v.Memory.Base-30e6) > 1e4 {
			t.Errorf("%s: memory %+v", name, v.Memory)
		}
	}
	if v := m.Find(scenario.Multi); v.Doubling == nil || math.Abs(v.Doubling.Ratio-1.04) > 0.005 || v.Doubling.Loads != 3 || !v.Doubling.Walk || v.Range.MaxShards != 2 {
		t.Errorf("two shards cost %+v of one, up to %d shards", v.Doubling, v.Range.MaxShards)
	}
	if v := m.Find(scenario.Single); v.Doubling != nil {
		t.Errorf("ws-single has no shards: %+v", v.Doubling)
	}
	// Sixteen at once go out with one send: 128,000 messages a second are no more sends than the same one by one would be.
	if r := m.Find(scenario.Single).Range; r.MaxDeliveries < 127_000 || r.MaxSends > 45_000 || r.MaxCPU < 0.1 || r.MaxCPU > 1 {
		t.Errorf("measured up to %+v", r)
	}
}

// What more shards take is told with how many loads it comes of, and each of them is predicted by the others.
func TestDoubling(t *testing.T) {
	v := fitted(t, 0.02).Find(scenario.Multi)
	d := v.Doubling
	if d.Low > d.Ratio || d.High < d.Ratio || d.Low == d.High {
		t.Errorf("%+v", d)
	}
	several := 0
	for _, p := range v.Points {
		if _, tried := p.Error(); !tried {
			t.Errorf("%s, %d shards: not predicted", p.Describe(), p.Shards)
		}
		if p.Shards > 1 {
			several++
		}
	}
	if several != 3 {
		t.Errorf("%d points of several shards", several)
	}
	// One load alone tells neither a walk's cost nor how far it is off.
	all := measured(0)
	last := all[len(all)-1]
	last.Lanes = slices.DeleteFunc(last.Lanes, func(l result.Lane) bool { return !strings.HasSuffix(l.Name, "/all") })
	for i := range last.Lanes {
		if last.Lanes[i].Shards == 2 {
			for k := range last.Lanes[i].Slices {
				last.Lanes[i].Slices[k].CPUMicros *= 0.8 // cheaper than one shard
			}
		}
	}
	m, _, err := Fit(all, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	v = m.Find(scenario.Multi)
	if d := v.Doubling; d.Loads != 1 || d.Walk || v.Costs.Walk != 0 || d.Ratio > 0.9 {
		t.Errorf("of one load %+v, a walk %g", d, v.Costs.Walk)
	}
	if v.perDoubling() != 1 {
		t.Errorf("predictions take %g", v.perDoubling())
	}
	for _, p := range v.Points {
		if _, tried := p.Error(); tried != (p.Shards == 1) {
			t.Errorf("%s, %d shards: predicted %v", p.Describe(), p.Shards, tried)
		}
	}
}

// A prediction of nothing at all is the largest error there is, and no missing one.
func TestHeldOutOfNothing(t *testing.T) {
	nothing := 0.0
	if off, tried := (Point{CPU: 10, HeldOut: &nothing}).Error(); off != -1 || !tried {
		t.Errorf("off by %g, tried %v", off, tried)
	}
	if _, tried := (Point{CPU: 10}).Error(); tried {
		t.Error("tried without a prediction")
	}
	// Loads that only records explain: a fit without the one that has some predicts nothing of it.
	all := []Point{{Shards: 1, CPU: 5000, Load: Load{Connections: 10, Records: 1000, Burst: 1}}}
	for i := range 7 {
		all = append(all, Point{Shards: 1, CPU: 1e-3, Load: Load{Connections: float64(100 * (1 + i)), FanOut: 1, Burst: 1}})
	}
	v, err := fitVariant(scenario.Single, all)
	if err != nil {
		t.Fatal(err)
	}
	if v.Error.Loads != 8 || v.Error.Max < 0.99 {
		t.Errorf("%+v", v.Error)
	}
}

// Of noisy figures the error that is told is about the noise, and not that of the points it was fitted to, which is less.
func TestErrorIsHonest(t *testing.T) {
	const noise = 0.05
	m := fitted(t, noise)
	for name, costs := range map[string]Costs{scenario.Single: singleCosts, scenario.Multi: multiCosts} {
		v := m.Find(name)
		fit, held := 0.0, 0.0
		for _, p := range v.Points {
			fit += math.Abs(p.Fitted/p.CPU-1) / float64(len(v.Points))
			off, tried := p.Error()
			if !tried {
				t.Errorf("%s was not predicted", p.Describe())
			}
			held += math.Abs(off) / float64(len(v.Points))
		}
		if v.Error.Median < noise/3 || v.Error.Median > 3*noise || v.Error.Max < v.Error.Median || v.Error.Max > 1 {
			t.Errorf("%s: with noise of %g the error is %+v", name, noise, v.Error)
		}
		if held <= fit {
			t.Errorf("%s: predictions are off by %g, the points that were fitted by %g: what was left out must be harder", name, held, fit)
		}
		// A prediction of what was never measured is as good as is told.
		l := Load{8000, 5, 8000, 1, 104}
		want := costs.of(l.features(trueFetch, 1)) * m.Floor / 4
		if off := math.Abs(v.cpu(l, 1)/want - 1); off > v.Error.Max {
			t.Errorf("%s: %s is predicted %g off, told is %g at most", name, l, off, v.Error.Max)
		}
	}
}

// No cost is below 0, whatever the figures are.
func TestCostsAreNotNegative(t *testing.T) {
	for _, noise := range []float64{0.1, 0.3} {
		for _, v := range fitted(t, noise).Variants {
			c := v.Costs
			if min(c.Send, c.Message, c.Record, c.Wake, c.Idle, c.Base) < 0 || c.Send+c.Message == 0 {
				t.Errorf("noise %g: %s %+v", noise, v.Name, c)
			}
		}
	}
}

func TestModelFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Newest(dir); !errors.Is(err, ErrNone) {
		t.Errorf("of an empty folder: %v", err)
	}
	m := fitted(t, 0.02)
	old := *m
	old.Floor = 1
	for name, one := range map[string]*Model{"20261123-110000-model.json": &old, "20261123-120000-model.json": m} {
		if err := one.Write(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	back, err := Newest(dir)
	if err != nil || back.Floor != m.Floor || back.Find(scenario.Multi).Costs != m.Find(scenario.Multi).Costs {
		t.Errorf("%+v, %v", back, err)
	}
	for text, want := range map[string]string{"{": "unexpected end", `{"$schema":"x"}`: "fit it anew", `{"$schema":"` + SchemaID + `"}`: "no variants"} {
		path := filepath.Join(dir, "broken.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

var update = flag.Bool("update", false, "write the golden files")

// The model that other packages' tests take is one as a fit makes it.
func TestExample(t *testing.T) {
	const path = "testdata/20261123-120000-model.json"
	if *update {
		if err := fitted(t, 0.03).Write(path); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	want := fitted(t, 0.03)
	for i, v := range want.Variants {
		got := m.Variants[i]
		if math.Abs(got.Costs.Send/v.Costs.Send-1) > 1e-6 || got.Error.Loads != v.Error.Loads || len(got.Points) != len(v.Points) {
			t.Errorf("%s has %+v in the file and %+v now; if it should: go test ./internal/model -update", v.Name, got.Costs, v.Costs)
		}
	}
}
