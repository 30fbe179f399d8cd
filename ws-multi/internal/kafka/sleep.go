package kafka

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm is what the reading goroutine sleeps on: an eventfd (eventfd(2)) that
// librdkafka writes to when a queue of it is no longer empty, and other goroutines
// when they want something. The sleep is in Go's own poller, so it holds neither a
// thread nor a processor, however many there are.
type alarm struct {
	fd   int
	file *os.File
	set  bool // a deadline is set
}

func newAlarm() (*alarm, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	return &alarm{fd: fd, file: os.NewFile(uintptr(fd), "kafka alarm")}, nil
}

// ring ends the sleep, or the next one. Any goroutine may call it until close.
func (a *alarm) ring() {
	_, _ = a.file.Write(binary.NativeEndian.AppendUint64(nil, 1)) // it rings already if this fails
}

// sleep returns when it rings, or at a time unless that is zero.
func (a *alarm) sleep(until time.Time) {
	if timed := !until.IsZero(); timed || a.set {
		_ = a.file.SetReadDeadline(until) // an eventfd can have one
		a.set = timed
	}
	var rung [8]byte
	_, _ = a.file.Read(rung[:]) // either end of the sleep will do
}

func (a *alarm) close() { _ = a.file.Close() }

const (
	// doze is a sleep by the clock, about the shortest that Go's timers give; it
	// is added to a record's time at most.
	doze = time.Millisecond
	// dense is the number of records in a doze from which dozing is worth it.
	dense = 2
	// span is how long records are counted before the way of sleeping changes.
	span = 4 * doze
)

// pace decides whether to sleep on the alarm or by the clock. An alarm for every
// record or two is most of what such a record costs; when they come that often,
// those of a millisecond are better taken together, and go out in one write.
type pace struct {
	since time.Time
	seen  int
	clock bool
}

// after counts what was read since the last sleep and reports whether the next
// is by the clock.
func (p *pace) after(read int, now time.Time) bool {
	p.seen += read
	if p.since.IsZero() {
		p.since = now
	}
	if took := now.Sub(p.since); took >= span {
		p.clock = int64(p.seen)*int64(doze) >= dense*int64(took)
		p.since, p.seen = now, 0
	}
	return p.clock
}
