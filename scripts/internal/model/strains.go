package model

import (
	"cmp"
	"fmt"
	"slices"
)

// Strain is how much of something an instance needs, of what it may have.
type Strain struct {
	Name  string  // what may be at its end
	Share float64 // 1: it is
	Words string  // the need and what there is
	Grown bool    // of memory: it is the heap between collections, which WS_MEMORY_LIMIT bounds
}

// The names of strains.
const (
	OfCPU     = "CPU"
	OfReading = "reading the log"
	OfMemory  = "memory"
	OfFiles   = "open files"
	OfNetwork = "network"
)

// strains are those of each kind, the nearest to its end first: with all machines, or after the loss of some where that is
// nearer.
func (v *Variant) strains(total Demand, p place, site Site) []Strain {
	n := v.need(total, p.instances, p)
	shares, limit := v.shares(n, p, site, site.open()), site.open()
	needs, limits, lost := [kinds]need{}, [kinds]float64{}, [kinds]int{}
	for kind := range kinds {
		needs[kind], limits[kind] = n, limit
	}
	if left := p.left(site.Spare); site.Spare > 0 && left > 0 {
		n := v.need(total, left, p)
		for kind, share := range v.shares(n, p, site, RejectShare) {
			if share > shares[kind] {
				shares[kind], needs[kind], limits[kind], lost[kind] = share, n, RejectShare, site.Spare
			}
		}
	}
	var all []Strain
	for kind, share := range shares {
		if share == 0 {
			continue
		}
		s := v.strain(kind, needs[kind], p, site, limits[kind])
		s.Share = share
		if lost[kind] > 0 {
			s.Words += " with " + counted(lost[kind], "machine") + " lost"
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b Strain) int { return cmp.Compare(b.Share, a.Share) })
	return all
}

func (v *Variant) strain(kind int, n need, p place, site Site, cpu float64) Strain {
	switch kind {
	case kindCPU:
		return Strain{Name: OfCPU, Words: fmt.Sprintf("%.2f of %s, %.0f%% of which may be used", n.cores, counted(p.cores, "core"), 100*cpu)}
	case kindReading:
		return Strain{Name: OfReading, Words: fmt.Sprintf("%.2f of the one core that reads the log for all shards, %.0f%% of which may be used", n.serial, 100*RejectShare)}
	case kindMemory:
		has := site.memoryOf(p)
		if rest, grown := n.memory(has); rest < grown {
			return Strain{Name: OfMemory, Grown: true, Words: fmt.Sprintf("%s of %s, with a heap that grew to twice its live part,", size(n.process+n.kernel+n.growth), size(has))}
		}
		return Strain{Name: OfMemory, Words: fmt.Sprintf("%s of %s, %.0f%% of which may be used", size(n.process+n.kernel), size(has), 100*MemoryShare)}
	case kindFiles:
		return Strain{Name: OfFiles, Words: fmt.Sprintf("%d of %d", n.files, site.Files)}
	default:
		return Strain{Name: OfNetwork, Words: fmt.Sprintf("%.3g of %.3g Gbit/s of a machine, %.0f%% of which may be used", n.network/1e9, site.Network/1e9, 100*NetworkShare)}
	}
}
