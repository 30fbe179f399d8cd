package model

import (
	"math"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// One model may be too high and the other too low: what they differ by must be more than both errors together.
func TestTooClose(t *testing.T) {
	m := &Model{Variants: []Variant{{Name: scenario.Single, Error: Error{Median: 0.02, Max: 0.10}}, {Name: scenario.Multi, Error: Error{Median: 0.06, Max: 0.20, Shards: &Off{Median: 0.08, Max: 0.3}}}}}
	option := func(of string, cpu float64, machines int, first string) *Option {
		return &Option{Variant: of, Cores: 1, CPU: cpu, Machines: machines, Strains: []Strain{{Name: first}}}
	}
	single := func(cpu float64) *Option { return option(scenario.Single, cpu, 1, OfCPU) }
	projected := func(o *Option) *Option {
		o.Projection = []string{"it is"}
		return o
	}
	sharded := func(o *Option) *Option {
		o.Cores = 2
		return o
	}
	for _, tt := range []struct {
		name  string
		a, b  *Option
		doubt float64
		want  bool
	}{
		{"within the sum of the medians", single(1), option(scenario.Multi, 1.08, 1, OfCPU), 0.08, true},
		{"the other way round", option(scenario.Multi, 1, 1, OfCPU), single(1.08), 0.08, true},
		{"beyond the sum", single(1), option(scenario.Multi, 1.1, 1, OfCPU), 0.08, false},
		{"one is a projection", projected(single(1)), option(scenario.Multi, 1.15, 1, OfCPU), 0.16, true},
		{"both are", projected(single(1)), projected(option(scenario.Multi, 1.35, 1, OfCPU)), 0.30, true},
		{"beyond the largest errors", projected(single(1)), projected(option(scenario.Multi, 1.5, 1, OfCPU)), 0.30, false},
		{"several shards", single(1), sharded(option(scenario.Multi, 1.1, 1, OfCPU)), 0.10, true},
		{"machines that CPU asks for", single(1), option(scenario.Multi, 1.08, 2, OfCPU), 0.08, true},
		{"machines that memory asks for", single(1), option(scenario.Multi, 1.08, 2, OfMemory), 0.08, false},
	} {
		if got := m.TooClose(tt.a, tt.b); got != tt.want || math.Abs(m.DoubtOf(tt.a, tt.b)-tt.doubt) > 1e-9 {
			t.Errorf("%s: %v with a doubt of %g, want %v and %g", tt.name, got, m.DoubtOf(tt.a, tt.b), tt.want, tt.doubt)
		}
	}
}

// Of places that the model cannot tell apart the one with the fewest instances is taken; one on nearly as few machines is told.
func TestFewerInstances(t *testing.T) {
	_, multi := known()
	site := Site{Cores: 4, Memory: 1 << 40}
	l := demand(LoadOf(119_000, 5, 119_000, 104)) // 2.975 cores' worth: four of a core or one of four
	multi.Costs.Walk = 1000                       // of 5 records/s: 1.5% of a core for each shard but one
	for _, tt := range []struct {
		median         float64
		instances, cpu int
		or             bool
	}{{0.001, 4, 1, false}, {0.05, 1, 4, true}} {
		multi.Error = Error{Loads: 1, Median: tt.median, Max: tt.median}
		o, err := multi.Plan(l, site)
		if err != nil {
			t.Fatal(err)
		}
		if o.Instances != tt.instances || o.Cores != tt.cpu || (o.Or != nil) != tt.or {
			t.Errorf("with an error of %g: %d instances of %d cores, or %+v", tt.median, o.Instances, o.Cores, o.Or)
		}
	}
	// Eight of a core are on two machines, three of four on three.
	multi.Error = Error{Loads: 1, Median: 0.2, Max: 0.2}
	multi.Costs.Walk = 60_000
	o, err := multi.Plan(demand(LoadOf(8*30_000-100, 5, 8*30_000-100, 104)), Site{Cores: 4, Memory: 1 << 40})
	if err != nil || o.Instances*o.Cores != 8 || o.Machines != 2 || o.Or == nil || o.Or.Instances >= o.Instances || o.Or.Machines != 3 {
		t.Errorf("%+v, or %+v, %v", o, o.Or, err)
	}
}
