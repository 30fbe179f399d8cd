package model

import (
	"math"
	"slices"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// Memory is a mean of the runs that have a slope, and none is no memory of 0 bytes.
func TestFitMemory(t *testing.T) {
	flat := []memoryPoint{{scenario.Single, 1000, 5e6, 1e6, 1}, {scenario.Single, 1000, 6e6, 1e6, 1}}
	steep := []memoryPoint{{scenario.Single, 1000, 5e6, 1e6, 2}, {scenario.Single, 2000, 9e6, 7e6, 2}}
	if m := fitMemory(flat); m != nil {
		t.Errorf("without a slope %+v", m)
	}
	if m := fitMemory(slices.Concat(flat, steep)); m == nil || m.Connection != 4000 || m.Kernel != 3000 || m.Base != 1e6 {
		t.Errorf("of one run with a slope %+v", m)
	}
}

// Each number of connections is predicted by the readings at the others.
func TestMemoryHeldOut(t *testing.T) {
	line := func(run int, sizes ...float64) (all []memoryPoint) {
		for _, n := range sizes {
			all = append(all, memoryPoint{scenario.Single, n, 30e6 + 4500*n, 50e6*float64(run) + 6000*n, run})
		}
		return all
	}
	exact := slices.Concat(line(1, 1000, 4000, 12_000), line(2, 4000, 15_000))
	if off := memoryOff(exact); off == nil || off.Loads != 4 || off.Max > 1e-9 {
		t.Errorf("on a line: %+v", off)
	}
	if off := memoryOff(slices.Concat(line(1, 4000, 15_000), line(2, 4100, 15_000))); off != nil {
		t.Errorf("of two numbers of connections nothing is left over: %+v", off)
	}
	// The last one has a quarter more than the line through the others, and more of the kernel.
	bent := line(1, 1000, 4000, 12_000)
	bent[2].process *= 1.25
	off := memoryOff(bent)
	if want := 1 - (30e6+7500*12_000)/((30e6+4500*12_000)*1.25+3000*12_000); off.Loads != 3 || math.Abs(off.Median-want) > 1e-9 || off.Max <= want {
		t.Errorf("bent: %+v, want a median of %g", off, want)
	}
	kernel := line(1, 1000, 4000, 12_000)
	kernel[2].kernel += 20e6
	if off := memoryOff(kernel); off.Max < 0.05 {
		t.Errorf("10 MB of the kernel more: %+v", off)
	}
}

func TestMemoryDoubt(t *testing.T) {
	m := fitted(t, 0.03)
	for i := range m.Variants {
		if m.Variants[i].Error.Memory == nil {
			t.Fatalf("%s: memory was not tried", m.Variants[i].Name)
		}
		m.Variants[i].Error.Memory = &Off{Loads: 3, Median: 0.01 * float64(i+1), Max: 0.1 * float64(i+1)}
	}
	option := func(name string, instances, cores int, connections float64) *Option {
		return &Option{Variant: name, Instances: instances, Cores: cores, Load: Load{Connections: connections}}
	}
	for _, tt := range []struct {
		a, b *Option
		want float64
	}{
		{option(scenario.Single, 1, 1, 15_000), option(scenario.Multi, 1, 1, 15_000), 0.03},
		{option(scenario.Single, 2, 1, 7500), option(scenario.Multi, 1, 1, 15_000), 0.12},
		{option(scenario.Single, 1, 1, 15_000), option(scenario.Multi, 1, 2, 15_000), 0.21},
		{option(scenario.Single, 1, 1, 50_000), option(scenario.Multi, 1, 1, 50_000), 0.3},
	} {
		if got := m.MemoryDoubt(tt.a, tt.b); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%+v and %+v: %g, want %g", tt.a, tt.b, got, tt.want)
		}
	}
	m.Variants[1].Error.Memory = nil
	if got := m.MemoryDoubt(option(scenario.Single, 1, 1, 4000), option(scenario.Multi, 1, 1, 4000)); math.Abs(got-0.01-UntriedDoubt) > 1e-9 {
		t.Errorf("where nothing was tried %g", got)
	}
}
