package guard

import (
	"context"
	"time"
)

// Snapshot is what one sample found. Memory is in bytes.
type Snapshot struct {
	At time.Time // of the sample; zero: none yet

	CPURatio         float64 // share of Options.Cores since the sample before
	CPULoad          float64 // what is judged: over 5 s, handshakes taken off
	ThrottledSeconds float64 // by the cgroup's CPU quota since the cgroup began

	MemoryGo     int64 // held by the Go runtime
	MemoryNative int64 // the rest of the resident set
	MemoryKernel int64 // the sockets' buffers
	MemoryLimit  int64 // 0: off

	RejectCPU    bool // Admit refuses
	RejectMemory bool // Admit refuses
	PauseKafka   bool // reading is to be paused

	// ShedBytes is how much memory the clients furthest behind have to give back
	// now, all shards together; mostly 0. It is meant once for each sample, as At
	// tells them apart. What is freed shows some seconds later: who sheds reckons
	// with what it has closed.
	ShedBytes int64
}

// MemoryUsed is what counts against MemoryLimit.
func (s Snapshot) MemoryUsed() int64 { return s.MemoryGo + s.MemoryNative + s.MemoryKernel }

// Snapshot is the newest sample.
func (g *Guard) Snapshot() Snapshot { return *g.snapshot.Load() }

// Pressing is how often memory is sampled while it is near its limit: in a second
// the rests of large messages, kept for some hundred clients that read slowly, are
// a fifth of a small limit.
const Pressing = 250 * time.Millisecond

// Run samples at once and then every second, until ctx ends; memory, near its
// limit, at every Pressing. It returns nil. To be run once, on a goroutine of its
// own.
func (g *Guard) Run(ctx context.Context) error {
	s := newSampler(g)
	s.sample()
	every, pressing := time.NewTicker(time.Second), time.NewTicker(Pressing)
	defer every.Stop()
	defer pressing.Stop()
	for {
		select {
		case <-every.C:
			s.sample()
		case <-pressing.C:
			if last := g.snapshot.Load(); isNear(last.MemoryUsed(), last.MemoryLimit) && g.now().Sub(last.At) >= Pressing/2 {
				n := *last
				n.At = g.now()
				s.weigh(&n)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// sampler is what Run remembers from sample to sample.
type sampler struct {
	guard *Guard
	host  host
	cpu   cpuMeter
}

func newSampler(g *Guard) *sampler {
	return &sampler{guard: g, host: newHost(g.fsys), cpu: cpuMeter{cores: g.cores}}
}

// sample reads everything and publishes what it comes to.
func (s *sampler) sample() {
	g, last, now := s.guard, s.guard.snapshot.Load(), s.guard.now()
	s.cpu.add(cpuReading{at: now, spent: g.cpuTime(), handshakes: time.Duration(g.handshakes.Load())})
	n := Snapshot{
		At:               now,
		CPURatio:         s.cpu.ratio,
		CPULoad:          s.cpu.load,
		ThrottledSeconds: s.host.throttled().Seconds(),
		MemoryLimit:      g.limits.MemoryBytes,
		RejectMemory:     last.RejectMemory,
		RejectCPU:        over(last.RejectCPU, s.cpu.load*100, g.limits.CPURejectPercent),
		PauseKafka:       over(last.PauseKafka, s.cpu.load*100, g.limits.CPUPausePercent),
	}
	s.weigh(&n)
}

// weigh reads what memory is in use and publishes the snapshot with what it comes to.
func (s *sampler) weigh(n *Snapshot) {
	n.MemoryGo = s.guard.goMemory()
	n.MemoryKernel = s.host.sockets(s.guard.Open())
	// Go may hold memory that is not resident, because it was never touched.
	n.MemoryNative = max(0, s.host.resident()-n.MemoryGo)
	n.RejectMemory, n.ShedBytes = judgeMemory(n.RejectMemory, n.MemoryUsed(), n.MemoryLimit)
	s.guard.snapshot.Store(n)
}
