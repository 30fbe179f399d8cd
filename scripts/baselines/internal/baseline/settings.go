package baseline

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Settings are those variables of a server's environment that mean something
// to a baseline. Others are ignored: the same environment starts both.
type Settings struct {
	Addr      string   // WS_ADDR: where clients connect
	AdminAddr string   // WS_ADMIN_ADDR
	Brokers   []string // KAFKA_BROKERS
	Topics    []Topic  // KAFKA_TOPICS

	Getenv func(string) string // for a variable of one baseline alone
}

// Topic is one of Kafka's and the event that channels of its records end in.
type Topic struct{ Name, Event string }

const defaultTopics = "odin.trades=trade, odin.liquidity=liquidity, odin.metadata=metadata, odin.social=social, " +
	"odin.favorites=favorites, odin.creation=creation, odin.analytics=analytics, odin.balances=balances"

// Read takes the settings from an environment.
func Read(getenv func(string) string) (Settings, error) {
	s := Settings{
		Addr:      cmp.Or(getenv("WS_ADDR"), ":3002"),
		AdminAddr: cmp.Or(getenv("WS_ADMIN_ADDR"), "127.0.0.1:3902"),
		Getenv:    getenv,
	}
	for b := range strings.SplitSeq(cmp.Or(getenv("KAFKA_BROKERS"), "localhost:9092"), ",") {
		if b = strings.TrimSpace(b); b != "" {
			s.Brokers = append(s.Brokers, b)
		}
	}
	if len(s.Brokers) == 0 {
		return Settings{}, errors.New("KAFKA_BROKERS: no broker in it: set host:port, or leave it out")
	}
	var err error
	if s.Topics, err = parseTopics(cmp.Or(getenv("KAFKA_TOPICS"), defaultTopics)); err != nil {
		return Settings{}, fmt.Errorf("KAFKA_TOPICS: %w", err)
	}
	return s, nil
}

// parseTopics reads "topic=event, …"; without "=event" the event is the last
// dot-part of the topic's name (kit/PROTOCOL.md, P1.2).
func parseTopics(list string) ([]Topic, error) {
	var topics []Topic
	events := map[string]string{}
	for part := range strings.SplitSeq(list, ",") {
		name, event, given := strings.Cut(strings.TrimSpace(part), "=")
		if !given {
			event = name[strings.LastIndexByte(name, '.')+1:]
		}
		if name == "" || event == "" {
			return nil, fmt.Errorf("%q is no topic: write topic=event, …", strings.TrimSpace(part))
		}
		if other := events[event]; other != "" {
			return nil, fmt.Errorf("%s and %s have one event, %s: give each its own", other, name, event)
		}
		events[event] = name
		topics = append(topics, Topic{name, event})
	}
	return topics, nil
}
