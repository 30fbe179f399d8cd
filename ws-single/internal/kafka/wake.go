package kafka

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// waker lets the reading goroutine sleep in Go's own poller until librdkafka's
// queue has something, or another goroutine wants it. A blocking Poll would
// keep the only processor until the scheduler notices; polling on a timer
// costs idle CPU. doc.go has the figures.
type waker struct {
	fd   int // for librdkafka, which writes to it (native.go)
	file *os.File
}

func newWaker() (*waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make eventfd: %w", err)
	}
	return &waker{fd: fd, file: os.NewFile(uintptr(fd), "kafka queue")}, nil
}

// wake ends the present or the next sleep. Any goroutine may call it until close.
func (w *waker) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	w.file.Write(one[:]) //nolint:errcheck // full means awake
}

// sleep returns after a wake, or after d at the latest.
func (w *waker) sleep(d time.Duration) {
	w.file.SetReadDeadline(time.Now().Add(d)) //nolint:errcheck // an eventfd has deadlines
	var count [8]byte
	w.file.Read(count[:]) //nolint:errcheck // deadline or wake: both end the sleep
}

func (w *waker) close() { w.file.Close() }
