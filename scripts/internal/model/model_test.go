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

func TestFitLeavesOut(t *testing.T) {
	all := measured(0)
	other, lossy, search := *all[3], *all[3], *all[3]
	other.Started = time.Time{}
	other.Host.Fingerprint = "elsewhere"
	lossy.Refusals = []result.Refusal{{Code: result.Lossy}}
	search.Capacity = &result.Capacity{}
	_, left, err := Fit(append(all, &other, &lossy, &search), time.Now())
	if err != nil || len(left) != 3 {
		t.Fatalf("left out %v, %v", left, err)
	}
	for i, want := range []string{"another machine", "refused: lost", "capacity"} {
		if !strings.Contains(left[i].Why, want) {
			t.Errorf("left out because %q, want %q", left[i].Why, want)
		}
	}
	_, left, err = Fit(append(measured(0), fewClients()...), time.Now())
	if err != nil || len(left) != 1 || !strings.Contains(left[0].Why, "its floor sends a record to 1 clients") {
		t.Errorf("of a floor that sends each record to one client: %v, %v", left, err)
	}
	for _, few := range [][]*result.Result{nil, all[3:]} {
		if _, _, err := Fit(few, time.Now()); !errors.Is(err, ErrTooFew) {
			t.Errorf("of %d results: %v", len(few), err)
		}
	}
}

// fewClients are results of a load whose records are for one, for a hundred and for all: the floor has the same.
func fewClients() []*result.Result {
	var all []*result.Result
	for i, fanOut := range []int{1, 100, 2000} {
		r := &result.Result{
			Scenario: scenario.Scenario{Name: fmt.Sprintf("fanout-%d", fanOut), Kind: scenario.Deliver, Connections: 2000, Channels: 2000 / fanOut, Publish: scenario.Publish{Rate: 10, Bytes: 104}},
			Started:  time.Date(2026, 11, 23, 10, i, 0, 0, time.UTC), Host: result.Host{Fingerprint: "here"}, Floor: result.Floor{CPUMicros: 8}, Commit: "abc",
		}
		for _, server := range []string{scenario.Floor, scenario.Single} {
			r.Lanes = append(r.Lanes, result.Lane{
				Name: server, Server: server, Baseline: server == scenario.Floor, Connections: 2000,
				Slices: []result.Slice{{Seconds: 10, Records: 100, Received: int64(100 * fanOut), CPUMicros: 1e5}},
			})
		}
		all = append(all, r)
	}
	return all
}

// What is not of a variant as it is says nothing of it.
func TestFitLeavesOutLanes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*result.Result, *result.Lane)
		want   string // "": it is taken
	}{
		{"as it is", func(*result.Result, *result.Lane) {}, ""},
		{"guards are off", func(_ *result.Result, l *result.Lane) {
			l.Settings = map[string]string{"WS_HANDSHAKES_PER_S": "off", "WS_SHARDS": "1", "GOMAXPROCS": "1", "WS_PING_INTERVAL": "25s"}
		}, ""},
		{"a setting", func(_ *result.Result, l *result.Lane) { l.Settings = map[string]string{"WS_FLUSH_INTERVAL": "10ms"} }, "WS_FLUSH_INTERVAL=10ms"},
		{"a shard on two cores", func(_ *result.Result, l *result.Lane) {
			l.Server, l.Name = "ws-multi@shards=1,cores=2", "ws-multi@shards=1,cores=2/one-fast"
		}, "1 shards on 2 cores"},
		{"cores that it had", func(_ *result.Result, l *result.Lane) { l.Cores = []int{0, 1} }, "1 shards on 2 cores"},
		{"its own core", func(_ *result.Result, l *result.Lane) { l.Cores = []int{1} }, ""},
		{"another program", func(_ *result.Result, l *result.Lane) { l.Given = true }, "built from the tree"},
		{"another version", func(r *result.Result, _ *result.Lane) {
			r.Versions = map[string]string{"ws-single": "v1.0.0", "ws-multi": "v0.0.9"}
		}, "the newest is v0.1.0"},
		{"unsettled", func(r *result.Result, l *result.Lane) {
			r.Refusals = []result.Refusal{{Code: result.Unsettled, Lane: l.Name}}
		}, result.Unsettled},
		{"a floor unsettled", func(r *result.Result, _ *result.Lane) { r.Refusals = []result.Refusal{{Code: result.Unsettled}} }, result.Unsettled},
		{"incomplete", func(r *result.Result, _ *result.Lane) { r.Refusals = []result.Refusal{{Code: result.Incomplete}} }, result.Incomplete},
		{"interrupted", func(r *result.Result, _ *result.Lane) { r.Interrupted = true }, "interrupted"},
		{"another commit", func(r *result.Result, _ *result.Lane) { r.Commit = "old" }, "another commit, old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := measured(0)
			for _, r := range all {
				r.Versions = map[string]string{"ws-single": "v1.0.0", "ws-multi": "v0.1.0"}
			}
			r := all[0]
			lane := &r.Lanes[len(r.Lanes)-1]
			tt.change(r, lane)
			_, left, err := Fit(all, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if len(left) > 1 {
				t.Errorf("told in %d lines: %v", len(left), left)
			}
			if tt.want == "" && len(left) > 0 || tt.want != "" && (len(left) == 0 || !strings.Contains(left[0].Why, tt.want)) {
				t.Errorf("left out %+v, want %q", left, tt.want)
			}
		})
	}
}

