package main

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// audible makes a listener's trouble heard. net/http waits and tries again, and who is connected notices nothing, so without
// a word in the log a server that has run out of descriptors looks well. Any number of goroutines may accept.
type audible struct {
	net.Listener
	name string // the setting of its address
	log  *slog.Logger

	mu    sync.Mutex // guards what follows
	since time.Time  // of the first failure that the log was told of since it was told of a success; zero: none
	next  time.Time  // when the log may hear of it again
}

// silence is how long the log hears no more of one listener's trouble.
const silence = 10 * time.Second

// Accept is the listener's.
func (a *audible) Accept() (net.Conn, error) {
	conn, err := a.Listener.Accept()
	if errors.Is(err, net.ErrClosed) {
		return conn, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if err == nil {
		if !a.since.IsZero() {
			a.log.Info("accepting again", "listener", a.name, "after", now.Sub(a.since))
			a.since = time.Time{}
		}
		return conn, nil
	}
	if !now.Before(a.next) {
		if a.since.IsZero() {
			a.since = now
		}
		a.next = now.Add(silence)
		a.log.Error("accepting fails, is tried again", "listener", a.name, "error", err, "cure", cureOf(err))
	}
	return conn, err
}

// cureOf says what an operator can do about an error of accept(2).
func cureOf(err error) string {
	var number syscall.Errno
	if !errors.As(err, &number) {
		return "none is known"
	}
	switch number {
	case syscall.EMFILE:
		return "let the process open more files (LimitNOFILE=, ulimit -n), or set a lower WS_MAX_CONNECTIONS"
	case syscall.ENFILE:
		return "let the machine open more files (fs.file-max)"
	case syscall.ENOMEM, syscall.ENOBUFS:
		return "give the kernel more memory for sockets (net.ipv4.tcp_mem)"
	}
	return "none is known"
}
