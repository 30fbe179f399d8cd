package program

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// patience bounds each single wait; machines that run tests are busy.
const patience = 45 * time.Second

// ErrBroker is in the chain of errors that are not the servers'.
var ErrBroker = errors.New("the broker failed")

// stallTimeout is how long a socket may take nothing. It is short, so that a client that is slow on purpose is soon closed, and
// longer than a client of a busy machine usually waits for its turn.
const stallTimeout = 3 * time.Second

// conflated is the event whose messages may be passed over.
const conflated = "book"

// partitions are those of each event's topic.
var partitions = map[string]int{"trade": 3, "book": 2, "state": 1}

// Topics are the names of a world's topics, by event.
type Topics map[string]string

// MakeTopics makes topics for programs to run on. That of the event state is compacted, once its records are so old that both
// servers have read them.
func MakeTopics(ctx context.Context, brokers string) (Topics, error) {
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": brokers})
	if err != nil {
		return nil, fmt.Errorf("make admin client: %w", err)
	}
	defer admin.Close()
	topics := Topics{}
	var specs []kafka.TopicSpecification
	prefix := fmt.Sprintf("program%08x.", rand.Uint32())
	for _, event := range Events {
		topics[event] = prefix + event
		spec := kafka.TopicSpecification{Topic: topics[event], NumPartitions: partitions[event], ReplicationFactor: -1}
		if event == "state" {
			spec.Config = map[string]string{
				"cleanup.policy": "compact,delete", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01",
				"min.compaction.lag.ms": "20000", "max.compaction.lag.ms": "25000", "delete.retention.ms": "1000",
			}
		}
		specs = append(specs, spec)
	}
	results, err := admin.CreateTopics(ctx, specs)
	if err != nil {
		return nil, fmt.Errorf("make topics: %w", err)
	}
	for _, r := range results {
		if r.Error.Code() != kafka.ErrNoError {
			return nil, fmt.Errorf("make topic %s: %w", r.Topic, r.Error)
		}
	}
	return topics, nil
}

// Settings are what a server that programs run against must be set to, beside its addresses.
func Settings(brokers string, topics Topics) map[string]string {
	var list []string
	for _, event := range Events {
		list = append(list, topics[event]+"="+event)
	}
	return map[string]string{
		"KAFKA_BROKERS":      brokers,
		"KAFKA_TOPICS":       strings.Join(list, ","),
		"WS_CONFLATE_EVENTS": conflated,
		"WS_COMMANDS_PER_S":  "off",
		"WS_STALL_TIMEOUT":   stallTimeout.String(),
		"WS_MAX_BEHIND":      "20s",
	}
}

// Server is one that clients connect to.
type Server struct {
	Name string
	URL  string // ws://host:port/ws
}

// World is what programs run in: two servers, topics, and the log of what was written to them. Any number of programs may run
// in it at once.
type World struct {
	servers  [2]Server
	topics   Topics
	names    map[string]string // of the logs, by event
	producer *kafka.Producer
	txns     chan *kafka.Producer // those that no transaction uses
	admin    *kafka.AdminClient
	began    time.Time
	patience time.Duration // of clients

	mu  sync.Mutex // what follows
	log map[string][][]Record
	n   int // records written, so that each has a value of its own
}

// Open makes a world on topics that exist and nobody else writes to; atOnce is how many transactions may be open at once.
func Open(ctx context.Context, brokers string, topics Topics, servers [2]Server, atOnce int) (*World, error) {
	w := &World{
		servers: servers, topics: topics, names: map[string]string{}, log: map[string][][]Record{},
		txns: make(chan *kafka.Producer, atOnce), began: time.Now(), patience: patience,
	}
	for event, n := range partitions {
		w.log[event] = make([][]Record, n)
	}
	var err error
	if w.producer, err = newProducer(brokers, ""); err != nil {
		return nil, err
	}
	if w.admin, err = kafka.NewAdminClientFromProducer(w.producer); err != nil {
		w.Close()
		return nil, fmt.Errorf("make admin client: %w", err)
	}
	if err := w.nameLogs(ctx); err != nil {
		w.Close()
		return nil, err
	}
	for i := range atOnce {
		txn, err := newProducer(brokers, fmt.Sprintf("%s.%d", topics[Events[0]], i))
		if err == nil {
			w.txns <- txn
			err = txn.InitTransactions(ctx)
		}
		if err != nil {
			w.Close()
			return nil, fmt.Errorf("begin to use transactions: %w", err)
		}
	}
	return w, nil
}

