package model

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Error is how far predictions were off of loads that they were not fitted to. Loads, Median and Max are of CPU time on one shard,
// each load left out once; what else was tried is beside them.
type Error struct {
	Loads  int     `json:"loads"`            // that were left out, one after the other; 0: not tried
	Median float64 `json:"median"`           // of the loads' relative errors, without their sign
	Max    float64 `json:"max"`              // the largest
	Shards *Off    `json:"shards,omitempty"` // CPU time on several shards, each load left out once; nil: not tried
	Beyond *Beyond `json:"beyond,omitempty"` // CPU time of the largest loads, all left out at once; nil: not tried
	Memory *Off    `json:"memory,omitempty"` // memory at rest, each number of connections left out once; nil: not tried
}

// Off is how far predictions were off, load by load: however often a load was measured, it counts once, with the mean of its errors.
type Off struct {
	Loads  int     `json:"loads"`  // at least 1
	Median float64 `json:"median"` // of the loads' relative errors, without their sign
	Max    float64 `json:"max"`    // the largest
}

// Beyond is how far a fit to smaller loads was off of the largest: what a projection to more connections is worth.
type Beyond struct {
	From float64 `json:"from"` // connections of the largest loads that were fitted to
	To   float64 `json:"to"`   // connections of those that were left out: so many, or more where connections only rest
	Off
}

// newOff is nil without errors, of which there is one a load.
func newOff(each []float64) *Off {
	if len(each) == 0 {
		return nil
	}
	slices.Sort(each)
	n := len(each)
	return &Off{Loads: n, Median: (each[(n-1)/2] + each[n/2]) / 2, Max: each[n-1]}
}

// group is which of some points are of one load.
type group []int

// byLoad deals points out to their loads.
func byLoad(all []Point) []group {
	var groups []group
	for i, p := range all {
		k := slices.IndexFunc(groups, func(g group) bool { return all[g[0]].Load.alike(p.Load) })
		if k < 0 {
			k, groups = len(groups), append(groups, nil)
		}
		groups[k] = append(groups[k], i)
	}
	return groups
}

// without are the points that are like none of a group's: a fit to them knows nothing of its load.
func (g group) without(all []Point) []Point {
	return slices.DeleteFunc(slices.Clone(all), func(p Point) bool {
		return slices.ContainsFunc(g, func(i int) bool { return all[i].Load.alike(p.Load) })
	})
}

// offOf is how far off points were that were predicted, load by load.
func offOf(all []Point) *Off {
	tried := slices.DeleteFunc(slices.Clone(all), func(p Point) bool { _, is := p.Error(); return !is })
	var each []float64
	for _, g := range byLoad(tried) {
		var wrong []float64
		for _, i := range g {
			off, _ := tried[i].Error()
			wrong = append(wrong, math.Abs(off))
		}
		each = append(each, stat.Mean(wrong, nil))
	}
	return newOff(each)
}

// holdOut has each load predicted by a fit to the others, and tells how far that is off.
func (v *Variant) holdOut() {
	for _, g := range byLoad(v.Points) {
		rest := &Variant{Name: v.Name}
		rest.costs(g.without(v.Points))
		for _, i := range g {
			if p := &v.Points[i]; p.Shards == 1 || rest.likeFor(v) {
				held := rest.cpu(p.Load, p.Shards)
				p.HeldOut = &held
			}
		}
	}
	if off := offOf(onOne(v.Points)); off != nil {
		v.Error.Loads, v.Error.Median, v.Error.Max = off.Loads, off.Median, off.Max
	}
	v.Error.Shards = offOf(slices.DeleteFunc(slices.Clone(v.Points), func(p Point) bool { return p.Shards == 1 }))
	v.Error.Beyond = beyondOf(v.Name, onOne(v.Points))
}

// likeFor says whether a fit has the same costs of several shards as another: one that has no walk where the other has one is no
// test of it.
func (v *Variant) likeFor(o *Variant) bool {
	return v.Doubling != nil && o.Doubling != nil && v.Doubling.Walk == o.Doubling.Walk
}

// beyondOf leaves the loads with most connections out, all of them at once; nil where the others are too few for a fit.
func beyondOf(name string, all []Point) *Beyond {
	const alike = 1.05
	b := &Beyond{}
	for _, p := range all {
		// Connections that rest are one load alone: the largest size is one that has loads of several kinds.
		if p.Load.Deliveries() > 0 {
			b.To = max(b.To, p.Load.Connections)
		}
	}
	var small, large []Point
	for _, p := range all {
		if p.Load.Connections*alike >= b.To {
			large = append(large, p)
			continue
		}
		small = append(small, p)
		b.From = max(b.From, p.Load.Connections)
	}
	if len(byLoad(small)) < fewest || len(large) == 0 {
		return nil
	}
	rest := &Variant{Name: name}
	rest.costs(small)
	for i := range large {
		held := rest.cpu(large[i].Load, 1)
		large[i].HeldOut = &held
	}
	off := offOf(large)
	if off == nil {
		return nil
	}
	b.Off = *off
	return b
}

// Error is how much larger a prediction is that knows nothing of the point, as a share of what was measured, and whether
// there is one.
func (p Point) Error() (off float64, tried bool) {
	if p.HeldOut == nil || p.CPU == 0 {
		return 0, false
	}
	return *p.HeldOut/p.CPU - 1, true
}