// Results of other commits are taken only where there are too few of the last one, and then that is told.
func TestFitOfOtherCommits(t *testing.T) {
	all := measured(0)
	all[len(all)-1].Commit = "new"
	m, left, err := Fit(all, time.Now())
	if err != nil || len(left) > 0 || !slices.Equal(m.Others, []string{"abc"}) || m.Commit != "new" {
		t.Errorf("%v, left out %v", err, left)
	}
	if m, _, err := Fit(measured(0), time.Now()); err != nil || len(m.Others) > 0 {
		t.Errorf("of one commit: others %v, %v", m.Others, err)
	}
}

// Memory is a mean of the runs that have a slope, and none is no memory of 0 bytes.
func TestFitMemory(t *testing.T) {
	flat := []memoryPoint{{scenario.Single, 1000, 5e6, 1e6, 1}, {scenario.Single, 1000, 6e6, 1e6, 1}}
	steep := []memoryPoint{{scenario.Single, 1000, 5e6, 1e6, 2}, {scenario.Single, 2000, 9e6, 7e6, 2}}
	if m := fitMemory(scenario.Single, flat); m != nil {
		t.Errorf("without a slope %+v", m)
	}
	if m := fitMemory(scenario.Single, slices.Concat(flat, steep)); m == nil || m.Connection != 4000 || m.Kernel != 3000 || m.Base != 1e6 {
		t.Errorf("of one run with a slope %+v", m)
	}
}

