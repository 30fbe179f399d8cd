package kafka

/*
#include <stddef.h>
#include <stdint.h>

typedef struct rd_kafka_queue_s rd_kafka_queue_t;

// Of librdkafka, which confluent-kafka-go links. Weak, because this package's
// own trial link, which cgo does, comes without librdkafka.
extern void rd_kafka_queue_io_event_enable(rd_kafka_queue_t *, int, const void *, size_t) __attribute__((weak));

// An eventfd takes eight bytes, a number in host order (eventfd(2)).
static const uint64_t one = 1;

static int watch_queue(void *queue, int fd) {
	if (!rd_kafka_queue_io_event_enable)
		return -1;
	rd_kafka_queue_io_event_enable((rd_kafka_queue_t *)queue, fd, fd < 0 ? NULL : (const void *)&one, fd < 0 ? 0 : sizeof one);
	return 0;
}
*/
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"
	"unsafe"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"golang.org/x/sys/unix"
)

// waker lets the reading goroutine sleep in Go's own poller until librdkafka's
// queue has something, or another goroutine wants it. A blocking Poll would
// keep the only processor until the scheduler notices; polling on a timer
// costs idle CPU. doc.go has the figures.
type waker struct {
	fd   int
	file *os.File
}

func newWaker() (*waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make eventfd: %w", err)
	}
	return &waker{fd: fd, file: os.NewFile(uintptr(fd), "kafka queue")}, nil
}

// watch makes librdkafka wake us when a client's queue gets its first event.
func (w *waker) watch(client *kafka.Consumer) error { return watchQueue(client, w.fd) }

// unwatch must come before the client is closed, and the waker after.
func (w *waker) unwatch(client *kafka.Consumer) {
	watchQueue(client, -1) //nolint:errcheck // it worked for watch
}

// watchQueue reaches for the queue inside confluent-kafka-go's client, which
// has no function for it. The version is pinned, and a change is an error here
// and not a crash.
func watchQueue(client *kafka.Consumer, fd int) error {
	queue := reflect.ValueOf(client).Elem().FieldByName("handle")
	if queue.IsValid() && queue.Kind() == reflect.Struct {
		queue = queue.FieldByName("rkq")
	}
	if !queue.IsValid() || queue.Kind() != reflect.Pointer || queue.IsNil() {
		return errors.New("watch librdkafka's queue: this version of confluent-kafka-go keeps it elsewhere")
	}
	if C.watch_queue(unsafe.Pointer(queue.UnsafePointer()), C.int(fd)) != 0 {
		return errors.New("watch librdkafka's queue: this build of librdkafka cannot")
	}
	return nil
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
