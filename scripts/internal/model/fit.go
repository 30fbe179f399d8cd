package model

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// fewest is how many loads a variant's costs are fitted to at least: one more than there are costs.
const fewest = features + 1

// ErrTooFew is wrapped by errors of a fit that has too little to go by.
var ErrTooFew = errors.New("too few measured loads")

// Left is a result that a fit did not use.
type Left struct{ Result, Why string }

// Fit makes a model of results of one machine, that of the last. It tells of results that it could not use.
func Fit(results []*result.Result, now time.Time) (*Model, []Left, error) {
	results = slices.SortedStableFunc(slices.Values(results), func(a, b *result.Result) int { return a.Started.Compare(b.Started) })
	host := ""
	if len(results) > 0 {
		host = results[len(results)-1].Host.Fingerprint
	}
	var used []*result.Result
	var left []Left
	var floors []float64
	for _, r := range results {
		if why := usable(r, host); why != "" {
			left = append(left, Left{r.Scenario.Name, why})
			continue
		}
		used, floors = append(used, r), append(floors, r.Floor.CPUMicros)
	}
	if len(used) == 0 {
		return nil, left, fmt.Errorf("fit a model: %w: there is no result that can be used", ErrTooFew)
	}
	slices.Sort(floors)
	m := &Model{
		Fitted: now.UTC(), Host: used[len(used)-1].Host, Floor: stat.Quantile(0.5, stat.Empirical, floors, nil), Commit: used[len(used)-1].Commit,
	}
	var all []Point
	var memory []memoryPoint
	for i, r := range used {
		m.Sources = append(m.Sources, fmt.Sprintf("%s, %s", r.Scenario.Name, r.Started.UTC().Format(time.DateTime)))
		all = append(all, points(r, m.Floor)...)
		memory = append(memory, memoryPoints(r, i)...)
	}
	for _, name := range scenario.Variants() {
		own := slices.DeleteFunc(slices.Clone(all), func(p Point) bool { return p.Variant != name })
		if len(own) == 0 {
			continue
		}
		v, err := fitVariant(name, own)
		if err != nil {
			return nil, left, fmt.Errorf("fit a model: %w", err)
		}
		v.Memory = fitMemory(name, memory)
		m.Variants = append(m.Variants, *v)
	}
	if len(m.Variants) == 0 {
		return nil, left, fmt.Errorf("fit a model: %w: the results have no loads", ErrTooFew)
	}
	return m, left, nil
}

// fetches are the times a fetch from Kafka may take, s, of which the one that explains most is taken.
var fetches = []float64{0, 0.00025, 0.0005, 0.001, 0.002, 0.004}

