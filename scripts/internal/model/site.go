package model

import "math"

// What an instance is asked for at most, of what it has. The servers' guard refuses newcomers from RejectShare of the CPU on,
// until it is below OpenShare (WS_CPU_REJECT_PERCENT, and 10 points less): one that is between may refuse those who come back.
// Memory wants room for the collector, and a network for what is not even.
const (
	OpenShare    = 0.65
	RejectShare  = 0.75
	MemoryShare  = 0.80
	NetworkShare = 0.75
	LimitShare   = 0.95 // of its memory that an instance may be told it has: MemoryShare of it is below 85% of that, where the guard refuses nobody
)

// Site is what one machine gives, and how many of them may be gone.
type Site struct {
	Cores   int
	Memory  float64 // bytes
	Files   int     // open files of a process; 0: as many as it takes
	Network float64 // bits a second; 0: as much as it takes
	CPU     float64 // share of its cores that instances may use while all machines are there; 0: RejectShare
	Spare   int     // machines that may be lost: the others hold the load at RejectShare
}

func (s Site) open() float64 {
	if s.CPU > 0 {
		return s.CPU
	}
	return RejectShare
}

// place is where instances are.
type place struct {
	instances int
	cores     int // of each
	each      int // instances on the machine that has most
}

func (p place) machines() int { return (p.instances + p.each - 1) / p.each }

// even is the same instances on as many machines, which differ by no more than one.
func (p place) even() place {
	p.each = (p.instances + p.machines() - 1) / p.machines()
	return p
}

// left is how many instances there are when the machines with most are lost.
func (p place) left(lost int) int { return p.instances - lost*p.each }

// kinds of strains
const (
	kindCPU = iota
	kindReading
	kindMemory
	kindFiles
	kindNetwork
	kinds
)

// need is what an instance takes while so many share the load.
type need struct {
	load    Demand
	cores   float64 // worth of CPU time
	serial  float64 // of it what one core has to do
	process float64 // bytes after a collection, while its clients rest; the history included
	history float64 // of them
	growth  float64 // bytes that the heap may have more between collections
	kernel  float64 // bytes
	files   int
	network float64 // bits a second of the fullest machine
}

func (v *Variant) need(total Demand, working int, p place) need {
	d := total.share(float64(working))
	n := need{
		load: d, cores: v.cpu(d.Load, p.cores) / 1e6, serial: v.serial(d.Load) / 1e6,
		files:   int(math.Ceil(d.Connections-1e-6)) + spareFiles,
		network: v.bits(d.Load) * float64(p.each),
		history: v.history(d),
	}
	if v.Memory != nil {
		n.process = v.Memory.Base + v.Memory.Connection*d.Connections + n.history
		n.kernel = v.Memory.Kernel * d.Connections
		n.growth = n.process - v.Memory.Base // without a limit Go collects when the heap is twice what was live
	}
	return n
}

// memoryOf is what each of the instances of the fullest machine has of its memory.
func (s Site) memoryOf(p place) float64 { return s.Memory / float64(p.each) }

// memory is how much of its part of a machine an instance needs, at rest and with a grown heap.
func (n need) memory(has float64) (rest, grown float64) {
	return (n.process + n.kernel) / (MemoryShare * has), (n.process + n.kernel + n.growth) / has
}

// shares are how much of each kind an instance needs of what it may have, 1: all. What nothing bounds is 0.
func (v *Variant) shares(n need, p place, site Site, cpu float64) (all [kinds]float64) {
	all[kindCPU] = n.cores / (cpu * float64(p.cores))
	if p.cores > 1 {
		all[kindReading] = n.serial / RejectShare
	}
	if v.Memory != nil && site.Memory > 0 {
		all[kindMemory] = max(n.memory(site.memoryOf(p)))
	}
	if site.Files > 0 {
		all[kindFiles] = float64(n.files) / float64(site.Files)
	}
	if site.Network > 0 {
		all[kindNetwork] = n.network / (NetworkShare * site.Network)
	}
	return all
}

// fits says whether nothing is at its end, with all machines and after the loss of the spare ones.
func (v *Variant) fits(total Demand, p place, site Site) bool {
	left := p.left(site.Spare)
	if left < 1 {
		return false
	}
	within := func(working int, cpu float64) bool {
		for _, share := range v.shares(v.need(total, working, p), p, site, cpu) {
			if !(share <= 1) {
				return false
			}
		}
		return true
	}
	return within(p.instances, site.open()) && (left == p.instances || within(left, RejectShare))
}
