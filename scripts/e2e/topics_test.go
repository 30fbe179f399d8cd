package e2e

import (
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// What an operator, or time, does to a topic.

func (tp topics) admin(t *testing.T, do func(*kafka.AdminClient) error) {
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

// addPartitions raises the number of the topic's partitions.
func (tp topics) addPartitions(t *testing.T, event string, total int) {
	t.Helper()
	tp.admin(t, func(admin *kafka.AdminClient) error {
		results, err := admin.CreatePartitions(within(t), []kafka.PartitionsSpecification{{Topic: tp.name(event), IncreaseTo: total}})
		if err = firstError(results, err); err != nil {
			return err
		}
		name := tp.name(event)
		eventually(t, "the producer to know the partitions", func() bool {
			m, err := tp.producer.GetMetadata(&name, false, 1000)
			return err == nil && len(m.Topics[name].Partitions) == total
		})
		return nil
	})
}

// deleteRecords deletes those of partition 0 before an offset, as retention does.
func (tp topics) deleteRecords(t *testing.T, event string, before int64) {
	t.Helper()
	tp.admin(t, func(admin *kafka.AdminClient) error {
		name := tp.name(event)
		results, err := admin.DeleteRecords(within(t), []kafka.TopicPartition{{Topic: &name, Offset: kafka.Offset(before)}})
		if err == nil {
			err = results.DeleteRecordsResults[0].TopicPartition.Error
		}
		return err
	})
}

// remake deletes the topic and makes one of the same name.
func (tp topics) remake(t *testing.T, event string, partitions int) {
	t.Helper()
	tp.admin(t, func(admin *kafka.AdminClient) error {
		return firstError(admin.DeleteTopics(within(t), []string{tp.name(event)}))
	})
	eventually(t, "the topic to be gone and made anew", func() bool {
		var err error
		tp.admin(t, func(admin *kafka.AdminClient) error {
			err = firstError(admin.CreateTopics(within(t), []kafka.TopicSpecification{{Topic: tp.name(event), NumPartitions: partitions, ReplicationFactor: 1}}))
			return nil
		})
		time.Sleep(100 * time.Millisecond)
		return err == nil
	})
}

func firstError(results []kafka.TopicResult, err error) error {
	for _, r := range results {
		if err == nil && r.Error.Code() != kafka.ErrNoError {
			err = r.Error
		}
	}
	return err
}
