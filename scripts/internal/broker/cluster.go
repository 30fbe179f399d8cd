package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// answerTimeout bounds one question to a cluster.
const answerTimeout = 10 * time.Second

// ready waits until the broker answers.
func (b *Broker) ready(ctx context.Context) error {
	return withAdmin(b.Addr(), func(admin *kafka.AdminClient) error {
		for {
			// Anything but an answer with a broker in it is "not yet".
			if m, err := admin.GetMetadata(nil, true, 500); err == nil && len(m.Brokers) > 0 {
				return nil
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

// CreateTopics makes topics on this broker; see the function of that name.
func (b *Broker) CreateTopics(ctx context.Context, partitions int, names ...string) error {
	return CreateTopics(ctx, b.Addr(), partitions, names...)
}

// CreateTopics makes those of the topics that do not exist yet, and returns
// when every partition has a leader that answers. An existing topic stays as it is.
func CreateTopics(ctx context.Context, brokers string, partitions int, names ...string) error {
	return withAdmin(brokers, func(admin *kafka.AdminClient) error {
		var specs []kafka.TopicSpecification
		for _, name := range names {
			// -1: the broker's default replication factor, whatever the cluster's size.
			specs = append(specs, kafka.TopicSpecification{Topic: name, NumPartitions: partitions, ReplicationFactor: -1})
		}
		for {
			retry := false
			results, err := admin.CreateTopics(ctx, specs, kafka.SetAdminOperationTimeout(answerTimeout), kafka.SetAdminRequestTimeout(answerTimeout))
			if err != nil {
				return fmt.Errorf("create topics: %w", err)
			}
			for _, r := range results {
				switch r.Error.Code() {
				case kafka.ErrNoError, kafka.ErrTopicAlreadyExists:
				case kafka.ErrRequestTimedOut, kafka.ErrNotController:
					retry = true
				default:
					return fmt.Errorf("create topic %s: %w", r.Topic, r.Error)
				}
			}
			if !retry {
				break
			}
			if err := pause(ctx); err != nil {
				return fmt.Errorf("create topics: %w", err)
			}
		}
		for _, name := range names {
			if err := led(ctx, admin, name, 1); err != nil {
				return err
			}
		}
		return nil
	})
}

// led waits until a topic has at least so many partitions, each with a leader.
func led(ctx context.Context, admin *kafka.AdminClient, topic string, partitions int) error {
	for {
		m, err := admin.GetMetadata(&topic, false, int(answerTimeout.Milliseconds()))
		if err == nil {
			found := m.Topics[topic].Partitions
			if len(found) >= partitions && !slices.ContainsFunc(found, func(p kafka.PartitionMetadata) bool { return p.Leader < 0 }) && answers(ctx, admin, topic, len(found)) {
				return nil
			}
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait for topic %s: %w", topic, err)
		}
	}
}

// answers asks each partition's leader for its end. The cluster names leaders before they know that they are.
func answers(ctx context.Context, admin *kafka.AdminClient, topic string, partitions int) bool {
	ask := map[kafka.TopicPartition]kafka.OffsetSpec{}
	for p := range partitions {
		ask[kafka.TopicPartition{Topic: &topic, Partition: int32(p)}] = kafka.LatestOffsetSpec
	}
	all, err := admin.ListOffsets(ctx, ask, kafka.SetAdminRequestTimeout(answerTimeout))
	if err != nil {
		return false
	}
	for _, a := range all.ResultInfos {
		if a.Error.Code() != kafka.ErrNoError {
			return false
		}
	}
	return true
}

// DeleteTopic deletes a topic and returns when the broker no longer lists it.
func (b *Broker) DeleteTopic(ctx context.Context, topic string) error {
	return withAdmin(b.Addr(), func(admin *kafka.AdminClient) error {
		results, err := admin.DeleteTopics(ctx, []string{topic}, kafka.SetAdminOperationTimeout(answerTimeout))
		if err == nil && results[0].Error.Code() != kafka.ErrNoError {
			err = results[0].Error
		}
		if err != nil {
			return fmt.Errorf("delete topic %s: %w", topic, err)
		}
		for {
			m, err := admin.GetMetadata(nil, true, int(answerTimeout.Milliseconds()))
			if err == nil {
				if _, there := m.Topics[topic]; !there {
					return nil
				}
			}
			if err := pause(ctx); err != nil {
				return fmt.Errorf("delete topic %s: %w", topic, err)
			}
		}
	})
}

// DeleteRecords deletes a partition's records before an offset, as retention does.
func (b *Broker) DeleteRecords(ctx context.Context, topic string, partition int32, before int64) error {
	return withAdmin(b.Addr(), func(admin *kafka.AdminClient) error {
		results, err := admin.DeleteRecords(ctx, []kafka.TopicPartition{{Topic: &topic, Partition: partition, Offset: kafka.Offset(before)}})
		if err == nil {
			err = results.DeleteRecordsResults[0].TopicPartition.Error
		}
		if err != nil {
			return fmt.Errorf("delete records of %s/%d: %w", topic, partition, err)
		}
		return nil
	})
}

// AddPartitions raises a topic's number of partitions to total; see the function of that name.
func (b *Broker) AddPartitions(ctx context.Context, topic string, total int) error {
	return AddPartitions(ctx, b.Addr(), topic, total)
}

// AddPartitions raises a topic's number of partitions to total, and returns when each has a leader that answers.
func AddPartitions(ctx context.Context, brokers, topic string, total int) error {
	return withAdmin(brokers, func(admin *kafka.AdminClient) error {
		results, err := admin.CreatePartitions(ctx, []kafka.PartitionsSpecification{{Topic: topic, IncreaseTo: total}})
		if err == nil && results[0].Error.Code() != kafka.ErrNoError {
			err = results[0].Error
		}
		if err != nil {
			return fmt.Errorf("add partitions to %s: %w", topic, err)
		}
		return led(ctx, admin, topic, total)
	})
}

// Topics lists a cluster's topics with their number of partitions, without
// Kafka's internal ones.
func Topics(ctx context.Context, brokers string) (map[string]int, error) {
	found := map[string]int{}
	err := withAdmin(brokers, func(admin *kafka.AdminClient) error {
		timeout := answerTimeout
		if deadline, ok := ctx.Deadline(); ok {
			timeout = min(timeout, time.Until(deadline))
		}
		m, err := admin.GetMetadata(nil, true, int(timeout.Milliseconds()))
		if err != nil {
			return fmt.Errorf("ask %s for its topics: %w", brokers, err)
		}
		for name, t := range m.Topics {
			if !strings.HasPrefix(name, "__") {
				found[name] = len(t.Partitions)
			}
		}
		return nil
	})
	return found, err
}

func withAdmin(brokers string, do func(*kafka.AdminClient) error) error {
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{
		"bootstrap.servers":        brokers,
		"log_level":                0, // a broker that is not up yet is no news
		"reconnect.backoff.ms":     50,
		"reconnect.backoff.max.ms": 200,
		"socket.timeout.ms":        int(answerTimeout.Milliseconds()),
	})
	if err != nil {
		return fmt.Errorf("make admin client: %w", err)
	}
	defer admin.Close()
	return do(admin)
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}
