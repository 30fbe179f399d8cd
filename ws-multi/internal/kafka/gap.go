package kafka

import (
	"errors"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// doubtEvery parts two doubts about one partition.
const doubtEvery = time.Second

// fault takes an error. Most are about a connection, and librdkafka goes on trying.
func (r *reader) fault(e *event) {
	switch {
	case e.fatal || e.code == kafka.ErrFatal:
		r.must("read", errors.New(e.text))
	case e.code == kafka.ErrAutoOffsetReset || e.code == kafka.ErrLogTruncation:
		r.outside(e)
	case ofGroup(e.code, e.text), e.code == kafka.ErrAllBrokersDown: // discovery tells that
	case refused(e.text) != nil:
		// While nobody answers, discovery has the same to say.
		if why := refused(e.text); r.counters.up.Load() {
			r.rarely.warn("refused "+why.setting, "A broker refuses, or is refused; asking again", "setting", why.setting, "advice", why.advice, "error", e.text)
		}
	default:
		r.rarely.warn(e.code.String(), "Kafka's client reports an error; it goes on trying", "error", e.text)
	}
}

// outside: a position is not in its log, because retention was faster than we, or
// because the log's end was cut off. librdkafka stops fetching the partition and
// does not say where its log is now, so discovery is asked. Whatever it had
// fetched of the partition came before this, so next stays until then.
func (r *reader) outside(e *event) {
	r.rarely.warn(e.code.String(), "A Kafka log no longer has what was to be read next", "error", e.text)
	if p := e.topic.partition(e.partition); p != nil {
		r.doubtful[p] = true
		return
	}
	for _, p := range r.read() {
		r.doubtful[p] = true
	}
}

// voice asks discovery about what is doubtful, about each partition once in a while.
func (r *reader) voice() {
	if len(r.doubtful) == 0 {
		return
	}
	var about []position
	now := time.Now()
	for p := range r.doubtful {
		if now.Sub(p.asked) >= doubtEvery {
			about = append(about, position{p, p.next.Load()})
			p.asked = now
			delete(r.doubtful, p)
		}
	}
	if about != nil {
		r.ask(about)
	}
}

// ask has discovery look at everything again, and at the reach of some partitions.
func (r *reader) ask(about []position) {
	r.asked++
	r.doubts.put(doubt{r.asked, about})
	select {
	case r.doubted <- struct{}{}:
	default: // it will see this one too
	}
}

// settle takes discovery's answer to doubts: a position outside its log is moved
// into it, and what was between is lost. Either way the partition is fetched again.
func (r *reader) settle(f finding) {
	if f.number >= r.held {
		r.held = 0
	}
	for _, s := range f.reaches {
		p := s.partition
		if p.topic.partition(p.id) != p {
			continue // of a log that is no more
		}
		switch next := p.next.Load(); {
		case next < s.first:
			r.lose(p, next, s.first-1, s.first)
		case next > s.end && next == s.next:
			// Records that were read have been cut off the log's end, and
			// others will have their offsets. One that has moved since the
			// question was being read all the while, also beyond what was the
			// end then; if it is outside now, librdkafka says so again.
			r.lose(p, s.end, next-1, s.end)
		}
		if r.client != nil {
			r.must("drop a partition", r.client.drop([]*partition{p}))
		}
		if r.client != nil {
			r.must("add a partition", r.client.add([]*partition{p}))
		}
	}
}

func (r *reader) lose(p *partition, from, to, next int64) {
	r.log.Warn("Kafka records are lost", "topic", p.topic.name, "partition", p.id, "from", from, "to", to)
	r.counters.events[p.topic.event].gapRecords.Add(uint64(to - from + 1))
	p.next.Store(next)
	r.to.Lost(p.topic.event, p.id, from, to, next)
	r.arrived(p)
}
