package baselines

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// topic is one of Kafka's that a test has for itself.
type topic struct {
	t        *testing.T
	name     string
	producer *kafka.Producer
}

const partitions = 3

// unique makes a topic name that no run before had: the broker may be older.
func unique() string { return fmt.Sprintf("baselines.%x", time.Now().UnixNano()) }

func newTopic(t *testing.T, name string) *topic {
	t.Helper()
	addr := brokers(t)
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": addr, "log_level": 0})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for { // a broker that has just started refuses for a moment
		made, err := admin.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}})
		if err == nil && (made[0].Error.Code() == kafka.ErrNoError || made[0].Error.Code() == kafka.ErrTopicAlreadyExists) {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("create topic %s: %v %v", name, made, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	p, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": addr, "linger.ms": 2, "enable.idempotence": true, "log_level": 0})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return &topic{t, name, p}
}

// send writes records, keyed by symbol, and returns when the broker has them.
func (k *topic) send(records ...record) {
	k.t.Helper()
	acks := make(chan kafka.Event, len(records))
	for _, r := range records {
		err := k.producer.Produce(&kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &k.name, Partition: kafka.PartitionAny},
			Key:            []byte(r.symbol), Value: []byte(r.value()),
		}, acks)
		if err != nil {
			k.t.Fatal(err)
		}
	}
	deadline := time.After(patience)
	for range records {
		select {
		case e := <-acks:
			if m, ok := e.(*kafka.Message); !ok || m.TopicPartition.Error != nil {
				k.t.Fatalf("write a record: %v", e)
			}
		case <-deadline:
			k.t.Fatal("records are not acknowledged")
		}
	}
}

// environment is a server's that reads the topic.
func environment(t *testing.T, name string) map[string]string {
	return map[string]string{"KAFKA_BROKERS": brokers(t), "KAFKA_TOPICS": name + "=trade"}
}

// record is one of a symbol; n counts its records from 1.
type record struct {
	symbol string
	n      int
	bytes  int // its value is so much longer
}

func (r record) value() string {
	return fmt.Sprintf(`{"n":%d,"pad":"%s%s"}`, r.n, r.symbol, strings.Repeat("x", r.bytes))
}

// numbered makes records n = first … last of each symbol, the symbols in turn.
func numbered(first, last int, symbols ...string) []record {
	var all []record
	for n := first; n <= last; n++ {
		for _, s := range symbols {
			all = append(all, record{symbol: s, n: n})
		}
	}
	return all
}

// long makes records of one symbol that fill a socket soon.
func long(first, last int) []record {
	all := numbered(first, last, "S00000")
	for i := range all {
		all[i].bytes = 16 << 10
	}
	return all
}
