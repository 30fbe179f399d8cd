package main

import (
	"net/http"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/feed"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// market publishes a feed. It is a produce.Source; its ServeHTTP tells how far each channel has come.
type market struct {
	feed   *feed.Feed
	topics map[string]string // by event
}

func newMarket(topics []wire.Topic, symbols int, seed uint64) (*market, error) {
	f, err := feed.New(feed.Options{Seed: seed, Symbols: feed.Symbols(symbols), Zipf: 0.7})
	if err != nil {
		return nil, err
	}
	m := &market{feed: f, topics: make(map[string]string, len(topics))}
	for _, t := range topics {
		m.topics[t.Event] = t.Name
	}
	return m, nil
}

// Next implements produce.Source.
func (m *market) Next(intended time.Time) (produce.Record, error) {
	r := m.feed.Next(intended)
	return produce.Record{
		Topic: m.topics[r.Event], Event: r.Event, Partition: kafka.PartitionAny, Key: r.Key, Value: r.Value,
	}, nil
}

// ServeHTTP answers with n of the newest record of each channel that has one.
func (m *market) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	last := make(map[string]uint64)
	for i, symbol := range m.feed.Symbols() {
		for _, event := range m.feed.Events() {
			if n := m.feed.Last(i, event); n > 0 {
				last[symbol+"."+event] = n
			}
		}
	}
	writeJSON(w, last)
}
