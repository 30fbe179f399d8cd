package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// script is a listener that answers as it is told.
type script func() error

func (s script) Accept() (net.Conn, error) { return nil, s() }
func (s script) Close() error              { return nil }
func (s script) Addr() net.Addr            { return nil }

func TestTroubleOfAListenerIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trouble error
		var said bytes.Buffer
		a := &audible{Listener: script(func() error { return trouble }), name: "WS_ADDR", log: slog.New(slog.NewTextHandler(&said, nil))}
		hears := func(after time.Duration, err error, want ...string) {
			t.Helper()
			time.Sleep(after)
			trouble = err
			said.Reset()
			if _, got := a.Accept(); !errors.Is(got, err) {
				t.Errorf("Accept returned %v, want %v", got, err)
			}
			if (said.Len() > 0) != (len(want) > 0) {
				t.Errorf("said %q", &said)
			}
			for _, w := range want {
				if !strings.Contains(said.String(), w) {
					t.Errorf("said %q, want %q in it", &said, w)
				}
			}
		}
		full := fmt.Errorf("accept: %w", syscall.EMFILE)
		hears(0, nil)
		hears(0, full, "too many open files", "LimitNOFILE", "WS_ADDR")
		hears(time.Second, full)
		hears(silence, full, "too many open files")
		hears(time.Second, nil, "accepting again", "after=12s")
		hears(0, nil)
		hears(time.Second, full) // one fails, the next does not: not a line for each
		hears(0, nil)
		hears(silence, fmt.Errorf("accept: %w", syscall.ENFILE), "fs.file-max")
		hears(0, net.ErrClosed)
	})
}
