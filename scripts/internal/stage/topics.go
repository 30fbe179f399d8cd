package stage

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
)

// Topics are a test's own topics, one for each event.
type Topics struct {
	Brokers  string
	Events   []string
	names    map[string]string // by event
	producer *kafka.Producer
}

// NameTopics chooses names for topics without making them.
func NameTopics(t TB, brokers string, events ...string) *Topics {
	t.Helper()
	prefix := fmt.Sprintf("t%08x", rand.Uint32())
	names := map[string]string{}
	for _, event := range events {
		names[event] = prefix + "." + event
	}
	return TheseTopics(t, brokers, names)
}

// MakeTopics makes topics with new names.
func MakeTopics(t TB, brokers string, partitions int, events ...string) *Topics {
	t.Helper()
	tp := NameTopics(t, brokers, events...)
	tp.Create(t, partitions, events...)
	return tp
}

// TheseTopics are topics with names that are given, by event.
func TheseTopics(t TB, brokers string, names map[string]string) *Topics {
	t.Helper()
	tp := &Topics{Brokers: brokers, names: names}
	for event := range names {
		tp.Events = append(tp.Events, event)
	}
	var err error
	if tp.producer, err = kafka.NewProducer(producerProperties(brokers)); err != nil {
		t.Fatalf("make producer: %v", err)
	}
	t.Cleanup(tp.producer.Close)
	return tp
}

// Name is an event's topic.
func (tp *Topics) Name(event string) string { return tp.names[event] }

// Setting is the value of KAFKA_TOPICS.
func (tp *Topics) Setting() string {
	var list []string
	for _, event := range tp.Events {
		list = append(list, tp.Name(event)+"="+event)
	}
	return strings.Join(list, ",")
}

// Create makes those of the topics that do not exist yet.
func (tp *Topics) Create(t TB, partitions int, events ...string) {
	t.Helper()
	var names []string
	for _, event := range events {
		names = append(names, tp.Name(event))
	}
	if err := broker.CreateTopics(Within(t), tp.Brokers, partitions, names...); err != nil {
		t.Fatal(err)
	}
}

var symbols atomic.Int64

// Symbol is one that no other test of this process uses, nor, most likely, another process.
func Symbol() string { return fmt.Sprintf("S%s%d", run, symbols.Add(1)) }

var run = fmt.Sprintf("%06x", rand.Uint32()>>8)

// Admin does what an operator does.
func (tp *Topics) Admin(t TB, do func(*kafka.AdminClient) error) {
	t.Helper()
	admin, err := kafka.NewAdminClientFromProducer(tp.producer)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := do(admin); err != nil {
		t.Fatal(err)
	}
}

// AddPartitions raises the number of the topic's partitions, and waits until each has a leader.
func (tp *Topics) AddPartitions(t TB, event string, total int) {
	t.Helper()
	name := tp.Name(event)
	if err := broker.AddPartitions(Within(t), tp.Brokers, name, total); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "the producer to know the partitions", func() bool {
		m, err := tp.producer.GetMetadata(&name, false, 1000)
		return err == nil && len(m.Topics[name].Partitions) == total
	})
}

// DeleteRecords deletes those of a partition before an offset, as retention does.
func (tp *Topics) DeleteRecords(t TB, event string, partition int32, before int64) {
	t.Helper()
	tp.Admin(t, func(admin *kafka.AdminClient) error {
		name := tp.Name(event)
		results, err := admin.DeleteRecords(Within(t), []kafka.TopicPartition{{Topic: &name, Partition: partition, Offset: kafka.Offset(before)}})
		if err == nil {
			err = results.DeleteRecordsResults[0].TopicPartition.Error
		}
		return err
	})
}

// Delete deletes the topic.
func (tp *Topics) Delete(t TB, event string) {
	t.Helper()
	tp.Admin(t, func(admin *kafka.AdminClient) error {
		return firstError(admin.DeleteTopics(Within(t), []string{tp.Name(event)}))
	})
}

// Remake deletes the topic and makes one of the same name. It returns when the broker tells of the new one: until then a
// server that asks may hear of the old one, or of none.
func (tp *Topics) Remake(t TB, event string, partitions int) {
	t.Helper()
	before := tp.ID(t, event)
	tp.Delete(t, event)
	Eventually(t, "the topic to be gone and made anew", func() bool {
		var err error
		tp.Admin(t, func(admin *kafka.AdminClient) error {
			err = firstError(admin.CreateTopics(Within(t), []kafka.TopicSpecification{{Topic: tp.Name(event), NumPartitions: partitions, ReplicationFactor: 1}}))
			return nil
		})
		time.Sleep(100 * time.Millisecond)
		return err == nil
	})
	Eventually(t, "the broker to tell of the new topic", func() bool {
		id := tp.ID(t, event)
		return id != [16]byte{} && id != before
	})
}

// ID is the topic's, as the broker tells it: zeros if it says that there is no such topic, or has no IDs.
func (tp *Topics) ID(t TB, event string) (id [16]byte) {
	t.Helper()
	tp.Admin(t, func(admin *kafka.AdminClient) error {
		all, err := admin.DescribeTopics(Within(t), kafka.NewTopicCollectionOfTopicNames([]string{tp.Name(event)}))
		if err != nil {
			return fmt.Errorf("describe topic: %w", err)
		}
		if d := all.TopicDescriptions[0]; d.Error.Code() == kafka.ErrNoError {
			binary.BigEndian.PutUint64(id[:8], uint64(d.TopicID.GetMostSignificantBits()))
			binary.BigEndian.PutUint64(id[8:], uint64(d.TopicID.GetLeastSignificantBits()))
		}
		return nil
	})
	return id
}

func firstError(results []kafka.TopicResult, err error) error {
	for _, r := range results {
		if err == nil && r.Error.Code() != kafka.ErrNoError {
			err = r.Error
		}
	}
	return err
}
