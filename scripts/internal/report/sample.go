package report

import (
	"math"
	"slices"

	"github.com/adred-codev/ws_poc/scripts/internal/judge"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// An estimate is a figure and the 95% interval it is known to.
type estimate struct {
	value, low, high float64
	n                int // samples; 0: there is no figure, 1: there is no interval
}

func (e estimate) ok() bool       { return e.n > 0 && finite(e.value) && e.value > 0 }
func (e estimate) interval() bool { return e.n > 1 && finite(e.low) && finite(e.high) }

// exactly is a figure without an interval; one that is not above 0 was not measured.
func exactly(v float64) estimate {
	if !finite(v) || v <= 0 {
		return estimate{}
	}
	return estimate{value: v, low: v, high: v, n: 1}
}

// judged is what the judge makes of samples.
func judged(in judge.Interval, samples int) estimate {
	if in.N < 2 {
		return estimate{value: in.Value, low: in.Value, high: in.Value, n: min(samples, 1)}
	}
	return estimate{value: in.Value, low: in.Low, high: in.High, n: in.N}
}

// A basis is what CPU time is counted for.
type basis struct {
	unit  string
	of    func(result.Slice) int64
	total func(result.Totals) float64
}

var (
	aDelivery = basis{"delivery", func(s result.Slice) int64 { return s.Received }, func(t result.Totals) float64 { return t.CPUPerDelivery }}
	aRecord   = basis{"record", func(s result.Slice) int64 { return s.Records }, func(t result.Totals) float64 { return t.CPUPerRecord }}
)

// basisOf is what a run is about: deliveries, or records where nobody gets any.
func basisOf(r *result.Result) basis {
	for _, l := range r.Lanes {
		if l.Totals.CPUPerDelivery > 0 || slices.ContainsFunc(l.Slices, func(s result.Slice) bool { return s.Received > 0 }) {
			return aDelivery
		}
	}
	return aRecord
}

// costs returns µs of CPU a delivery or record of the slices that count, and the round of each.
func (b basis) costs(l *result.Lane) (rounds []int, micros []float64) {
	for _, s := range l.Slices {
		if s.Disturbed != "" || b.of(s) <= 0 || !finite(s.CPUMicros) || s.CPUMicros <= 0 {
			continue
		}
		rounds = append(rounds, s.Round)
		micros = append(micros, s.CPUMicros/float64(b.of(s)))
	}
	return rounds, micros
}

// cost is what a delivery or record costs in the lane. A lane whose slices are not there has its total, without an interval.
func (b basis) cost(l *result.Lane) estimate {
	_, micros := b.costs(l)
	if e := judged(judge.Mean(micros), len(micros)); e.ok() {
		return e
	}
	return exactly(b.total(l.Totals))
}

// recordCost is what a record costs where that says something: at a large fan-out it is the deliveries' cost once more.
func recordCost(r *result.Result, l *result.Lane) estimate {
	judged := slices.ContainsFunc(r.Judgements, func(j result.Judgement) bool { return j.Measure == scenario.CPURecord })
	if !judged && l.FanOut > 10 {
		return estimate{}
	}
	return aRecord.cost(l)
}

// overFloor is the lane's cost of a delivery over the floor's, of the rounds in which no lane was disturbed: the ones that
// limits are judged by.
func overFloor(r *result.Result, l *result.Lane) estimate {
	floor := floorOf(r)
	if floor == nil || floor == l {
		return estimate{}
	}
	spoiled := map[int]bool{}
	for _, lane := range r.Lanes {
		for _, s := range lane.Slices {
			spoiled[s.Round] = spoiled[s.Round] || s.Disturbed != ""
		}
	}
	byRound := map[int]float64{}
	rounds, micros := aDelivery.costs(floor)
	for i, round := range rounds {
		byRound[round] = micros[i]
	}
	var over, under []float64
	rounds, micros = aDelivery.costs(l)
	for i, round := range rounds {
		if f, ok := byRound[round]; ok && !spoiled[round] {
			over, under = append(over, micros[i]), append(under, f)
		}
	}
	if len(over) > 0 {
		return judged(judge.Ratio(over, under), len(over))
	}
	if own, base := aDelivery.cost(l), aDelivery.cost(floor); own.ok() && base.ok() {
		return exactly(own.value / base.value)
	}
	return estimate{}
}

// floorOf returns the lane of the floor, or nil.
func floorOf(r *result.Result) *result.Lane {
	i := slices.IndexFunc(r.Lanes, func(l result.Lane) bool { return serverOf(&l) == "floor" })
	if i < 0 {
		return nil
	}
	return &r.Lanes[i]
}

// ordered returns the lanes as every picture and table shows them: servers under test, then the baselines, the floor last.
func ordered(r *result.Result) []*result.Lane {
	lanes := make([]*result.Lane, len(r.Lanes))
	for i := range r.Lanes {
		lanes[i] = &r.Lanes[i]
	}
	rank := func(l *result.Lane) int {
		switch {
		case serverOf(l) == "floor":
			return 2
		case l.Baseline:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(lanes, func(a, b *result.Lane) int { return rank(a) - rank(b) })
	return lanes
}

func named(l *result.Lane) string {
	if l.Name != "" {
		return l.Name
	}
	if l.Server != "" {
		return l.Server
	}
	return "unnamed"
}

// median of values; NaN without any.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}
