package model

import (
	"fmt"
	"math"
	"slices"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// What an instance is asked for at most, of what it has: the servers' own guard turns clients away at three quarters of
// the CPU, and memory wants room for the collector.
const (
	CPUShare    = 0.75
	MemoryShare = 0.80
)

const (
	historySeconds = 300       // WS_HISTORY_WINDOW
	historyBytes   = 256 << 20 // WS_HISTORY_BYTES
	recordBytes    = 70        // of a record's key, headers and its part of a batch, in Kafka's protocol
	bodyBytes      = 90        // around the value in the history, which keeps messages as they are sent
	frameBytes     = 116       // of a message around the value: frame, seq, channel, position, time
	packetBytes    = 66        // Ethernet, IP and TCP around a send
	spareFiles     = 500       // of a process, that are no clients
)

// entryBytes are what an entry of a variant's history takes besides its message.
var entryBytes = map[string]float64{scenario.Single: 72, scenario.Multi: 80}

// PortsOfProxy is how many connections one address can have to one address and port, with Linux's range of ports.
const PortsOfProxy = 28_232

// Site is what one machine gives.
type Site struct {
	Cores   int
	Memory  float64 // bytes
	Files   int     // open files of a process; 0: as many as it takes
	Network float64 // bits a second
}

// Strain is how much of something an instance needs, of what it may have.
type Strain struct {
	Name  string  // what may be at its end
	Share float64 // 1: it is
	Words string  // the need and what there is
}

// The names of strains.
const (
	OfCPU     = "CPU"
	OfReading = "reading the log"
	OfMemory  = "memory"
	OfFiles   = "open files"
	OfNetwork = "network"
)

// Option is a number of instances of a variant, and what they take.
type Option struct {
	Variant   string
	Instances int
	Cores     int  // of each instance; a shard each
	Total     Load // of all
	Load      Load // of each
	Machines  int

	CPU        float64  // cores' worth of CPU time, all instances
	HasMemory  bool     // it was measured
	Process    float64  // bytes of each process after a collection, while its clients rest; the history included
	History    float64  // of them
	Growth     float64  // bytes that its heap may have more between collections, where nothing bounds it
	Kernel     float64  // bytes of the kernel for each
	Files      int      // of each process
	Kafka      float64  // bytes a second out of Kafka, all instances
	Network    float64  // bits a second to clients, all instances
	Last       float64  // s until the last of a record's clients has it
	Strains    []Strain // of each instance, the nearest to its end first
	Projection []string // what of it is beyond what was measured
}

// Memory is bytes of all instances, the kernel's included.
func (o *Option) Memory() float64 { return float64(o.Instances) * (o.Process + o.Kernel) }

// Fits says that nothing is at its end.
func (o *Option) Fits() bool { return o.Strains[0].Share <= 1 }

// fullest is how many instances the machine has that has most.
func (o *Option) fullest() float64 { return math.Ceil(float64(o.Instances) / float64(o.Machines)) }

// MachineNetwork is bits a second of the machine with most instances.
func (o *Option) MachineNetwork() float64 { return o.Network / float64(o.Instances) * o.fullest() }

// cpu is µs a second.
func (v *Variant) cpu(l Load, shards int) float64 {
	return v.Costs.of(l.features(v.Fetch, shards)) * math.Pow(v.perDoubling(), math.Log2(float64(max(shards, 1))))
}

// serial is what of it one core has to do, however many there are: µs a second.
func (v *Variant) serial(l Load) float64 {
	return v.Costs.Record*l.Records + v.Costs.Wake*l.wakes(v.Fetch) + v.Costs.Base
}

// Assess says what so many instances take, with so many cores each.
func (v *Variant) Assess(total Load, instances, cores int, site Site) *Option {
	l := total.share(float64(instances))
	n := float64(instances)
	o := &Option{
		Variant: v.Name, Instances: instances, Cores: cores, Total: total, Load: l,
		Files:   int(math.Ceil(l.Connections)) + spareFiles,
		Kafka:   n * total.Records * (total.Bytes + recordBytes),
		Network: 8 * total.Deliveries() * (total.Bytes + frameBytes + packetBytes/l.joined(v.Fetch)),
		History: min(historyBytes, total.Records*historySeconds*(total.Bytes+bodyBytes+entryBytes[v.Name])),
	}
	o.Machines = (instances + max(site.Cores/cores, 1) - 1) / max(site.Cores/cores, 1)
	each := v.cpu(l, cores) / 1e6
	o.CPU = n * each
	if l.FanOut > 1 {
		o.Last = l.FanOut * (v.Costs.Send + v.Costs.Message) / float64(cores) / 1e6
	}
	add := func(name string, share float64, words string, args ...any) {
		o.Strains = append(o.Strains, Strain{name, share, fmt.Sprintf(words, args...)})
	}
	add(OfCPU, each/(CPUShare*float64(cores)), "%.2f of %s, %.0f%% of which may be used", each, coresInWords(cores), 100*CPUShare)
	if v.Name == scenario.Multi && cores > 1 {
		serial := v.serial(l) / 1e6
		add(OfReading, serial/CPUShare, "%.2f of the one core that reads the log for all shards", serial)
	}
	if v.Memory != nil && site.Memory > 0 {
		o.HasMemory = true
		o.Process = v.Memory.Base + v.Memory.Connection*l.Connections + o.History
		o.Kernel = v.Memory.Kernel * l.Connections
		has := site.Memory * float64(cores) / float64(max(site.Cores, cores))
		// Without a limit Go collects when the heap is twice what was live.
		o.Growth = o.Process - v.Memory.Base
		rest, grown := (o.Process+o.Kernel)/(MemoryShare*has), (o.Process+o.Kernel+o.Growth)/has
		if rest >= grown {
			add(OfMemory, rest, "%s of %s, %.0f%% of which may be used", size(o.Process+o.Kernel), size(has), 100*MemoryShare)
		} else {
			add(OfMemory, grown, "%s of %s, with a heap that grew to twice its live part", size(o.Process+o.Kernel+o.Growth), size(has))
		}
	}
	if site.Files > 0 {
		add(OfFiles, float64(o.Files)/float64(site.Files), "%d of %d", o.Files, site.Files)
	}
	if site.Network > 0 {
		perMachine := o.MachineNetwork()
		add(OfNetwork, perMachine/(CPUShare*site.Network), "%.3g of %.3g Gbit/s of a machine, 75%% of which may be used", perMachine/1e9, site.Network/1e9)
	}
	slices.SortStableFunc(o.Strains, func(a, b Strain) int {
		switch {
		case a.Share > b.Share:
			return -1
		case a.Share < b.Share:
			return 1
		}
		return 0
	})
	o.Projection = v.beyond(o)
	return o
}

// beyond says what of an option was not measured.
func (v *Variant) beyond(o *Option) []string {
	const room = 1.05
	var all []string
	r := v.Range
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if o.Load.Connections*room < r.MinConnections {
		add("%s connections an instance, measured from %s", short(o.Load.Connections), short(r.MinConnections))
	}
	if o.Load.Connections > room*r.MaxConnections {
		add("%s connections an instance, measured up to %s", short(o.Load.Connections), short(r.MaxConnections))
	}
	if sends := o.Load.Sends(v.Fetch); sends > room*r.MaxSends {
		add("%s sends/s an instance, measured up to %s", short(sends), short(r.MaxSends))
	}
	if each := o.CPU / float64(o.Instances*o.Cores); each > room*r.MaxCPU {
		add("planned %.2g of a core, measured up to %.2g", each, r.MaxCPU)
	}
	if o.Load.Deliveries() > room*r.MaxDeliveries {
		add("%s messages/s an instance, measured up to %s", short(o.Load.Deliveries()), short(r.MaxDeliveries))
	}
	if o.Load.Records > room*r.MaxRecords {
		add("%s records/s, measured up to %s", short(o.Load.Records), short(r.MaxRecords))
	}
	if f := o.Load.FanOut; o.Load.Records > 0 && (f*room < r.MinFanOut || f > room*r.MaxFanOut) {
		add("a record for %s clients of an instance, measured %s to %s", short(f), short(r.MinFanOut), short(r.MaxFanOut))
	}
	if o.Cores > r.MaxShards {
		add("%d shards, measured up to %d", o.Cores, r.MaxShards)
	} else if o.Cores > 1 && !v.measured(o.Load, o.Cores) {
		add("%d shards for this load, measured for others", o.Cores)
	}
	if o.Instances > 1 {
		add("%d instances, measured one by one", o.Instances)
	}
	if b := o.Total.Bytes; r.Bytes > 0 && (b > 1.5*r.Bytes || b < r.Bytes/1.5) {
		add("values of %s bytes, measured with %s", short(b), short(r.Bytes))
	}
	if v.Memory != nil && o.Load.Connections > room*v.Memory.Most && v.Memory.Most < r.MaxConnections {
		add("memory at %s connections, read up to %s", short(o.Load.Connections), short(v.Memory.Most))
	}
	return all
}

func coresInWords(n int) string {
	if n == 1 {
		return "1 core"
	}
	return fmt.Sprintf("%d cores", n)
}

// short writes a number with three digits: 12,300 is 12.3k.
func short(v float64) string {
	for _, unit := range []struct {
		by   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.by*0.9995 {
			return fmt.Sprintf("%.3g%s", v/unit.by, unit.name)
		}
	}
	return fmt.Sprintf("%.3g", v)
}

// size writes bytes; a KiB has 1,024.
func size(v float64) string {
	for _, unit := range []struct {
		by   float64
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if v >= unit.by {
			return fmt.Sprintf("%.3g %s", v/unit.by, unit.name)
		}
	}
	return fmt.Sprintf("%.0f B", v)
}

// Short and Size write figures as this package does in words.
func Short(v float64) string { return short(v) }

// Size writes bytes, in units of 1,024.
func Size(v float64) string { return size(v) }
