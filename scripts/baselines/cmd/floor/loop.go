package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// loop is everything there is. But for the counters and stopped, only its
// goroutine touches it.
type loop struct {
	epoll, wake        int
	public, feedPublic int // listening sockets

	conns    []*conn       // by descriptor
	feeds    map[int]*feed // by descriptor
	channels map[string]*channel

	frame  []byte  // the present record's
	failed []int32 // of the present record's sends
	buf    []byte  // for reading from clients

	stop, slower               atomic.Bool
	connections, sent, records atomic.Int64
}

var (
	errStopped = errors.New("the server ends")
	errClosed  = errors.New("the client closed")
)

func newLoop(public, feedPublic net.Listener) (*loop, error) {
	l := &loop{
		feeds: map[int]*feed{}, channels: map[string]*channel{},
		buf: make([]byte, maxIncoming),
	}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make epoll set: %w", err)
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make eventfd: %w", err)
	}
	if l.public, err = descriptor(public); err != nil {
		return nil, err
	}
	if l.feedPublic, err = descriptor(feedPublic); err != nil {
		return nil, err
	}
	for _, fd := range []int{l.wake, l.public, l.feedPublic} {
		if err := unix.SetNonblock(fd, true); err != nil {
			return nil, fmt.Errorf("make descriptor non-blocking: %w", err)
		}
		if err := l.watch(fd); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *loop) watch(fd int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("watch descriptor: %w", err)
	}
	return nil
}

// run is the loop's goroutine. It returns when ctx is done and all is closed.
func (l *loop) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		l.stop.Store(true)
		_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // full means awake
	})()
	defer l.closeAll()
	events := make([]unix.EpollEvent, 256)
	for !l.stopped() {
		n, err := unix.EpollWait(l.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for events: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			l.handle(int(e.Fd))
		}
	}
	return nil
}

func (l *loop) stopped() bool { return l.stop.Load() }

// handle does what a descriptor is ready for. It may have been closed, and its
// number be another's already, since that was said: then there is nothing to
// read, and no harm done.
func (l *loop) handle(fd int) {
	switch fd {
	case l.wake:
	case l.public:
		l.acceptAll(fd, func(fd int) {
			l.conns = slices.Grow(l.conns, max(0, fd+1-len(l.conns)))[:max(fd+1, len(l.conns))]
			l.conns[fd] = &conn{fd: fd}
		})
	case l.feedPublic:
		l.acceptAll(fd, func(fd int) {
			l.feeds[fd] = &feed{fd: fd, buf: make([]byte, 0, feedBuffer)}
		})
	default:
		if f := l.feeds[fd]; f != nil {
			l.take(f)
		} else if fd < len(l.conns) && l.conns[fd] != nil {
			l.read(l.conns[fd])
		}
	}
}

// acceptAll takes the backlog.
func (l *loop) acceptAll(listener int, add func(fd int)) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			continue
		case err != nil:
			slog.Warn("a connection cannot be accepted", "error", err)
			return
		}
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err == nil {
			err = l.watch(fd)
		}
		if err != nil {
			slog.Warn("a connection cannot be set up", "error", err)
			l.close(fd)
			continue
		}
		add(fd)
	}
}

// read reads once what a client sent.
func (l *loop) read(c *conn) {
	n, err := receive(c.fd, l.buf)
	if err == nil {
		err = l.input(c, l.buf[:n])
	}
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		l.drop(c)
	}
}

// receive reads from a socket. The other side's end is an error.
func receive(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Read(fd, b)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case n == 0:
			return 0, errClosed
		default:
			return n, nil
		}
	}
}

// drop closes a client and forgets it.
func (l *loop) drop(c *conn) {
	for _, ch := range c.channels {
		last := len(ch.fds) - 1
		ch.fds[slices.Index(ch.fds, int32(c.fd))] = ch.fds[last]
		if ch.fds = ch.fds[:last]; last == 0 {
			delete(l.channels, ch.name)
		}
	}
	if c.upgraded {
		l.connections.Add(-1)
	}
	l.conns[c.fd] = nil
	l.close(c.fd)
}

func (l *loop) close(fd int) { _ = unix.Close(fd) } // a socket is gone even if closing fails

// closeAll says goodbye to whoever listens.
func (l *loop) closeAll() {
	goodbye := append(appendHeader(nil, opClose, 2), 1001>>8, 1001&0xff) // going away
	for _, c := range l.conns {
		if c == nil {
			continue
		}
		if c.upgraded {
			_, _ = unix.SendmsgN(c.fd, goodbye, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		}
		l.drop(c)
	}
	for fd := range l.feeds {
		l.close(fd)
	}
	for _, fd := range []int{l.public, l.feedPublic, l.epoll} {
		l.close(fd) // not wake: run's context may be about to write to it
	}
}
