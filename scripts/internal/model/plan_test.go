package model

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// known is a model whose costs are round, so that the limits of a plan can be told by hand.
func known() (single, multi *Variant) {
	costs := Costs{Send: 5, Record: 5, Base: 0}
	wide := Range{MinConnections: 1, MaxConnections: 1e9, MaxDeliveries: 1e12, MaxSends: 1e12, MaxCPU: 1, MaxRecords: 1e9, MinFanOut: 0.001, MaxFanOut: 1e9, MaxShards: 99, Bytes: 104}
	memory := &Memory{Base: 100 << 20, Connection: 4096, Kernel: 4096, Most: 1e9}
	return &Variant{Name: scenario.Single, Costs: costs, Memory: memory, Range: wide},
		&Variant{Name: scenario.Multi, Costs: costs, Memory: memory, Range: wide}
}

// demand is of clients that hold a channel each, whose history is not counted.
func demand(l Load) Demand { return Demand{Load: l, Reach: l.FanOut} }

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
		machines  int
		first     string
	}{
		{"a core is just enough", single, just, big, 1, 1, 1, OfCPU},
		{"a core is not", single, over, big, 2, 1, 1, OfCPU},
		{"one more core is", multi, over, big, 1, 2, 1, OfCPU},
		{"four cores are just enough", multi, LoadOf(119_900, 5, 119_900, 104), big, 1, 4, 1, OfCPU},
		{"four cores are not", multi, LoadOf(120_100, 5, 120_100, 104), big, 5, 1, 2, OfCPU}, // five of a core are less than two of four
		{"files before CPU", single, LoadOf(10_000, 5, 10_000, 104), with(func(s *Site) { s.Files = 10_600 }), 1, 1, 1, OfFiles},
		{"files are not enough", single, LoadOf(10_200, 5, 10_200, 104), with(func(s *Site) { s.Files = 10_600 }), 2, 1, 1, OfFiles},
		{"memory before CPU", single, LoadOf(10_000, 5, 10_000, 104), with(func(s *Site) { s.Memory = 240 << 20 }), 1, 1, 1, OfMemory},
		{"memory is not enough", single, LoadOf(12_500, 5, 12_500, 104), with(func(s *Site) { s.Memory = 240 << 20 }), 2, 1, 2, OfMemory},
		{"the network before CPU", single, LoadOf(10_000, 5, 10_000, 104), with(func(s *Site) { s.Network = 160e6 }), 1, 1, 1, OfNetwork},
		{"reading before CPU", multi, LoadOf(210_000, 1, 1.5, 104), big, 1, 3, 1, OfReading},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := tt.of.Plan(demand(tt.load), tt.site)
			if err != nil {
				t.Fatal(err)
			}
			if o.Instances != tt.instances || o.Cores != tt.cores || o.Machines != tt.machines || o.Strains[0].Name != tt.first || !o.Fits() {
				t.Errorf("%d instances of %d cores on %d machines, first %+v, want %d of %d on %d and %s", o.Instances, o.Cores, o.Machines, o.Strains, tt.instances, tt.cores, tt.machines, tt.first)
			}
			holds, first, _ := tt.of.Holds(o, tt.site)
			if holds < o.Total.Connections*0.999 || first.Name == "" {
				t.Errorf("%.0f connections are held up to %.0f until %+v", o.Total.Connections, holds, first)
			}
		})
	}
	// 5 us a record of 150,000 a second: whoever shares the clients, each instance reads all.
	var impossible *Impossible
	if _, err := single.Plan(demand(LoadOf(151_000, 1, 1, 104)), big); !errors.As(err, &impossible) || impossible.Strain.Name != OfCPU {
		t.Errorf("single: %v", err)
	}
	if _, err := multi.Plan(demand(LoadOf(151_000, 1, 1, 104)), big); !errors.As(err, &impossible) || impossible.Strain.Name != OfReading {
		t.Errorf("multi: %v", err)
	}
}

func TestOptionFigures(t *testing.T) {
	single, _ := known()
	o, err := single.Plan(demand(LoadOf(60_000, 5, 600, 104)), Site{Cores: 4, Memory: 8 << 30, Network: 10e9})
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
	if len(o.Projection) != 1 || !strings.Contains(o.Projection[0], "3 instances on a machine") {
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
	if want := 0.6 * o.Network / (NetworkShare * site.Network); math.Abs(o.Strains[i].Share-want) > 1e-9 {
		t.Errorf("the network is at %g, want %g", o.Strains[i].Share, want)
	}
	// What instances hold is of that machine, too.
	holds, first, _ := single.Holds(o, site)
	if want := 100_000 / o.Strains[i].Share; first.Name != OfNetwork || math.Abs(holds/want-1) > 1e-3 {
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
		{"sends one by one", Load{12_000, 10, 12_000, 1, 104}, 1, []string{"120k sends/s each (measured to 60k)", "planned 0.6 of a core (measured to 0.33)"}},
		{"few clients", Load{300, 10, 300, 1, 104}, 1, []string{"300 connections each (measured from 1k)"}},
		{"two shards, of this load", inside, 2, nil},
		{"two shards, of another", Load{8000, 5, 8000, 1, 104}, 2, []string{"2 shards for this load (measured for others)"}},
		{"four shards", inside, 4, []string{"4 shards (measured to 2)"}},
	} {
		if got := multi.Assess(tt.load, 1, tt.cores, Site{Cores: 4}).Projection; !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
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
