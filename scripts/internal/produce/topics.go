package produce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// ErrNoBroker is wrapped by errors that mean: nothing answers at the given address.
var ErrNoBroker = errors.New("no broker answers")

// MissingTopics returns which of the topics do not exist, in order. Asking does not create them, on a broker that
// creates topics by itself neither.
func (p *Publisher) MissingTopics(topics []string) ([]string, error) {
	// The list of all topics is asked for, because asking for one by name is what makes a broker create it.
	meta, err := p.producer.GetMetadata(nil, true, 5_000)
	if err != nil {
		return nil, p.unreachable(err)
	}
	var missing []string
	for _, t := range topics {
		if m, ok := meta.Topics[t]; !ok || m.Error.Code() != kafka.ErrNoError {
			missing = append(missing, t)
		}
	}
	return missing, nil
}

// CreateTopics makes topics with the broker's default replication and waits until each has a leader everywhere that answers.
// One that exists by now is no error.
func (p *Publisher) CreateTopics(ctx context.Context, topics []string, partitions int) error {
	if len(topics) == 0 {
		return nil
	}
	admin, err := kafka.NewAdminClientFromProducer(p.producer)
	if err != nil {
		return fmt.Errorf("make admin client: %w", err)
	}
	defer admin.Close()
	specs := make([]kafka.TopicSpecification, len(topics))
	for i, t := range topics {
		specs[i] = kafka.TopicSpecification{Topic: t, NumPartitions: partitions}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	results, err := admin.CreateTopics(ctx, specs)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	for _, r := range results {
		if code := r.Error.Code(); code != kafka.ErrNoError && code != kafka.ErrTopicAlreadyExists {
			return fmt.Errorf("create topic %s: %w", r.Topic, r.Error)
		}
	}
	if err := p.awaitLeaders(ctx, topics); err != nil {
		return err
	}
	return awaitAnswers(ctx, admin, topics, partitions)
}

// awaitAnswers asks each partition's leader for its end until it says so. The cluster names leaders before they know that
// they are, and one that refuses the first batch of an idempotent producer but takes the second counts the first, when it
// comes again, as a duplicate: it is acknowledged, and lost.
func awaitAnswers(ctx context.Context, admin *kafka.AdminClient, topics []string, partitions int) error {
	ask := map[kafka.TopicPartition]kafka.OffsetSpec{}
	for _, t := range topics {
		for p := range partitions {
			ask[kafka.TopicPartition{Topic: &t, Partition: int32(p)}] = kafka.LatestOffsetSpec
		}
	}
	for {
		answers, err := admin.ListOffsets(ctx, ask)
		waiting := 0
		for _, a := range answers.ResultInfos {
			if a.Error.Code() != kafka.ErrNoError {
				waiting++
			}
		}
		if err == nil && waiting == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d partitions whose leader does not answer: %w", waiting, errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *Publisher) awaitLeaders(ctx context.Context, topics []string) error {
	for {
		meta, err := p.producer.GetMetadata(nil, true, 5_000)
		if err != nil {
			return p.unreachable(err)
		}
		waiting := slices.DeleteFunc(slices.Clone(topics), func(t string) bool {
			m, ok := meta.Topics[t]
			return ok && len(m.Partitions) > 0 && !slices.ContainsFunc(m.Partitions, func(part kafka.PartitionMetadata) bool {
				return part.Leader < 0
			})
		})
		if len(waiting) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("topics without a leader: %s: %w", strings.Join(waiting, ", "), ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *Publisher) unreachable(err error) error {
	p.mu.Lock()
	last := p.last
	p.mu.Unlock()
	if last != "" {
		return fmt.Errorf("%w at %s: %s", ErrNoBroker, p.cfg.Brokers, last)
	}
	return fmt.Errorf("%w at %s: %w", ErrNoBroker, p.cfg.Brokers, err)
}