// Records that nobody gets have no fan-out to be within.
func TestRangeOfNobody(t *testing.T) {
	r := rangeOf([]Point{{Shards: 1, Load: Load{100, 10, 0, 1, 50}}, {Shards: 1, Load: Load{100, 10, 20, 1, 104}}}, 0)
	if r.MinFanOut != 20 || r.MaxFanOut != 20 || r.Bytes != 104 {
		t.Errorf("%+v", r)
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

// known is a model whose costs are round, so that the limits of a plan can be told by hand.
func known() (single, multi *Variant) {
	costs := Costs{Send: 5, Record: 5, Base: 0}
	wide := Range{MinConnections: 1, MaxConnections: 1e9, MaxDeliveries: 1e12, MaxSends: 1e12, MaxCPU: 1, MaxRecords: 1e9, MinFanOut: 0.001, MaxFanOut: 1e9, MaxShards: 99, Bytes: 104}
	memory := &Memory{Base: 100 << 20, Connection: 4096, Kernel: 4096, Most: 1e9}
	return &Variant{Name: scenario.Single, Costs: costs, Memory: memory, Range: wide},
		&Variant{Name: scenario.Multi, Costs: costs, Memory: memory, Range: wide}
}

// What breaks first changes where the arithmetic says.
func TestPlanFlips(t *testing.T) {
	single, multi := known()
	big := Site{Cores: 4, Memory: 1 << 40, Network: 1e12}
	with := func(change func(*Site)) Site {
		s := big
		change(&s)
		return s
	}
	// 5 us a send: three quarters of a core are 150,000 messages a second.
	just, over := LoadOf(29_990, 5, 29_990, 104), LoadOf(30_010, 5, 30_010, 104)
	tests := []struct {
		name      string
		of        *Variant
		load      Load
		site      Site
		instances int
		cores     int
		first     string
	}{
		{"a core is just enough", single, just, big, 1, 1, OfCPU},
		{"a core is not", single, over, big, 2, 1, OfCPU},
		{"one more core is", multi, over, big, 1, 2, OfCPU},
		{"four cores are just enough", multi, LoadOf(119_900, 5, 119_900, 104), big, 1, 4, OfCPU},
		{"four cores are not", multi, LoadOf(120_100, 5, 120_100, 104), big, 5, 1, OfCPU}, // five of a core are less than two of four
		{"files before CPU", single, LoadOf(10_000, 5, 10_000, 104), with(func(s *Site) { s.Files = 10_600 }), 1, 1, OfFiles},
		{"files are not enough", single, LoadOf(10_200, 5, 10_200, 104), with(func(s *Site) { s.Files = 10_600 }), 2, 1, OfFiles},
		{"memory before CPU", single, LoadOf(10_000, 5, 10_000, 104), with(func(s *Site) { s.Memory = 4 * 240 << 20 }), 1, 1, OfMemory},
		{"memory is not enough", single, LoadOf(12_500, 5, 12_500, 104), with(func(s *Site) { s.Memory = 4 * 240 << 20 }), 2, 1, OfMemory},
		{"the network before CPU", single, LoadOf(10_000, 5, 10_000, 104), with(func(s *Site) { s.Network = 160e6 }), 1, 1, OfNetwork},
		{"reading before CPU", multi, LoadOf(210_000, 1, 1.5, 104), big, 1, 3, OfReading},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := tt.of.Plan(tt.load, tt.site)
			if err != nil {
				t.Fatal(err)
			}
			if o.Instances != tt.instances || o.Cores != tt.cores || o.Strains[0].Name != tt.first || !o.Fits() {
				t.Errorf("%d instances of %d cores, first %+v, want %d of %d and %s", o.Instances, o.Cores, o.Strains, tt.instances, tt.cores, tt.first)
			}
			holds, first, _ := tt.of.Holds(o, tt.site)
			if holds < o.Load.Connections*0.999 || first.Name == "" {
				t.Errorf("an instance of %.0f connections holds %.0f until %+v", o.Load.Connections, holds, first)
			}
		})
	}
	// 5 us a record of 150,000 a second: whoever shares the clients, each instance reads all.
	var impossible *Impossible
	if _, err := single.Plan(LoadOf(151_000, 1, 1, 104), big); !errors.As(err, &impossible) || impossible.Strain.Name != OfCPU {
		t.Errorf("single: %v", err)
	}
	if _, err := multi.Plan(LoadOf(151_000, 1, 1, 104), big); !errors.As(err, &impossible) || impossible.Strain.Name != OfReading {
		t.Errorf("multi: %v", err)
	}
}

