package parity

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Transactions come one after the other: each is of a few records, on as many partitions as these fall on.
const (
	transactEvery   = 250 * time.Millisecond
	transactRecords = 4
)

// transact publishes in transactions, of which every other one is aborted, until ctx is done. Nobody may get what was aborted
// (P1.3), and the markers make offsets jump.
func (l *load) transact(ctx context.Context, brokers string) error {
	p, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers":   brokers,
		"transactional.id":    fmt.Sprintf("parity-%08x", rand.Uint32()),
		"partitioner":         "murmur2_random",
		"linger.ms":           0,
		"go.delivery.reports": false,
		"log_level":           0,
	})
	if err != nil {
		return fmt.Errorf("make transactional producer: %w", err)
	}
	defer p.Close()
	// A transaction that was begun is ended, also when ctx is done.
	within := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	}
	first, cancel := within()
	defer cancel()
	if err := p.InitTransactions(first); err != nil {
		return fmt.Errorf("transactions: %w; where the Kafka does not permit them, compare without (--transactions=false)", err)
	}
	symbols := l.symbols()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(transactEvery):
		}
		soon, cancel := within()
		err := l.transaction(soon, p, symbols, n)
		cancel()
		if err != nil {
			return fmt.Errorf("transaction: %w", err)
		}
	}
}

func (l *load) transaction(ctx context.Context, p *kafka.Producer, symbols []string, n int) error {
	if err := p.BeginTransaction(); err != nil {
		return err
	}
	kind, end := "in transactions that were committed", p.CommitTransaction
	if n%2 == 0 {
		kind, end = "in transactions that were aborted", p.AbortTransaction
	}
	for i := range transactRecords {
		topic := l.topics[l.events[(n+i)%len(l.events)]]
		if err := p.Produce(&kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
			Key:            []byte(symbols[(n*transactRecords+i)%len(symbols)]),
			Value:          fmt.Appendf(nil, `{"transaction":%d,"n":%d}`, n, i),
		}, nil); err != nil {
			return err
		}
	}
	p.Flush(10_000) // one that is aborted must be in the log
	if err := end(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kinds[kind] += transactRecords
	return nil
}
