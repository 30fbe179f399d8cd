package machine

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Host is the machine as a result tells it.
type Host struct {
	Fingerprint string // as the servers' `version --json` names it
	CPU         string
	CPUs        int
	Kernel      string
	MemoryBytes int64
	Somaxconn   int
	OpenFiles   int // hard limit of a process
}

// Describe reads what the machine says of itself. Its fingerprint is the servers' to tell (version --json).
func Describe() (Host, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return Host{}, fmt.Errorf("read kernel's version: %w", err)
	}
	cores, err := ReadCores()
	if err != nil {
		return Host{}, err
	}
	memory, err := meminfo("MemTotal")
	if err != nil {
		return Host{}, err
	}
	b, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		return Host{}, fmt.Errorf("read somaxconn: %w", err)
	}
	backlog, err := integers(bytes.Fields(b), 1)
	if err != nil {
		return Host{}, fmt.Errorf("read somaxconn: %w", err)
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return Host{}, fmt.Errorf("read limit of open files: %w", err)
	}
	return Host{
		CPU:         cpuModel(),
		CPUs:        len(cores),
		Kernel:      unix.ByteSliceToString(uts.Release[:]),
		MemoryBytes: memory,
		Somaxconn:   int(backlog[0]),
		OpenFiles:   int(min(files.Max, math.MaxInt32)),
	}, nil
}

// cpuModel is the CPU's name where the kernel tells it: on arm64 it does not.
func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range bytes.Lines(b) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && string(bytes.TrimSpace(name)) == "model name" {
			return string(bytes.TrimSpace(value))
		}
	}
	return runtime.GOARCH
}
