package guard

import (
	"context"
	"math"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// host is a machine whose every reading the test sets.
type host struct {
	clock
	cpu    time.Duration
	goMem  int64
	kernel int64
	files  fstest.MapFS
}

func newHost() *host {
	return &host{clock: *newClock(), files: fstest.MapFS{}}
}

func (h *host) options(l Limits, cores float64) Options {
	return Options{
		Limits: l, Cores: cores,
		Now:          h.now,
		CPUTime:      func() time.Duration { return h.cpu },
		GoMemory:     func() int64 { return h.goMem },
		KernelMemory: func() int64 { return h.kernel },
		FS:           h.files,
	}
}

func (h *host) write(name, content string) {
	h.files[name] = &fstest.MapFile{Data: []byte(content)}
}

// resident sets the process's resident set, rounded down to pages.
func (h *host) resident(n int64) {
	h.write("proc/self/statm", "99999 "+strconv.FormatInt(n/int64(os.Getpagesize()), 10)+" 428 399 0 123 0\n")
}

// second lets one second pass with the given CPU time, and samples.
func (h *host) second(s *sampler, cpu time.Duration) Snapshot {
	h.advance(time.Second)
	h.cpu += cpu
	s.sample()
	return s.g.Snapshot()
}

// until counts the seconds at this CPU time until done, 60 at most.
func (h *host) until(s *sampler, cpu time.Duration, done func(Snapshot) bool) int {
	for n := 1; n <= 60; n++ {
		if done(h.second(s, cpu)) {
			return n
		}
	}
	return math.MaxInt
}

func TestCPUHysteresis(t *testing.T) {
	h := newHost()
	s := newSampler(newGuard(t, h.options(Limits{CPURejectPercent: 75, CPUPausePercent: 85}, 1)))
	for range 20 {
		if got := h.second(s, 740*time.Millisecond); got.RejectCPU || got.PauseKafka {
			t.Fatalf("74%% is over no threshold: %+v", got)
		}
	}
	// A peak of one second is none.
	if got := h.second(s, 760*time.Millisecond); got.RejectCPU {
		t.Fatalf("one second at 76%% after 74%%: %+v", got)
	}
	if n := h.until(s, 800*time.Millisecond, func(s Snapshot) bool { return s.RejectCPU }); n > 3 {
		t.Fatalf("80%% refused after %d s, want within 3", n)
	}
	if s.last.PauseKafka {
		t.Fatal("80% paused Kafka, the threshold is 85%")
	}
	if n := h.until(s, time.Second, func(s Snapshot) bool { return s.PauseKafka }); n > 5 {
		t.Fatalf("100%% paused Kafka after %d s, want within 5", n)
	}
	// Between the thresholds and 10 points below, both states stay.
	for range 30 {
		if got := h.second(s, 760*time.Millisecond); !got.RejectCPU || !got.PauseKafka {
			t.Fatalf("76%% left a state: %+v", got)
		}
	}
	for range 30 {
		h.second(s, 660*time.Millisecond)
	}
	if !s.last.RejectCPU || s.last.PauseKafka {
		t.Fatalf("at 66%% refusing goes on and pausing ends: %+v", s.last)
	}
	if n := h.until(s, 600*time.Millisecond, func(s Snapshot) bool { return !s.RejectCPU }); n > 5 {
		t.Fatalf("60%% still refused after %d s", n)
	}
}

func TestCPUIsOfAllCores(t *testing.T) {
	h := newHost()
	s := newSampler(newGuard(t, h.options(Limits{CPURejectPercent: 75}, 4)))
	got := h.second(s, 2*time.Second)
	if math.Abs(got.CPURatio-0.5) > 1e-9 || got.RejectCPU {
		t.Fatalf("2 of 4 cores: %+v", got)
	}
	if got = h.second(s, 4*time.Second); math.Abs(got.CPURatio-1) > 1e-9 {
		t.Fatalf("4 of 4 cores: %+v", got)
	}
}

func TestHandshakesAreNoLoad(t *testing.T) {
	h := newHost()
	s := newSampler(newGuard(t, h.options(Limits{CPURejectPercent: 75}, 1)))
	for range 20 {
		s.g.AddHandshake(400 * time.Millisecond)
		got := h.second(s, time.Second)
		if got.RejectCPU || math.Abs(got.CPULoad-0.6) > 1e-9 || got.CPURatio != 1 {
			t.Fatalf("60%% load and 40%% handshakes: %+v", got)
		}
	}
	// The estimate may be larger than all the time there was.
	s.g.AddHandshake(time.Hour)
	if got := h.second(s, time.Second); got.CPULoad < 0 || got.CPULoad > 0.6 {
		t.Fatalf("load %v, want between 0 and 0.6", got.CPULoad)
	}
	if n := h.until(s, time.Second, func(s Snapshot) bool { return s.RejectCPU }); n > 10 {
		t.Fatalf("without handshakes 100%% was refused after %d s", n)
	}
}

// TestLateSample: a sampler that was held up judges by the time that passed.
func TestLateSample(t *testing.T) {
	h := newHost()
	s := newSampler(newGuard(t, h.options(Limits{CPURejectPercent: 75}, 1)))
	h.second(s, 0)
	h.advance(9 * time.Second)
	got := h.second(s, 5*time.Second)
	if math.Abs(got.CPURatio-0.5) > 1e-9 {
		t.Fatalf("5 s of CPU in 10 s: %+v", got)
	}
	before := got.CPULoad
	s.sample() // the clock stood still
	if got := s.g.Snapshot(); got.CPULoad != before || got.CPURatio != 0.5 {
		t.Fatalf("a sample without time changed the load: %+v", got)
	}
}

func TestCPUOff(t *testing.T) {
	h := newHost()
	s := newSampler(newGuard(t, h.options(Limits{}, 1)))
	for range 20 {
		if got := h.second(s, 2*time.Second); got.RejectCPU || got.PauseKafka {
			t.Fatalf("a limit that is off: %+v", got)
		}
	}
}

func TestMemory(t *testing.T) {
	const limit = 1000 << 20
	h := newHost()
	s := newSampler(newGuard(t, h.options(Limits{MemoryBytes: limit}, 1)))
	for _, step := range []struct {
		percent int64
		reject  bool
		shed    int64
	}{
		{50, false, 0},
		{89, false, 0},
		{90, true, 0},
		{94, true, 0},
		{95, true, 5},
		{99, true, 9},
		{120, true, 30},
		{86, true, 0}, // refusing goes on until below 85%
		{84, false, 0},
		{89, false, 0},
	} {
		h.resident(step.percent*limit/100 - 100<<20)
		h.goMem = 300 << 20
		h.kernel = 100 << 20
		got := h.second(s, 0)
		shed := (got.ShedBytes + limit/200) / (limit / 100)
		if got.RejectMemory != step.reject || shed != step.shed {
			t.Fatalf("%d%% used: reject %v, shed %d%%; want %v, %d%% (%+v)", step.percent, got.RejectMemory, shed, step.reject, step.shed, got)
		}
		if got.MemoryGo != 300<<20 || got.MemoryKernel != 100<<20 || got.MemoryLimit != limit {
			t.Fatalf("parts: %+v", got)
		}
		if diff := step.percent*limit/100 - got.MemoryUsed(); diff < 0 || diff > 1<<20 {
			t.Fatalf("%d%%: %d used", step.percent, got.MemoryUsed())
		}
	}
	// Go can hold more than is resident: the rest is not below nothing.
	h.goMem = 2 * limit
	if got := h.second(s, 0); got.MemoryNative != 0 {
		t.Fatalf("native %d, want 0", got.MemoryNative)
	}
}

// Near its limit the memory is looked at more often, and the CPU is not.
func TestRunLooksAgainNearTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		o := h.options(Limits{MemoryBytes: 1000}, 1)
		o.Now = time.Now
		var used, cpu atomic.Int64
		o.GoMemory, o.CPUTime = used.Load, func() time.Duration { return time.Duration(cpu.Load()) }
		used.Store(749)
		g := newGuard(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.Run(ctx) }()
		start := time.Now()
		at := func(after time.Duration, want int64, sampled time.Duration) {
			t.Helper()
			time.Sleep(after - time.Since(start))
			synctest.Wait()
			if s := g.Snapshot(); s.At.Sub(start) != sampled || s.MemoryUsed() != want {
				t.Fatalf("after %v: %d bytes, sampled at %v; want %d, %v", after, s.MemoryUsed(), s.At.Sub(start), want, sampled)
			}
		}
		at(time.Second, 749, time.Second)
		used.Store(950)
		at(1900*time.Millisecond, 749, time.Second)
		at(2*time.Second, 950, 2*time.Second)
		ratio := g.Snapshot().CPURatio
		used.Store(960)
		cpu.Store(int64(time.Second))
		at(2250*time.Millisecond, 960, 2250*time.Millisecond)
		if s := g.Snapshot(); s.CPURatio != ratio || !s.RejectMemory || s.ShedBytes != 60 {
			t.Fatalf("%+v", s)
		}
		used.Store(100)
		at(2500*time.Millisecond, 100, 2500*time.Millisecond)
		at(2900*time.Millisecond, 100, 2500*time.Millisecond)
		at(3*time.Second, 100, 3*time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestMemoryOff(t *testing.T) {
	h := newHost()
	h.goMem = 1 << 50
	s := newSampler(newGuard(t, h.options(Limits{}, 1)))
	if got := h.second(s, 0); got.RejectMemory || got.ShedBytes != 0 {
		t.Fatalf("a limit that is off: %+v", got)
	}
}

func TestRunSamplesEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		o := h.options(Limits{}, 1)
		o.Now = time.Now
		g := newGuard(t, o)
		if !g.Snapshot().At.IsZero() {
			t.Fatal("a snapshot before Run")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.Run(ctx) }()
		start := time.Now()
		for i := range 5 {
			time.Sleep(time.Second)
			synctest.Wait()
			if got := g.Snapshot().At.Sub(start); got != time.Duration(i+1)*time.Second {
				t.Fatalf("sample at %v, want %d s", got, i+1)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// TestRealHost reads this process: the figures are plausible, so the names of
// the files and metrics are right.
func TestRealHost(t *testing.T) {
	g := newGuard(t, Options{})
	s := newSampler(g)
	ballast := make([]byte, 64<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	for start := cpuTime(); cpuTime()-start < 50*time.Millisecond; {
	}
	s.sample()
	got := g.Snapshot()
	if got.CPURatio <= 0 || got.CPURatio > 64 {
		t.Errorf("CPU ratio %v", got.CPURatio)
	}
	if got.MemoryGo < 64<<20 || got.MemoryGo > 16<<30 {
		t.Errorf("Go memory %d, with 64 MiB in use", got.MemoryGo)
	}
	if rss := newProc(os.DirFS("/")).resident(); rss < 64<<20 {
		t.Errorf("resident %d, with 64 MiB in use", rss)
	}
	if ballast[4096] != 1 {
		t.Error("ballast lost")
	}
}
