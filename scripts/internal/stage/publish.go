package stage

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func producerProperties(brokers string) *kafka.ConfigMap {
	return &kafka.ConfigMap{
		"bootstrap.servers":        brokers,
		"acks":                     "all",
		"enable.idempotence":       true,
		"linger.ms":                0,
		"go.logs.channel.enable":   false,
		"log_level":                0,
		"reconnect.backoff.max.ms": 500,
		"message.max.bytes":        4 << 20,
		// Records that name no partition go where their key says, as the publisher's do.
		"partitioner": "murmur2_random",
	}
}

// NewProducer makes a producer of the caller's own, with more properties; the caller closes it.
func (tp *Topics) NewProducer(more kafka.ConfigMap) (*kafka.Producer, error) {
	properties := producerProperties(tp.Brokers)
	for name, value := range more {
		(*properties)[name] = value
	}
	return kafka.NewProducer(properties)
}

// Record is one to publish.
type Record struct {
	Event     string
	Symbol    string // the key; "" for none
	Value     []byte // nil for a tombstone
	Headers   []kafka.Header
	Partition int32 // less one: 0 leaves it to the key
	Timestamp time.Time
}

// Counted is the n-th record of a channel, for check.Stream.
func Counted(event, symbol string, n int) Record {
	return Record{Event: event, Symbol: symbol, Value: fmt.Appendf(nil, `{"n":%d}`, n)}
}

// Padded is Counted with a payload of about size bytes.
func Padded(event, symbol string, n, size int) Record {
	return Record{Event: event, Symbol: symbol, Value: fmt.Appendf(nil, `{"n":%d,"pad":"%s"}`, n, strings.Repeat("x", size))}
}

// Message is the record as confluent-kafka-go takes it.
func (tp *Topics) Message(r Record) *kafka.Message {
	topic := tp.Name(r.Event)
	m := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
		Value:          r.Value,
		Headers:        r.Headers,
		Timestamp:      r.Timestamp,
	}
	if r.Symbol != "" {
		m.Key = []byte(r.Symbol)
	}
	if r.Partition > 0 {
		m.TopicPartition.Partition = r.Partition - 1
	}
	return m
}

// Publish writes the records in order and returns their places, by record, when the broker has them all.
func (tp *Topics) Publish(t TB, records ...Record) []kafka.TopicPartition {
	t.Helper()
	reports := make(chan kafka.Event, len(records))
	for i, r := range records {
		m := tp.Message(r)
		m.Opaque = i
		for {
			err := tp.producer.Produce(m, reports)
			if err == nil {
				break
			}
			var full kafka.Error
			if !errors.As(err, &full) || full.Code() != kafka.ErrQueueFull {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	places := make([]kafka.TopicPartition, len(records))
	timeout := time.After(Patience)
	for have := range records {
		select {
		case e := <-reports:
			m := e.(*kafka.Message)
			if m.TopicPartition.Error != nil {
				t.Fatalf("publish: %v", m.TopicPartition.Error)
			}
			places[m.Opaque.(int)] = m.TopicPartition
		case <-timeout:
			t.Fatalf("publish: %d of %d records after %v", have, len(records), Patience)
		}
	}
	return places
}

// PublishOne writes a record and returns its place as pos has it.
func (tp *Topics) PublishOne(t TB, r Record) string {
	t.Helper()
	place := tp.Publish(t, r)[0]
	return Pos(r.Event, place.Partition, int64(place.Offset))
}

// Count publishes n = from..to on a channel.
func (tp *Topics) Count(t TB, event, symbol string, from, to int) {
	t.Helper()
	var records []Record
	for n := from; n <= to; n++ {
		records = append(records, Counted(event, symbol, n))
	}
	tp.Publish(t, records...)
}

// Pos is a position as messages have it.
func Pos(event string, partition int32, offset int64) string {
	return fmt.Sprintf("%s/%d:%d", event, partition, offset)
}

// Transaction publishes records in a transaction of their own, which is committed, or aborted.
func (tp *Topics) Transaction(t TB, commit bool, records ...Record) {
	t.Helper()
	properties := producerProperties(tp.Brokers)
	(*properties)["transactional.id"] = Symbol()
	producer, err := kafka.NewProducer(properties)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("transaction: %v", err)
		}
	}
	must(producer.InitTransactions(Within(t)))
	must(producer.BeginTransaction())
	reports := make(chan kafka.Event, len(records))
	for _, r := range records {
		must(producer.Produce(tp.Message(r), reports))
	}
	for range records {
		must((<-reports).(*kafka.Message).TopicPartition.Error)
	}
	if commit {
		must(producer.CommitTransaction(Within(t)))
	} else {
		must(producer.AbortTransaction(Within(t)))
	}
}
