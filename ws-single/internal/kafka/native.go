package kafka

/*
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// librdkafka's (rdkafka.h), which confluent-kafka-go links. Weak, because cgo's
// trial link of this package alone comes without it.
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
#define WEAK __attribute__((weak))
extern WEAK rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *);
extern WEAK void rd_kafka_queue_destroy(rd_kafka_queue_t *);
extern WEAK void rd_kafka_queue_io_event_enable(rd_kafka_queue_t *, int, const void *, size_t);
extern WEAK void rd_kafka_queue_cb_event_enable(rd_kafka_queue_t *, void (*)(rd_kafka_t *, void *), void *);
extern WEAK rd_kafka_event_t *rd_kafka_queue_poll(rd_kafka_queue_t *, int);
extern WEAK int rd_kafka_set_log_queue(rd_kafka_t *, rd_kafka_queue_t *);
extern WEAK int rd_kafka_event_log(rd_kafka_event_t *, const char **, const char **, int *);
extern WEAK void rd_kafka_event_destroy(rd_kafka_event_t *);

// An eventfd takes eight bytes, a number in host order (eventfd(2)).
static const uint64_t one = 1;

typedef struct {
	rd_kafka_queue_t *events;
	rd_kafka_queue_t *log;
	uint32_t lines; // not zero: there are lines of log to be taken
} watch_t;

// Runs on librdkafka's threads, at the moment a line is logged.
static void on_line(rd_kafka_t *client, void *lines) {
	__atomic_store_n((uint32_t *)lines, 1, __ATOMIC_SEQ_CST);
}

// watch_begin has librdkafka write to fd when the client's queue gets its first
// event, and set lines when its log gets its first line. NULL: it cannot.
static watch_t *watch_begin(void *client, void *events, int fd) {
	if (!rd_kafka_queue_new || !rd_kafka_queue_destroy || !rd_kafka_queue_io_event_enable || !rd_kafka_queue_cb_event_enable ||
	    !rd_kafka_queue_poll || !rd_kafka_set_log_queue || !rd_kafka_event_log || !rd_kafka_event_destroy)
		return NULL;
	watch_t *w = calloc(1, sizeof *w);
	w->events = events;
	w->log = rd_kafka_queue_new(client);
	w->lines = 1; // what was logged before
	rd_kafka_queue_cb_event_enable(w->log, on_line, &w->lines);
	rd_kafka_set_log_queue(client, w->log);
	rd_kafka_queue_io_event_enable(w->events, fd, &one, sizeof one);
	return w;
}

// watch_end comes before the client is closed. Lines may come until it is, so
// only then may w be freed.
static void watch_end(watch_t *w) {
	rd_kafka_queue_io_event_enable(w->events, -1, NULL, 0);
	rd_kafka_queue_destroy(w->log);
}

// watch_line takes a line of log and returns its length, -1 when there is none.
static int watch_line(watch_t *w, char *line, int size, int *level) {
	rd_kafka_event_t *event = rd_kafka_queue_poll(w->log, 0);
	const char *facility = "", *text = "";
	if (!event)
		return -1;
	rd_kafka_event_log(event, &facility, &text, level);
	int n = strnlen(text, size);
	memcpy(line, text, n);
	rd_kafka_event_destroy(event);
	return n;
}
*/
import "C"

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// nativeClient is a client with its queue and its log watched, for which
// confluent-kafka-go has no functions. Version and library are pinned; if
// another keeps things elsewhere, the client is not made and an error says so,
// and if its log has other words, TestTopicMadeAnew fails.
type nativeClient struct {
	*kafka.Consumer
	watch      *C.watch_t
	lines      *uint32 // of watch
	printLevel int
}

// newNativeClient makes a client whose queue wakes w. Lines of librdkafka's log
// up to printLevel (syslog(3)) go to the standard error; -1: none.
func newNativeClient(properties kafka.ConfigMap, w *waker, printLevel int) (*nativeClient, error) {
	m := maps.Clone(properties)
	// Topic IDs are in the log (see changes), and only in this part of it.
	// Nothing is logged there unless metadata is asked for.
	debug, _ := m["debug"].(string)
	m["debug"] = strings.TrimPrefix(debug+",metadata", ",")
	m["log.queue"] = true
	k, err := kafka.NewConsumer(&m)
	if err != nil {
		return nil, fmt.Errorf("set up librdkafka: %w", err)
	}
	client, events := inside(k, "rk"), inside(k, "rkq")
	var watch *C.watch_t
	if client == nil || events == nil {
		err = errors.New("this version of confluent-kafka-go keeps it elsewhere")
	} else if watch = C.watch_begin(client, events, C.int(w.fd)); watch == nil {
		err = errors.New("this build of it lacks what is needed")
	}
	if err != nil {
		k.Close()
		return nil, fmt.Errorf("watch librdkafka: %w", err)
	}
	return &nativeClient{Consumer: k, watch: watch, lines: (*uint32)(unsafe.Pointer(&watch.lines)), printLevel: printLevel}, nil
}

// inside returns a pointer of the C client inside the Go client, nil if it is
// not where it was.
func inside(k *kafka.Consumer, field string) unsafe.Pointer {
	handle := reflect.ValueOf(k).Elem().FieldByName("handle")
	if handle.Kind() != reflect.Struct {
		return nil
	}
	pointer := handle.FieldByName(field)
	if pointer.Kind() != reflect.Pointer {
		return nil
	}
	return pointer.UnsafePointer()
}

// Close ends the client with all it has fetched.
func (c *nativeClient) Close() error {
	C.watch_end(c.watch)
	err := c.Consumer.Close()
	C.free(unsafe.Pointer(c.watch))
	c.watch, c.lines = nil, nil
	return err
}

// changes returns the topic IDs that the client has learnt since the last call,
// nil mostly. A record polled before changes told of an ID is of the ID before.
//
// librdkafka fetches by topic ID (from Kafka 3.1 on, KIP-516). When a topic is
// made anew it takes the new ID without a word to the application and goes on
// in the new log at the old log's offset. Only its log tells, and it does so
// before the first fetch with the new ID is sent.
func (c *nativeClient) changes() map[string][16]byte {
	if atomic.LoadUint32(c.lines) == 0 {
		return nil
	}
	atomic.StoreUint32(c.lines, 0) // before, so that a line that comes now counts
	var ids map[string][16]byte
	var line [512]byte
	for {
		var level C.int
		n := C.watch_line(c.watch, (*C.char)(unsafe.Pointer(&line[0])), C.int(len(line)), &level)
		if n < 0 {
			return ids
		}
		text := string(line[:n])
		if topic, id, ok := topicID(text); ok {
			if ids == nil {
				ids = map[string][16]byte{}
			}
			ids[topic] = id
		}
		if int(level) <= c.printLevel {
			fmt.Fprintln(os.Stderr, "librdkafka:", text)
		}
	}
}

// topicID reads a line "[thrd:…]: Topic NAME changed id from ID to ID".
func topicID(line string) (topic string, id [16]byte, ok bool) {
	_, line, _ = strings.Cut(line, "Topic ")
	words := strings.Fields(line)
	if len(words) != 7 || strings.Join(words[1:4], " ") != "changed id from" {
		return "", id, false
	}
	raw, err := base64.RawStdEncoding.DecodeString(words[6])
	if err != nil || len(raw) != len(id) {
		return "", id, false
	}
	return words[0], [16]byte(raw), true
}
