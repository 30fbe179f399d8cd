package loop

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// smallBuffer makes a client's socket fill soon; it has to be set before the
// connection is made.
func smallBuffer(bytes int) func(string, string, syscall.RawConn) error {
	return func(_, _ string, rc syscall.RawConn) error {
		var err error
		if e := rc.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
		}); e != nil {
			return e
		}
		return err
	}
}
