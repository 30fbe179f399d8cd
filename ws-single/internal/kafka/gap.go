package kafka

import "time"

// doubtPatience is how long what librdkafka has queued is waited for.
const doubtPatience = 10 * time.Second

// doubt is the reader's question whether its positions are still inside the
// logs. librdkafka says that one is not (auto.offset.reset=error), but not
// which: so all are asked about.
type doubt struct {
	raised  bool // librdkafka said so, and nobody was asked since
	asked   bool // discovery is asking
	bounds  []bounds
	settled bool // bounds holds the answer
	since   time.Time
}

// resolve moves a doubt on. Once the answer is here and everything librdkafka
// had fetched has been read, a position that still is outside its log is a gap.
// Then a new client takes over: in the old one the partition stands still.
func (r *reader) resolve(drained bool) {
	d := &r.doubt
	if d.raised && !d.asked && !d.settled {
		d.raised, d.asked = false, true
		r.c.checks <- r.checkpoints()
	}
	if !d.settled || !drained && time.Since(d.since) < doubtPatience {
		return
	}
	for _, b := range d.bounds {
		p := r.topics[b.event].partition(b.partition)
		switch {
		case p == nil:
		case p.next < b.low && (drained || p.next == b.next):
			r.gap(p, p.next, b.low-1, b.low)
		case p.next > b.high && p.next == b.next:
			// Records that were read have been cut off the log's end; others
			// will take their offsets.
			r.gap(p, b.high, p.next-1, b.high)
		}
	}
	d.settled, d.bounds = false, nil
	r.held = d.raised // raised again meanwhile
	r.reopen()
}

// gap records that offsets from to to are lost and sets the position.
func (r *reader) gap(p *partition, from, to, next int64) {
	r.log.Warn("Kafka records are lost", "topic", p.topic.name, "partition", p.id, "from", from, "to", to)
	r.counters.events[p.topic.event].gapRecords.Add(uint64(to - from + 1))
	p.next = next
	r.batch.add(Item{Kind: Gap, Event: p.topic.event, Partition: p.id, From: from, To: to, Offset: next})
	r.reached(p)
}

func (r *reader) checkpoints() []checkpoint {
	var all []checkpoint
	for _, p := range r.partitions() {
		all = append(all, checkpoint{place: place{p.topic.name, p.id}, event: p.topic.event, next: p.next})
	}
	return all
}