func TestOptionFigures(t *testing.T) {
	single, _ := known()
	o, err := single.Plan(LoadOf(60_000, 5, 600, 104), Site{Cores: 4, Memory: 8 << 30, Network: 10e9})
	if err != nil {
		t.Fatal(err)
	}
	// 300,000 messages/s at 5 us, 500 records/s at 5 us: three instances of 0.5025 of a core.
	if o.Instances != 3 || o.Machines != 1 || math.Abs(o.CPU-3*0.5025) > 1e-6 {
		t.Errorf("%d instances on %d machines, %g cores", o.Instances, o.Machines, o.CPU)
	}
	if want := 3.0 * 500 * (104 + recordBytes); math.Abs(o.Kafka-want) > 1 {
		t.Errorf("%g bytes/s out of Kafka, want %g", o.Kafka, want)
	}
	if o.Files != 20_000+spareFiles || math.Abs(o.Last-200*5e-6) > 1e-9 || o.Kernel != 20_000*4096 {
		t.Errorf("%d files, the last after %g s, %g of the kernel", o.Files, o.Last, o.Kernel)
	}
	if len(o.Projection) != 1 || !strings.Contains(o.Projection[0], "3 instances") {
		t.Errorf("projection: %q", o.Projection)
	}
	single.Range.MaxConnections, single.Range.Bytes = 10_000, 1000
	if o := single.Assess(LoadOf(60_000, 5, 600, 104), 3, 1, Site{Cores: 4}); len(o.Projection) != 3 || o.HasMemory {
		t.Errorf("projection: %q, memory %v", o.Projection, o.HasMemory)
	}
}

// The fullest of the machines is the one that breaks first: of five instances on two machines it has three.
func TestFullestMachine(t *testing.T) {
	single, _ := known()
	l := LoadOf(100_000, 5, 100_000, 104) // each instance 20,000: half a core
	site := Site{Cores: 4, Memory: 1 << 40, Network: 0.3e9}
	o := single.Assess(l, 5, 1, site)
	if o.Machines != 2 || math.Abs(o.MachineNetwork()-0.6*o.Network) > 1 {
		t.Fatalf("%d machines, %g of %g bit/s on the fullest", o.Machines, o.MachineNetwork(), o.Network)
	}
	i := slices.IndexFunc(o.Strains, func(s Strain) bool { return s.Name == OfNetwork })
	if want := 0.6 * o.Network / (CPUShare * site.Network); math.Abs(o.Strains[i].Share-want) > 1e-9 {
		t.Errorf("the network is at %g, want %g", o.Strains[i].Share, want)
	}
	// What an instance holds is of that machine, too.
	holds, first, _ := single.Holds(o, site)
	if want := 20_000 / o.Strains[i].Share; first.Name != OfNetwork || math.Abs(holds/want-1) > 1e-3 {
		t.Errorf("it holds %g until %s, want %g", holds, first.Name, want)
	}
}

// Memory is of the servers' own history, and a heap that nothing bounds doubles before it is collected.
func TestMemoryOfHistory(t *testing.T) {
	single, multi := known()
	site := Site{Cores: 1, Memory: 1 << 30}
	l := LoadOf(10_000, 5, 100, 1000) // 500 records/s
	for v, each := range map[*Variant]float64{single: 1000 + 90 + 72, multi: 1000 + 90 + 80} {
		o := v.Assess(l, 1, 1, site)
		if want := 500 * 300 * each; o.History != want || o.Growth != want+10_000*4096 {
			t.Errorf("%s: %g bytes of history, %g of growth, want %g", v.Name, o.History, o.Growth, want)
		}
		i := slices.IndexFunc(o.Strains, func(s Strain) bool { return s.Name == OfMemory })
		if want := (o.Process + o.Kernel + o.Growth) / (1 << 30); math.Abs(o.Strains[i].Share-want) > 1e-9 || !strings.Contains(o.Strains[i].Words, "twice its live part") {
			t.Errorf("%s: memory is at %g, want %g: %s", v.Name, o.Strains[i].Share, want, o.Strains[i].Words)
		}
	}
}

