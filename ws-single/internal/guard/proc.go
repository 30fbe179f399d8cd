package guard

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// proc reads proc(5) and the cgroup's files. What is missing or unreadable
// counts as 0: a guard that cannot see must not refuse.
type proc struct {
	fs          fs.FS
	cpu, memory []string // the cgroup's directories, found once: looking allocates
}

func newProc(fs fs.FS) proc {
	p := proc{fs: fs}
	p.cpu, p.memory = p.levels("cpu"), p.levels("memory")
	return p
}

// resident is the process's resident set in bytes (proc_pid_statm(5), field 2).
func (p proc) resident() int64 {
	f := bytes.Fields(p.read("proc/self/statm"))
	if len(f) < 2 {
		return 0
	}
	return pages(parse(f[1]))
}

// throttled is how many seconds the process's cgroups were held back by their CPU
// quota: cpu.stat's throttled_usec, or throttled_time (ns) of v1. A quota may
// stand on any level, so all levels that can be seen are summed; where several
// throttle at once, that counts twice.
func (p proc) throttled() float64 {
	var sum float64
	for _, dir := range p.cpu {
		stat := p.read(path.Join(dir, "cpu.stat"))
		sum += float64(field(stat, "throttled_usec"))/1e6 + float64(field(stat, "throttled_time"))/1e9
	}
	return sum
}

// socketMemory is what the kernel holds for this process's sockets: its cgroup's
// count, in v2's memory.stat or v1's kmem.tcp (which counts only where it has a
// limit). Without one (the root cgroup has none either), the machine's count in
// /proc/net/sockstat, of which the process gets as much as it has of the
// machine's sockets: open of them.
func (p proc) socketMemory(open int) int64 {
	for _, dir := range p.memory {
		stat := p.read(path.Join(dir, "memory.stat"))
		if stat == nil {
			continue
		}
		tcp := p.read(path.Join(dir, "memory.kmem.tcp.usage_in_bytes"))
		if n := max(field(stat, "sock"), parse(bytes.TrimSpace(tcp))); n > 0 {
			return n
		}
		break // a parent counts others too
	}
	for line := range bytes.Lines(p.read("proc/net/sockstat")) {
		rest, ok := bytes.CutPrefix(line, []byte("TCP:")) // inuse 1 orphan 0 tw 0 alloc 1 mem 0
		if !ok {
			continue
		}
		f := bytes.Fields(rest)
		value := make(map[string]int64)
		for i := 0; i+1 < len(f); i += 2 {
			value[string(f[i])] = parse(f[i+1])
		}
		all := pages(value["mem"])
		if sockets := value["alloc"]; sockets > int64(open) {
			return int64(float64(all) * float64(open) / float64(sockets))
		}
		return all
	}
	return 0
}

// levels are the directories of the process's cgroup for a controller, itself
// first, then its parents, of the unified hierarchy and of v1's. A container
// usually sees its own cgroup as the root; without a cgroup namespace its path
// is the host's, and only the mount itself can be read, which is the last level
// of any path.
func (p proc) levels(controller string) []string {
	const mount = "sys/fs/cgroup"
	var dirs []string
	for line := range bytes.Lines(p.read("proc/self/cgroup")) {
		f := strings.SplitN(strings.TrimSpace(string(line)), ":", 3) // id:controllers:path
		if len(f) != 3 {
			continue
		}
		var root string
		switch {
		case f[0] == "0" && f[1] == "":
			root = mount
		case contains(f[1], controller):
			root = path.Join(mount, f[1])
			if _, err := fs.Stat(p.fs, root); err != nil {
				root = path.Join(mount, controller) // cpu for cpu,cpuacct
			}
		default:
			continue
		}
		for sub := path.Join("/", f[2]); ; sub = path.Dir(sub) {
			dirs = append(dirs, path.Join(root, sub))
			if sub == "/" {
				break
			}
		}
	}
	return dirs
}

func contains(list, name string) bool {
	for s := range strings.SplitSeq(list, ",") {
		if s == name {
			return true
		}
	}
	return false
}

func (p proc) read(name string) []byte {
	b, err := fs.ReadFile(p.fs, name)
	if err != nil {
		return nil
	}
	return b
}

// field finds "name value" among lines of such.
func field(b []byte, name string) int64 {
	for line := range bytes.Lines(b) {
		if value, ok := bytes.CutPrefix(line, []byte(name)); ok && len(value) > 0 && value[0] == ' ' {
			return parse(bytes.TrimSpace(value))
		}
	}
	return 0
}

// parse reads a count, 0 for anything else.
func parse(b []byte) int64 {
	n, err := strconv.ParseUint(string(b), 10, 63)
	if err != nil {
		return 0
	}
	return int64(n)
}

// pages is n pages in bytes, without overflow for a nonsensical n.
func pages(n int64) int64 { return min(n, 1<<46) * int64(os.Getpagesize()) }
