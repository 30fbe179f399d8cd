package guard

import (
	"fmt"
	"hash/maphash"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/cpu"
	"golang.org/x/time/rate"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
)

// Limits are the process's, over all shards. Zero: off.
type Limits struct {
	Connections        int // open at once
	ConnectionsPerAddr int // of them from one address; of IPv6, from one /64
	ConnectionsPerSub  int // of them with one token subject

	HandshakesPerSecond float64 // the pace of Accept
	HandshakesPerAddr   float64 // a second, of one address

	CPURejectPercent float64 // of Options.Cores, from which nobody is let in
	CPUPausePercent  float64 // of Options.Cores, from which Kafka is paused
	MemoryBytes      int64   // of Go, native code and socket buffers together
}

// check names the limit that makes no sense.
func (l Limits) check() error {
	for _, limit := range []struct {
		name  string
		value float64
	}{
		{"connections", float64(l.Connections)},
		{"connections per address", float64(l.ConnectionsPerAddr)},
		{"connections per subject", float64(l.ConnectionsPerSub)},
		{"handshakes per second", l.HandshakesPerSecond},
		{"handshakes per second and address", l.HandshakesPerAddr},
		{"CPU percent to reject at", l.CPURejectPercent},
		{"CPU percent to pause Kafka at", l.CPUPausePercent},
		{"memory bytes", float64(l.MemoryBytes)},
	} {
		if !(limit.value >= 0) || math.IsInf(limit.value, 1) { // NaN is not >= 0
			return fmt.Errorf("the limit %q is %v: give a number from 0 (off) up", limit.name, limit.value)
		}
	}
	if l.HandshakesPerAddr > 0 && l.HandshakesPerAddr < slowestAddrRate {
		return fmt.Errorf("the limit \"handshakes per second and address\" is %v: give at least %v, or 0 (off)",
			l.HandshakesPerAddr, slowestAddrRate)
	}
	return nil
}

// Options are a Guard's. Cores has to be set; a limit left out is off.
type Options struct {
	Cores  float64 // what 100% of CPU is
	Limits Limits

	// What tests replace: the clock, the CPU time of all the process's threads,
	// the bytes that Go holds, and the root file system, of which proc and the
	// cgroup mounts are read.
	Now      func() time.Time
	CPUTime  func() time.Duration
	GoMemory func() int64
	FS       fs.FS
}

// Guard admits connections. Its methods may be called from any goroutine.
type Guard struct {
	cores    float64
	limits   Limits
	now      func() time.Time
	cpuTime  func() time.Duration
	goMemory func() int64
	fsys     fs.FS

	began     time.Time     // the zero of addrRates' times
	pace      *rate.Limiter // of all listeners together; nil: off
	hopeless  *rate.Limiter // of what no listener held up; nil: off
	addrRates *addrRates    // nil: off
	addrs     *tally        // connections by addrKey; nil: off
	subs      *tally        // connections by subject's hash; nil: off
	seed      maphash.Seed  // of the subjects' hashes

	snapshot   atomic.Pointer[Snapshot]
	handshakes atomic.Int64 // their CPU time, ns since the start

	// On a cache line of its own: every shard writes it, every handler reads
	// what stands above.
	_    cpu.CacheLinePad
	open atomic.Int64
	_    cpu.CacheLinePad
}

// New returns a guard that refuses nothing for CPU or memory before Run has
// sampled. An error names the option that makes no sense.
func New(o Options) (*Guard, error) {
	if !(o.Cores > 0) || math.IsInf(o.Cores, 1) {
		return nil, fmt.Errorf("cores are %v: give how many the process may use", o.Cores)
	}
	if err := o.Limits.check(); err != nil {
		return nil, err
	}
	g := &Guard{
		cores: o.Cores, limits: o.Limits,
		now: o.Now, cpuTime: o.CPUTime, goMemory: o.GoMemory, fsys: o.FS,
		seed: maphash.MakeSeed(),
	}
	if g.now == nil {
		g.now = time.Now
	}
	if g.cpuTime == nil {
		g.cpuTime = processCPUTime
	}
	if g.goMemory == nil {
		g.goMemory = runtimeMemory
	}
	if g.fsys == nil {
		g.fsys = os.DirFS("/")
	}
	g.began = g.now()
	if l := o.Limits; l.HandshakesPerSecond > 0 {
		g.pace, g.hopeless = newPace(l.HandshakesPerSecond), newHopeless(l.HandshakesPerSecond)
	}
	if r := o.Limits.HandshakesPerAddr; r > 0 {
		g.addrRates = newAddrRates(r, addrRateSets)
	}
	if n := o.Limits.ConnectionsPerAddr; n > 0 {
		g.addrs = newTally(n)
	}
	if n := o.Limits.ConnectionsPerSub; n > 0 {
		g.subs = newTally(n)
	}
	g.snapshot.Store(&Snapshot{MemoryLimit: o.Limits.MemoryBytes})
	return g, nil
}

// Admit gives the client at addr (its own, not its proxy's) a slot, or says why
// not: exactly one of the two is not nil. Who gets a slot releases it, also when
// the handshake comes to nothing.
//
// A limit of one address is looked at before the limit of all, so that what one
// address has too much of takes nothing from the others.
func (g *Guard) Admit(addr netip.Addr) (*Slot, *Refusal) {
	s, key := g.snapshot.Load(), addrKey(addr)
	switch {
	case s.RejectMemory:
		return nil, refusal(metric.RejectMemory)
	case s.RejectCPU:
		return nil, refusal(metric.RejectCPU)
	}
	if g.addrRates != nil || g.hopeless != nil {
		now := g.now()
		if g.addrRates != nil && !g.addrRates.allow(key, now.Sub(g.began)) {
			return nil, refusal(metric.RejectAddrRate)
		}
		if g.hopeless != nil && !g.hopeless.AllowN(now, 1) {
			return nil, refusal(metric.RejectRate)
		}
	}
	if g.addrs != nil && !g.addrs.take(key) {
		return nil, refusal(metric.RejectAddrConnections)
	}
	if !g.enter() {
		if g.addrs != nil {
			g.addrs.give(key)
		}
		return nil, refusal(metric.RejectConnections)
	}
	slot := &Slot{addr: key}
	slot.guard.Store(g)
	return slot, nil
}

// enter counts one more connection unless that is one too many. It adds only
// what fits: one added and taken back would refuse somebody else meanwhile.
func (g *Guard) enter() bool {
	limit := int64(g.limits.Connections)
	if limit == 0 {
		g.open.Add(1)
		return true
	}
	for {
		n := g.open.Load()
		if n >= limit {
			return false
		}
		if g.open.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Open is how many slots are taken: by connections, and by handshakes under way.
func (g *Guard) Open() int { return int(g.open.Load()) }

// HandshakeCost is the CPU time of one handshake, from the TCP accept to the
// close; rather too low, as what is taken off too much is load that the guard
// does not see. go test -bench HandshakeCost measures it.
const HandshakeCost = 80 * time.Microsecond

// RefusalCost is the part of HandshakeCost that refusing one takes: only the
// upgrade is saved.
const RefusalCost = HandshakeCost * 4 / 5

// AddHandshake tells of CPU time that went into a handshake. A goroutine cannot
// measure its own, so that is HandshakeCost, or RefusalCost.
func (g *Guard) AddHandshake(cpu time.Duration) { g.handshakes.Add(int64(cpu)) }
