package guard

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
)

// machine is what a guard samples, as the test sets it; inside a bubble, whose
// clock is the guard's.
type machine struct {
	files files

	mu       sync.Mutex
	cpu      time.Duration // spent so far
	goMemory int64         // bytes, as the following
	resident int64
}

func (m *machine) spent() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cpu
}

func (m *machine) heldByGo() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.goMemory
}

// Open implements fs.FS.
func (m *machine) Open(name string) (fs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files["proc/self/statm"] = fmt.Sprintf("0 %d 0\n", m.resident/pageSize)
	return m.files.fs().Open(name)
}

// run starts the guard and ends it with the test. What the test sets between
// sleeps is read at the next full second.
func (m *machine) run(t *testing.T, cores float64, l Limits) *Guard {
	g, err := New(Options{
		Cores: cores, Limits: l, FS: m,
		CPUTime: m.spent, GoMemory: m.heldByGo,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return g
}

// second lets one pass in which so much CPU time was spent.
func (m *machine) second(g *Guard, spent time.Duration) Snapshot {
	m.mu.Lock()
	m.cpu += spent
	m.mu.Unlock()
	time.Sleep(time.Second)
	synctest.Wait()
	return g.Snapshot()
}

func TestRunSamplesEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{files: files{}}
		start := time.Now()
		g := m.run(t, 1, Limits{MemoryBytes: 77})
		for i := range 5 {
			if s := g.Snapshot(); s.At.Sub(start) != time.Duration(i)*time.Second || s.MemoryLimit != 77 {
				t.Fatalf("second %d: %+v", i, s)
			}
			m.second(g, 0)
		}
	})
}

func TestRunLooksAgainNearTheMemoryLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{files: files{}, goMemory: 740, resident: 0}
		start := time.Now()
		g := m.run(t, 1, Limits{MemoryBytes: 1000})
		at := func(after time.Duration, used int64, sampled time.Duration) {
			t.Helper()
			time.Sleep(after - time.Since(start))
			synctest.Wait()
			if s := g.Snapshot(); s.At.Sub(start) != sampled || s.MemoryUsed() != used {
				t.Fatalf("after %v: %d bytes, sampled at %v; want %d, %v", after, s.MemoryUsed(), s.At.Sub(start), used, sampled)
			}
		}
		holds := func(n int64, spent time.Duration) {
			m.mu.Lock()
			m.goMemory, m.cpu = n, m.cpu+spent
			m.mu.Unlock()
		}
		holds(960, time.Second)
		at(900*time.Millisecond, 740, 0)
		at(time.Second, 960, time.Second)
		ratio := g.Snapshot().CPURatio
		holds(970, time.Second)
		at(1250*time.Millisecond, 970, 1250*time.Millisecond)
		if s := g.Snapshot(); s.CPURatio != ratio || !s.RejectMemory || s.ShedBytes != 70 {
			t.Fatalf("%+v", s) // the CPU is looked at once a second
		}
		holds(100, 0)
		at(1500*time.Millisecond, 100, 1500*time.Millisecond)
		at(1900*time.Millisecond, 100, 1500*time.Millisecond)
	})
}

func TestCPUStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{files: files{}}
		g := m.run(t, 2, Limits{CPURejectPercent: 75, CPUPausePercent: 85})
		percent := func(p int) time.Duration { return time.Duration(p) * 2 * time.Second / 100 }
		phase := func(seconds, p int, reject, pause bool) {
			t.Helper()
			var s Snapshot
			for range seconds {
				s = m.second(g, percent(p))
			}
			if s.RejectCPU != reject || s.PauseKafka != pause {
				t.Fatalf("after %d s at %d%%: %+v", seconds, p, s)
			}
		}
		phase(10, 60, false, false)
		phase(1, 100, false, false) // one second is no overload
		phase(10, 60, false, false)
		phase(10, 74, false, false)
		phase(10, 80, true, false)
		if _, got := knock(t, g, "192.0.2.1"); got != metric.RejectCPU {
			t.Errorf("at 80%%: %q", got)
		}
		phase(10, 90, true, true)
		phase(20, 76, true, true)
		phase(20, 70, true, false)
		phase(20, 64, false, false)
		if _, got := knock(t, g, "192.0.2.1"); got != "" {
			t.Errorf("at 64%%: %q", got)
		}
		// A wave of handshakes is paced, it does not close the door.
		for range 10 {
			g.AddHandshake(percent(60))
			if s := m.second(g, percent(100)); s.RejectCPU || s.CPURatio != 1 {
				t.Fatalf("40%% and handshakes: %+v", s)
			}
		}
		phase(10, 100, true, true)
	})
}

func TestMemoryStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const mib = 1 << 20
		m := &machine{files: files{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2,
			"sys/fs/cgroup/memory.stat": "sock 104857600\n", // 100 MiB
			"sys/fs/cgroup/cpu.stat":    "throttled_usec 1500000\n",
		}}
		g := m.run(t, 1, Limits{MemoryBytes: 1000 * mib})
		for i, step := range []struct {
			goMemory, resident int64 // MiB
			native             int64
			reject             bool
			shed               int64
		}{
			{300, 500, 200, false, 0},
			{300, 799, 499, false, 0},
			{700, 800, 100, true, 0},
			{700, 850, 150, true, 50},
			{300, 1100, 800, true, 300},
			{300, 750, 450, true, 0},
			{300, 749, 449, false, 0},
			{600, 200, 0, false, 0}, // more of Go than is resident
		} {
			m.mu.Lock()
			m.goMemory, m.resident = step.goMemory*mib, step.resident*mib
			m.mu.Unlock()
			s := m.second(g, 0)
			if s.MemoryGo != step.goMemory*mib || s.MemoryNative != step.native*mib || s.MemoryKernel != 100*mib ||
				s.MemoryUsed() != (step.goMemory+step.native+100)*mib {
				t.Errorf("step %d: parts %+v", i, s)
			}
			if s.RejectMemory != step.reject || s.ShedBytes != step.shed*mib || s.ThrottledSeconds != 1.5 {
				t.Errorf("step %d: %+v", i, s)
			}
			_, got := knock(t, g, "192.0.2.1")
			if want := map[bool]string{true: metric.RejectMemory}[step.reject]; got != want {
				t.Errorf("step %d: %q, want %q", i, got, want)
			}
		}
	})
}

// This process and this machine, with nothing replaced: what has to be there in
// any Linux is found, in the right unit.
func TestRealMachine(t *testing.T) {
	g := limited(t, Limits{}, nil)
	s := newSampler(g)
	s.sample()
	ballast := make([]byte, 96<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	for start := time.Now(); time.Since(start) < 2*cpuShortest; {
	}
	s.sample()
	got := g.Snapshot()
	if ballast[0] != 1 || got.MemoryGo < 96<<20 || got.MemoryGo > 8<<30 {
		t.Errorf("Go holds %d bytes, of which 96 MiB are the test's", got.MemoryGo)
	}
	if n := newHost(os.DirFS("/")).resident(); n < 96<<20 || n > 8<<30 {
		t.Errorf("%d bytes are resident", n)
	}
	if got.CPURatio < 0.02 || got.CPURatio > 100 || got.CPULoad != got.CPURatio {
		t.Errorf("ratio %v and load %v after a busy wait", got.CPURatio, got.CPULoad)
	}
	if got.MemoryUsed() < got.MemoryGo || got.ThrottledSeconds < 0 {
		t.Errorf("%+v", got)
	}
}
