// Package lock keeps processes out of each other's way by locked files.
package lock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Wait takes the lock of a file, which it makes where there is none, when nobody else has it any more. Goroutines of one
// process wait for each other too. The kernel frees the lock of a process that dies; programs that are started meanwhile do
// not inherit it.
func Wait(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
