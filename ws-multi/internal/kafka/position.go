package kafka

import (
	"slices"
	"sync/atomic"
	"time"
)

// topic is one that is configured. The reader's, but for what never changes:
// event and name.
type topic struct {
	event int
	name  string

	log   string       // empty until it exists
	id    [16]byte     // zero: the broker has none
	parts []*partition // by number; nil: not found yet
}

// partition is one that is read. Discovery makes it and says where to begin;
// from then on it is the reader's, but for topic and id, which never change, and
// for high.
type partition struct {
	topic *topic
	id    int32
	next  atomic.Int64 // the offset that is read next; only the reader changes it
	until int64        // Loaded waits for next to come here; 0: it does not
	asked time.Time    // when discovery was last asked about it (gap.go)
	high  int64        // discovery's: the high watermark that it was told last
}

func newPartition(t *topic, id int32, from, until int64) *partition {
	p := &partition{topic: t, id: id}
	p.next.Store(from)
	if until > from {
		p.until = until
	}
	return p
}

// partition gives nil for one that is not read, also of no topic.
func (t *topic) partition(id int32) *partition {
	if t == nil || id < 0 || int(id) >= len(t.parts) {
		return nil
	}
	return t.parts[id]
}

// put takes a partition in.
func (t *topic) put(p *partition) {
	for int(p.id) >= len(t.parts) {
		t.parts = append(t.parts, nil)
	}
	t.parts[p.id] = p
}

// read lists all partitions that are read.
func (r *reader) read() []*partition {
	var all []*partition
	for _, t := range r.topics {
		all = append(all, t.parts...)
	}
	return slices.DeleteFunc(all, func(p *partition) bool { return p == nil })
}

// atLeast is how many offsets before its end a partition is read from, however
// old they are.
const atLeast = 1000

// beginning is where to begin with a partition that was there at the start: the
// earlier of the window's first record, negative if it has none, and atLeast
// offsets before the end (protocol.md section 5).
func beginning(first, inWindow, end int64) int64 {
	from := end - atLeast
	if inWindow >= 0 {
		from = min(from, inWindow)
	}
	return max(first, from)
}

// find does what discovery found.
func (r *reader) find(f finding) {
	for _, n := range f.news {
		r.learn(n)
	}
	r.surveyed = r.surveyed || f.surveyed
	r.settle(f)
	if !f.complete.IsZero() {
		r.complete = f.complete
	}
}

// learn takes the news of a topic.
func (r *reader) learn(n news) {
	t := n.topic
	if n.absent {
		r.forgo(t) // nobody knows whether it comes back
		return
	}
	t.id = n.id
	switch t.log {
	case n.log:
	case "":
		r.log.Info("Kafka topic found", "topic", t.name, "log", n.log, "partitions", len(n.parts))
		r.to.Opened(t.event, n.log)
	default:
		r.reopen() // with what was fetched of the old log, and of the new one by old offsets
		r.forgo(t)
		t.parts = nil
		r.to.Remade(t.event, n.log)
	}
	t.log = n.log
	for _, p := range n.parts {
		t.put(p)
		if p.until > 0 {
			r.waiting++
		}
		r.to.Started(t.event, p.id, p.next.Load())
	}
	if r.client != nil {
		r.must("add partitions", r.client.add(n.parts))
	}
}

// forgo ends Loaded's waiting for a topic.
func (r *reader) forgo(t *topic) {
	for _, p := range t.parts {
		if p != nil && p.until > 0 {
			p.until = 0
			r.waiting--
		}
	}
}

// arrived is called after next of a partition has changed.
func (r *reader) arrived(p *partition) {
	if p.until > 0 && p.next.Load() >= p.until {
		p.until = 0
		r.waiting--
	}
}

// ended takes librdkafka's word that all before an offset was read. That may be
// more than there were records: transactions leave markers, and aborted ones more.
func (r *reader) ended(e *event) {
	p := e.topic.partition(e.partition)
	if p == nil || e.offset < p.next.Load() {
		return
	}
	if e.offset > p.next.Load() {
		p.next.Store(e.offset)
		r.to.Passed(p.topic.event, p.id, e.offset-1)
	}
	if p.until > 0 { // this is the end, even if another was there at the start
		p.until = 0
		r.waiting--
	}
}
