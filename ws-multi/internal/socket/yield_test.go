package socket

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// With one processor that is always busy, a goroutine that waits for a pipe runs
// soon if the busy one yields, and not before sysmon looks if it only calls Gosched.
func TestYieldLetsTheRuntimeLook(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()

	raw, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var fd int
	_ = raw.Control(func(f uintptr) { fd = int(f) })

	const rounds = 50
	read := make(chan time.Time, 1)
	go func() {
		var b [1]byte
		for {
			if _, err := r.Read(b[:]); err != nil {
				close(read)
				return
			}
			read <- time.Now()
		}
	}()
	time.Sleep(10 * time.Millisecond) // it waits
	var late time.Duration
	for range rounds {
		began := time.Now()
		if _, err := unix.Write(fd, []byte{1}); err != nil {
			t.Fatal(err)
		}
		for done := false; !done; {
			for busy := time.Now(); time.Since(busy) < 200*time.Microsecond; {
			}
			if err := p.Yield(); err != nil {
				t.Fatal(err)
			}
			select {
			case at := <-read:
				late += at.Sub(began)
				done = true
			default:
			}
		}
	}
	if mean := late / rounds; mean > 2*time.Millisecond {
		t.Errorf("a goroutine that waits for a pipe ran %v late", mean)
	}
	w.Close()
	<-read
}
