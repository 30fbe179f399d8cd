package wire

import (
	"errors"
	"fmt"
	"strings"
)

// DefaultTopics is the value of KAFKA_TOPICS when it is not set.
const DefaultTopics = "odin.trades=trade, odin.liquidity=liquidity, odin.metadata=metadata, odin.social=social, " +
	"odin.favorites=favorites, odin.creation=creation, odin.analytics=analytics, odin.balances=balances"

// A Topic is a Kafka topic and the event that its records are.
type Topic struct {
	Name, Event string
}

// ParseTopics reads the comma-separated list `topic=event, …` of KAFKA_TOPICS.
// Without `=event` the event is the last dot-part of the topic. White space
// around names is ignored. The list must not be empty, nor name a topic or an
// event twice: a channel would have two logs. Its error names the entry.
func ParseTopics(s string) ([]Topic, error) {
	if strings.TrimSpace(s) == "" {
		return nil, errors.New("no topics: list at least one, such as odin.trades=trade")
	}
	var topics []Topic
	byName, byEvent := map[string]bool{}, map[string]string{}
	for entry := range strings.SplitSeq(s, ",") {
		name, event, named := strings.Cut(strings.TrimSpace(entry), "=")
		name, event = strings.TrimSpace(name), strings.TrimSpace(event)
		if !named {
			event = name[strings.LastIndexByte(name, '.')+1:]
		}
		other, taken := byEvent[event]
		switch {
		case name == "":
			return nil, fmt.Errorf("entry %s names no topic: write topic=event, and no comma too many", quote(entry))
		case !validTopicName(name):
			return nil, fmt.Errorf("topic %s is no Kafka topic name: 1 to 249 of A-Z, a-z, 0-9, '.', '_' and '-'", quote(name))
		case !ValidEvent(event):
			return nil, fmt.Errorf("topic %s has the event %s: write topic=event, the event 1 to 64 of A-Z, a-z, 0-9, '_' and '-'", quote(name), quote(event))
		case byName[name]:
			return nil, fmt.Errorf("topic %s is listed twice: list it once", quote(name))
		case taken:
			return nil, fmt.Errorf("topics %s and %s have one event %s: give each its own by topic=event", quote(other), quote(name), quote(event))
		}
		byName[name], byEvent[event] = true, name
		topics = append(topics, Topic{Name: name, Event: event})
	}
	return topics, nil
}

// validTopicName follows Kafka's own rule (org.apache.kafka.common.internals.Topic).
func validTopicName(s string) bool {
	if len(s) == 0 || len(s) > 249 || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
