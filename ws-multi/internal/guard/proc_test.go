package guard

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestHost(t *testing.T) {
	const sockstat = "sockets: used 915\nTCP: inuse 300 orphan 0 tw 7 alloc 400 mem 1000\nUDP: inuse 3 mem 5\n"
	for name, test := range map[string]struct {
		files     files
		open      int
		resident  int64 // pages
		throttled time.Duration
		sockets   int64
	}{
		"nothing": {open: 3},
		"v2": {
			files: files{
				"proc/self/statm": "52000 1234 900 1 0 8000 0\n", "proc/net/sockstat": sockstat,
				"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2,
				"sys/fs/cgroup/cpu.stat":    "usage_usec 9\nnr_throttled 2\nthrottled_usec 2500000\nnr_bursts 0\n",
				"sys/fs/cgroup/memory.stat": "anon 5\nfile 6\nsock 40960\nsockets 1\n",
			},
			open: 1, resident: 1234, throttled: 2500 * time.Millisecond, sockets: 40960,
		},
		"v2, nested: quotas on two levels, only its own sockets": {
			files: files{
				"proc/self/cgroup": "0::/pod/box\n", "proc/self/mountinfo": mountV2, "proc/net/sockstat": sockstat,
				"sys/fs/cgroup/cpu.stat":            "usage_usec 9\n",
				"sys/fs/cgroup/pod/cpu.stat":        "throttled_usec 4000000\n",
				"sys/fs/cgroup/pod/box/cpu.stat":    "throttled_usec 3000000\n",
				"sys/fs/cgroup/pod/memory.stat":     "sock 999999999\n",
				"sys/fs/cgroup/pod/box/memory.stat": "sock 0\n",
			},
			open: 100, throttled: 4 * time.Second, sockets: 250 * pageSize,
		},
		"v1": {
			files: files{
				"proc/self/cgroup": "2:memory:/box\n3:cpu,cpuacct:/box\n", "proc/self/mountinfo": mountV1, "proc/net/sockstat": sockstat,
				"sys/fs/cgroup/cpu,cpuacct/box/cpu.stat":                  "nr_periods 9\nnr_throttled 1\nthrottled_time 3000000001\n",
				"sys/fs/cgroup/memory/box/memory.stat":                    "cache 5\nrss 6\n",
				"sys/fs/cgroup/memory/box/memory.kmem.tcp.usage_in_bytes": "20480\n",
			},
			open: 1, throttled: 3*time.Second + 1, sockets: 20480,
		},
		"v1 that does not count sockets": {
			files: files{
				"proc/self/cgroup": "2:memory:/\n", "proc/self/mountinfo": mountV1, "proc/net/sockstat": sockstat,
				"sys/fs/cgroup/memory/memory.kmem.tcp.usage_in_bytes": "0\n",
			},
			open: 400, sockets: 1000 * pageSize,
		},
		"more open than the machine counts": {
			files: files{"proc/net/sockstat": sockstat},
			open:  100_000, sockets: 1000 * pageSize,
		},
		"none open": {files: files{"proc/net/sockstat": sockstat}},
		"no counts of sockets": {
			files: files{"proc/net/sockstat": "TCP: inuse 3 mem\n"},
			open:  1,
		},
		"nonsense": {
			files: files{
				"proc/self/statm":  "12",
				"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2,
				"sys/fs/cgroup/cpu.stat":    "throttled_usec\nthrottled_usec -7\nthrottled_time 1.5\n",
				"sys/fs/cgroup/memory.stat": "sock\nsock many\n",
				"proc/net/sockstat":         "TCP:\nTCP: alloc -1 mem -2\n",
			},
			open: 1,
		},
		"more than there can be": {
			files: files{
				"proc/self/statm":  "1 9223372036854775807 1\n",
				"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2,
				"sys/fs/cgroup/cpu.stat": "throttled_usec 9223372036854775807\n",
			},
			open: 1, resident: math.MaxInt64, throttled: 1 << 62 / 1000 * 1000,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(test.files.fs())
			if got := h.resident(); got != pages(test.resident) {
				t.Errorf("resident %d, want %d", got, pages(test.resident))
			}
			if got := h.throttled(); got != test.throttled {
				t.Errorf("throttled %v, want %v", got, test.throttled)
			}
			if got := h.sockets(test.open); got != test.sockets {
				t.Errorf("sockets %d, want %d", got, test.sockets)
			}
		})
	}
}

// Whatever stands in the kernel's files, no reading is negative and none panics.
func FuzzHost(f *testing.F) {
	f.Add("0::/\n", mountV2, "throttled_usec 2500000\n", "sock 4096\n", "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 99\n", "1 2 3\n", 1)
	f.Add("3:cpu,cpuacct:/\n2:memory:/\n", mountV1, "throttled_time 1\n", "", "TCP: mem", "x", 0)
	f.Add("0::/../..\n", `1 1 1 \040 \134 - cgroup2 x x`, "throttled_usec -1\n", "sock -1\n", "TCP: alloc -1 mem -3\n", "1 -2 3\n", -1)
	f.Add("0::/\n", mountV2, "throttled_usec 9223372036854775807\n", "sock 9223372036854775807\n", "TCP: alloc 1 mem 9223372036854775807\n", "1 9223372036854775807 3\n", 5)
	f.Fuzz(func(t *testing.T, cgroup, mounts, cpu, memory, sockstat, statm string, open int) {
		fsys := files{
			"proc/self/cgroup": cgroup, "proc/self/mountinfo": mounts, "proc/self/statm": statm, "proc/net/sockstat": sockstat,
			"sys/fs/cgroup/cpu.stat": cpu, "sys/fs/cgroup/cpu,cpuacct/cpu.stat": cpu,
			"sys/fs/cgroup/memory.stat": memory, "sys/fs/cgroup/memory/memory.kmem.tcp.usage_in_bytes": memory,
		}.fs()
		h := newHost(fsys)
		if a, b, c := h.resident(), h.throttled(), h.sockets(max(0, open)); a < 0 || b < 0 || c < 0 {
			t.Errorf("resident %d, throttled %d, sockets %d", a, b, c)
		}
		for _, folder := range append(h.cpu, h.memory) {
			if strings.HasPrefix(folder, "/") || strings.Contains(folder, "..") && !strings.Contains(cgroup+mounts, "..") {
				t.Errorf("looks into %q", folder)
			}
		}
	})
}