// Close gives up what the world has opened; no program may be running in it.
func (w *World) Close() {
	if w.admin != nil {
		w.admin.Close()
	}
	w.producer.Close()
	for range len(w.txns) {
		(<-w.txns).Close()
	}
}

func newProducer(brokers, transactional string) (*kafka.Producer, error) {
	properties := &kafka.ConfigMap{
		"bootstrap.servers": brokers, "acks": "all", "enable.idempotence": true, "linger.ms": 0, "partitioner": "murmur2_random",
		"go.logs.channel.enable": false, "log_level": 0,
	}
	if transactional != "" {
		(*properties)["transactional.id"] = transactional
	}
	p, err := kafka.NewProducer(properties)
	if err != nil {
		return nil, fmt.Errorf("make producer: %w", err)
	}
	return p, nil
}

// nameLogs finds the names that cursors have for the topics (P6.1), and waits until the topics can be written to.
func (w *World) nameLogs(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for event, topic := range w.topics {
		for w.names[event] == "" {
			found, err := w.admin.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames([]string{topic}))
			if err == nil && len(found.TopicDescriptions) == 1 {
				t := found.TopicDescriptions[0]
				led := len(t.Partitions) == partitions[event]
				for p := range partitions[event] {
					_, _, e := w.producer.QueryWatermarkOffsets(topic, int32(p), 1_000)
					led = led && e == nil
				}
				if err = t.Error; t.Error.Code() == kafka.ErrNoError && led {
					var id [16]byte
					binary.BigEndian.PutUint64(id[:8], uint64(t.TopicID.GetMostSignificantBits()))
					binary.BigEndian.PutUint64(id[8:], uint64(t.TopicID.GetLeastSignificantBits()))
					w.names[event] = wire.LogName(id)
					continue
				}
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for topic %s: %w: %w", topic, ctx.Err(), err)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

func (w *World) clock() time.Duration { return time.Since(w.began) }

// wrote takes note of records of a partition, in any order.
func (w *World) wrote(event string, p int32, records ...Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := append(w.log[event][p], records...)
	slices.SortFunc(all, func(a, b Record) int { return cmp.Compare(a.Offset, b.Offset) })
	w.log[event][p] = all
}

// number gives out n numbers.
func (w *World) number(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n += n
	return w.n - n
}

// forget drops what was written so long ago that both servers have read it. No program may be running.
func (w *World) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.clock() - 2*patience
	for _, log := range w.log {
		for p, records := range log {
			i := slices.IndexFunc(records, func(r Record) bool { return r.At > old })
			if i < 0 {
				i = len(records)
			}
			log[p] = slices.Clone(records[i:])
		}
	}
}

// written is the log; no program may be running.
func (w *World) written() (Log, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := Log{}
	for event, parts := range w.log {
		e := EventLog{Name: w.names[event], Conflated: event == conflated, Partitions: slices.Clone(parts)}
		for p := range parts {
			_, end, err := w.producer.QueryWatermarkOffsets(w.topics[event], int32(p), int(patience.Milliseconds()))
			if err != nil {
				return nil, fmt.Errorf("ask for the end of %s/%d: %w", event, p, err)
			}
			e.Ends = append(e.Ends, end)
		}
		log[event] = e
	}
	return log, nil
}

// target is, by event and partition, the last offset of a record of symbols that begin with prefix and can be read.
func (w *World) target(prefix string) map[string][]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	target := map[string][]int64{}
	for event := range maps.Keys(w.log) {
		for _, records := range w.log[event] {
			last := int64(-1)
			for _, r := range records {
				if !r.Aborted && strings.HasPrefix(r.Symbol, prefix) {
					last = r.Offset
				}
			}
			target[event] = append(target[event], last)
		}
	}
	return target
}
