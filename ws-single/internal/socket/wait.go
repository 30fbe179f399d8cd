package socket

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waiter makes a RawConn's Read or Write wait for an event and do nothing. They
// forget a readiness that came before them, so the first look is our own, and
// the look is what makes the kernel report the next one. One goroutine's.
type waiter struct {
	event  int16
	looked bool
	pongs  *Conn // whose lone pongs are taken on the way; nil: none
	raw    syscall.RawConn
	look   func(fd uintptr) bool // the method ready, bound once
}

// bind gives it a connection, for good.
func (w *waiter) bind(c *Conn) (err error) {
	w.raw, err = c.SyscallConn()
	w.look = w.ready
	return err
}

// wait blocks until there is something to read: bytes, an end, an error. It
// reports false when the connection was closed here.
func (w *waiter) wait() bool {
	w.looked = false
	return w.raw.Read(w.look) == nil
}

func (w *waiter) ready(fd uintptr) bool {
	if !w.looked {
		w.looked = true
		// Raw, as in Send: it does not block.
		p := unix.PollFd{Fd: int32(fd), Events: w.event}
		var none unix.Timespec
		n, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&none)), 0, 0, 0)
		if errno != 0 || n != 1 {
			return false
		}
	}
	return w.pongs == nil || w.pongs.more(fd)
}

// lonePong is a client's pong without payload (RFC 6455, section 5.5.3), its
// header and mask: what an idle client sends every WS_PING_INTERVAL.
const lonePong = 6

// more reports whether there is something to read, an end or an error too. A
// pong that is all there is it takes where it is met: every idle connection
// sends one now and then, and no reader need be borrowed for it.
func (c *Conn) more(fd uintptr) bool {
	var b [lonePong + 1]byte
	n, errno := receive(fd, b[:], unix.MSG_PEEK)
	switch {
	case errno == syscall.EAGAIN, errno == syscall.EINTR:
		return false // woken for what was taken already
	case errno != 0, n != lonePong, b[0] != fin|byte(OpPong), b[1] != 0x80, c.allow() != nil:
		return true
	}
	_, _ = receive(fd, b[:lonePong], 0) // it was there
	c.heard.Store(true)
	return false
}

func receive(fd uintptr, b []byte, flags uintptr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags|syscall.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}
