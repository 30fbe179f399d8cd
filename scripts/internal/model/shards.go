package model

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// What it takes to tell a walk's cost from the rest: so many loads on several shards, of which the walks' part differs so many times.
const (
	walkLoads  = 3
	walkSpread = 3
)

// pair is a load on several shards beside the same on one.
type pair struct {
	load      Load
	cpu       float64 // µs a second
	reference float64 // on one shard, with the wake-ups of the others
	walks     float64 // a second
	twice     float64 // how often the shards were doubled
}

// double looks what more shards take over what their wake-ups explain: for each record, and in proportion to all.
func (v *Variant) double(all []Point) {
	pairs := v.pairs(all)
	if len(pairs) == 0 {
		return
	}
	d := &Doubling{}
	var loads []Load
	least, most := math.Inf(1), 0.0
	for _, p := range pairs {
		if !slices.ContainsFunc(loads, p.load.alike) {
			loads = append(loads, p.load)
		}
		least, most = min(least, p.walks/p.reference), max(most, p.walks/p.reference)
	}
	d.Loads = len(loads)
	d.Walk = d.Loads >= walkLoads && most > walkSpread*least
	ratios := func() []float64 {
		all := make([]float64, len(pairs))
		for i, p := range pairs {
			all[i] = math.Log(p.cpu/(p.reference+v.Costs.Walk*p.walks)) / p.twice
		}
		return all
	}
	d.Ratio = math.Exp(stat.Mean(ratios(), nil))
	for range 200 { // each of both by the other, until neither moves
		if !d.Walk {
			break
		}
		var above, below float64 // relative, as all errors are
		for _, p := range pairs {
			x := p.walks / p.cpu
			above += x * (math.Pow(d.Ratio, -p.twice) - p.reference/p.cpu)
			below += x * x
		}
		before := d.Ratio
		v.Costs.Walk = max(0, above/below)
		if d.Ratio = math.Exp(stat.Mean(ratios(), nil)); math.Abs(d.Ratio-before) < 1e-12 {
			break
		}
	}
	each := ratios()
	d.Low, d.High = math.Exp(slices.Min(each)), math.Exp(slices.Max(each))
	v.Doubling = d
}

// pairs are the loads on several shards. What they are compared with is the same load on one, of the same run or else of others,
// or what the costs make of it.
func (v *Variant) pairs(all []Point) []pair {
	var pairs []pair
	for _, p := range all {
		if p.Shards < 2 {
			continue
		}
		var here, elsewhere []float64
		for _, o := range all {
			switch {
			case o.Shards > 1 || !o.Load.alike(p.Load):
			case o.run == p.run:
				here = append(here, o.CPU)
			default:
				elsewhere = append(elsewhere, o.CPU)
			}
		}
		x := p.Load.features(v.Fetch, p.Shards)
		one := p.Load.features(v.Fetch, 1)
		reference := v.Costs.of(one)
		switch {
		case len(here) > 0:
			reference = stat.Mean(here, nil)
		case len(elsewhere) > 0:
			reference = stat.Mean(elsewhere, nil)
		}
		reference += v.Costs.Wake * (x[wakes] - one[wakes])
		if reference > 0 && p.CPU > 0 {
			pairs = append(pairs, pair{p.Load, p.CPU, reference, x[walks], math.Log2(float64(p.Shards))})
		}
	}
	return pairs
}

// perDoubling is what predictions take for twice as many shards: that two are cheaper than one is chance, and nothing to go on.
func (v *Variant) perDoubling() float64 {
	if v.Doubling == nil {
		return 1
	}
	return max(1, v.Doubling.Ratio)
}
