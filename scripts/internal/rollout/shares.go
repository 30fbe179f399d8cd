package rollout

import (
	"math"

	"github.com/adred-codev/ws_poc/scripts/internal/haproxy"
)

// Count is a number of connections for each side.
type Count [2]int

// Total is both.
func (c Count) Total() int { return c[Incumbent] + c[Challenger] }

// Share is the challenger's, 0 to 1; of nothing it is 0.
func (c Count) Share() float64 {
	if c.Total() == 0 {
		return 0
	}
	return float64(c[Challenger]) / float64(c.Total())
}

// wanted is how many connections of total the side w is to have when the challenger's share is target. It is not rounded.
func wanted(w Which, target float64, total int) float64 {
	if w == Incumbent {
		target = 1 - target
	}
	return target * float64(total)
}

// off is by how many connections the challenger is above what it is to have; below is negative. The incumbent is off by the
// same, the other way.
func off(live Count, target float64) float64 {
	return float64(live[Challenger]) - wanted(Challenger, target, live.Total())
}

// within says whether the live share is the target, give or take tolerance (0 to 1). With few connections it is enough
// to be as near as whole ones come. At 0 and 1 with exact, nobody may be left.
func within(live Count, target, tolerance float64, exact bool) bool {
	by := math.Abs(off(live, target))
	if exact && (target == 0 || target == 1) {
		return by == 0
	}
	return by <= max(tolerance*float64(live.Total()), 0.5)
}

// Weights is the weight of each instance of a side, 0 to [haproxy.MaxWeight].
type Weights [2]int

// WeightsFor are the weights of single instances with which leastconn comes to rest at the challenger's share, when the sides
// have so many instances. A side that is to have nothing has 0, every other at least 1.
func WeightsFor(share float64, instances [2]int) Weights {
	switch {
	case share <= 0:
		return Weights{Incumbent: 100}
	case share >= 1:
		return Weights{Challenger: 100}
	}
	// Each instance of a side has its part of the share. The larger weight is tried from high to low, and the other follows.
	incumbent, challenger := (1-share)/float64(instances[Incumbent]), share/float64(instances[Challenger])
	larger, ratio := Incumbent, challenger/incumbent
	if challenger > incumbent {
		larger, ratio = Challenger, incumbent/challenger
	}
	var best Weights
	nearest := math.Inf(1)
	for high := haproxy.MaxWeight; high >= haproxy.MaxWeight/4; high-- {
		low := max(1, int(math.Round(float64(high)*ratio)))
		if miss := math.Abs(float64(low)/float64(high) - ratio); miss < nearest-1e-12 {
			nearest = miss
			best[larger], best[larger.Other()] = high, low
		}
	}
	return best
}

// weightsToMove are the weights with which leastconn fills up the side below, by what HAProxy knows: hidden are the connections
// that it does not count, those of earlier processes of it above all. Where it counts all, they are those of the target.
func weightsToMove(live, hidden Count, target float64, instances [2]int) Weights {
	if target <= 0 || target >= 1 {
		return WeightsFor(target, instances)
	}
	var rest [2]float64 // what HAProxy is to count for a side when the share is right
	for _, w := range []Which{Incumbent, Challenger} {
		rest[w] = max(0, wanted(w, target, live.Total())-float64(hidden[w]))
	}
	sum := rest[Incumbent] + rest[Challenger]
	if sum == 0 {
		return WeightsFor(target, instances)
	}
	// Not quite 0 or 1: a side that is to have something is never without any weight.
	return WeightsFor(min(max(rest[Challenger]/sum, 1e-9), 1-1e-9), instances)
}

// parts splits n in proportion to the weights, in whole numbers of which none is above its weight unless n is above all.
func parts(n int, weights []int) []int {
	total := 0
	for _, w := range weights {
		total += w
	}
	out := make([]int, len(weights))
	if total == 0 {
		return out
	}
	n = min(n, total)
	given, seen := 0, 0
	for i, w := range weights {
		seen += w
		// By what is due after so many, so that no rounding is lost.
		due := int(math.Round(float64(n) * float64(seen) / float64(total)))
		out[i] = min(due-given, w)
		given += out[i]
	}
	return out
}
