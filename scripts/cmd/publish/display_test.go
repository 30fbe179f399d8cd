package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/produce"
)

func TestProgressLine(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(&out, time.Minute, 0)
	d.show(produce.Progress{Elapsed: 5 * time.Second, Sent: 5000, Acked: 4990})
	d.show(produce.Progress{Elapsed: 10 * time.Second, Sent: 15_000, Acked: 14_000, Errors: 3, Behind: 1234 * time.Millisecond, Last: "broker gone"})
	d.duration, d.total = 0, 30_000
	d.show(produce.Progress{Elapsed: 20 * time.Second, Sent: 25_000, Acked: 25_000, Last: "broker gone"})
	want := ` 1,000/s  5,000 sent  10 unacknowledged  0 errors  on schedule  55s left
 2,000/s  15,000 sent  997 unacknowledged  3 errors  1.23s behind schedule  50s left  last error: broker gone
 1,000/s  25,000 sent  0 unacknowledged  0 errors  on schedule  5s left
`
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestATerminalHasOneLine(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(&out, 0, 0)
	d.terminal, d.every = true, 2*time.Millisecond
	done := make(chan struct{})
	go func() { time.Sleep(50 * time.Millisecond); close(done) }()
	moment := produce.Progress{Elapsed: time.Second, Sent: 1_000_000}
	d.run(func() produce.Progress { return moment }, done)
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1 {
		t.Errorf("%d line ends in %q, want one, at the end", n, out.String())
	}
	if !bytes.HasPrefix(out.Bytes(), []byte("\r")) {
		t.Errorf("%q does not write over the line", out.String())
	}
}
