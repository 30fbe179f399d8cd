package model

import (
	"cmp"
	"slices"
)

// off is how far off an option's CPU time may be, as a share: the median of its variant's errors within what was measured, and
// the largest beyond.
func (v *Variant) off(o *Option) float64 {
	if len(o.Projection) > 0 {
		return v.largest(o.Cores)
	}
	if s := v.Error.Shards; s != nil && o.Cores > 1 {
		return max(v.Error.Median, s.Median)
	}
	return v.Error.Median
}

// largest is the largest error of a load that was left out, or the median of the loads that were larger than those of the fit.
// The largest of these is often one load's that the smaller ones do not tell apart from another.
func (v *Variant) largest(cores int) float64 {
	off := v.Error.Max
	if s := v.Error.Shards; s != nil && cores > 1 {
		off = max(off, s.Max)
	}
	if b := v.Error.Beyond; b != nil {
		off = max(off, b.Median)
	}
	return off
}

// DoubtOf is how far apart CPU times of two options must be at least to say which is less, as a share: one may be too high and
// the other too low, each by its variant's median error, or by the largest where it is a projection.
func (m *Model) DoubtOf(a, b *Option) float64 {
	doubt := 0.0
	for _, o := range []*Option{a, b} {
		if v := m.Find(o.Variant); v != nil {
			doubt += v.off(o)
		}
	}
	return doubt
}

// TooClose says that the model cannot tell which option is cheaper: their CPU times are nearer to each other than it is sure
// of, and so are their machines, unless something else than CPU asks for them.
func (m *Model) TooClose(a, b *Option) bool {
	if apart(a.CPU, b.CPU) >= m.DoubtOf(a, b) {
		return false
	}
	return a.Machines == b.Machines || a.Strains[0].Name == OfCPU && b.Strains[0].Name == OfCPU
}

// Cheaper sorts options: fewer machines first, then fewer cores, then less CPU time, then less memory.
func Cheaper(options []*Option) []*Option {
	sorted := slices.Clone(options)
	slices.SortStableFunc(sorted, func(a, b *Option) int {
		return cmp.Or(cmp.Compare(a.Machines, b.Machines), cmp.Compare(a.Instances*a.Cores, b.Instances*b.Cores), cmp.Compare(a.CPU, b.CPU), cmp.Compare(a.Memory(), b.Memory()))
	})
	return sorted
}
