package model

import (
	"math"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// The servers' defaults, as their READMEs have them.
const (
	HistorySeconds = 300       // WS_HISTORY_WINDOW
	historyBytes   = 256 << 20 // WS_HISTORY_BYTES
	HandshakesPerS = 2000      // WS_HANDSHAKES_PER_S
	DrainSeconds   = 20        // WS_DRAIN_SPREAD
	leastOffsets   = 1000      // that are read of a partition at a start, however old they are
)

const (
	recordBytes  = 70   // of a record's key, headers and its part of a batch, in Kafka's protocol
	bodyBytes    = 90   // around the value in the history, which keeps messages as they are sent
	frameBytes   = 116  // of a message around the value: frame, seq, channel, position, time
	packetBytes  = 66   // Ethernet, IP and TCP around a send
	segmentBytes = 1448 // that a packet carries at most
	spareFiles   = 500  // of a process, that are no clients
)

// entryBytes are what an entry of a variant's history takes besides its message.
var entryBytes = map[string]float64{scenario.Single: 72, scenario.Multi: 80}

// channelBytes are what a channel of the history takes that WS_HISTORY_BYTES does not count: its name, its place in maps, its
// list of entries. Measured as the live heap of each variant's history with 400,000 records in as many channels, less that with
// all of them in one: 167.5 MiB to 100 of ws-single, 191 to 97 of ws-multi.
var channelBytes = map[string]float64{scenario.Single: 170, scenario.Multi: 245}

// PortsOfProxy is how many connections one address can have to one address and port, with Linux's range of ports.
const PortsOfProxy = 28_232

// Option is a number of instances of a variant, and what they take.
type Option struct {
	Variant   string
	Instances int
	Cores     int // of each instance; a shard each
	Each      int // instances on the machine that has most
	Machines  int
	Total     Load // of all
	Load      Load // of each

	CPU        float64  // cores' worth of CPU time, all instances
	HasMemory  bool     // it was measured
	Process    float64  // bytes of each process after a collection, while its clients rest; the history included
	History    float64  // of them
	Growth     float64  // bytes that its heap may have more between collections, where nothing bounds it
	Kernel     float64  // bytes of the kernel for each
	Limit      float64  // bytes that WS_MEMORY_LIMIT may be, where a machine's memory is known
	Files      int      // of each process
	Kafka      float64  // bytes a second out of Kafka, all instances
	Network    float64  // bits a second to clients, all instances
	Packets    float64  // a second to clients, of the machine with most instances
	Last       float64  // s until the last of a record's clients has it
	Strains    []Strain // of each instance, the nearest to its end first
	Projection []string // what of it is beyond what was measured

	Lost *Lost   // nil: no machine may be lost
	Or   *Option // of the same variant, another number of instances that is as good as the model can tell; nil: none

	demand Demand
	reach  float64 // clients of an instance that have a record somebody wants
}

// Lost is what is when the spare machines are.
type Lost struct {
	Machines    int
	Instances   int     // that are left
	Back        float64 // clients that come back to them
	Connections float64 // of each then
	CPU         float64 // cores' worth of each then
}

// Memory is bytes of all instances, the kernel's included.
func (o *Option) Memory() float64 { return float64(o.Instances) * (o.Process + o.Kernel) }

// Fits says that nothing is at its end.
func (o *Option) Fits() bool { return o.Strains[0].Share <= 1 }

// MachineNetwork is bits a second of the machine with most instances.
func (o *Option) MachineNetwork() float64 {
	return o.Network / float64(o.Instances) * float64(o.Each)
}

// Most is how many connections an instance has at most: after the loss of the spare machines.
func (o *Option) Most() float64 {
	if o.Lost != nil {
		return o.Lost.Connections
	}
	return o.Load.Connections
}

// Reread is what an instance reads of Kafka at a start, in bytes, and the CPU time that takes it, in s: the history's window, or
// if that is more a partition's last 1,000 records.
func (v *Variant) Reread(l Load) (bytes, seconds float64) {
	n := max(l.Records*HistorySeconds, leastOffsets)
	return n * (l.Bytes + recordBytes), n * v.Costs.Record / 1e6
}

// cpu is µs a second.
func (v *Variant) cpu(l Load, shards int) float64 {
	return v.Costs.of(l.features(v.Fetch, shards)) * math.Pow(v.perDoubling(), math.Log2(float64(max(shards, 1))))
}

// serial is what of it one core has to do, however many there are: µs a second.
func (v *Variant) serial(l Load) float64 {
	return v.Costs.Record*l.Records + v.Costs.Wake*l.wakes(v.Fetch) + v.Costs.Base
}

// history is bytes: the entries that WS_HISTORY_BYTES counts, and the channels, which it does not. There are no more of these
// than entries.
func (v *Variant) history(d Demand) float64 {
	entry := d.Bytes + bodyBytes + entryBytes[v.Name]
	entries := min(historyBytes/entry, d.Records*HistorySeconds)
	return entries*entry + min(entries, d.Channels)*channelBytes[v.Name]
}

// bits a second to clients.
func (v *Variant) bits(l Load) float64 {
	return 8 * l.Deliveries() * (l.Bytes + frameBytes + packetBytes/l.joined(v.Fetch))
}

// packets a second to clients: a send is one, or as many as its bytes take.
func (v *Variant) packets(l Load) float64 {
	return l.Sends(v.Fetch) * math.Ceil(l.joined(v.Fetch)*(l.Bytes+frameBytes)/segmentBytes)
}

// Assess says what so many instances take, with so many cores each, as many on a machine as it has cores for. Channels are not
// counted.
func (v *Variant) Assess(total Load, instances, cores int, site Site) *Option {
	p := place{instances, cores, min(instances, max(site.Cores/cores, 1))}
	return v.assess(Demand{Load: total, Reach: total.FanOut}, p.even(), site)
}

func (v *Variant) assess(total Demand, p place, site Site) *Option {
	n := v.need(total, p.instances, p)
	all := float64(p.instances)
	o := &Option{
		Variant: v.Name, Instances: p.instances, Cores: p.cores, Each: p.each, Machines: p.machines(), Total: total.Load, Load: n.load.Load,
		CPU: all * n.cores, HasMemory: v.Memory != nil && site.Memory > 0, Files: n.files,
		Kafka: all * total.Records * (total.Bytes + recordBytes), Network: v.bits(total.Load), Packets: v.packets(n.load.Load) * float64(p.each),
		History: n.history, Strains: v.strains(total, p, site), demand: total, reach: n.load.Reach,
	}
	if n.load.Reach > 1 {
		o.Last = n.load.Reach * (v.Costs.Send + v.Costs.Message) / float64(p.cores) / 1e6
	}
	most := n
	if left := p.left(site.Spare); site.Spare > 0 && left > 0 {
		most = v.need(total, left, p)
		o.Lost = &Lost{Machines: site.Spare, Instances: left, Back: total.Connections * (1 - float64(left)/all), Connections: most.load.Connections, CPU: most.cores}
		o.Files = most.files
	}
	if o.HasMemory {
		o.Process, o.Kernel, o.Growth = n.process, n.kernel, n.growth
		o.Limit = LimitShare*site.memoryOf(p) - most.kernel
	}
	o.Projection = v.beyond(o)
	return o
}
