package kafka

import (
	"context"
	"log/slog"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"golang.org/x/time/rate"
)

const (
	// nap is the longest sleep: what hangs on time is looked at so often.
	nap = time.Second
	// rateSpan is the time over which MaxRate is kept: so much may come at once.
	rateSpan = 50 * time.Millisecond
)

// reader turns librdkafka's events into batches. Its goroutine alone owns
// everything here, and the client that reads records.
type reader struct {
	c        *Consumer
	log      *slog.Logger
	quiet    quiet
	counters *counters
	waker    *waker

	client client // nil: to be opened, at the positions of topics
	held   bool   // not to be opened until discovery has looked again
	opened time.Time
	paused bool // as the client is
	batch  *Batch
	moderation
	limiter *rate.Limiter // nil: no MaxRate
	atOnce  int           // records in one batch at most

	topics   []*topic // by event
	byName   map[string]*topic
	surveyed bool // every partition that counts for Loaded is known
	waiting  int  // partitions that have not reached their target
	loaded   bool // was sent

	doubt   doubt
	skipped skipped
}

func newReader(c *Consumer, w *waker) *reader {
	r := &reader{
		c: c, log: c.log, quiet: quiet{}, counters: c.counters, waker: w,
		byName: map[string]*topic{}, atOnce: maxItems,
	}
	for i, t := range c.cfg.Topics {
		t := &topic{event: i, name: t.Name, wire: t.Event}
		r.topics = append(r.topics, t)
		r.byName[t.name] = t
	}
	if c.cfg.MaxRate > 0 {
		burst := max(1, int(float64(c.cfg.MaxRate)*rateSpan.Seconds()))
		r.limiter = rate.NewLimiter(rate.Limit(c.cfg.MaxRate), burst)
		r.atOnce = min(r.atOnce, burst)
	}
	return r
}

// run reads until ctx is done.
func (r *reader) run(ctx context.Context) {
	r.batch = r.c.newBatch()
	defer r.closeClient()
	for ctx.Err() == nil {
		r.takeUpdate()
		r.pause(r.c.pause.Load())
		read, drained := 0, true
		if r.ready(ctx) {
			read, drained = r.fill()
		}
		r.resolve(drained)
		r.skipped.report(r.log)
		if r.surveyed && r.waiting == 0 && !r.loaded {
			r.loaded = true
			r.batch.add(Item{Kind: Loaded})
		}
		r.send(ctx)
		r.slow(ctx, read)
		if drained && (r.client != nil || r.held) {
			r.sleep(read)
		}
	}
}

// sleep waits for more, after read records were there at once.
func (r *reader) sleep(read int) {
	if r.busy(read, time.Now()) {
		time.Sleep(rest)
		return
	}
	r.waker.sleep(nap)
}

// fill takes what is ready into the batch, without waiting. drained: nothing
// more is.
func (r *reader) fill() (read int, drained bool) {
	if r.otherLog() {
		return 0, true
	}
	empty := 0
	for !r.batch.full() && read < r.atOnce && r.client != nil {
		event := r.client.Poll(0)
		if event == nil {
			// Once may be an event that the Go client knows nothing to do
			// with; the queue wakes us only when it was empty.
			if empty++; empty == 2 {
				return read, true
			}
			continue
		}
		empty = 0
		if r.handle(event) {
			read++
		}
	}
	return read, false
}

// handle takes one event; it reports whether that was a record.
func (r *reader) handle(event kafka.Event) bool {
	if r.otherLog() {
		return false // the event may be of that
	}
	switch e := event.(type) {
	case *kafka.Message:
		r.record(e)
		return true
	case kafka.PartitionEOF:
		r.end(kafka.TopicPartition(e))
	case *kafka.Stats:
		r.take(e.String())
	case kafka.Error:
		r.fault(e)
	}
	return false
}

// otherLog reports whether the client has learnt a topic ID that is not what
// discovery found: the topic was made anew. Then nothing more is read until
// discovery has looked again.
func (r *reader) otherLog() bool {
	for name, id := range r.client.changes() {
		t := r.byName[name]
		if t == nil || t.id == [16]byte{} || t.id == id {
			continue
		}
		r.log.Info("A Kafka topic has another ID than before; looking", "topic", name)
		r.closeClient()
		r.held, r.doubt.raised = true, true
		return true
	}
	return false
}

func (r *reader) record(m *kafka.Message) {
	t := r.byName[*m.TopicPartition.Topic]
	p := t.partition(m.TopicPartition.Partition)
	offset := int64(m.TopicPartition.Offset)
	if p == nil || offset < p.next {
		return // of before a pause; already handed over
	}
	p.next = offset + 1
	r.counters.events[t.event].records.Add(1)
	if reason := r.batch.append(t.event, t.wire, m); reason != "" {
		r.skip(reason, t, p)
	}
	r.reached(p)
}

// end takes librdkafka's word that a partition's end was reached, which may lie
// beyond the last record: transaction markers and aborted records count.
func (r *reader) end(at kafka.TopicPartition) {
	p := r.byName[*at.Topic].partition(at.Partition)
	if p == nil || int64(at.Offset) < p.next {
		return
	}
	if int64(at.Offset) > p.next {
		p.next = int64(at.Offset)
		r.batch.add(Item{Kind: Progress, Event: p.topic.event, Partition: p.id, Offset: p.next - 1})
	}
	if p.target > p.next {
		p.target = p.next
	}
	r.reached(p)
}

// reached settles what Loaded waits for.
func (r *reader) reached(p *partition) {
	if p.target >= 0 && p.next >= p.target {
		p.target = -1
		r.waiting--
	}
}

// fault takes an error of librdkafka's own. Most are about a connection, and
// librdkafka goes on trying.
func (r *reader) fault(e kafka.Error) {
	switch {
	case e.IsFatal():
		if n := r.quiet.due("fatal"); n > 0 {
			r.log.Warn("Kafka's client failed; opening another at the same positions", "error", e, "times", n)
		}
		r.reopen()
	case e.Code() == kafka.ErrAutoOffsetReset || e.Code() == kafka.ErrLogTruncation:
		r.doubt.raised = true
		if n := r.quiet.due("outside"); n > 0 {
			r.log.Warn("A Kafka log no longer has what was to be read next", "error", e, "times", n)
		}
	case memberError(e), e.Code() == kafka.ErrAllBrokersDown: // discovery tells that
	default:
		advice := advice(r.c.cfg, e)
		if advice != "" && !r.counters.up.Load() {
			return // discovery has the same, and tells it
		}
		if n := r.quiet.due("error " + e.Code().String() + advice); n > 0 {
			log := r.log
			if advice != "" {
				log = log.With("advice", advice)
			}
			log.Warn("Kafka's client reports an error; it goes on trying", "error", e, "times", n)
		}
	}
}

// send hands the batch over, and waits for room when the loop is behind.
func (r *reader) send(ctx context.Context) {
	if len(r.batch.Items) == 0 {
		return
	}
	select {
	case r.c.batches <- r.batch:
		r.batch = r.c.newBatch()
	case <-ctx.Done():
	}
}

// slow keeps MaxRate: fetching stops when librdkafka's bounded queue is full.
func (r *reader) slow(ctx context.Context, read int) {
	if r.limiter != nil && read > 0 {
		wait(ctx, r.limiter.ReserveN(time.Now(), read).Delay())
	}
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
