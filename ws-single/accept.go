package main

import (
	"errors"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// acceptLogInterval keeps one that cannot accept from filling the log: it tries again up to 200 times a second.
const acceptLogInterval = 10 * time.Second

// tellingListener says in the log why it cannot accept: the connections that are open go on, so nothing else would show it.
// Only one goroutine may call Accept.
type tellingListener struct {
	net.Listener
	setting string // that names its address
	log     *slog.Logger
	told    time.Time // when it said so last
	failing bool      // and it could not since
}

func (l *tellingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	switch {
	case err == nil && l.failing:
		l.failing = false
		l.log.Info("accepts again", "listener", l.setting)
	case err != nil && !errors.Is(err, net.ErrClosed):
		if now := time.Now(); now.Sub(l.told) >= acceptLogInterval {
			l.told, l.failing = now, true
			l.log.Error("cannot accept connections", "listener", l.setting, "error", err, "help", acceptHelp(err))
		}
	}
	return c, err
}

func acceptHelp(err error) string {
	switch {
	case errors.Is(err, unix.EMFILE):
		return "the process has no file descriptor left: raise its limit (LimitNOFILE=, ulimit -n) or lower WS_MAX_CONNECTIONS"
	case errors.Is(err, unix.ENFILE):
		return "the machine has no file descriptor left: raise fs.file-max"
	case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
		return "the kernel has no memory left for sockets: see net.ipv4.tcp_mem"
	default:
		return "it is tried again"
	}
}
