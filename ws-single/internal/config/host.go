package config

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"golang.org/x/sys/unix"
)

// A Host is what defaults are derived from.
type Host struct {
	MaxConnections int    // VERSION's max_connections
	FileLimit      int    // files the process may have open
	MemoryLimit    int64  // the cgroup's, in bytes; 0: none
	Fingerprint    string // see Fingerprint
	Warnings       []string
}

// ThisHost raises the process's file limit as far as it may, and reads the
// limits it has then. maxConnections is VERSION's.
func ThisHost(maxConnections int) Host {
	h := Host{MaxConnections: maxConnections, Fingerprint: Fingerprint()}
	files, err := raiseFileLimit()
	if err != nil {
		h.Warnings = append(h.Warnings, fmt.Sprintf("cannot raise the file limit: %v", err))
	}
	h.FileLimit = files
	memory, err := memlimit.FromCgroup()
	switch {
	case err == nil && memory < math.MaxInt64:
		h.MemoryLimit = int64(memory)
	case err == nil, errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrCgroupsNotSupported):
	default:
		h.Warnings = append(h.Warnings, fmt.Sprintf("cannot read the cgroup's memory limit, so there is none unless WS_MEMORY_LIMIT is set: %v", err))
	}
	return h
}

// raiseFileLimit sets the soft limit to the hard one. Go's os package does so
// when it starts, but lets a child, or a later Go, think otherwise.
func raiseFileLimit() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read it: %w", err)
	}
	var failed error
	if limit.Cur < limit.Max {
		raised := unix.Rlimit{Cur: limit.Max, Max: limit.Max}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &raised); err != nil {
			failed = fmt.Errorf("set it to %d: %w", limit.Max, err)
		} else {
			limit.Cur = limit.Max
		}
	}
	return int(min(limit.Cur, math.MaxInt32)), failed
}

// Fingerprint tells kinds of hosts apart on which a send costs differently:
// architecture, cores, kernel series and CPU model, such as
// "amd64/2/6.1/intel-xeon-processor". It has no space and no @.
func Fingerprint() string {
	kernel := "unknown"
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		if parts := strings.SplitN(unix.ByteSliceToString(uts.Release[:]), ".", 3); len(parts) >= 2 {
			kernel = slug(parts[0] + "." + parts[1])
		}
	}
	return fmt.Sprintf("%s/%d/%s/%s", runtime.GOARCH, onlineCPUs(), kernel, cpuModel())
}

// onlineCPUs is the host's number of cores, however few of them this process
// may use: a server that is kept on one is on the same host.
func onlineCPUs() int {
	b, err := os.ReadFile("/sys/devices/system/cpu/online") // such as 0-3,8
	if err != nil {
		return runtime.NumCPU()
	}
	n := 0
	for part := range strings.SplitSeq(strings.TrimSpace(string(b)), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || to < from {
			return runtime.NumCPU()
		}
		n += to - from + 1
	}
	return n
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// arm64 has no model name there, but a part number.
		name, value, ok := strings.Cut(lines.Text(), ":")
		if name = strings.TrimSpace(name); ok && (name == "model name" || name == "CPU part") {
			if s := slug(value); s != "" {
				return s
			}
		}
	}
	return "unknown"
}

// slug writes words in lower case with dashes between them.
func slug(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r != '.' && !('a' <= r && r <= 'z') && !('0' <= r && r <= '9')
	}), "-")
}
