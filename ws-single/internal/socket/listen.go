package socket

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Options of a listener's connections.
type Options struct {
	// StallTimeout is how long a socket may take nothing. The kernel gives up a
	// connection whose bytes nobody acknowledges 10 s after that.
	StallTimeout time.Duration
	// MessageTimeout is how long a message may take from its first byte on.
	MessageTimeout time.Duration
	// ReusePort lets several processes listen on one port.
	ReusePort bool
	// HalfOpen bounds the connections that are not upgraded yet. Beyond it, those
	// whose client says nothing are reset.
	HalfOpen int
	// TrustedProxies are never reset for that.
	TrustedProxies []netip.Prefix
}

// notSentLowWater is how much the kernel queues on a socket before it says
// "full": by default a socket that nobody reads takes 4.2 MB, an hour of
// messages, before it says so.
const notSentLowWater = 16 << 10

// Listener accepts connections as *Conn.
type Listener struct {
	net.Listener
	halfOpen *halfOpen
	options  Options
	accepted atomic.Int64 // when, Unix ns
}

// Quiet is how long nobody has connected. Any goroutine.
func (l *Listener) Quiet() time.Duration {
	return time.Since(time.Unix(0, l.accepted.Load()))
}

// Listen opens addr. The kernel's bounds are set on the listening socket, from
// which accepted ones inherit them.
func Listen(ctx context.Context, addr string, o Options) (*Listener, error) {
	lc := net.ListenConfig{
		KeepAlive: -1, // the protocol's own pings find dead peers
		Control: func(_, _ string, rc syscall.RawConn) error {
			var err error
			if e := rc.Control(func(fd uintptr) { err = setOptions(int(fd), o) }); e != nil {
				return e
			}
			return err
		},
	}
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Listener{Listener: l, halfOpen: newHalfOpen(o.HalfOpen, o.TrustedProxies), options: o}, nil
}

func setOptions(fd int, o Options) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSentLowWater); err != nil {
		return fmt.Errorf("set TCP_NOTSENT_LOWAT: %w", err)
	}
	timeout := int((o.StallTimeout + 10*time.Second).Milliseconds())
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, timeout); err != nil {
		return fmt.Errorf("set TCP_USER_TIMEOUT: %w", err)
	}
	if o.ReusePort {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return fmt.Errorf("set SO_REUSEPORT: %w", err)
		}
	}
	return nil
}

// Accept returns the next connection, a *Conn. It waits while too many are not
// upgraded yet, for one of them to be or to be reset: the kernel's backlog is the
// queue.
func (l *Listener) Accept() (net.Conn, error) {
	if err := l.halfOpen.enter(); err != nil {
		return nil, err
	}
	nc, err := l.Listener.Accept()
	if err != nil {
		l.halfOpen.abandon()
		return nil, err
	}
	now := time.Now()
	l.accepted.Store(now.UnixNano())
	c := &Conn{TCPConn: nc.(*net.TCPConn), listener: l}
	c.place = l.halfOpen.settle(c.TCPConn, now)
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { c.fd = int32(fd) })
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Close stops accepting.
func (l *Listener) Close() error {
	l.halfOpen.close()
	return l.Listener.Close()
}
