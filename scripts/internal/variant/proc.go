package variant

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// clockTick is USER_HZ, in which /proc counts CPU time: 100 on every Linux
// that Go runs on (proc(5), sysconf(3)).
const clockTick = 10 * time.Millisecond

// RSS is the resident memory of the process, in bytes.
func (s *Server) RSS() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.PID))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0, errors.New("read memory: statm is short")
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return pages * int64(os.Getpagesize()), nil
}

// CPU is the CPU time the process has used, all threads, user and system.
func (s *Server) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID))
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	// The second field is the name in parentheses and may hold blanks.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("read CPU time: stat is short")
	}
	var ticks time.Duration
	for _, f := range fields[11:13] { // utime and stime, fields 14 and 15
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		ticks += time.Duration(n)
	}
	return ticks * clockTick, nil
}

// Threads is the number of threads of the process.
func (s *Server) Threads() (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", s.PID))
	if err != nil {
		return 0, fmt.Errorf("count threads: %w", err)
	}
	return len(entries), nil
}
