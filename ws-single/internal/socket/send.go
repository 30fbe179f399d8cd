package socket

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Send hands b to the kernel without blocking and returns how much it took;
// less than all, or none, when the socket is full. The loop only.
//
// It is a raw system call: told of the call, the scheduler takes 1 us more a
// send, and this call cannot block.
func (c *Conn) Send(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(c.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, errno
		}
	}
}

// AwaitRoom blocks until the socket has room or is closed. It is a goroutine of
// its own, one at a time a connection; it writes nothing.
//
// RawConn.Write forgets a readiness that came before it, so the first look is our
// own, and the look is what makes the kernel report the next one.
func (c *Conn) AwaitRoom() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	looked := false
	return raw.Write(func(fd uintptr) bool {
		if looked {
			return true
		}
		looked = true
		return writable(fd)
	})
}

// writable is a raw system call, as in Send: it does not block.
func writable(fd uintptr) bool {
	p := unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}
	var none unix.Timespec
	n, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&none)), 0, 0, 0)
	return errno == 0 && n == 1
}

// LiftLowWater lets the kernel take what is left to say to a full socket: the
// rest of a frame and the close frame. The loop only.
func (c *Conn) LiftLowWater() {
	_ = unix.SetsockoptInt(int(c.fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 1<<30)
}

// CloseWrite ends the sending side; what the kernel took is still delivered.
func (c *Conn) CloseWrite() { _ = c.TCPConn.CloseWrite() }

// Reset makes Close drop what is unsent and reset the connection.
func (c *Conn) Reset() { _ = c.SetLinger(0) }

func unread(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}
