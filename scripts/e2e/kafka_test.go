package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
)

// topics are a test's own topics, one for each event.
type topics struct {
	brokers  string
	prefix   string
	events   []string
	producer *kafka.Producer
}

func (tp topics) name(event string) string { return tp.prefix + "." + event }

// setting is the value of KAFKA_TOPICS.
func (tp topics) setting() string {
	var list []string
	for _, event := range tp.events {
		list = append(list, tp.name(event)+"="+event)
	}
	return strings.Join(list, ",")
}

// nameTopics chooses names for topics without making them.
func nameTopics(t testing.TB, brokers string, events ...string) topics {
	t.Helper()
	tp := topics{brokers: brokers, prefix: fmt.Sprintf("t%08x", rand.Uint32()), events: events, producer: suite.producer}
	if brokers != suite.brokers {
		var err error
		if tp.producer, err = newProducer(brokers); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(tp.producer.Close)
	}
	return tp
}

func makeTopics(t testing.TB, brokers string, partitions int, events ...string) topics {
	t.Helper()
	tp := nameTopics(t, brokers, events...)
	create(t, tp, partitions, events...)
	return tp
}

func create(t testing.TB, tp topics, partitions int, events ...string) {
	t.Helper()
	var names []string
	for _, event := range events {
		names = append(names, tp.name(event))
	}
	if err := broker.CreateTopics(within(t), tp.brokers, partitions, names...); err != nil {
		t.Fatal(err)
	}
}

var symbols atomic.Int64

// symbol is one that no other test uses.
func symbol() string { return fmt.Sprintf("S%d", symbols.Add(1)) }

func newProducer(brokers string) (*kafka.Producer, error) {
	p, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers":        brokers,
		"acks":                     "all",
		"enable.idempotence":       true,
		"linger.ms":                0,
		"go.logs.channel.enable":   false,
		"log_level":                0,
		"reconnect.backoff.max.ms": 500,
		"message.max.bytes":        4 << 20,
		// Records that name no partition go where their key says, as the
		// publisher's do.
		"partitioner": "murmur2_random",
	})
	if err != nil {
		return nil, fmt.Errorf("make producer: %w", err)
	}
	return p, nil
}

// record is one to publish.
type record struct {
	event     string
	symbol    string // the key; "" for none
	value     []byte // nil for a tombstone
	headers   []kafka.Header
	partition int32 // less one: 0 leaves it to the key
	timestamp time.Time
}

// counted is the n-th record of a channel, for check.Stream.
func counted(event, symbol string, n int) record {
	return record{event: event, symbol: symbol, value: fmt.Appendf(nil, `{"n":%d}`, n)}
}

// padded is counted with a payload of about size bytes.
func padded(event, symbol string, n, size int) record {
	return record{event: event, symbol: symbol, value: fmt.Appendf(nil, `{"n":%d,"pad":"%s"}`, n, strings.Repeat("x", size))}
}

// publish writes the records in order and returns their places when the
// broker has them all.
func (tp topics) publish(t testing.TB, records ...record) []kafka.TopicPartition {
	t.Helper()
	reports := make(chan kafka.Event, len(records))
	for _, r := range records {
		topic := tp.name(r.event)
		m := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
			Value:          r.value,
			Headers:        r.headers,
			Timestamp:      r.timestamp,
		}
		if r.symbol != "" {
			m.Key = []byte(r.symbol)
		}
		if r.partition > 0 {
			m.TopicPartition.Partition = r.partition - 1
		}
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
	// Reports of different partitions come in any order; places are by record.
	places := make([]kafka.TopicPartition, 0, len(records))
	timeout := time.After(patience)
	for range records {
		select {
		case e := <-reports:
			m := e.(*kafka.Message)
			if m.TopicPartition.Error != nil {
				t.Fatalf("publish: %v", m.TopicPartition.Error)
			}
			places = append(places, m.TopicPartition)
		case <-timeout:
			t.Fatalf("publish: %d of %d records after %v", len(places), len(records), patience)
		}
	}
	return places
}

// publishOne writes a record and returns its place as pos has it.
func (tp topics) publishOne(t testing.TB, r record) string {
	t.Helper()
	place := tp.publish(t, r)[0]
	return pos(r.event, place.Partition, int64(place.Offset))
}

// count publishes n = from..to on a channel.
func (tp topics) count(t testing.TB, event, symbol string, from, to int) {
	t.Helper()
	var records []record
	for n := from; n <= to; n++ {
		records = append(records, counted(event, symbol, n))
	}
	tp.publish(t, records...)
}

// pos is a position as messages have it.
func pos(event string, partition int32, offset int64) string {
	return fmt.Sprintf("%s/%d:%d", event, partition, offset)
}
