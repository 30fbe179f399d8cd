package main

import (
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/feed"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// source is what run publishes: the market, or a file.
type source struct {
	produce.Source
	total int // records in all, 0 when nobody knows
	close func() error
}

func (s source) Close() { _ = s.close() }

// source opens what the options ask for and says which topics it needs.
func (o options) source() (source, []string, error) {
	if o.file != "" {
		r, err := openRecords(o.file, o.topics)
		if err != nil {
			return source{}, nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		return source{r, r.total, r.close}, r.needed, nil
	}
	f, err := feed.New(o.feed)
	if err != nil {
		return source{}, nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	m := market{f, map[string]string{}}
	var topics []string
	for _, e := range f.Events() {
		for _, t := range o.topics {
			if t.Event == e {
				m.topics[e] = t.Name
				topics = append(topics, t.Name)
			}
		}
	}
	return source{m, 0, func() error { return nil }}, topics, nil
}

// market gives a feed's records the topics they go to.
type market struct {
	feed   *feed.Feed
	topics map[string]string // by event
}

func (m market) Next(intended time.Time) (produce.Record, error) {
	r := m.feed.Next(intended)
	return produce.Record{
		Topic: m.topics[r.Event], Event: r.Event, Partition: kafka.PartitionAny, Key: r.Key, Value: r.Value,
	}, nil
}

// eventOf names a topic's event for the summary: the topic's own name where it has none.
func eventOf(topics []wire.Topic, topic string) string {
	for _, t := range topics {
		if t.Name == topic {
			return t.Event
		}
	}
	return topic
}
