package model

import (
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// Memory is that of an instance whose clients rest.
type Memory struct {
	Base       float64 `json:"base"`       // bytes of the process without clients
	Connection float64 `json:"connection"` // bytes of the process a connection
	Kernel     float64 `json:"kernel"`     // bytes of the kernel a connection, the server's end: half of what both ends take
	Most       float64 `json:"most"`       // connections at which it was read
}

// of is bytes at so many connections.
func (m *Memory) of(connections float64) float64 {
	return m.Base + (m.Connection+m.Kernel)*connections
}

// memoryPoint is a reading of memory.
type memoryPoint struct {
	variant     string
	connections float64
	process     float64 // bytes
	kernel      float64 // bytes, of all sockets of the machine
	run         int     // readings of one run and lane belong together
}

// memoryPoints are the readings of a result's lanes. Lanes that share a process have the same ones.
func memoryPoints(lanes []*result.Lane, run int) []memoryPoint {
	var all []memoryPoint
	seen := map[string]bool{}
	for i, l := range lanes {
		if len(l.Memory) < 2 || seen[l.Server] {
			continue
		}
		seen[l.Server] = true
		for _, m := range l.Memory {
			all = append(all, memoryPoint{scenario.VariantOf(l.Server), float64(m.Connections), float64(m.RSS), float64(m.Sockets), run<<8 | i})
		}
	}
	return all
}

// fitMemory is the line nearest to each run's readings: means of their slopes, and of what is left at no connections. It is nil
// where no run has readings of two numbers of connections.
func fitMemory(all []memoryPoint) *Memory {
	runs := map[int][]memoryPoint{}
	for _, p := range all {
		runs[p.run] = append(runs[p.run], p)
	}
	var sum Memory
	n := 0.0
	for _, number := range slices.Sorted(maps.Keys(runs)) {
		run := runs[number]
		var connections, process, kernel []float64
		for _, p := range run {
			connections, process, kernel = append(connections, p.connections), append(process, p.process), append(kernel, p.kernel)
		}
		if slices.Min(connections) == slices.Max(connections) {
			continue
		}
		n++
		base, slope := stat.LinearRegression(connections, process, nil, false)
		_, sockets := stat.LinearRegression(connections, kernel, nil, false)
		sum.Connection += max(slope, 0)
		sum.Kernel += max(sockets/2, 0) // of both ends, half
		sum.Base += max(base, 0)
		sum.Most = max(sum.Most, slices.Max(connections))
	}
	if n == 0 {
		return nil
	}
	m := &Memory{Base: sum.Base / n, Connection: sum.Connection / n, Kernel: sum.Kernel / n, Most: sum.Most}
	if m.of(1) == 0 {
		return nil
	}
	return m
}

// memoryOff has the readings at each number of connections predicted by a fit to those at the others. It is nil where the others
// are one number, through which there is no line.
func memoryOff(all []memoryPoint) *Off {
	at := func(p memoryPoint) float64 { return p.connections }
	var sizes []float64
	for _, p := range all {
		if !slices.ContainsFunc(sizes, func(n float64) bool { return sameSize(n, at(p)) }) {
			sizes = append(sizes, at(p))
		}
	}
	var each []float64
	for _, size := range sizes {
		rest := slices.DeleteFunc(slices.Clone(all), func(p memoryPoint) bool { return sameSize(size, at(p)) })
		m := fitMemory(rest)
		if m == nil {
			continue
		}
		var wrong []float64
		for _, p := range all {
			if !sameSize(size, at(p)) {
				continue
			}
			// The kernel's reading is of all sockets of the machine: only what it rose by since another of the run's is the server's.
			i := slices.IndexFunc(rest, func(o memoryPoint) bool { return o.run == p.run })
			if i < 0 {
				continue
			}
			read := p.process + m.Kernel*rest[i].connections + (p.kernel-rest[i].kernel)/2
			if read > 0 {
				wrong = append(wrong, math.Abs(m.of(p.connections)/read-1))
			}
		}
		if len(wrong) > 0 {
			each = append(each, stat.Mean(wrong, nil))
		}
	}
	return newOff(each)
}

// sameSize says whether numbers of connections are the same, but for what a run leaves to chance.
func sameSize(a, b float64) bool { return max(a, b) <= 1.05*min(a, b) }

// UntriedDoubt stands for an error that nobody tried.
const UntriedDoubt = 0.10

// MemoryDoubt is how far apart the memory of two options must be at least to say which is less, as a share: the sum of how far off
// both variants' is, the median where it was read, and the largest where it is projected to more connections, to several shards or
// to several instances. It takes [UntriedDoubt] of a variant where nothing was tried.
func (m *Model) MemoryDoubt(options ...*Option) float64 {
	sum := 0.0
	for _, o := range options {
		v := m.Find(o.Variant)
		switch {
		case v == nil || v.Error.Memory == nil:
			sum += UntriedDoubt
		case o.Instances > 1 || o.Cores > 1 || v.Memory == nil || o.Load.Connections > 1.05*v.Memory.Most:
			sum += v.Error.Memory.Max
		default:
			sum += v.Error.Memory.Median
		}
	}
	return sum
}
