package guard

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
	"testing/fstest"
	"time"
)

func TestProc(t *testing.T) {
	page := int64(os.Getpagesize())
	for _, tc := range []struct {
		name      string
		files     map[string]string
		open      int
		throttled time.Duration
		sockets   int64
	}{
		{
			name: "v2, in a container of its own",
			files: map[string]string{
				"proc/self/cgroup":          "0::/\n",
				"sys/fs/cgroup/cpu.stat":    "usage_usec 5\nnr_throttled 3\nthrottled_usec 2500000\n",
				"sys/fs/cgroup/memory.stat": "anon 1\nfile 2\nsock 4096\n",
				"proc/net/sockstat":         "sockets: used 15\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 99\n",
			},
			throttled: 2500 * time.Millisecond,
			sockets:   4096,
		},
		{
			name: "v2, the quota stands above",
			files: map[string]string{
				"proc/self/cgroup":                  "0::/pod/box\n",
				"sys/fs/cgroup/pod/box/cpu.stat":    "throttled_usec 0\n",
				"sys/fs/cgroup/pod/cpu.stat":        "throttled_usec 1000000\n",
				"sys/fs/cgroup/cpu.stat":            "usage_usec 5\n",
				"sys/fs/cgroup/pod/box/memory.stat": "sock 8192\n",
				"sys/fs/cgroup/pod/memory.stat":     "sock 1000000\n",
			},
			throttled: time.Second,
			sockets:   8192,
		},
		{
			name: "v2, the path is the host's",
			files: map[string]string{
				"proc/self/cgroup":          "0::/kubepods/pod1/box\n",
				"sys/fs/cgroup/cpu.stat":    "throttled_usec 7\n",
				"sys/fs/cgroup/memory.stat": "sock 12288\n",
			},
			throttled: 7 * time.Microsecond,
			sockets:   12288,
		},
		{
			name: "v1, controllers together",
			files: map[string]string{
				"proc/self/cgroup": "4:memory:/docker/box\n3:cpu,cpuacct:/docker/box\n0::/\n",
				"sys/fs/cgroup/cpu,cpuacct/docker/box/cpu.stat":                  "nr_throttled 1\nthrottled_time 3000000000\n",
				"sys/fs/cgroup/memory/docker/box/memory.stat":                    "cache 1\n",
				"sys/fs/cgroup/memory/docker/box/memory.kmem.tcp.usage_in_bytes": "20480\n",
			},
			throttled: 3 * time.Second,
			sockets:   20480,
		},
		{
			name: "v1, controllers together but mounted apart",
			files: map[string]string{
				"proc/self/cgroup":           "3:cpu,cpuacct:/\n",
				"sys/fs/cgroup/cpu/cpu.stat": "throttled_time 1000\n",
			},
			throttled: time.Microsecond,
		},
		{
			name: "the share of the machine's sockets",
			files: map[string]string{
				"proc/self/cgroup":          "0::/\n",
				"sys/fs/cgroup/memory.stat": "sock 0\n",
				"proc/net/sockstat":         "sockets: used 915\nTCP: inuse 300 orphan 0 tw 0 alloc 400 mem 1000\nUDP: inuse 0 mem 5\n",
			},
			open:    100,
			sockets: 250 * page,
		},
		{
			name: "a parent's sockets are others' too",
			files: map[string]string{
				"proc/self/cgroup":              "0::/box\n",
				"sys/fs/cgroup/box/memory.stat": "sock 0\n",
				"sys/fs/cgroup/memory.stat":     "sock 1000000\n",
				"proc/net/sockstat":             "TCP: inuse 3 orphan 0 tw 0 alloc 4 mem 8\n",
			},
			open:    1,
			sockets: 2 * page,
		},
		{
			name: "more connections than the machine has sockets",
			files: map[string]string{
				"proc/net/sockstat": "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 10\n",
			},
			open:    100,
			sockets: 10 * page,
		},
		{name: "nothing to read"},
		{
			name: "nonsense",
			files: map[string]string{
				"proc/self/cgroup":          "\n::\n0\n0::/../../etc\nx:y",
				"proc/self/statm":           "1",
				"sys/fs/cgroup/cpu.stat":    "throttled_usec many\nthrottled_usec\n",
				"sys/fs/cgroup/memory.stat": "sock -\n",
				"proc/net/sockstat":         "TCP:\nTCP: mem\n",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, content := range tc.files {
				files[name] = &fstest.MapFile{Data: []byte(content)}
			}
			p := newProc(files)
			if got := p.throttled(); got != tc.throttled.Seconds() {
				t.Errorf("throttled %v s, want %v", got, tc.throttled)
			}
			if got := p.socketMemory(tc.open); got != tc.sockets {
				t.Errorf("socket memory %d, want %d", got, tc.sockets)
			}
			if got := p.resident(); got != 0 {
				t.Errorf("resident %d, want 0", got)
			}
		})
	}
}

