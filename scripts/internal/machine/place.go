package machine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Allowed is the cores that the calling thread may run on, ascending: what the cgroup leaves, and taskset or [Pin].
func Allowed() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("read allowed cores: %w", err)
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// Split parts the allowed cores: the first n are the servers', 0 makes it half of them; the others are the load's.
func Split(n int) (server, load []int, err error) {
	allowed, err := Allowed()
	if err != nil {
		return nil, nil, err
	}
	return split(allowed, n)
}

func split(allowed []int, n int) (server, load []int, err error) {
	switch {
	case len(allowed) < 2:
		return nil, nil, fmt.Errorf("part the cores: there is one, %v, and server and load on it would be measured as one: two are needed", allowed)
	case n == 0:
		n = len(allowed) / 2
	case n < 0 || n >= len(allowed):
		return nil, nil, fmt.Errorf("part the cores: %d of %v for the servers leave none for the load: allowed are 1 to %d", n, allowed, len(allowed)-1)
	}
	return allowed[:n:n], allowed[n:], nil
}

// Pin keeps a process, 0 for the calling one, on the given cores: all its threads, and those which they start later.
func Pin(pid int, cpus []int) error {
	set, err := cpuSet(cpus)
	if err != nil {
		return err
	}
	dir := "/proc/self/task"
	if pid != 0 {
		dir = fmt.Sprintf("/proc/%d/task", pid)
	}
	// A thread that was not pinned yet may start another one meanwhile: so until nothing new is there.
	pinned := map[int]bool{}
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("pin to cores %v: %w", cpus, err)
		}
		before := len(pinned)
		for _, entry := range entries {
			tid, err := strconv.Atoi(entry.Name())
			if err != nil || pinned[tid] {
				continue
			}
			pinned[tid] = true
			if err := unix.SchedSetaffinity(tid, set); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("pin to cores %v: %w", cpus, err)
			}
		}
		if len(pinned) == before {
			return nil
		}
	}
}

// RunPinned calls f on a thread that runs on the given cores, and that ends with it; processes which f starts inherit
// the cores. The kernel counts the thread as the parent of such a process: one with Pdeathsig set dies when f returns.
func RunPinned(cpus []int, f func() error) error {
	set, err := cpuSet(cpus)
	if err != nil {
		return err
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.SchedSetaffinity(0, set); err != nil {
			done <- fmt.Errorf("pin to cores %v: %w", cpus, err)
			return
		}
		done <- f()
	}()
	return <-done
}

func cpuSet(cpus []int) (*unix.CPUSet, error) {
	if len(cpus) == 0 {
		return nil, errors.New("pin to cores: none is given")
	}
	const most = len(unix.CPUSet{}) * strconv.IntSize
	var set unix.CPUSet
	for _, cpu := range cpus {
		if cpu < 0 || cpu >= most {
			return nil, fmt.Errorf("pin to core %d: allowed are 0 to %d", cpu, most-1)
		}
		set.Set(cpu)
	}
	return &set, nil
}
