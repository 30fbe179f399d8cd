package audience

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// Feed publishes numbered records to channels in turn, at a steady rate, also through the death of its broker: what
// cannot be sent waits.
type Feed struct {
	stop  context.CancelFunc
	ended sync.WaitGroup

	paused atomic.Bool

	mu   sync.Mutex // guards what follows
	ends map[string]int64
	err  error
}

// Channel is a channel of an event.
type Channel struct{ Symbol, Event string }

// Name is the channel's.
func (c Channel) Name() string { return c.Symbol + "." + c.Event }

// Pause has nothing published, or goes on: what would have been due meanwhile is not made up for. Any goroutine may call it.
func (f *Feed) Pause(paused bool) { f.paused.Store(paused) }

// StartFeed begins to publish at rate records a second in all, each with about size bytes of payload and a field sent, Unix µs.
func StartFeed(t stage.TB, tp *stage.Topics, channels []Channel, rate float64, size int) *Feed {
	ctx, stop := context.WithCancel(context.Background())
	f := &Feed{stop: stop, ends: map[string]int64{}}
	pad := make([]byte, size)
	for i := range pad {
		pad[i] = 'x'
	}
	producer, err := tp.NewProducer(kafka.ConfigMap{"message.timeout.ms": 0, "go.delivery.reports": true, "queue.buffering.max.messages": 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	f.ended.Go(func() { f.reports(producer) })
	f.ended.Go(func() {
		defer producer.Close()
		began := time.Now()
		for i := 0; ; i++ {
			due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			if wait := time.Until(due); wait > 0 {
				select {
				case <-ctx.Done():
				case <-time.After(wait):
				}
			}
			if ctx.Err() != nil {
				break
			}
			if f.paused.Load() {
				continue
			}
			ch := channels[i%len(channels)]
			n := f.next(ch.Name())
			value := fmt.Appendf(nil, `{"n":%d,"sent":%d,"pad":"%s"}`, n, time.Now().UnixMicro(), pad)
			if err := producer.Produce(tp.Message(stage.Record{Event: ch.Event, Symbol: ch.Symbol, Value: value}), nil); err != nil {
				f.fail(fmt.Errorf("publish: %w", err))
				break
			}
		}
		for patience := time.Now().Add(2 * time.Minute); ; {
			left := producer.Flush(1000)
			if left == 0 {
				return
			}
			if time.Now().After(patience) {
				f.fail(fmt.Errorf("publish: %d records were not acknowledged within 2 minutes of the end", left))
				return
			}
		}
	})
	t.Cleanup(func() { _, _ = f.Stop() }) // whoever cares has stopped it
	return f
}

// reports takes what became of each record until the producer is closed.
func (f *Feed) reports(p *kafka.Producer) {
	for e := range p.Events() {
		if m, ok := e.(*kafka.Message); ok && m.TopicPartition.Error != nil {
			f.fail(fmt.Errorf("publish: %w", m.TopicPartition.Error))
		}
	}
}

func (f *Feed) next(channel string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ends[channel]++
	return f.ends[channel]
}

func (f *Feed) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// Err is the first record that could not be published.
func (f *Feed) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Stop ends it when the broker has everything, and returns the last n of each channel. It may be called again.
func (f *Feed) Stop() (ends map[string]int64, err error) {
	f.stop()
	f.ended.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ends, f.err
}