// Beyond what was measured is told, figure by figure.
func TestProjections(t *testing.T) {
	inside := Load{4000, 10, 4000, 1, 104}
	narrow := Range{MinConnections: 1000, MaxConnections: 12_000, MaxDeliveries: 192_000, MaxSends: 60_000, MaxCPU: 0.33, MaxRecords: 6000, MinFanOut: 1, MaxFanOut: 12_000, MaxShards: 2, Bytes: 104}
	multi := &Variant{Name: scenario.Multi, Costs: Costs{Send: 5}, Range: narrow, Points: []Point{{Shards: 2, Load: inside}}}
	for _, tt := range []struct {
		name  string
		load  Load
		cores int
		want  []string
	}{
		{"inside", inside, 1, nil},
		{"sends one by one", Load{12_000, 10, 12_000, 1, 104}, 1, []string{"120k sends/s an instance, measured up to 60k", "planned 0.6 of a core, measured up to 0.33"}},
		{"few clients", Load{300, 10, 300, 1, 104}, 1, []string{"300 connections an instance, measured from 1k"}},
		{"two shards, of this load", inside, 2, nil},
		{"two shards, of another", Load{8000, 5, 8000, 1, 104}, 2, []string{"2 shards for this load, measured for others"}},
		{"four shards", inside, 4, []string{"4 shards, measured up to 2"}},
	} {
		if got := multi.Assess(tt.load, 1, tt.cores, Site{Cores: 4}).Projection; !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestTooClose(t *testing.T) {
	m := &Model{Variants: []Variant{{Error: Error{Median: 0.02}}, {Error: Error{Median: 0.06}}}}
	option := func(cpu float64, machines int, first string) *Option {
		return &Option{CPU: cpu, Machines: machines, Strains: []Strain{{Name: first}}}
	}
	for _, tt := range []struct {
		a, b *Option
		want bool
	}{
		{option(1, 1, OfCPU), option(1.05, 1, OfCPU), true},
		{option(1.05, 1, OfCPU), option(1, 1, OfCPU), true},
		{option(1, 1, OfCPU), option(1.1, 1, OfCPU), false},
		{option(1, 1, OfCPU), option(1.05, 2, OfCPU), true},
		{option(1, 1, OfCPU), option(1.05, 2, OfMemory), false},
	} {
		if got := m.TooClose(tt.a, tt.b); got != tt.want {
			t.Errorf("%+v and %+v: %v", tt.a, tt.b, got)
		}
	}
}

func TestMap(t *testing.T) {
	m := fitted(t, 0)
	cells := m.Map(UsualAxes())
	if len(cells) != 6*4*3*3 {
		t.Fatalf("%d cells", len(cells))
	}
	find := func(connections, rate, fanOut float64, cores int) Cell {
		for _, c := range cells {
			if c.Connections == connections && c.Rate == rate && c.FanOut == fanOut && c.Cores == cores {
				return c
			}
		}
		t.Fatal("no such cell")
		return Cell{}
	}
	// A small broadcast: one instance of each, and ws-single's send is the cheaper one.
	c := find(4000, 1, 0, 4)
	if name, more := c.Winner(ByCPU); name != scenario.Single || more < 0.02 || more > 0.6 || c.Single.Instances != 1 || c.Multi.Cores != 1 {
		t.Errorf("%s by %g: %+v, %+v", name, more, c.Single, c.Multi)
	}
	if name, more := c.Winner(ByMemory); name != scenario.Multi || more < 0.1 {
		t.Errorf("by memory %s by %g", name, more)
	}
	// Twice a core: two of ws-single or more, ws-multi on as many cores; on one core neither.
	if c := find(50_000, 5, 0, 1); c.Single != nil || c.Multi != nil {
		t.Errorf("on one core %+v, %+v", c.Single, c.Multi)
	}
	if c := find(50_000, 5, 0, 4); c.Single == nil || c.Single.Instances < 2 || c.Multi == nil || c.Multi.Cores < 2 || c.Multi.Instances != 1 {
		t.Errorf("on four cores %+v, %+v", c.Single, c.Multi)
	}
	if name, _ := find(1_000_000, 20, 1, 16).Winner(ByCPU); name != "" {
		t.Errorf("20 million records a second are held by %s", name)
	}
	measured := 0
	for _, c := range cells {
		if c.Measured {
			measured++
		}
	}
	if measured == 0 || measured == len(cells) {
		t.Errorf("%d of %d cells were measured", measured, len(cells))
	}
	m.Variants = m.Variants[:1]
	if m.Map(UsualAxes()) != nil {
		t.Error("a map of one variant")
	}
}
