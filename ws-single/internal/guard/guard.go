package guard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
)

// Limits are the operator's numbers. Zero turns a limit off.
type Limits struct {
	Connections        int // open at the same time
	ConnectionsPerAddr int // of them from one address (LimitKey)
	ConnectionsPerSub  int // of them with one token subject

	HandshakesPerSecond float64 // paced at Accept
	HandshakesPerAddr   float64 // a second, from one address

	CPURejectPercent float64 // of Options.Cores: no new connections
	CPUPausePercent  float64 // of Options.Cores: Kafka is paused
	MemoryBytes      int64   // Go, native and sockets together
}

// Options configure a Guard. Only Cores and Limits have to be set.
type Options struct {
	Limits Limits
	Cores  float64 // what 100% CPU is; 1 in ws-single

	// KernelMemory returns the bytes the kernel holds for this process's
	// sockets. Nil: the cgroup's count, which is exact when the server has the
	// cgroup for itself; where there is none, the process's share of the
	// machine's (proc/net/sockstat).
	KernelMemory func() int64

	// For tests. Now reads the clock, CPUTime the process's CPU time, GoMemory
	// the bytes Go has from the system, FS is the root file system (proc and
	// sys are read).
	Now      func() time.Time
	CPUTime  func() time.Duration
	GoMemory func() int64
	FS       fs.FS
}

// Guard admits connections. All methods may be called from any goroutine.
type Guard struct {
	limits Limits
	opts   Options

	handshakes *rate.Limiter // behind the pacing; nil when off
	addrRate   *addrRate     // nil when off
	snapshot   atomic.Pointer[Snapshot]
	hsTime     atomic.Int64 // CPU time of handshakes, ns, ever growing

	mu    sync.Mutex
	open  int
	addrs map[netip.Addr]int // only when limited; entries are above 0
	subs  map[string]int     // the same
}

// addrTable bounds the addresses remembered for the handshake rate: two
// generations of it take about 6 MB when full.
const addrTable = 32 << 10

// New returns a guard with an empty snapshot: nothing is refused for CPU or
// memory until Run has sampled. The error names the limit that makes no sense.
func New(o Options) (*Guard, error) {
	l := o.Limits
	switch {
	case o.Cores <= 0:
		return nil, errors.New("cores must be above 0")
	case l.Connections < 0, l.ConnectionsPerAddr < 0, l.ConnectionsPerSub < 0,
		l.HandshakesPerSecond < 0, l.HandshakesPerAddr < 0,
		l.CPURejectPercent < 0, l.CPUPausePercent < 0, l.MemoryBytes < 0:
		return nil, fmt.Errorf("a limit is negative: %+v", l)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CPUTime == nil {
		o.CPUTime = cpuTime
	}
	if o.GoMemory == nil {
		o.GoMemory = goMemory
	}
	if o.FS == nil {
		o.FS = os.DirFS("/")
	}
	g := &Guard{limits: l, opts: o, addrs: make(map[netip.Addr]int), subs: make(map[string]int)}
	if r := l.HandshakesPerSecond; r > 0 {
		// Accept lets r through, one handshake each. Twice that for more than a
		// moment means that the pacing does not reach them: hopeless.
		g.handshakes = rate.NewLimiter(rate.Limit(2*r), max(1, int(r)))
	}
	if r := l.HandshakesPerAddr; r > 0 {
		g.addrRate = newAddrRate(r, max(5, int(2*r)), addrTable)
	}
	g.snapshot.Store(&Snapshot{MemoryLimit: l.MemoryBytes})
	return g, nil
}

// Slot is one connection's place in the counts, from Admit to Release.
type Slot struct {
	g        *Guard
	addr     netip.Addr
	subject  string
	released bool // under g.mu
}

// Admit gives a handshake from addr (the client's own, see auth.ClientAddr) a
// slot, or says why not; exactly one of the two is nil. It takes a mutex for a
// few map operations and never waits for anything else. The slot has to be
// released, also when the upgrade fails.
func (g *Guard) Admit(addr netip.Addr) (*Slot, *Refusal) {
	s := g.snapshot.Load()
	switch {
	case s.RejectMemory:
		return nil, refuse(metric.RejectMemory)
	case s.RejectCPU:
		return nil, refuse(metric.RejectCPU)
	}
	key := LimitKey(addr)
	now := g.opts.Now()
	if g.addrRate != nil && !g.addrRate.allow(key, now) {
		return nil, refuse(metric.RejectAddrRate)
	}
	if g.handshakes != nil && !g.handshakes.AllowN(now, 1) {
		return nil, refuse(metric.RejectRate)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := g.limits.Connections; n > 0 && g.open >= n {
		return nil, refuse(metric.RejectConnections)
	}
	if n := g.limits.ConnectionsPerAddr; n > 0 {
		if g.addrs[key] >= n {
			return nil, refuse(metric.RejectAddrConnections)
		}
		g.addrs[key]++
	}
	g.open++
	return &Slot{g: g, addr: key}, nil
}

func refuse(reason string) *Refusal {
	r := Refuse(reason, "")
	return &r
}

// SetSubject counts the connection for a token's subject and reports whether it
// may stay: false means close 4503. To be called once, before Release.
func (s *Slot) SetSubject(subject string) bool {
	g := s.g
	n := g.limits.ConnectionsPerSub
	if n == 0 || subject == "" {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.released || s.subject != "" || g.subs[subject] >= n {
		return false
	}
	g.subs[subject]++
	s.subject = subject
	return true
}

// Release gives the place back. Further calls do nothing.
func (s *Slot) Release() {
	g := s.g
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.released {
		return
	}
	s.released = true
	g.open--
	if g.limits.ConnectionsPerAddr > 0 {
		drop(g.addrs, s.addr)
	}
	if s.subject != "" {
		drop(g.subs, s.subject)
	}
}

// drop keeps no entry at 0, so the maps are never larger than the number of
// open connections.
func drop[K comparable](m map[K]int, k K) {
	if m[k]--; m[k] <= 0 {
		delete(m, k)
	}
}

// Open is the number of slots taken: connections, and handshakes under way.
func (g *Guard) Open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// AddHandshake tells what a handshake cost, so that it does not count as load:
// CPU time, not the time the handler took. It is an estimate; HandshakeCost is
// a good one, and RefusedCost of one that was refused.
func (g *Guard) AddHandshake(cpu time.Duration) { g.hsTime.Add(int64(cpu)) }

// HandshakeCost is about what one upgrade costs with its goroutines and
// allocations, and RefusedCost what an answer without them does; rather less than
// more: what is taken off too much, the guard does not see. go test -bench
// HandshakeCost measures the first.
const (
	HandshakeCost = 100 * time.Microsecond
	RefusedCost   = HandshakeCost * 4 / 5
)

// Snapshot returns the newest sample. It is never changed after.
func (g *Guard) Snapshot() Snapshot { return *g.snapshot.Load() }

// Run samples once a second until ctx is done, and returns nil. The memory it
// samples every NearEvery while that is near its limit.
func (g *Guard) Run(ctx context.Context) error {
	tick := time.NewTicker(NearEvery)
	defer tick.Stop()
	s := newSampler(g)
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		switch {
		case n%int(time.Second/NearEvery) == 0:
			s.sample()
		case s.last.near():
			s.sampleMemory()
		}
	}
}

// cpuTime is the CPU time of all threads of the process (getrusage(2)).
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
