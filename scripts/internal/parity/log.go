package parity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// log is Kafka's own log, read by a consumer of this program's: what each client must have got is known from there, and so
// is who is wrong when two differ.
type log struct {
	topics     []wire.Topic
	partitions map[string][]*partition // by event, then by number
	byTopic    map[string]string       // event
	channels   *channels

	consumer *kafka.Consumer
	admin    *kafka.AdminClient
	body     []byte // of the reader's
}

// openLog finds the topics' partitions and their ends, which is where the comparison starts.
func openLog(ctx context.Context, brokers string, topics []wire.Topic, chans *channels, found *findings, late *lateness) (*log, error) {
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers":    brokers,
		"group.id":             "parity", // asked for, and not joined: partitions are assigned
		"enable.auto.commit":   false,
		"isolation.level":      "read_committed", // P1.3
		"enable.partition.eof": true,
		"auto.offset.reset":    "error",
		"log_level":            0,
	})
	if err != nil {
		return nil, fmt.Errorf("make consumer: %w", err)
	}
	admin, err := kafka.NewAdminClientFromConsumer(consumer)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make admin client: %w", err), consumer.Close())
	}
	l := &log{
		topics: topics, partitions: map[string][]*partition{}, byTopic: map[string]string{},
		channels: chans, consumer: consumer, admin: admin,
	}
	if err := l.assign(ctx, found, late); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *log) assign(ctx context.Context, found *findings, late *lateness) error {
	counts := map[string]int{}
	for _, t := range l.topics {
		m, err := l.consumer.GetMetadata(&t.Name, false, 10_000)
		if err != nil {
			return fmt.Errorf("ask for the partitions of %s: %w", t.Name, err)
		}
		info := m.Topics[t.Name]
		if info.Error.Code() != kafka.ErrNoError || len(info.Partitions) == 0 {
			return fmt.Errorf("the broker has no topic %s (%w): make it, or name the topics of the servers by --topics", t.Name, info.Error)
		}
		counts[t.Name] = len(info.Partitions)
		l.byTopic[t.Name] = t.Event
	}
	ends, err := l.ends(ctx, counts)
	if err != nil {
		return err
	}
	var from []kafka.TopicPartition
	for _, t := range l.topics {
		for n := range counts[t.Name] {
			start := ends[t.Name][n]
			l.partitions[t.Event] = append(l.partitions[t.Event],
				newPartition(t.Event, int32(n), start, len(l.channels.watches), found, late))
			from = append(from, kafka.TopicPartition{Topic: &t.Name, Partition: int32(n), Offset: kafka.Offset(start)})
		}
	}
	if err := l.consumer.Assign(from); err != nil {
		return fmt.Errorf("assign partitions: %w", err)
	}
	return nil
}

// ends asks for the ends of committed records, by topic and partition.
func (l *log) ends(ctx context.Context, counts map[string]int) (map[string][]int64, error) {
	ask := map[kafka.TopicPartition]kafka.OffsetSpec{}
	ends := map[string][]int64{}
	for topic, n := range counts {
		ends[topic] = make([]int64, n)
		for p := range n {
			ask[kafka.TopicPartition{Topic: &topic, Partition: int32(p)}] = kafka.LatestOffsetSpec
		}
	}
	answers, err := l.admin.ListOffsets(ctx, ask, kafka.SetAdminIsolationLevel(kafka.IsolationLevelReadCommitted))
	if err != nil {
		return nil, fmt.Errorf("ask for the ends of the topics: %w", err)
	}
	for tp, a := range answers.ResultInfos {
		if a.Error.Code() != kafka.ErrNoError {
			return nil, fmt.Errorf("ask for the end of %s/%d: %w", *tp.Topic, tp.Partition, a.Error)
		}
		ends[*tp.Topic][tp.Partition] = int64(a.Offset)
	}
	return ends, nil
}

// stop sets the end of the comparison: what the log has now.
func (l *log) stop(ctx context.Context) error {
	counts := map[string]int{}
	for _, t := range l.topics {
		counts[t.Name] = len(l.partitions[t.Event])
	}
	ends, err := l.ends(ctx, counts)
	if err != nil {
		return err
	}
	for _, t := range l.topics {
		for n, p := range l.partitions[t.Event] {
			p.until(ends[t.Name][n])
		}
	}
	return nil
}

// awaitEnd waits until the log was read up to its end.
func (l *log) awaitEnd(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if !slices.ContainsFunc(l.all(), func(p *partition) bool { return !p.complete() }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("read the log to its end: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// all are the partitions, by topic and number.
func (l *log) all() []*partition {
	var all []*partition
	for _, t := range l.topics {
		all = append(all, l.partitions[t.Event]...)
	}
	return all
}

// read reads until ctx is done. The goroutine that runs it is the only one that adds to partitions.
func (l *log) read(ctx context.Context) error {
	for ctx.Err() == nil {
		switch e := l.consumer.Poll(50).(type) {
		case *kafka.Message:
			if err := e.TopicPartition.Error; err != nil {
				return fmt.Errorf("read the log: %w", err)
			}
			l.record(e)
		case kafka.PartitionEOF:
			// A transaction's marker may be the last of a log: there is no record then to tell that it was reached.
			if p := l.of(*e.Topic, e.Partition); p != nil {
				p.skip(int64(e.Offset) - 1)
			}
		case kafka.Error:
			if e.IsFatal() || e.Code() == kafka.ErrAutoOffsetReset || e.Code() == kafka.ErrOffsetOutOfRange {
				return fmt.Errorf("read the log: %w", e)
			}
		}
	}
	return nil
}

func (l *log) of(topic string, number int32) *partition {
	partitions := l.partitions[l.byTopic[topic]]
	if number < 0 || int(number) >= len(partitions) {
		return nil // added since: no client has it in its cursor either
	}
	return partitions[number]
}

// record adds a record, if it has a channel, with what its message must be.
func (l *log) record(m *kafka.Message) {
	p := l.of(*m.TopicPartition.Topic, m.TopicPartition.Partition)
	if p == nil {
		return
	}
	offset := int64(m.TopicPartition.Offset)
	symbol := symbolOf(m)
	if !wire.ValidSymbol(symbol) {
		p.skip(offset)
		return
	}
	ts := int64(-1)
	if m.TimestampType != kafka.TimestampNotAvailable {
		ts = m.Timestamp.UnixMilli()
	}
	l.body = wire.AppendBody(l.body[:0], wire.Record{
		Symbol: symbol, Event: p.event, Partition: p.number, Offset: offset, Timestamp: ts, Value: m.Value,
	})
	said, _ := partsOf(l.body) // it is as it must be
	p.add(record{offset: offset, channel: l.channels.of(said.channel), ts: ts, body: sha256.Sum256(l.body)})
}

// symbolOf is a record's symbol, usable or not (P1.3).
func symbolOf(m *kafka.Message) []byte {
	for _, h := range slices.Backward(m.Headers) {
		if h.Key == "symbol" {
			return h.Value
		}
	}
	return m.Key
}

func (l *log) close() error {
	l.admin.Close()
	if err := l.consumer.Close(); err != nil {
		return fmt.Errorf("close consumer: %w", err)
	}
	return nil
}
