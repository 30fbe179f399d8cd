package kafka

/*
#include <stdlib.h>
#include "client.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// run is how many events one take gives at most.
const run = C.MAX_RUN

// kind says what an event is.
type kind uint8

const (
	isRecord kind = C.IS_RECORD
	isEnd    kind = C.IS_END   // the partition was read up to offset
	isFault  kind = C.IS_FAULT // code and text; of a partition if topic is not nil
)

// event is one thing that librdkafka has to say. Its bytes are librdkafka's own
// memory, not copied, and void after the next take.
type event struct {
	kind          kind
	topic         *topic // nil: of none, or of one that is not configured
	partition     int32
	offset        int64
	timestamp     int64
	symbol, value []byte // nil: there is none
	code          kafka.ErrorCode
	fatal         bool
	text          string
}

// client is what reading needs of librdkafka. One goroutine uses it.
type client interface {
	// take gives what is ready, at most so many events and about 1 MiB, without
	// waiting; without records only what belongs to no partition. Not more:
	// there is no more, and the alarm rings for the next.
	take(most int, records bool) (events []event, more bool)
	// add has partitions fetched from their next on. To add all of them again
	// would begin all of them again.
	add([]*partition) error
	drop([]*partition) error
	// identities gives the topic IDs that were learnt since the last call, nil
	// mostly. Records that were taken before it tells of an ID were fetched
	// before that ID was known. Not whole: there were more than could be kept.
	identities() (ids map[string][16]byte, whole bool)
	close()
}

// native is a client by cgo. confluent-kafka-go's own takes one event a call,
// copies and allocates for each, and has neither a queue to sleep on nor a way to
// hear of topic IDs.
type native struct {
	c      *C.client_t
	logged *uint32
	topics map[string]*topic
	handle unsafe.Pointer // of known
	known  *topic
	events []event
	lines  []byte
	show   func(line string)
}

// newNative makes a client that rings alarm. Lines of librdkafka's log up to level
// (syslog(3); below 0 none) go to show, on the goroutine that uses the client.
func newNative(properties map[string]string, topics map[string]*topic, alarm, level int, show func(string)) (*native, error) {
	if v := int(C.client_version()); v != C.LIBRDKAFKA_VERSION {
		return nil, fmt.Errorf("this program holds librdkafka %x and was written for %x: build it with the version of go.mod, without the tag dynamic", v, C.LIBRDKAFKA_VERSION)
	}
	properties = maps.Clone(properties)
	// Topic IDs are told in the log only, and only by this part of it, which is
	// silent but when metadata comes.
	properties["debug"] = strings.TrimPrefix(properties["debug"]+",metadata", ",")
	pairs := make([]*C.char, 0, 2*len(properties))
	defer func() {
		for _, s := range pairs {
			C.free(unsafe.Pointer(s))
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		pairs = append(pairs, C.CString(name), C.CString(properties[name]))
	}
	var text [512]C.char
	c := C.client_new(&pairs[0], C.int(len(pairs)/2), C.int(alarm), C.int(level), &text[0], C.size_t(len(text)))
	if c == nil {
		return nil, errors.New(strings.TrimSpace(C.GoString(&text[0])))
	}
	return &native{
		c: c, logged: (*uint32)(unsafe.Pointer(&c.logged)), topics: topics,
		events: make([]event, run), lines: make([]byte, C.LOG_BYTES), show: show,
	}, nil
}

func (n *native) take(most int, records bool) (events []event, more bool) {
	wanted := C.int(0)
	if records {
		wanted = 1
	}
	count := int(C.client_take(n.c, C.int(min(most, run)), wanted))
	for i := range count {
		n.read(&n.c.events[i], &n.events[i])
	}
	return n.events[:count], n.c.more != 0
}

func (n *native) read(from *C.event_t, to *event) {
	*to = event{
		kind: kind(from.kind), topic: n.topic(from), partition: int32(from.partition),
		offset: int64(from.offset), timestamp: int64(from.timestamp),
		symbol: bytesAt(from.symbol, from.symbol_bytes), value: bytesAt(from.value, from.value_bytes),
	}
	if to.kind == isFault {
		to.code, to.fatal, to.text = kafka.ErrorCode(from.code), from.fatal != 0, C.GoString(from.text)
	}
}

// topic finds an event's topic. A record's handle stays its topic's while one of
// its partitions is fetched.
func (n *native) topic(from *C.event_t) *topic {
	switch {
	case from.topic == nil:
		return nil
	case from.handle == nil:
		return n.topics[C.GoString(from.topic)]
	case from.handle != n.handle:
		n.handle, n.known = from.handle, n.topics[C.GoString(from.topic)]
	}
	return n.known
}

// bytesAt keeps none (nil) and empty apart.
func bytesAt(p unsafe.Pointer, n C.size_t) []byte { return unsafe.Slice((*byte)(p), int(n)) }

func (n *native) add(parts []*partition) error { return n.move(1, parts) }

func (n *native) drop(parts []*partition) error {
	n.handle, n.known = nil, nil // it may have been the topic's last partition, and the handle another's next
	return n.move(0, parts)
}

func (n *native) move(add C.int, parts []*partition) error {
	if len(parts) == 0 {
		return nil
	}
	names := make([]*C.char, len(parts))
	ids, offsets := make([]C.int32_t, len(parts)), make([]C.int64_t, len(parts))
	for i, p := range parts {
		names[i], ids[i], offsets[i] = C.CString(p.topic.name), C.int32_t(p.id), C.int64_t(p.next.Load())
		defer C.free(unsafe.Pointer(names[i]))
	}
	if why := C.client_move(n.c, add, &names[0], &ids[0], &offsets[0], C.int(len(parts))); why != nil {
		defer C.free(unsafe.Pointer(why))
		return errors.New(C.GoString(why))
	}
	return nil
}

func (n *native) identities() (ids map[string][16]byte, whole bool) {
	if atomic.LoadUint32(n.logged) == 0 {
		return nil, true
	}
	var missed C.int
	length := C.client_log(n.c, (*C.char)(unsafe.Pointer(&n.lines[0])), &missed)
	for line := range strings.SplitSeq(string(n.lines[:length]), "\x00") {
		if line == "" {
			continue
		}
		level, text := line[0], line[1:]
		if name, id, ok := parseIdentity(text); ok {
			if ids == nil {
				ids = map[string][16]byte{}
			}
			ids[name] = id
		}
		if C.int(level) <= n.c.level {
			n.show(text)
		}
	}
	return ids, missed == 0
}

func (n *native) close() {
	C.client_destroy(n.c)
	n.c, n.logged = nil, nil
}
