package kafka

import (
	"encoding/base64"
	"regexp"
)

// strange reports whether the client has learnt of a topic ID that is not the one
// discovery found: the topic was made anew. The client is closed then, with all
// that it has fetched, and there is no other until discovery has looked again.
//
// librdkafka fetches by topic ID (Kafka 3.1, KIP-516). Of a topic made anew it
// takes the new ID without a word to the application and goes on in the new log at
// the old one's offset. Only its log tells, before the first fetch by the new ID:
// so what was taken before its log was looked at is of the old one.
func (r *reader) strange() bool {
	ids, whole := r.client.identities()
	found := !whole
	for name, id := range ids {
		t := r.byName[name]
		if t != nil && t.id != [16]byte{} && t.id != id {
			r.log.Info("A Kafka topic has another ID than before; looking again", "topic", name)
			found = true
		}
	}
	if found {
		r.reopen()
		r.ask(nil)
		r.held = r.asked
	}
	return found
}

// identity is librdkafka's line, its IDs in base64 of RFC 4648 section 4, without
// padding.
var identity = regexp.MustCompile(`\bTopic ([A-Za-z0-9._-]+) changed id from [A-Za-z0-9+/]+ to ([A-Za-z0-9+/]{22})$`)

func parseIdentity(line string) (topic string, id [16]byte, ok bool) {
	m := identity.FindStringSubmatch(line)
	if m == nil {
		return "", id, false
	}
	raw, err := base64.RawStdEncoding.DecodeString(m[2])
	if err != nil || len(raw) != len(id) {
		return "", id, false
	}
	return m[1], [16]byte(raw), true
}
