package model

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// mostInstances is where a plan gives up.
const mostInstances = 1 << 20

// Impossible says that no number of instances holds a load.
type Impossible struct {
	Variant string
	Strain  Strain // what does not shrink with the number of instances
	Advice  string // what helps
}

func (e *Impossible) Error() string {
	return fmt.Sprintf("no number of instances of %s holds it: of each, %s is at %.0f%% of what it may be (%s). %s",
		e.Variant, e.Strain.Name, 100*e.Strain.Share, e.Strain.Words, e.Advice)
}

// Plan is the fewest machines of a variant that hold a load, and on them the fewest cores: an instance of ws-single has one, one
// of ws-multi as many as a machine has, or fewer where that is enough. Of what the model cannot tell apart it takes the fewest
// instances, each of which reads the log and keeps a history. Its error is an [*Impossible].
func (v *Variant) Plan(total Demand, site Site) (*Option, error) {
	most := 1
	if v.Name == scenario.Multi {
		most = max(site.Cores, 1)
	}
	var all []candidate
	for cores := 1; cores <= most; cores++ {
		for each := 1; each <= max(site.Cores/cores, 1); each++ {
			if p, ok := v.fewest(total, cores, each, site); ok {
				all = append(all, v.candidate(total, p))
			}
		}
	}
	if len(all) == 0 {
		return nil, v.impossible(total, most, site)
	}
	best := slices.MinFunc(all, candidate.compare)
	o := v.assess(total, best.place, site)
	fewer, ok := v.fewer(total, all, best, o, site)
	if !ok {
		return o, nil
	}
	other := v.assess(total, fewer.place, site)
	if fewer.machines == best.machines {
		o, other = other, o
	}
	o.Or = other
	return o, nil
}

// candidate is a place that holds a load, and what places are compared by.
type candidate struct {
	place
	machines    int
	cpu, memory float64
}

func (v *Variant) candidate(total Demand, p place) candidate {
	n := v.need(total, p.instances, p)
	return candidate{p, p.machines(), float64(p.instances) * n.cores, float64(p.instances) * (n.process + n.kernel)}
}

// compare puts fewer machines first, then fewer cores, then less CPU time, then less memory.
func (c candidate) compare(d candidate) int {
	return cmp.Or(cmp.Compare(c.machines, d.machines), cmp.Compare(c.instances*c.cores, d.instances*d.cores), cmp.Compare(c.cpu, d.cpu), cmp.Compare(c.memory, d.memory))
}

// fewer is the place with the fewest instances, if they are fewer than the best one's, of those that the model cannot tell
// from it: by CPU time, and by their machines.
func (v *Variant) fewer(total Demand, all []candidate, best candidate, o *Option, site Site) (candidate, bool) {
	atMost := v.off(o) + v.largest(max(best.cores, site.Cores))
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.instances, b.instances), a.compare(b)) })
	for _, same := range []bool{true, false} { // machines that are as many are better than nearly
		for _, c := range all {
			if c.instances >= best.instances {
				break
			}
			between := max(apart(c.cpu, best.cpu), apart(float64(c.machines), float64(best.machines)))
			if same && c.machines != best.machines || between >= atMost {
				continue
			}
			if between < v.off(o)+v.off(v.assess(total, c.place, site)) {
				return c, true
			}
		}
	}
	return candidate{}, false
}

// apart is by how much the lesser of two is less, as a share of the other.
func apart(a, b float64) float64 { return 1 - min(a, b)/max(a, b) }

// fewest is the least number of instances of so many cores that fits, so many on a machine: the more there are, the less each
// has to do. There are no more than clients, unless machines may be lost.
func (v *Variant) fewest(total Demand, cores, each int, site Site) (place, bool) {
	at := func(n int) place { return place{n, cores, each} }
	low := max(each, site.Spare*each+1)
	high := int(min(mostInstances, math.Ceil(total.Connections)))
	if each == 1 {
		high = max(high, low)
	}
	if low > high || !v.fits(total, at(high), site) {
		return place{}, false
	}
	n := low + sort.Search(high-low, func(i int) bool { return v.fits(total, at(low+i), site) })
	return at(n).even(), true
}

// impossible says what is at its end of the most instances on machines of their own, for the number of cores with which it is
// least so.
func (v *Variant) impossible(total Demand, most int, site Site) error {
	n := max(int(min(mostInstances, math.Ceil(total.Connections))), site.Spare+1)
	e := &Impossible{Variant: v.Name, Strain: Strain{Share: math.Inf(1)}}
	var p place
	for cores := 1; cores <= most; cores++ {
		at := place{n, cores, 1}
		if s := v.strains(total, at, site)[0]; s.Share < e.Strain.Share {
			e.Strain, p = s, at
		}
	}
	switch d := v.need(total, p.instances, p); {
	case e.Strain.Name == OfCPU || e.Strain.Name == OfReading:
		e.Advice = "Each reads every record, whoever shares the clients: fewer records a second help, or topics of their own"
	case e.Strain.Name == OfMemory && d.history > (d.process+d.kernel)/2:
		e.Advice = "Each keeps a history: a shorter one helps (WS_HISTORY_WINDOW, WS_HISTORY_BYTES), or machines with more memory"
	case e.Strain.Name == OfMemory:
		e.Advice = "Machines with more memory help"
	case e.Strain.Name == OfFiles:
		e.Advice = "A higher limit of open files helps"
	default:
		e.Advice = "Machines with a faster network help"
	}
	return e
}

// Holds is how many connections of a load's kind an option's instances hold together until something is at its end, what that
// is, and what is nearest to its end then. The records a second stay as they are, and those that each client gets.
func (v *Variant) Holds(o *Option, site Site) (connections float64, first, next Strain) {
	p := place{o.Instances, o.Cores, o.Each}
	fits := func(factor float64) bool { return v.fits(o.demand.times(factor), p, site) }
	low, high := 0.0, 1.0
	for fits(high) && high < 1e6 {
		low, high = high, 2*high
	}
	for range 60 {
		if middle := (low + high) / 2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	strains := v.strains(o.demand.times(high), p, site)
	first = strains[0]
	if len(strains) > 1 {
		next = strains[1]
	}
	return o.Total.Connections * low, first, next
}
