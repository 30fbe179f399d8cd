package socket

import (
	"errors"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTestPoller(t testing.TB) *Poller {
	t.Helper()
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// sockets is a connected pair, non-blocking, without the network.
func sockets(t testing.TB) (FD, FD) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return FD(fds[0]), FD(fds[1])
}

// within fails the test when f hangs: what a lost wake-up would do.
func within(t *testing.T, limit time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		buf := make([]byte, 1<<16)
		t.Fatalf("%s hangs\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

func soon() time.Time { return time.Now().Add(10 * time.Second) }

func TestPollerEvents(t *testing.T) {
	p := newTestPoller(t)
	ours, theirs := sockets(t)
	defer theirs.Close()
	const tag = 0xFEDC_BA98_8765_4321
	if err := p.Add(ours, tag); err != nil {
		t.Fatal(err)
	}
	events := make([]Event, 8)
	expect := func(want Event) {
		t.Helper()
		want.Tag = tag
		if err := p.Sleep(soon()); err != nil {
			t.Fatal(err)
		}
		if n := p.Poll(events); n != 1 || events[0] != want {
			t.Fatalf("got %+v, want %+v", events[:n], want)
		}
		if n := p.Poll(events); n != 0 {
			t.Fatalf("once more: %+v", events[:n])
		}
	}
	expect(Event{Writable: true})
	for range 2 { // the second without reading the first: each is an edge
		if _, err := theirs.Send([]byte("x")); err != nil {
			t.Fatal(err)
		}
		expect(Event{Readable: true, Writable: true})
	}
	theirs.CloseWrite()
	expect(Event{Readable: true, Writable: true, Hangup: true})

	// A closed socket is out of the set, and its number may be added again.
	ours.Close()
	again, other := sockets(t)
	defer again.Close()
	defer other.Close()
	if err := p.Add(again, 7); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Send([]byte("x")); err == nil {
		t.Error("sent to a closed one")
	}
	if n := p.Poll(events); n != 1 || events[0] != (Event{Tag: 7, Writable: true}) {
		t.Errorf("got %+v", events[:n])
	}
}

func TestPollerReset(t *testing.T) {
	fd, client := pair(t)
	defer fd.Close()
	p := newTestPoller(t)
	if err := p.Add(fd, 3); err != nil {
		t.Fatal(err)
	}
	events := make([]Event, 8)
	p.Poll(events)
	_ = client.SetLinger(0)
	_ = client.Close()
	if err := p.Sleep(soon()); err != nil {
		t.Fatal(err)
	}
	if n := p.Poll(events); n != 1 || !events[0].Hangup || !events[0].Readable || events[0].Tag != 3 {
		t.Errorf("got %+v", events[:n])
	}
}

func TestPollerAddFails(t *testing.T) {
	p := newTestPoller(t)
	ours, theirs := sockets(t)
	defer ours.Close()
	defer theirs.Close()
	if err := p.Add(ours, math.MaxUint64); err == nil {
		t.Error("the poller's own tag was taken")
	}
	if err := p.Add(-1, 1); !errors.Is(err, unix.EBADF) {
		t.Errorf("no descriptor: %v", err)
	}
	if err := p.Add(ours, 1); err != nil {
		t.Error(err)
	}
	if err := p.Add(ours, 2); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a second time: %v", err)
	}
}

// More events than fit are not lost: Sleep does not sleep on them.
func TestPollerMoreThanFit(t *testing.T) {
	p := newTestPoller(t)
	const conns = 300 // more than a Poll takes
	for i := range conns {
		ours, theirs := sockets(t)
		defer ours.Close()
		defer theirs.Close()
		if err := p.Add(ours, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint64]bool{}
	within(t, 10*time.Second, "Sleep", func() {
		for i := 0; len(seen) < conns; i++ {
			if err := p.Sleep(time.Time{}); err != nil {
				t.Error(err)
				return
			}
			events := make([]Event, []int{1, 3, 1000}[min(i, 2)])
			for _, e := range events[:p.Poll(events)] {
				seen[e.Tag] = true
			}
		}
	})
	if n := p.Poll(nil); n != 0 {
		t.Errorf("%d events without room", n)
	}
}

func TestPollerDeadline(t *testing.T) {
	p := newTestPoller(t)
	sleep := func(until time.Time) time.Duration {
		t.Helper()
		start := time.Now()
		if err := p.Sleep(until); err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		p.Poll(make([]Event, 1))
		return took
	}
	after := func(d time.Duration) time.Time { return time.Now().Add(d) }
	for range 2 {
		if took := sleep(after(50 * time.Millisecond)); took < 45*time.Millisecond || took > 2*time.Second {
			t.Errorf("50 ms took %v", took)
		}
		if took := sleep(after(-time.Hour)); took > 40*time.Millisecond {
			t.Errorf("a time that has passed took %v", took)
		}
	}
	// One that was armed earlier does not end a later one, whether it passes within
	// the sleep or before.
	for _, pause := range []time.Duration{0, 60 * time.Millisecond} {
		early := time.AfterFunc(10*time.Millisecond, p.Wake)
		sleep(after(50 * time.Millisecond))
		early.Stop()
		time.Sleep(pause)
		if took := sleep(after(100 * time.Millisecond)); took < 95*time.Millisecond || took > 2*time.Second {
			t.Errorf("100 ms took %v", took)
		}
	}
	// A later one does not delay an earlier.
	time.AfterFunc(20*time.Millisecond, p.Wake)
	sleep(after(time.Hour))
	if took := sleep(after(20 * time.Millisecond)); took < 15*time.Millisecond || took > 2*time.Second {
		t.Errorf("20 ms took %v", took)
	}
	// None, after one has passed.
	time.AfterFunc(50*time.Millisecond, p.Wake)
	if took := sleep(time.Time{}); took < 45*time.Millisecond {
		t.Errorf("it ended after %v", took)
	}
}

func TestPollerWake(t *testing.T) {
	p := newTestPoller(t)
	within(t, 5*time.Second, "Sleep after Wake", func() {
		for range 3 {
			p.Wake()
			p.Wake()
			if err := p.Sleep(time.Time{}); err != nil {
				t.Error(err)
			}
		}
	})
	// Several wake-ups are one, and what they leave is not an event.
	start := time.Now()
	for range 2 {
		if err := p.Sleep(start.Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 45*time.Millisecond {
		t.Errorf("woken after %v by a Wake of before", took)
	}
	time.AfterFunc(20*time.Millisecond, p.Wake)
	within(t, 5*time.Second, "Sleep", func() {
		if err := p.Sleep(time.Time{}); err != nil {
			t.Error(err)
		}
	})
	if n := p.Poll(make([]Event, 8)); n != 0 {
		t.Errorf("a wake-up is %d events", n)
	}
	if n := testing.AllocsPerRun(100, p.Wake); n != 0 {
		t.Errorf("Wake: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		_ = p.Sleep(time.Now().Add(10 * time.Microsecond))
		p.Poll(nil)
	}); n != 0 {
		t.Errorf("Sleep: %v allocations", n)
	}
}

func TestPollerClose(t *testing.T) {
	files := openFiles(t)
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	// Wake may come at any time; a descriptor that is closed is nobody else's to write to.
	var wakers sync.WaitGroup
	var stop atomic.Bool
	for range 3 {
		wakers.Go(func() {
			for !stop.Load() {
				p.Wake()
			}
		})
	}
	for range 1000 {
		if err := p.Sleep(time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	p.Close()
	p.Close()
	a, b := sockets(t)
	defer a.Close()
	defer b.Close()
	p.Poll(make([]Event, 1))
	if err := p.Sleep(time.Time{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("sleep: %v", err)
	}
	if err := p.Add(a, 1); err == nil {
		t.Error("added to a closed one")
	}
	time.Sleep(20 * time.Millisecond)
	stop.Store(true)
	wakers.Wait()
	for _, fd := range []FD{a, b} {
		if n, err := fd.Recv(make([]byte, 8)); n != 0 || err != nil {
			t.Errorf("a wake-up was written to another file: %d %v", n, err)
		}
	}
	if n := openFiles(t) - files; n != 2 {
		t.Errorf("%d descriptors are left, want the 2 sockets", n)
	}
}
