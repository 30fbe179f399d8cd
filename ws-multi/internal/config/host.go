package config

import (
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/automaxprocs/maxprocs"
	"golang.org/x/sys/unix"
)

// A Host is what the machine, the container and VERSION say; defaults follow
// from it.
type Host struct {
	MaxConnections int    // of VERSION
	OpenFiles      int    // how many the process may have
	Memory         int64  // the cgroup's limit in bytes; 0: none
	Cores          int    // GOMAXPROCS
	CPUs           int    // how many the process may run on; 0: as many as Cores
	Fingerprint    string // as Fingerprint gives it
	Warnings       []string
}

// ThisHost looks at where the process runs, and takes what it may have: the
// file limit is raised to the hard one and GOMAXPROCS set to the CPU quota of
// the cgroup. Call it once, before goroutines that care. maxConnections is
// VERSION's.
func ThisHost(maxConnections int) Host {
	h := Host{MaxConnections: maxConnections, Fingerprint: Fingerprint()}
	note := func(what string, err error) {
		if err != nil {
			h.Warnings = append(h.Warnings, fmt.Sprintf("%s: %v", what, err))
		}
	}
	var err error
	h.OpenFiles, err = takeFiles()
	note("the file limit cannot be raised", err)
	h.Memory, err = cgroupMemory()
	note("the cgroup's memory limit cannot be read, so WS_MEMORY_LIMIT is off unless it is set", err)
	// Go itself rounds a quota up, and is throttled for the rest of a period
	// when all its threads are busy; rounded down, it is not.
	_, err = maxprocs.Set()
	note("the cgroup's CPU quota cannot be read, so all cores count", err)
	h.Cores, h.CPUs = runtime.GOMAXPROCS(0), runtime.NumCPU()
	return h
}

// realCores is how many cores Go can use at once: whoever sets GOMAXPROCS may set
// it to more than there are.
func (h Host) realCores() int {
	if h.CPUs > 0 {
		return min(h.Cores, h.CPUs)
	}
	return h.Cores
}

// takeFiles returns the limit there is in the end, error or not.
func takeFiles() (int, error) {
	var has unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &has); err != nil {
		return 0, err
	}
	var err error
	if has.Cur != has.Max {
		if err = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: has.Max, Max: has.Max}); err == nil {
			has.Cur = has.Max
		}
	}
	return int(min(has.Cur, math.MaxInt32)), err
}

func cgroupMemory() (int64, error) {
	bytes, err := memlimit.FromCgroup()
	for _, none := range []error{memlimit.ErrNoLimit, memlimit.ErrNoCgroup, memlimit.ErrCgroupsNotSupported} {
		if errors.Is(err, none) {
			return 0, nil
		}
	}
	if err != nil || bytes > math.MaxInt64 {
		return 0, err
	}
	return int64(bytes), nil
}

// Fingerprint names a kind of host by what the cost of a send depends on: the
// architecture, the machine's cores, the kernel's series and the CPU's model,
// such as "amd64/4/6.8/amd-epyc-7763". It has neither spaces nor an @.
func Fingerprint() string {
	return strings.Join([]string{runtime.GOARCH, strconv.Itoa(machineCores()), kernelSeries(), cpuModel()}, "/")
}

const unknown = "unknown"

// machineCores counts what is online, not what this process may use: pinned to
// a core, a server is still on the same host.
func machineCores() int {
	list, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return runtime.NumCPU()
	}
	if n := countCPUs(strings.TrimSpace(string(list))); n > 0 {
		return n
	}
	return runtime.NumCPU()
}

// countCPUs counts a list of the kernel's, such as 0-3,8; 0 for what is none.
func countCPUs(list string) int {
	total := 0
	for item := range strings.SplitSeq(list, ",") {
		var first, last int
		if n, _ := fmt.Sscanf(item, "%d-%d", &first, &last); n == 1 {
			last = first
		} else if n != 2 {
			return 0
		}
		if last < first {
			return 0
		}
		total += last - first + 1
	}
	return total
}

var seriesOf = regexp.MustCompile(`^[^.]+\.[^.]+`)

func kernelSeries() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return unknown
	}
	if series := dashed(seriesOf.FindString(unix.ByteSliceToString(name.Release[:]))); series != "" {
		return series
	}
	return unknown
}

// modelOf: arm64 tells no name, but the number of a part.
var modelOf = regexp.MustCompile(`(?m)^(?:model name|CPU part)[ \t]*:[ \t]*(.*)$`)

func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return unknown
	}
	for _, found := range modelOf.FindAllSubmatch(info, -1) {
		if model := dashed(string(found[1])); model != "" {
			return model
		}
	}
	return unknown
}

var notInNames = regexp.MustCompile(`[^a-z0-9.]+`)

// dashed is text in lower case, with a dash for all that a name cannot have.
func dashed(text string) string {
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(text), "-"), "-")
}
