package socket

import (
	"io"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Send hands b to the kernel and returns how much it took: fewer bytes, or none,
// when the socket is full. Then a Writable event follows when there is room. An
// error means that the connection is broken.
//
// The system call is raw. The scheduler's bookkeeping for calls that may block
// costs 1 us, and this one cannot block.
func (fd FD) Send(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return int(n), nil
		}
		if errno == unix.EAGAIN {
			return 0, nil
		}
		if errno != unix.EINTR {
			return 0, os.NewSyscallError("sendto", errno)
		}
	}
}

// Recv moves what came into b, raw like Send. It returns 0 and no error when there
// is nothing, and then a Readable event follows when there is; a b that was not
// filled may mean the same, and an end after it is found only by the next call.
// io.EOF says that the peer sends no more, another error that the connection is
// broken.
func (fd FD) Recv(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil // the kernel's 0 would be taken for an end
	}
	for {
		got, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT, 0, 0)
		if errno == 0 && got > 0 {
			return int(got), nil
		}
		if errno == 0 {
			return 0, io.EOF
		}
		if errno == unix.EAGAIN {
			return 0, nil
		}
		if errno != unix.EINTR {
			return 0, os.NewSyscallError("recvfrom", errno)
		}
	}
}
