package model

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// Point is a load and what a variant took for it.
type Point struct {
	Source  string   `json:"source"`             // scenario and lane
	Variant string   `json:"variant"`            // "ws-multi"
	Shards  int      `json:"shards"`             // 1 of ws-single
	Load    Load     `json:"load"`               // of the process
	CPU     float64  `json:"cpu"`                // µs a second, at the model's floor
	Fitted  float64  `json:"fitted"`             // the same as the model has it
	HeldOut *float64 `json:"held_out,omitempty"` // as a model has it that was fitted without this load; nil: not tried

	run int // points of one result belong together
}

// spoils are the refusals after which a run's CPU times say nothing. Those of Unsettled are said of a lane, and only that one's
// say nothing.
var spoils = []string{result.Lossy, result.Foreigners, result.FloorMoved, result.NotConnected, result.NotPending, result.Incomplete, result.Unsettled}

// broadcast is how many clients the floor sends a record to at least, where it tells what a send costs: with few of them it tells
// what it costs to be woken for a record. At a hundred that is about a hundredth of it.
const broadcast = 95

// usual are settings that change nothing of what a load costs, or that go with the number of shards.
var usual = []string{"WS_MAX_CONNECTIONS", "WS_HANDSHAKES_PER_S", "WS_CPU_REJECT_PERCENT", "WS_CPU_PAUSE_PERCENT", "WS_SHARDS", "GOMAXPROCS"}

// defaults are settings that scenarios say although the servers have them anyhow.
var defaults = map[string]string{"WS_PING_INTERVAL": "25s", "WS_FLUSH_INTERVAL": "0s"}

// usable says why a result cannot be used, "" when it can.
func usable(r *result.Result, host string) string {
	switch {
	case r.Capacity != nil:
		return "a search for the capacity has a load of its own in each slice"
	case r.Interrupted:
		return "it was interrupted"
	case r.Floor.CPUMicros <= 0:
		return "it does not know what the floor costs"
	case host != "" && r.Host.Fingerprint != host:
		return "it is of another machine, " + r.Host.Fingerprint
	}
	for _, f := range r.Refusals {
		if slices.Contains(spoils, f.Code) && !(f.Code == result.Unsettled && underTest(r, f.Lane)) {
			return "it was refused: " + f.Code
		}
	}
	if n := floorsFanOut(r); n < broadcast {
		return fmt.Sprintf("its floor sends a record to %.3g clients: what a send costs takes a hundred to tell", n)
	}
	return ""
}

// floorsFanOut is how many clients a record of the floor is for. Where the floor has a load of its own that is a broadcast.
func floorsFanOut(r *result.Result) float64 {
	if r.Scenario.PlainFloor() {
		return math.Inf(1)
	}
	i := slices.IndexFunc(r.Lanes, func(l result.Lane) bool { return l.Server == scenario.Floor })
	if i < 0 {
		return 0
	}
	var published, received float64
	for _, s := range r.Lanes[i].Slices {
		published, received = published+float64(s.Records), received+float64(s.Received)
	}
	return received / max(published, 1)
}

func underTest(r *result.Result, lane string) bool {
	return slices.ContainsFunc(r.Lanes, func(l result.Lane) bool { return l.Name == lane && !l.Baseline })
}

// versionsOf are those of each variant as it is: of the newest result that has it, built from the tree.
func versionsOf(results []*result.Result) map[string]string {
	versions := map[string]string{}
	for _, r := range results { // the newest is the last
		for _, l := range r.Lanes {
			if name := scenario.VariantOf(l.Server); !l.Baseline && !l.Given && r.Versions[name] != "" {
				versions[name] = r.Versions[name]
			}
		}
	}
	return versions
}

// strange says why a lane is not of its variant as it is, "" when it is.
func strange(r *result.Result, l *result.Lane, versions map[string]string) string {
	c, err := scenario.ParseCandidate(l.Server)
	if err != nil {
		return err.Error()
	}
	cores, shards := c.Cores, max(l.Shards, 1)
	if c.Variant == scenario.Multi && len(l.Cores) > 0 {
		cores = len(l.Cores)
	}
	switch version := r.Versions[c.Variant]; {
	case l.Given:
		return "its program was given, and not built from the tree"
	case version != versions[c.Variant]:
		return fmt.Sprintf("it is of %s %s, and the newest is %s", c.Variant, version, versions[c.Variant])
	case cores > 0 && cores != shards:
		return fmt.Sprintf("it has %d shards on %d cores", shards, cores)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Settings)) {
		if value := l.Settings[name]; !slices.Contains(usual, name) && value != defaults[name] {
			return fmt.Sprintf("it was measured with %s=%s", name, value)
		}
	}
	for _, f := range r.Refusals {
		if f.Lane == l.Name && slices.Contains(spoils, f.Code) {
			return "it was refused: " + f.Code
		}
	}
	return ""
}

// own are the lanes of a result that are of variants as they are, and why others are not, lanes of one server together.
func own(r *result.Result, versions map[string]string) (kept []*result.Lane, left []Left) {
	type reason struct{ server, why string }
	var reasons []reason
	lanes := map[reason][]string{}
	for i := range r.Lanes {
		l := &r.Lanes[i]
		if l.Baseline || l.Processes > 1 {
			continue
		}
		if why := strange(r, l, versions); why != "" {
			one := reason{l.Server, why}
			if lanes[one] == nil {
				reasons = append(reasons, one)
			}
			lanes[one] = append(lanes[one], l.Name)
			continue
		}
		kept = append(kept, l)
	}
	for _, one := range reasons {
		left = append(left, Left{r.Scenario.Name + ": " + strings.Join(lanes[one], ", "), one.why, r.Started})
	}
	return kept, left
}

// points are those of a result's lanes, with CPU time as it would be if a send cost so much.
func points(r *result.Result, lanes []*result.Lane, floor float64, run int) []Point {
	var all []Point
	for _, l := range lanes {
		if l.Stalled > 0 || l.Resuming > 0 || l.Connections == 0 {
			continue
		}
		p := Point{
			Source: r.Scenario.Name + ": " + l.Name, Variant: scenario.VariantOf(l.Server), Shards: max(l.Shards, 1), run: run,
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

// Describe says a point in words.
func (p Point) Describe() string { return fmt.Sprintf("%s (%s)", p.Source, p.Load) }
