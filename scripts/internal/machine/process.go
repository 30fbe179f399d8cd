package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// ProcessCPU is the CPU time a process has used, user and system, of all its threads, those that have ended too. The
// process's clock counts nanoseconds; /proc/PID/stat counts ticks of 10 ms.
func ProcessCPU(pid int) (time.Duration, error) {
	// Of a CPU clock's number the three lowest bits say which one it is: 2 is the scheduler's count, of a whole
	// process; the bits above are the complement of the process's number (linux/posix-timers.h, clock_getcpuclockid(3)).
	const scheduler = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &ts); err != nil {
		if errors.Is(err, unix.EINVAL) {
			return 0, fmt.Errorf("read CPU clock of process %d: it has ended", pid)
		}
		return 0, fmt.Errorf("read CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// RSS is the resident memory of a process, in bytes.
func RSS(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/statm", pid)
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	pages, err := integers(bytes.Fields(b), 2)
	if err != nil {
		return 0, fmt.Errorf("read memory in %s: %w", path, err)
	}
	return pages[1] * int64(os.Getpagesize()), nil
}

// integers reads the first n fields.
func integers(fields [][]byte, n int) ([]int64, error) {
	if len(fields) < n {
		return nil, fmt.Errorf("%d fields, want %d", len(fields), n)
	}
	numbers := make([]int64, n)
	for i := range numbers {
		number, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("field %d is %q, not a number", i+1, fields[i])
		}
		numbers[i] = number
	}
	return numbers, nil
}
