package model

import (
	"math"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// Axes are the loads of a map.
type Axes struct {
	Connections []float64
	Rates       []float64 // messages a second that a client gets
	FanOuts     []float64 // 0: each record is for all
	Cores       []int     // of the one machine
	Bytes       float64
}

// UsualAxes are those of a report.
func UsualAxes() Axes {
	return Axes{
		Connections: []float64{1000, 4000, 12_000, 50_000, 200_000, 1_000_000}, Rates: []float64{0.2, 1, 5, 20},
		FanOuts: []float64{1, 100, 0}, Cores: []int{1, 4, 16}, Bytes: 104,
	}
}

// Cell is one load on one machine.
type Cell struct {
	Connections, Rate float64
	FanOut            float64 // 0: all
	Cores             int
	Single            *Option // the fewest instances of ws-single that hold it, one to a core; nil: the machine's cores are not enough
	Multi             *Option // one instance of ws-multi with the fewest cores; nil: all are not enough
	Measured          bool    // a load as this one was measured, of both and on as many cores
}

// Winner is the variant that takes less of something, and how much more the other takes, as a share. "": none holds it.
// Where only one does, more is infinite.
func (c Cell) Winner(of func(*Option) float64) (name string, more float64) {
	switch {
	case c.Single == nil && c.Multi == nil:
		return "", 0
	case c.Multi == nil:
		return scenario.Single, math.Inf(1)
	case c.Single == nil:
		return scenario.Multi, math.Inf(1)
	}
	single, multi := of(c.Single), of(c.Multi)
	if single <= multi {
		return scenario.Single, multi/single - 1
	}
	return scenario.Multi, single/multi - 1
}

// ByCPU and ByMemory are what a map is about.
func ByCPU(o *Option) float64 { return o.CPU }

// ByMemory is bytes, the kernel's included.
func ByMemory(o *Option) float64 { return o.Memory() }

// Map is the cells of all axes, connections first, then rates, fan-outs and cores; nil where a variant was not fitted.
// Memory, files and the network do not bound it.
func (m *Model) Map(a Axes) []Cell {
	single, multi := m.Find(scenario.Single), m.Find(scenario.Multi)
	if single == nil || multi == nil {
		return nil
	}
	var cells []Cell
	for _, cores := range a.Cores {
		for _, fanOut := range a.FanOuts {
			for _, rate := range a.Rates {
				for _, connections := range a.Connections {
					cells = append(cells, cellOf(single, multi, Cell{Connections: connections, Rate: rate, FanOut: fanOut, Cores: cores}, a.Bytes))
				}
			}
		}
	}
	return cells
}

func cellOf(single, multi *Variant, c Cell, bytes float64) Cell {
	fanOut := c.FanOut
	if fanOut == 0 {
		fanOut = c.Connections
	}
	l := LoadOf(c.Connections, c.Rate, fanOut, bytes)
	// Memory is told, and bounds nothing: as much as it takes.
	site := Site{Cores: c.Cores, Memory: math.MaxFloat64}
	for n := 1; n <= c.Cores && c.Single == nil; n++ {
		if o := single.Assess(l, n, 1, site); o.Fits() {
			c.Single = o
		}
	}
	for cores := 1; cores <= c.Cores && c.Multi == nil; cores++ {
		if o := multi.Assess(l, 1, cores, site); o.Fits() {
			c.Multi = o
		}
	}
	c.Measured = !projected(multi, c.Cores) && single.has(c.Single, l) && multi.has(c.Multi, l)
	return c
}

// Projected says that a machine has more cores than ws-multi was measured on, so that nothing is known of all of them at work.
func (m *Model) Projected(cores int) bool {
	multi := m.Find(scenario.Multi)
	return multi == nil || projected(multi, cores)
}

func projected(multi *Variant, cores int) bool { return cores > multi.Range.MaxShards }

// has says whether an option was measured as it is: one instance, with a load as this one.
func (v *Variant) has(o *Option, l Load) bool {
	return o != nil && o.Instances == 1 && v.measured(l, o.Cores)
}

// measured says whether a load as this one is among the points of so many shards, within a third.
func (v *Variant) measured(l Load, shards int) bool {
	for _, p := range v.Points {
		if p.Load.Records > 0 && p.Shards == shards && p.Load.near(l, 4./3) {
			return true
		}
	}
	return false
}
