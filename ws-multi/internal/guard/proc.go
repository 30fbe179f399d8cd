package guard

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// host reads what the kernel says of the process: proc(5) and the files of its
// cgroup. What is not there or makes no sense is 0.
type host struct {
	fsys   fs.FS
	cpu    []string // the cgroup's folder for CPU, and those above it
	memory string   // the cgroup's folder for memory; "": none
}

func newHost(fsys fs.FS) host {
	h := host{fsys: fsys, cpu: cgroupFolders(fsys, "cpu")}
	if folders := cgroupFolders(fsys, "memory"); len(folders) > 0 {
		h.memory = folders[0]
	}
	return h
}

// resident is the resident set in bytes (proc_pid_statm(5)).
func (h host) resident() int64 {
	if f := strings.Fields(h.read("proc/self/statm")); len(f) > 1 {
		return pages(count(f[1]))
	}
	return 0
}

// throttled is how long a CPU quota has held the process up: of its own cgroup or
// of one above, whichever held it longer. To add them would count twice when they
// hold at the same time. (cgroup-v2.rst "cpu.stat"; v1: sched-bwc.rst.)
func (h host) throttled() (longest time.Duration) {
	for _, folder := range h.cpu {
		stat := h.read(folder + "/cpu.stat")
		v2 := min(pair(stat, "throttled_usec"), 1<<62/1000) * int64(time.Microsecond)
		longest = max(longest, time.Duration(v2), time.Duration(pair(stat, "throttled_time")))
	}
	return longest
}

// sockets is what the kernel holds in buffers of this process's sockets, of which
// there are open. Its cgroup's count is best (v2: memory.stat; v1: only where
// kmem.tcp is limited); the root cgroup has none, and a cgroup above counts
// others too. Without it, the process has as large a share of the machine's
// buffers as it has of the machine's sockets.
func (h host) sockets(open int) int64 {
	if h.memory != "" {
		v2 := pair(h.read(h.memory+"/memory.stat"), "sock")
		v1 := count(strings.TrimSpace(h.read(h.memory + "/memory.kmem.tcp.usage_in_bytes")))
		if n := max(v2, v1); n > 0 {
			return n
		}
	}
	// TCP: inuse 27 orphan 1 tw 23 alloc 31 mem 3, the last in pages
	for line := range strings.Lines(h.read("proc/net/sockstat")) {
		tcp, ok := strings.CutPrefix(line, "TCP:")
		if !ok {
			continue
		}
		f := strings.Fields(tcp)
		var all, buffers int64
		for i := 1; i < len(f); i += 2 {
			switch f[i-1] {
			case "alloc":
				all = count(f[i])
			case "mem":
				buffers = pages(count(f[i]))
			}
		}
		if mine := int64(open); mine < all {
			return int64(float64(buffers) * (float64(mine) / float64(all)))
		}
		return buffers
	}
	return 0
}

func (h host) read(name string) string {
	b, err := fs.ReadFile(h.fsys, name)
	if err != nil {
		return ""
	}
	return string(b)
}

// pair finds the count behind a name in lines of "name count".
func pair(text, name string) int64 {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && key == name {
			return count(value)
		}
	}
	return 0
}

func count(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

var pageSize = int64(os.Getpagesize())

// pages is n pages in bytes.
func pages(n int64) int64 { return min(n, 1<<62/pageSize) * pageSize }
