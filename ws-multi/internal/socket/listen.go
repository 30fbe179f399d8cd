package socket

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Options are a listener's.
type Options struct {
	// StallTimeout is how long a socket may take nothing before the shard closes
	// it. The kernel drops a connection whose bytes nobody acknowledges 10 s later.
	StallTimeout time.Duration
	// ReusePort lets several processes listen on one port (SO_REUSEPORT).
	ReusePort bool
	// HalfOpen bounds the accepted connections that are not upgraded yet, so that
	// clients who never finish a handshake cannot use up the descriptors. When there
	// are as many, those that say nothing are closed. 0 is no bound.
	HalfOpen int
	// TrustedProxies are not closed for that: each stands for many clients.
	TrustedProxies []netip.Prefix
}

// lowWater is TCP_NOTSENT_LOWAT: how much of what was not sent yet the kernel
// keeps on a socket before it says "full". Its default is megabytes, an hour of
// messages for a client that does not read.
const lowWater = 16 << 10

// Listener accepts connections for Upgrader. It is safe for concurrent use.
type Listener struct {
	net.Listener
	lobby *lobby          // of connections not upgraded yet; nil: no bound
	open  context.Context // ends with Close, for those who wait for a place
	close context.CancelFunc

	began time.Time
	last  atomic.Int64 // the last accept, ns since began
}

// Listen listens on addr, host and port; ctx bounds only the look-up of the host.
// The options of a connection are set here, on the listening socket: accepted ones
// inherit them, and nothing is left to do for each.
func Listen(ctx context.Context, addr string, o Options) (*Listener, error) {
	lc := net.ListenConfig{
		// The protocol has pings of its own, which find dead peers sooner.
		KeepAlive: -1,
		Control: func(_, _ string, raw syscall.RawConn) error {
			var failed error
			if err := raw.Control(func(fd uintptr) { failed = configure(int(fd), o) }); err != nil {
				return err
			}
			return failed
		},
	}
	// A Multipath TCP socket, Go's default where the kernel has it, does not take
	// these options on every kernel.
	lc.SetMultipathTCP(false)
	inner, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	l := &Listener{Listener: inner, began: time.Now()}
	l.open, l.close = context.WithCancel(context.Background())
	if o.HalfOpen > 0 {
		l.lobby = newLobby(o.HalfOpen, o.TrustedProxies)
	}
	return l, nil
}

// configure sets a listening socket's options.
func configure(fd int, o Options) error {
	userTimeout := o.StallTimeout + 10*time.Second
	options := []struct {
		name                 string
		level, option, value int
		wanted               bool
	}{
		{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, lowWater, true},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()), true},
		{"SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1, o.ReusePort},
	}
	for _, s := range options {
		if !s.wanted {
			continue
		}
		if err := unix.SetsockoptInt(fd, s.level, s.option, s.value); err != nil {
			return os.NewSyscallError("setsockopt "+s.name, err)
		}
	}
	return nil
}

// Accept returns the next connection. While too many are half open it waits, and
// the kernel's backlog is the queue; those of them that are silent make room. After
// Close it returns net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	if l.lobby != nil && l.lobby.take(l.open) != nil {
		return nil, net.ErrClosed
	}
	nc, err := l.Listener.Accept()
	if err != nil {
		if l.lobby != nil {
			l.lobby.give()
		}
		return nil, err
	}
	now := time.Now()
	l.last.Store(int64(now.Sub(l.began)))
	c := &halfOpen{TCPConn: nc.(*net.TCPConn), lobby: l.lobby, since: now}
	if l.lobby != nil {
		l.lobby.enter(c)
	}
	return c, nil
}

// Quiet is how long nobody has connected, since Listen at most.
func (l *Listener) Quiet() time.Duration {
	return time.Since(l.began) - time.Duration(l.last.Load())
}

// Close ends accepting. Connections that were accepted stay.
func (l *Listener) Close() error {
	l.close()
	return l.Listener.Close()
}
