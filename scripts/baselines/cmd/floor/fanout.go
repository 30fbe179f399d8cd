package main

import (
	"errors"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// channel knows who holds it.
type channel struct {
	name string
	fds  []int32
}

// stallTimeout is how long a full socket may hold up everything.
const stallTimeout = 10 * time.Second

// slowerBy is what SIGUSR1 adds to each send.
const slowerBy = 5 * time.Microsecond

func compute(d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
	}
}

var errStalled = errors.New("the socket took nothing for 10 s")

// deliver sends a record to all connections that hold its channel.
func (l *loop) deliver(name, payload []byte) {
	l.records.Add(1)
	ch := l.channels[string(name)] // does not allocate
	if ch == nil {
		return
	}
	l.frame = append(appendHeader(l.frame[:0], opText, len(payload)), payload...)
	slower := l.slower.Load()
	frame, n := unsafe.Pointer(unsafe.SliceData(l.frame)), uintptr(len(l.frame))
	for _, fd := range ch.fds {
		// Raw: the scheduler need not hear of a call that cannot block.
		took, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(frame), n,
			syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		if errno != 0 || took != n {
			l.sendRest(fd, took, errno)
		}
		if slower {
			compute(slowerBy)
		}
	}
	l.sent.Add(int64(len(ch.fds) - len(l.failed)))
	for _, fd := range l.failed {
		l.drop(l.conns[fd])
	}
	l.failed = l.failed[:0]
}

// sendRest waits until a socket has what its send left of the frame.
func (l *loop) sendRest(fd int32, took uintptr, errno syscall.Errno) {
	if errno != 0 {
		took = 0
	}
	if errno != 0 && errno != syscall.EAGAIN && errno != syscall.EINTR || l.sendAll(int(fd), l.frame[took:]) != nil {
		l.failed = append(l.failed, fd)
	}
}

// sendAll sends b, and waits while the socket is full.
func (l *loop) sendAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.SendmsgN(fd, b, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch {
		case err == nil:
			b = b[n:]
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			if err := l.awaitRoom(fd); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return nil
}

// awaitRoom returns when the socket takes bytes again. Nothing else happens
// meanwhile, but the end.
func (l *loop) awaitRoom(fd int) error {
	polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}, {Fd: int32(l.wake), Events: unix.POLLIN}}
	deadline := time.Now().Add(stallTimeout)
	for {
		n, err := unix.Poll(polled, int(time.Until(deadline).Milliseconds())+1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case n == 0:
			return errStalled
		case polled[1].Revents != 0:
			return errStopped
		default:
			return nil
		}
	}
}
