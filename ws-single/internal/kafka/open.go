package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// reopenPause parts two new clients at least.
const reopenPause = time.Second

// client is what the reader needs of a *kafka.Consumer.
type client interface {
	Poll(timeoutMs int) kafka.Event
	IncrementalAssign([]kafka.TopicPartition) error
	Pause([]kafka.TopicPartition) error
	Resume([]kafka.TopicPartition) error
	Close() error

	// changes returns the topic IDs that the client has learnt since the last
	// call, nil when none. A record polled before is of the ID before.
	changes() map[string][16]byte
}

// ready makes sure that there is a client to read with.
func (r *reader) ready(ctx context.Context) bool {
	if r.client != nil || r.held {
		return r.client != nil
	}
	wait(ctx, time.Until(r.opened.Add(reopenPause)))
	if ctx.Err() != nil {
		return false
	}
	r.opened = time.Now()
	client, err := r.dial()
	if err == nil {
		r.client, r.paused = client, false
		err = r.assign(r.partitions())
	}
	if err != nil {
		if n := r.quiet.due("open"); n > 0 {
			r.log.Warn("Kafka's client cannot be set up; retrying", "error", err, "times", n)
		}
		r.closeClient()
		return false
	}
	r.pause(r.c.pause.Load())
	return r.client != nil
}

func (r *reader) dial() (client, error) {
	k, err := newNativeClient(readerProperties(r.c.cfg), r.waker, printLevel(r.c.cfg))
	if err != nil {
		return nil, err
	}
	if r.c.wrap != nil {
		return r.c.wrap(k), nil
	}
	return k, nil
}

// reopen makes the loop go on with a new client at the present positions. With
// the old client goes everything it had fetched, so nothing of a log that is no
// more can come after.
func (r *reader) reopen() { r.closeClient() }

func (r *reader) closeClient() {
	if r.client != nil {
		r.client.Close()
		r.client = nil
	}
}

// assign adds partitions to those being read. Assigning all anew would begin
// all anew.
func (r *reader) assign(parts []*partition) error {
	if len(parts) == 0 {
		return nil
	}
	tps := places(parts)
	for i, p := range parts {
		tps[i].Offset = kafka.Offset(p.next)
	}
	if err := r.client.IncrementalAssign(tps); err != nil {
		return fmt.Errorf("assign partitions: %w", err)
	}
	if r.paused {
		if err := r.client.Pause(tps); err != nil {
			return fmt.Errorf("pause partitions: %w", err)
		}
	}
	return nil
}

// pause makes the client's state the wanted one.
func (r *reader) pause(on bool) {
	r.counters.paused.Store(on)
	if r.client == nil || r.paused == on {
		return
	}
	change := r.client.Resume
	if on {
		change = r.client.Pause
	}
	if err := change(places(r.partitions())); err != nil {
		if n := r.quiet.due("pause"); n > 0 {
			r.log.Warn("Kafka's client cannot be paused or resumed; opening another", "error", err, "times", n)
		}
		r.reopen()
		return
	}
	r.paused = on
}

func places(parts []*partition) []kafka.TopicPartition {
	tps := make([]kafka.TopicPartition, len(parts))
	for i, p := range parts {
		tps[i] = kafka.TopicPartition{Topic: &p.topic.name, Partition: p.id}
	}
	return tps
}
