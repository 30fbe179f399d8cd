package load

import (
	"time"

	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls on a message's way are raw ones: none of them blocks, and the scheduler, told of each, would take a
// microsecond more.

func read(fd int32, p []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

func send(fd int32, p []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// poll looks for events without waiting.
func poll(epoll int, events []unix.EpollEvent) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epoll),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	return int(n), errno
}

// doze sleeps. It is raw as well: nothing else of this process is to run meanwhile.
func doze(d time.Duration) {
	t := unix.NsecToTimespec(d.Nanoseconds())
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0) // cut short by a signal: sooner awake
}

// stallBuffer is the receive buffer of a connection that will stall: by default a socket hides minutes of messages.
const stallBuffer = 4096

// open starts to connect, from an address of this machine if local is valid. The kernel chooses the port when it knows
// the destination too, so that ports of the same number can go to different servers.
func open(target netip.AddrPort, local netip.Addr, stalls bool) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open socket: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return -1, fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	if stalls {
		// Before the connect: afterwards the server has been told of a larger window.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, stallBuffer); err != nil {
			return -1, fmt.Errorf("set SO_RCVBUF: %w", err)
		}
	}
	if local.IsValid() {
		if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return -1, fmt.Errorf("set IP_BIND_ADDRESS_NO_PORT: %w", err)
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: local.As4()}); err != nil {
			return -1, fmt.Errorf("bind %s: %w", local, err)
		}
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(target.Port()), Addr: target.Addr().As4()})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return -1, err
	}
	return fd, nil
}

// reset closes a socket by RST: a connection closed in order leaves its port in TIME_WAIT, and the next ten thousand
// connects then search for free ones.
func reset(fd int32) {
	_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(int(fd))
}

// failure is why a connect(2) in progress failed, 0 when it did not.
func failure(fd int32) syscall.Errno {
	code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return syscall.EBADF
	}
	return syscall.Errno(code)
}

// reason names what went wrong with a connection that is to be tried again.
func reason(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no free port"
	case errors.Is(err, syscall.ETIMEDOUT):
		return timeout
	}
	return err.Error()
}

const (
	timeout = "timeout"
	hungUp  = "closed"
)

// unread looks at a connection that is not read: whether it is still there, how many bytes wait, and whether the server
// was told to send no more. Before Linux 6.2 the kernel does not tell the last: there anything unread is taken for it.
func unread(fd int32) (open bool, bytes int, full bool) {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil || info.State != unix.BPF_TCP_ESTABLISHED {
		return false, 0, false
	}
	bytes, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
	return true, bytes, bytes > 0 && info.Rcv_wnd == 0
}