// fitVariant finds the costs, and what they are worth: each load is predicted by a model that was fitted to the others.
func fitVariant(name string, all []Point) (*Variant, error) {
	v := &Variant{Name: name, PerDoubling: 1, Points: all}
	one := slices.DeleteFunc(slices.Clone(all), func(p Point) bool { return p.Shards > 1 })
	loads := groups(one)
	if len(loads) < fewest {
		return nil, fmt.Errorf("%w: of %s there are %d, and %d are needed. Measure more: bench fit does, or run broadcast, fanout-100, fanout-1, pending and idle",
			ErrTooFew, name, len(loads), fewest)
	}
	v.Costs, v.Fetch = solve(one)
	v.Range = rangeOf(all)
	v.doubling(all)
	held := map[int]float64{}
	for _, group := range loads {
		others := slices.DeleteFunc(slices.Clone(one), func(p Point) bool { return p.Load.alike(group.Load) })
		costs, fetch := solve(others)
		for i, p := range all {
			if p.Shards == 1 && p.Load.alike(group.Load) {
				held[i] = costs.of(p.Load.features(fetch, p.Shards))
			}
		}
	}
	var wrong []float64
	for i := range v.Points {
		p := &v.Points[i]
		p.Fitted, p.HeldOut = v.cpu(p.Load, p.Shards), held[i]
		if p.HeldOut > 0 {
			wrong = append(wrong, math.Abs(p.Error()))
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		v.Error = Error{Loads: len(loads), Median: stat.Quantile(0.5, stat.Empirical, wrong, nil), Max: wrong[len(wrong)-1]}
	}
	return v, nil
}

// Error is how much larger a prediction is that knows nothing of the point, as a share of what was measured; 0 where
// there is none.
func (p Point) Error() float64 {
	if p.HeldOut == 0 || p.CPU == 0 {
		return 0
	}
	return p.HeldOut/p.CPU - 1
}

// groups is one point of each load.
func groups(all []Point) []Point {
	var one []Point
	for _, p := range all {
		if !slices.ContainsFunc(one, func(o Point) bool { return o.Load.alike(p.Load) }) {
			one = append(one, p)
		}
	}
	return one
}

// doubling looks what twice as many shards cost over what their wake-ups explain.
func (v *Variant) doubling(all []Point) {
	var logs []float64
	for _, p := range all {
		if p.Shards < 2 {
			continue
		}
		reference := 0.0 // the same load on one shard, where that was measured
		for _, o := range all {
			if o.Shards == 1 && o.Load.alike(p.Load) {
				reference = o.CPU + v.Costs.Wake*float64(p.Shards-1)*p.Load.wakes(v.Fetch)
			}
		}
		if reference == 0 {
			reference = v.Costs.of(p.Load.features(v.Fetch, p.Shards))
		}
		if reference > 0 {
			logs = append(logs, math.Log(p.CPU/reference)/math.Log2(float64(p.Shards)))
		}
	}
	if len(logs) > 0 {
		v.Doubled, v.PerDoubling = true, max(1, math.Exp(stat.Mean(logs, nil)))
	}
}

// solve finds the costs, none below 0, for which the sum of squared relative errors is least, and the time of a fetch.
func solve(all []Point) (Costs, float64) {
	best, at, least := Costs{}, 0.0, math.Inf(1)
	for _, fetch := range fetches {
		if costs, wrong := nonNegative(all, fetch); wrong < least*(1-1e-9) {
			best, at, least = costs, fetch, wrong
		}
	}
	return best, at
}

// nonNegative solves the least squares for each set of costs that may be above 0, and takes the best whose costs all are:
// with so few that is exact. Each row is divided by what was measured, so that a small load counts as much as a large one.
func nonNegative(all []Point, fetch float64) (Costs, float64) {
	var gram [features][features]float64
	var right [features]float64
	for _, p := range all {
		x := p.Load.features(fetch, p.Shards)
		for i := range x {
			x[i] /= p.CPU
		}
		for i := range x {
			right[i] += x[i]
			for j := range x {
				gram[i][j] += x[i] * x[j]
			}
		}
	}
	best, least := Costs{}, float64(len(all)) // of no costs at all
	for set := 1; set < 1<<features; set++ {
		var in []int
		for i := range features {
			if set>>i&1 == 1 && gram[i][i] > 0 {
				in = append(in, i)
			}
		}
		if len(in) != popcount(set) {
			continue // one that no point has
		}
		costs, ok := normal(gram, right, in)
		if !ok {
			continue
		}
		wrong := 0.0
		for _, p := range all {
			e := costs.of(p.Load.features(fetch, p.Shards))/p.CPU - 1
			wrong += e * e
		}
		// Fewer costs are taken where more explain nothing.
		if wrong < least*(1-1e-9) {
			best, least = costs, wrong
		}
	}
	return best, least
}

func popcount(set int) (n int) {
	for ; set > 0; set >>= 1 {
		n += set & 1
	}
	return n
}

// normal solves the normal equations of some of the costs; not ok: they cannot be told apart, or one comes out below 0.
func normal(gram [features][features]float64, right [features]float64, in []int) (Costs, bool) {
	n := len(in)
	a, b := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	for i, fi := range in {
		si := math.Sqrt(gram[fi][fi]) // scaled, so that the condition tells of the points and not of units
		b.SetVec(i, right[fi]/si)
		for j := i; j < n; j++ {
			a.SetSym(i, j, gram[fi][in[j]]/si/math.Sqrt(gram[in[j]][in[j]]))
		}
	}
	const sound = 1e10
	var c mat.Cholesky
	if !c.Factorize(a) || c.Cond() > sound {
		return Costs{}, false
	}
	var x mat.VecDense
	if err := c.SolveVecTo(&x, b); err != nil {
		return Costs{}, false
	}
	var all [features]float64
	for i, f := range in {
		all[f] = x.AtVec(i) / math.Sqrt(gram[f][f])
		if all[f] < 0 {
			return Costs{}, false
		}
	}
	return Costs{all[sends], all[messages], all[records], all[wakes], all[idle], all[base]}, true
}

// fitMemory is the line through each run's readings: means of their slopes, and of what is left at no connections.
func fitMemory(name string, all []memoryPoint) *Memory {
	runs := map[int][]memoryPoint{}
	for _, p := range all {
		if p.variant == name {
			runs[p.run] = append(runs[p.run], p)
		}
	}
	if len(runs) == 0 {
		return nil
	}
	m := &Memory{}
	for _, run := range runs {
		slices.SortFunc(run, func(a, b memoryPoint) int { return cmp.Compare(a.connections, b.connections) })
		first, last := run[0], run[len(run)-1]
		clients := last.connections - first.connections
		if clients <= 0 {
			continue
		}
		slope := (last.process - first.process) / clients
		m.Connection += max(slope, 0) / float64(len(runs))
		m.Kernel += max((last.kernel-first.kernel)/clients/2, 0) / float64(len(runs)) // of both ends, half
		m.Base += max(first.process-slope*first.connections, 0) / float64(len(runs))
		m.Most = max(m.Most, last.connections)
	}
	return m
}

func rangeOf(all []Point) Range {
	r := Range{MinConnections: math.Inf(1), MinFanOut: math.Inf(1)}
	for _, p := range all {
		r.MinConnections, r.MaxConnections = min(r.MinConnections, p.Load.Connections), max(r.MaxConnections, p.Load.Connections)
		r.MaxDeliveries, r.MaxRecords = max(r.MaxDeliveries, p.Load.Deliveries()), max(r.MaxRecords, p.Load.Records)
		r.MaxShards = max(r.MaxShards, p.Shards)
		if p.Load.Records > 0 {
			r.MinFanOut, r.MaxFanOut = min(r.MinFanOut, p.Load.FanOut), max(r.MaxFanOut, p.Load.FanOut)
			r.Bytes = p.Load.Bytes
		}
	}
	if math.IsInf(r.MinFanOut, 1) {
		r.MinFanOut = 0
	}
	return r
}
