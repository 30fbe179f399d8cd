package model

import (
	"fmt"
	"slices"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// mostInstances is where a plan gives up.
const mostInstances = 1 << 20

// Impossible says that no number of instances holds a load.
type Impossible struct {
	Variant string
	Strain  Strain // what does not shrink with the number of instances
}

func (e *Impossible) Error() string {
	return fmt.Sprintf("no number of instances of %s holds it: of each, %s is at %.0f%% of what it may be (%s), and each reads every record whoever shares the clients. Fewer records a second help, or topics of their own",
		e.Variant, e.Strain.Name, 100*e.Strain.Share, e.Strain.Words)
}

// Plan is the fewest cores of a variant that hold a load: an instance of ws-single has one, one of ws-multi as many as a
// machine has, or fewer where that is enough. Its error is an [*Impossible].
func (v *Variant) Plan(total Load, site Site) (*Option, error) {
	most := 1
	if v.Name == scenario.Multi {
		most = max(site.Cores, 1)
	}
	var best *Option
	var impossible error
	for cores := 1; cores <= most; cores++ {
		o, err := v.fewest(total, cores, site)
		if err != nil {
			impossible = err
			continue
		}
		if best == nil || o.Machines < best.Machines || o.Machines == best.Machines && (o.Instances*o.Cores < best.Instances*best.Cores ||
			o.Instances*o.Cores == best.Instances*best.Cores && o.Instances < best.Instances) {
			best = o
		}
	}
	if best == nil {
		return nil, impossible
	}
	return best, nil
}

// fewest is the least number of instances that fits: the more there are, the less each has to do.
func (v *Variant) fewest(total Load, cores int, site Site) (*Option, error) {
	fits := func(n int) bool { return v.Assess(total, n, cores, site).Fits() }
	high := 1
	for !fits(high) {
		if high *= 2; high > mostInstances {
			o := v.Assess(total, mostInstances, cores, site)
			return nil, &Impossible{v.Name, o.Strains[0]}
		}
	}
	low := high / 2 // does not fit, or is 0
	for high-low > 1 {
		if middle := (low + high) / 2; fits(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return v.Assess(total, high, cores, site), nil
}

// Holds is how many connections of a load's kind one instance holds until something is at its end, and what that is. The
// records a second stay as they are, and those that each client gets.
func (v *Variant) Holds(o *Option, site Site) (connections float64, first, next Strain) {
	at := func(factor float64) *Option {
		l := o.Load
		l.Connections, l.FanOut = l.Connections*factor, l.FanOut*factor
		one := site
		one.Network /= o.fullest() // an instance's part, where there are most
		return v.Assess(l, 1, o.Cores, one)
	}
	low, high := 0.0, 1.0
	for at(high).Fits() && high < 1e6 {
		low, high = high, 2*high
	}
	for range 60 {
		if middle := (low + high) / 2; at(middle).Fits() {
			low = middle
		} else {
			high = middle
		}
	}
	strains := at(high).Strains
	first = strains[0]
	if len(strains) > 1 {
		next = strains[1]
	}
	return o.Load.Connections * low, first, next
}

// Doubt is how far apart CPU times of variants must be at least to say which is less, as a share: the larger of their models'
// median errors.
func (m *Model) Doubt() float64 {
	doubt := 0.0
	for _, v := range m.Variants {
		doubt = max(doubt, v.Error.Median)
	}
	return doubt
}

// TooClose says that the model cannot tell which option is cheaper: their CPU times are nearer to each other than it is sure
// of, and so are their machines, unless something else than CPU asks for them.
func (m *Model) TooClose(a, b *Option) bool {
	if 1-min(a.CPU, b.CPU)/max(a.CPU, b.CPU) >= m.Doubt() {
		return false
	}
	return a.Machines == b.Machines || a.Strains[0].Name == OfCPU && b.Strains[0].Name == OfCPU
}

// Cheaper sorts options: fewer machines first, then fewer cores, then less CPU time, then less memory.
func Cheaper(options []*Option) []*Option {
	sorted := slices.Clone(options)
	slices.SortStableFunc(sorted, func(a, b *Option) int {
		for _, pair := range [][2]float64{
			{float64(a.Machines), float64(b.Machines)}, {float64(a.Instances * a.Cores), float64(b.Instances * b.Cores)}, {a.CPU, b.CPU}, {a.Memory(), b.Memory()},
		} {
			if pair[0] < pair[1] {
				return -1
			} else if pair[0] > pair[1] {
				return 1
			}
		}
		return 0
	})
	return sorted
}
