package guard

import (
	"math"
	"runtime/metrics"
	"time"
)

// Snapshot is what one sample found. Memory is in bytes.
type Snapshot struct {
	At time.Time // zero before the first sample

	CPURatio float64 // of Options.Cores since the sample before: ws_cpu_ratio
	CPULoad  float64 // the same without handshakes, smoothed: what is judged

	ThrottledSeconds float64 // since the cgroup was made; 0 without a quota

	MemoryGo     int64 // held by the Go runtime
	MemoryNative int64 // the rest of the resident set: librdkafka, code
	MemoryKernel int64 // socket buffers
	MemoryLimit  int64 // Limits.MemoryBytes; 0: off

	RejectCPU    bool
	PauseKafka   bool // CPU above the higher threshold
	RejectMemory bool

	// ShedBytes is how much of the memory has to go for 90% of the limit, 0
	// below 95%: connections furthest behind are closed with 4004. A figure is
	// good for one round; At tells whether there is a new one. What is freed shows
	// some seconds later: who sheds reckons with what it has closed.
	ShedBytes int64
}

// MemoryUsed is everything that counts against the limit.
func (s Snapshot) MemoryUsed() int64 { return s.MemoryGo + s.MemoryNative + s.MemoryKernel }

// NearEvery is how often memory is sampled near its limit. Clients that read
// slowly take the rest of large messages for each of them: some hundred of these
// take a fifth of a small limit in a second.
const NearEvery = 250 * time.Millisecond

// near says that a second may take the memory past its limit.
func (s Snapshot) near() bool {
	return s.MemoryLimit > 0 && float64(s.MemoryUsed()) >= nearShare*float64(s.MemoryLimit)
}

const (
	smoothing   = 3 * time.Second // time constant of the CPU's moving average
	cpuGap      = 10              // points between entering and leaving a CPU state
	nearShare   = 0.75            // of the memory limit, as the following
	rejectShare = 0.90
	acceptShare = 0.85
	shedShare   = 0.95
)

// sampler is the state of Run's goroutine between two samples.
type sampler struct {
	g         *Guard
	at        time.Time
	cpu       time.Duration
	handshake time.Duration
	load      float64
	primed    bool // load holds a first value
	proc      proc
	last      Snapshot
}

func newSampler(g *Guard) *sampler {
	return &sampler{
		g:         g,
		at:        g.opts.Now(),
		cpu:       g.opts.CPUTime(),
		handshake: time.Duration(g.hsTime.Load()),
		proc:      newProc(g.opts.FS),
	}
}

// sample measures since the sample before and publishes a new snapshot.
func (s *sampler) sample() {
	now, limits := s.g.opts.Now(), s.g.limits
	next := Snapshot{
		At:               now,
		CPURatio:         s.last.CPURatio,
		ThrottledSeconds: s.proc.throttled(),
		MemoryLimit:      limits.MemoryBytes,
	}
	s.sampleCPU(now, &next)
	next.CPULoad = s.load
	next.RejectCPU = above(s.last.RejectCPU, s.load*100, limits.CPURejectPercent)
	next.PauseKafka = above(s.last.PauseKafka, s.load*100, limits.CPUPausePercent)

	s.publish(next)
}

// sampleMemory publishes a new snapshot that has the CPU's figures of the last.
func (s *sampler) sampleMemory() {
	next := s.last
	next.At = s.g.opts.Now()
	s.publish(next)
}

// publish publishes a snapshot with what memory is in use now.
func (s *sampler) publish(next Snapshot) {
	next.MemoryGo = s.g.opts.GoMemory()
	next.MemoryNative = max(0, s.proc.resident()-next.MemoryGo)
	if f := s.g.opts.KernelMemory; f != nil {
		next.MemoryKernel = f()
	} else {
		next.MemoryKernel = s.proc.socketMemory(s.g.Open())
	}
	next.RejectMemory, next.ShedBytes = judgeMemory(s.last.RejectMemory, next.MemoryUsed(), next.MemoryLimit)

	s.last = next
	s.g.snapshot.Store(&next)
}

// sampleCPU sets the CPU's share since the last sample and moves the average.
func (s *sampler) sampleCPU(now time.Time, next *Snapshot) {
	wall := now.Sub(s.at)
	if wall <= 0 {
		return // the clock stood still: no share can be said
	}
	cpu, handshake := s.g.opts.CPUTime(), time.Duration(s.g.hsTime.Load())
	capacity := wall.Seconds() * s.g.opts.Cores
	spent := (cpu - s.cpu).Seconds()
	next.CPURatio = spent / capacity
	// The handshakes' part is an estimate: it can be more than all there was.
	load := max(0, spent-(handshake-s.handshake).Seconds()) / capacity
	if s.primed {
		weight := 1 - math.Exp(-wall.Seconds()/smoothing.Seconds())
		load = s.load + weight*(load-s.load)
	}
	s.at, s.cpu, s.handshake, s.load, s.primed = now, cpu, handshake, load, true
}

// above is a state with hysteresis: on from the threshold, off below it less
// cpuGap (half of it where the threshold is tiny).
func above(on bool, value, threshold float64) bool {
	if threshold <= 0 {
		return false
	}
	if on {
		threshold -= min(cpuGap, threshold/2)
	}
	return value >= threshold
}

func judgeMemory(rejecting bool, used, limit int64) (reject bool, shed int64) {
	if limit <= 0 {
		return false, 0
	}
	share := float64(used) / float64(limit)
	reject = share >= rejectShare || rejecting && share >= acceptShare
	if share >= shedShare {
		shed = used - int64(rejectShare*float64(limit))
	}
	return reject, shed
}

// goMemory is what the Go runtime has from the system and has not given back:
// the quantity GOMEMLIMIT bounds (runtime/debug.SetMemoryLimit).
func goMemory() int64 {
	s := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
