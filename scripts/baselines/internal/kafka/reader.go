package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/baselines/internal/baseline"
)

const (
	questionTimeout = 1500 * time.Millisecond // bounds a question that cannot be cancelled
	retryPause      = 200 * time.Millisecond
	pollTimeout     = 100 * time.Millisecond
)

// Record is one of a topic. Key and Value are the receiver's.
type Record struct {
	Key, Value []byte
	Event      string
	Timestamp  time.Time
}

// Channel is the record's, symbol.event.
func (r Record) Channel() string { return string(r.Key) + "." + r.Event }

// Reader reads topics from their ends.
type Reader struct {
	client  *kafka.Consumer
	topics  []baseline.Topic
	events  map[string]string     // by topic
	waits   atomic.Pointer[error] // why it does not read yet; nil: it does
	records atomic.Int64
}

var errNotBegun = errors.New("it has not looked for its topics yet")

// New makes a reader. It connects to nothing yet.
func New(s baseline.Settings) (*Reader, error) {
	client, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": strings.Join(s.Brokers, ","),
		// librdkafka fetches for a group only, member or not; none is joined.
		"group.id":             "baseline-no-group",
		"enable.auto.commit":   false,
		"auto.offset.reset":    "error",
		"isolation.level":      "read_committed",
		"max.poll.interval.ms": 86_400_000,
		"log_level":            0,
		"enable.metrics.push":  false,
		// Without these a record is 343 ms late on the median, with them 0.4 ms.
		"fetch.queue.backoff.ms":     5,
		"queued.min.messages":        10_000_000,
		"queued.max.messages.kbytes": 64 << 10,
		"fetch.max.bytes":            16 << 20,
		"fetch.error.backoff.ms":     100,
	})
	if err != nil {
		return nil, fmt.Errorf("set up librdkafka: %w", err)
	}
	r := &Reader{client: client, topics: s.Topics, events: map[string]string{}}
	for _, t := range s.Topics {
		r.events[t.Name] = t.Event
	}
	r.waits.Store(&errNotBegun)
	return r, nil
}

// NotReady is nil when every record that is written from now on will be read.
// Any goroutine.
func (r *Reader) NotReady() error {
	if why := r.waits.Load(); why != nil {
		return *why
	}
	return nil
}

// Records is how many were read. Any goroutine.
func (r *Reader) Records() int64 { return r.records.Load() }

// Run hands every record to each, in order, until ctx is done. Call it once: it
// closes the client.
func (r *Reader) Run(ctx context.Context, each func(Record)) error {
	defer r.client.Close()
	if !r.begin(ctx) {
		return nil
	}
	for ctx.Err() == nil {
		switch e := r.client.Poll(int(pollTimeout.Milliseconds())).(type) {
		case *kafka.Message:
			r.records.Add(1)
			each(Record{e.Key, e.Value, r.events[*e.TopicPartition.Topic], e.Timestamp})
		case kafka.Error:
			if e.IsFatal() || e.Code() == kafka.ErrAutoOffsetReset {
				return fmt.Errorf("read Kafka: %w", e)
			}
			slog.Warn("Kafka's client reports an error; it goes on trying", "error", e)
		}
	}
	return nil
}

// begin assigns all partitions of all topics, as soon as there are such. false:
// ctx was done before.
func (r *Reader) begin(ctx context.Context) bool {
	for {
		ends, err := r.ends()
		if err == nil {
			if err = r.client.Assign(ends); err == nil {
				r.waits.Store(nil)
				return true
			}
			err = fmt.Errorf("assign partitions: %w", err)
		}
		r.waits.Store(&err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(retryPause):
		}
	}
}

// ends asks for the end of every partition. Assigned as "the end" in place of
// an offset, it would be where the log ends whenever librdkafka gets to it.
func (r *Reader) ends() ([]kafka.TopicPartition, error) {
	timeout := int(questionTimeout.Milliseconds())
	var ends []kafka.TopicPartition
	for _, t := range r.topics {
		m, err := r.client.GetMetadata(&t.Name, false, timeout)
		if err != nil {
			return nil, fmt.Errorf("ask for topic %s: %w", t.Name, err)
		}
		topic := m.Topics[t.Name]
		if topic.Error.Code() != kafka.ErrNoError {
			return nil, fmt.Errorf("ask for topic %s: %w", t.Name, topic.Error)
		}
		if len(topic.Partitions) == 0 {
			return nil, fmt.Errorf("ask for topic %s: it has no partitions", t.Name)
		}
		for _, p := range topic.Partitions {
			_, end, err := r.client.QueryWatermarkOffsets(t.Name, p.ID, timeout)
			if err != nil {
				return nil, fmt.Errorf("ask for the end of %s/%d: %w", t.Name, p.ID, err)
			}
			ends = append(ends, kafka.TopicPartition{Topic: &t.Name, Partition: p.ID, Offset: kafka.Offset(end)})
		}
	}
	return ends, nil
}