func TestGoMemoryLimit(t *testing.T) {
	const mib = 1 << 20
	for _, tc := range []struct{ limit, queues, want int64 }{
		{0, 64 * mib, 0},
		{4096 * mib, 64 * mib, (4096 - 512 - 32 - 64) * mib},
		{512 * mib, 64 * mib, (512 - 64 - 32 - 64) * mib},
		{128 * mib, 64 * mib, 64 * mib}, // not below half
	} {
		if got := GoMemoryLimit(tc.limit, tc.queues); got != tc.want {
			t.Errorf("GoMemoryLimit(%d MiB, %d MiB) = %d MiB, want %d MiB", tc.limit/mib, tc.queues/mib, got/mib, tc.want/mib)
		}
	}
}

func TestSetGoMemoryLimit(t *testing.T) {
	const gib = 1 << 30
	before := debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	if got := SetGoMemoryLimit(0, 0); got != 0 {
		t.Fatalf("set %d without a limit", got)
	}
	if got, want := SetGoMemoryLimit(64*gib, 0), GoMemoryLimit(64*gib, 0); got != want {
		t.Fatalf("set %d, want %d", got, want)
	}
	if got, want := SetGoMemoryLimit(32*gib, 0), GoMemoryLimit(32*gib, 0); got != want {
		t.Fatalf("set %d, want the smaller %d", got, want)
	}
	if got, want := SetGoMemoryLimit(64*gib, 0), GoMemoryLimit(32*gib, 0); got != want {
		t.Fatalf("set %d, want the smaller %d to stay", got, want)
	}
}

// FuzzProc: whatever the kernel's files hold, the readings are not negative.
func FuzzProc(f *testing.F) {
	f.Add("0::/\n", "throttled_usec 2500000\n", "sock 4096\n", "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 99\n", "1 2 3\n")
	f.Add("3:cpu,cpuacct:/docker/box\n", "throttled_time 1\n", "", "TCP: mem", "x")
	f.Add("0::/\n", "throttled_usec -7\n", "sock -1\n", "TCP: mem -3\n", "1 -2 3\n")
	f.Add("0::/\n", "throttled_usec 9223372036854775807\n", "sock 9223372036854775807\n", "TCP: mem 9223372036854775807\n", "1 9223372036854775807 3\n")
	f.Fuzz(func(t *testing.T, cgroup, cpu, memory, sockstat, statm string) {
		p := newProc(fstest.MapFS{
			"proc/self/cgroup":           {Data: []byte(cgroup)},
			"proc/self/statm":            {Data: []byte(statm)},
			"proc/net/sockstat":          {Data: []byte(sockstat)},
			"sys/fs/cgroup/cpu.stat":     {Data: []byte(cpu)},
			"sys/fs/cgroup/cpu/cpu.stat": {Data: []byte(cpu)},
			"sys/fs/cgroup/memory.stat":  {Data: []byte(memory)},
		})
		if n := p.throttled(); n < 0 {
			t.Errorf("throttled %v", n)
		}
		if n := p.socketMemory(3); n < 0 {
			t.Errorf("socket memory %d", n)
		}
		if n := p.resident(); n < 0 {
			t.Errorf("resident %d", n)
		}
	})
}
