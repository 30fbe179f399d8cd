package measure

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"golang.org/x/sys/unix"
)

// witness reads the records that the servers read and does nothing with them, so that Kafka's share of a delivery's
// time is measured on the same records. One goroutine polls; close waits for it.
type witness struct {
	consumer *kafka.Consumer
	stop     chan struct{}
	done     sync.WaitGroup

	mu   sync.Mutex
	seen map[string]map[int64]time.Time // by topic and n
}

// watch starts at the end of every topic.
func watch(ctx context.Context, brokers string, lanes []*lane) (*witness, error) {
	w := &witness{stop: make(chan struct{}), seen: map[string]map[int64]time.Time{}}
	// The generator goes ahead of what else is on its cores. The witness must not wait for it: the server's time would count
	// as Kafka's. A thread's priority is inherited by those it starts, librdkafka's too.
	made := make(chan error)
	w.done.Go(func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, witnessPriority)
		err := w.start(brokers, lanes)
		made <- err
		if err == nil {
			w.run()
		}
	})
	if err := <-made; err != nil {
		w.done.Wait()
		return nil, err
	}
	return w, ctx.Err()
}

// witnessPriority is a nice value below the load generator's.
const witnessPriority = -15

func (w *witness) start(brokers string, lanes []*lane) (err error) {
	w.consumer, err = kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": brokers, "group.id": "bench-witness", "enable.auto.commit": false,
		"fetch.queue.backoff.ms": 5, "queued.min.messages": 1_000_000, "queued.max.messages.kbytes": 64 << 10,
		"log_level": 0,
	})
	if err != nil {
		return fmt.Errorf("make witness: %w", err)
	}
	var at []kafka.TopicPartition
	for _, l := range lanes {
		if l.in.feed != "" || w.seen[l.in.topic] != nil {
			continue
		}
		w.seen[l.in.topic] = map[int64]time.Time{}
		for p := range int32(partitions) {
			// The topics are new: their beginning is their end.
			at = append(at, kafka.TopicPartition{Topic: &l.in.topic, Partition: p, Offset: kafka.OffsetBeginning})
		}
	}
	if err := w.consumer.Assign(at); err != nil {
		_ = w.consumer.Close()
		return fmt.Errorf("assign witness: %w", err)
	}
	return nil
}

func (w *witness) run() {
	for {
		select {
		case <-w.stop:
			return
		default:
		}
		m, ok := w.consumer.Poll(100).(*kafka.Message)
		if !ok {
			continue
		}
		now := time.Now()
		if n, ok := number(m.Value); ok {
			w.mu.Lock()
			w.seen[*m.TopicPartition.Topic][n] = now
			w.mu.Unlock()
		}
	}
}

// take is when the record was read, once.
func (w *witness) take(topic string, n int64) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, ok := w.seen[topic][n]
	delete(w.seen[topic], n)
	return at, ok
}

func (w *witness) close() error {
	close(w.stop)
	w.done.Wait()
	if err := w.consumer.Close(); err != nil {
		return fmt.Errorf("close witness: %w", err)
	}
	return nil
}

// number reads n of a value that the publisher wrote.
func number(value []byte) (int64, bool) {
	rest, ok := bytes.CutPrefix(value, []byte(`{"n":`))
	if !ok {
		return 0, false
	}
	digits, _, ok := bytes.Cut(rest, []byte(","))
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, ok && err == nil
}
