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
	steps := []int{1000, 4000, 15000}
	idle := begin(scenario.Scenario{Name: "idle", Kind: scenario.Idle, Connections: 15000, Steps: steps})
	for i, server := range idle.Servers {
		costs, perClient := []Costs{singleCosts, multiCosts}[i], []float64{4500, 900}[i]
		lane := result.Lane{
			Name: server, Server: server, Connections: 15000, Shards: 1,
			Totals: result.Totals{IdleCPU: (costs.Idle + costs.Base/15000) * idle.Floor.CPUMicros / 4 * off()},
		}
		for _, n := range steps {
			lane.Memory = append(lane.Memory, result.Memory{Connections: n, RSS: int64((30e6 + float64(n)*perClient) * off()), Sockets: int64(50e6 + 6000*float64(n))})
		}
		idle.Lanes = append(idle.Lanes, lane)
	}
	two := scenario.Scenario{
		Name: "grid-shards", Kind: scenario.Deliver, Connections: 4000, Publish: scenario.Publish{Rate: 1, Bytes: 104},
		Subscribe: scenario.Subscribe{Each: 3, FanOuts: []int{0, 100, 1}},
	}
	loads := map[string]Load{"all": {4000, 10, 4000, 1, 104}, "hundred": {4000, 300, 100, 1, 104}, "one": {4000, 4000, 1, 1, 104}, "one-slow": {4000, 1000, 1, 1, 104}}
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
	if v := m.Find(scenario.Multi); v.Doubling == nil || math.Abs(v.Doubling.Ratio-1.04) > 0.005 || v.Doubling.Loads != 4 || !v.Doubling.Walk || v.Range.MaxShards != 2 {
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
	for text, want := range map[string]string{"{": "unexpected end", `{"$schema":"x"}`: "fit it anew", `{"$schema":"` + strings.TrimSuffix(SchemaID, "v3") + `v2"}`: "fit it anew", `{"$schema":"` + SchemaID + `"}`: "no variants"} {
		path := filepath.Join(dir, "broken.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// What no fit comes to is refused: a map of it would have differences without end.
func TestReadRefusesNonsense(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.json")
	for want, change := range map[string]func(*Variant){
		"":                                   func(*Variant) {},
		"all costs of ws-single are 0":       func(v *Variant) { v.Costs = Costs{} },
		"a cost of ws-single is below 0":     func(v *Variant) { v.Costs.Wake = -1 },
		"a variant without a name":           func(v *Variant) { v.Name = "" },
		"a fetch of ws-single takes less":    func(v *Variant) { v.Fetch = -0.001 },
		"an error of ws-single is below 0":   func(v *Variant) { v.Error.Beyond = &Beyond{Off: Off{Median: -0.1}} },
		"the memory of ws-single is nothing": func(v *Variant) { v.Memory = &Memory{} },
	} {
		single := Variant{Name: scenario.Single, Costs: singleCosts, Memory: &Memory{Base: 1}}
		change(&single)
		if err := (&Model{Variants: []Variant{single}}).Write(path); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "fit it anew")) {
			t.Errorf("%v, want %q", err, want)
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
