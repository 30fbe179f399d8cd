package kafka

import "time"

// topic is one configured topic.
type topic struct {
	event      int
	name       string
	wire       string   // the event's name
	log        string   // empty until it exists
	id         [16]byte // zero: the broker has none
	partitions []*partition
}

// partition is one that is read.
type partition struct {
	topic  *topic
	id     int32
	next   int64 // the next offset that will be read
	target int64 // Loaded waits for next to reach it; -1: no more
}

// partition returns nil for one that has not been found. librdkafka has one of
// its own, -1, for what it has not placed yet.
func (t *topic) partition(id int32) *partition {
	if id < 0 || int(id) >= len(t.partitions) {
		return nil
	}
	return t.partitions[id]
}

// partitions lists all that are read.
func (r *reader) partitions() []*partition {
	var all []*partition
	for _, t := range r.topics {
		for _, p := range t.partitions {
			if p != nil {
				all = append(all, p)
			}
		}
	}
	return all
}

// takeUpdate takes what discovery has put down, if anything.
func (r *reader) takeUpdate() {
	select {
	case u := <-r.c.updates:
		for _, f := range u.found {
			r.find(f)
		}
		if u.surveyed {
			r.surveyed = true
		}
		if !u.complete.IsZero() {
			r.batch.add(Item{Kind: Surveyed, Timestamp: Since(u.complete)})
		}
		if u.checked {
			r.doubt.asked, r.doubt.settled, r.doubt.bounds, r.doubt.since = false, true, u.bounds, time.Now()
		}
	default:
	}
}

// find takes the news of one topic.
func (r *reader) find(f finding) {
	t := r.topics[f.event]
	if f.log == "" {
		r.forgo(t) // nobody knows when it comes back
		return
	}
	t.id = f.id
	switch t.log {
	case f.log:
	case "":
		t.log = f.log
		r.log.Info("Kafka topic found", "topic", t.name, "event", t.wire, "log", f.log, "partitions", len(f.parts))
		r.batch.add(Item{Kind: Opened, Event: t.event, Log: f.log})
	default:
		// The client may hold records of the old log, and would go on at the
		// old offsets in the new one.
		r.reopen()
		r.forgo(t)
		t.log, t.partitions = f.log, nil
		r.batch.add(Item{Kind: NewLog, Event: t.event, Log: f.log})
	}
	var parts []*partition
	for _, n := range f.parts {
		p := &partition{topic: t, id: n.partition, next: n.start, target: -1}
		for len(t.partitions) <= int(p.id) {
			t.partitions = append(t.partitions, nil)
		}
		t.partitions[p.id] = p
		parts = append(parts, p)
		r.batch.add(Item{Kind: Started, Event: t.event, Partition: p.id, Offset: p.next})
		if n.end > n.start {
			p.target = n.end
			r.waiting++
		}
	}
	if r.client == nil {
		return // it will be opened with all
	}
	if err := r.assign(parts); err != nil {
		if n := r.quiet.due("assign"); n > 0 {
			r.log.Warn("Kafka's client does not take partitions; opening another", "error", err, "times", n)
		}
		r.reopen()
	}
}

// forgo ends the waiting for a topic's partitions.
func (r *reader) forgo(t *topic) {
	for _, p := range t.partitions {
		if p != nil && p.target >= 0 {
			p.target = -1
			r.waiting--
		}
	}
}
