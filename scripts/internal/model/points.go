package model

import (
	"fmt"
	"slices"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// Point is a load and what a variant took for it.
type Point struct {
	Source  string  `json:"source"`             // scenario and lane
	Variant string  `json:"variant"`            // "ws-multi"
	Shards  int     `json:"shards"`             // 1 of ws-single
	Load    Load    `json:"load"`               // of the process
	CPU     float64 `json:"cpu"`                // µs a second, at the model's floor
	Fitted  float64 `json:"fitted"`             // the same as the model has it
	HeldOut float64 `json:"held_out,omitempty"` // as a model has it that was fitted without this load; 0: not tried
}

// memoryPoint is a reading of memory.
type memoryPoint struct {
	variant     string
	connections float64
	process     float64 // bytes
	kernel      float64 // bytes, of all sockets of the machine
	run         int     // readings of one run and lane belong together
}

// spoils are the refusals after which a run's CPU times say nothing.
var spoils = []string{result.Lossy, result.Foreigners, result.FloorMoved, result.NotConnected, result.NotPending}

// usable says why a result cannot be used, "" when it can.
func usable(r *result.Result, host string) string {
	switch {
	case r.Capacity != nil:
		return "a search for the capacity has a load of its own in each slice"
	case r.Floor.CPUMicros <= 0:
		return "it does not know what the floor costs"
	case host != "" && r.Host.Fingerprint != host:
		return "it is of another machine, " + r.Host.Fingerprint
	}
	for _, f := range r.Refusals {
		if slices.Contains(spoils, f.Code) {
			return "it was refused: " + f.Code
		}
	}
	return ""
}

// points are those of a result, with CPU time as it would be if a send cost so much.
func points(r *result.Result, floor float64) []Point {
	var all []Point
	for i := range r.Lanes {
		l := &r.Lanes[i]
		if l.Baseline || l.Stalled > 0 || l.Resuming > 0 || l.Processes > 1 || l.Connections == 0 {
			continue
		}
		p := Point{
			Source: r.Scenario.Name + ": " + l.Name, Variant: scenario.VariantOf(l.Server), Shards: max(l.Shards, 1),
			Load: Load{Connections: float64(l.Connections), Burst: 1, Bytes: float64(r.Scenario.Publish.Bytes)},
		}
		scale := floor / r.Floor.CPUMicros
		switch r.Scenario.Kind {
		case scenario.Deliver:
			lane, ok := laneOf(r, l)
			if !ok {
				continue
			}
			var micros, seconds, published, received float64
			for _, s := range l.Slices {
				if s.Disturbed == "" && s.Seconds > 0 {
					micros, seconds = micros+s.CPUMicros, seconds+s.Seconds
					published, received = published+float64(s.Records), received+float64(s.Received)
				}
			}
			if seconds == 0 || published == 0 || micros <= 0 {
				continue
			}
			p.Load.Records, p.Load.FanOut = published/seconds, received/published
			p.Load.Burst, p.Load.Bytes = float64(max(lane.Publish.Burst, 1)), float64(lane.Publish.Bytes)
			p.CPU = micros / seconds * scale
		case scenario.Idle:
			if l.Totals.IdleCPU <= 0 {
				continue
			}
			p.Load.FanOut = 1
			p.CPU = l.Totals.IdleCPU * float64(l.Connections) * scale
		default:
			continue
		}
		all = append(all, p)
	}
	return all
}

// laneOf is the scenario's lane that a result's lane is of.
func laneOf(r *result.Result, l *result.Lane) (scenario.Lane, bool) {
	for _, lane := range r.Scenario.AllLanes() {
		name := l.Server
		if lane.Name != "" {
			name += "/" + lane.Name
		}
		if name == l.Name {
			return lane, true
		}
	}
	return scenario.Lane{}, false
}

// memoryPoints are the readings of a result. Lanes that share a process have the same ones.
func memoryPoints(r *result.Result, run int) []memoryPoint {
	var all []memoryPoint
	seen := map[string]bool{}
	for i, l := range r.Lanes {
		if l.Baseline || l.Processes > 1 || len(l.Memory) < 2 || seen[l.Server] {
			continue
		}
		seen[l.Server] = true
		for _, m := range l.Memory {
			all = append(all, memoryPoint{scenario.VariantOf(l.Server), float64(m.Connections), float64(m.RSS), float64(m.Sockets), run<<8 | i})
		}
	}
	return all
}

// Describe says a point in words.
func (p Point) Describe() string { return fmt.Sprintf("%s (%s)", p.Source, p.Load) }
