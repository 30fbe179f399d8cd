package main

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// failing is a listener whose next Accepts fail with these errors; nil is a connection.
type failing struct {
	net.Listener
	next []error
}

func (f *failing) Accept() (net.Conn, error) {
	err := f.next[0]
	f.next = f.next[1:]
	return nil, err
}

func TestListenerTellsWhyItCannotAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", unix.EMFILE)}
		var out bytes.Buffer
		l := &tellingListener{
			Listener: &failing{next: []error{nil, full, full, full, nil, full, nil, nil, net.ErrClosed}},
			setting:  "WS_ADDR", log: slog.New(slog.NewTextHandler(&out, nil)),
		}
		for range 2 {
			_, _ = l.Accept()
		}
		_, _ = l.Accept() // told already
		time.Sleep(acceptLogInterval)
		for range 6 { // one that fails between two that do not is no line for each
			_, _ = l.Accept()
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "too many open files") || !strings.Contains(lines[0], "LimitNOFILE") ||
			!strings.Contains(lines[0], "WS_ADDR") || !strings.Contains(lines[1], "too many open files") || !strings.Contains(lines[2], "accepts again") {
			t.Errorf("got\n%s", &out)
		}
	})
}
