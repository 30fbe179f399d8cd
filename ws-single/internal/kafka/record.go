package kafka

import (
	"unicode/utf8"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const symbolHeader = "symbol"

// symbol returns a record's symbol: the last symbol header if there is one,
// else the key (protocol.md section 1). Nil: there is neither.
func symbol(m *kafka.Message) []byte {
	for i := len(m.Headers) - 1; i >= 0; i-- {
		if m.Headers[i].Key == symbolHeader {
			return m.Headers[i].Value
		}
	}
	return m.Key
}

// unusable says why wire.ValidSymbol does not hold for a symbol.
func unusable(symbol []byte) (reason string) {
	switch {
	case symbol == nil:
		return metric.SkipMissing
	case len(symbol) == 0:
		return metric.SkipEmpty
	case len(symbol) > wire.MaxSymbol:
		return metric.SkipLong
	case !utf8.Valid(symbol):
		return metric.SkipUTF8
	default:
		return metric.SkipCharacter
	}
}

// append adds a record as a message, or as progress if it has no channel to go
// to, and then returns why.
func (b *Batch) append(event int, name string, m *kafka.Message) (skipped string) {
	sym := symbol(m)
	partition, offset := m.TopicPartition.Partition, int64(m.TopicPartition.Offset)
	if !wire.ValidSymbol(sym) {
		b.add(Item{Kind: Progress, Event: event, Partition: partition, Offset: offset})
		return unusable(sym)
	}
	timestamp := int64(-1) // Kafka's own "none" (RecordBatch.NO_TIMESTAMP)
	if m.TimestampType != kafka.TimestampNotAvailable {
		timestamp = m.Timestamp.UnixMilli()
	}
	start := len(b.arena)
	b.arena = wire.AppendBody(b.arena, wire.Record{
		Symbol: sym, Event: name, Partition: partition, Offset: offset, Timestamp: timestamp, Value: m.Value,
	})
	// A grown arena leaves earlier bodies where they were, unchanged.
	b.add(Item{
		Kind: Record, Event: event, Partition: partition, Offset: offset,
		Timestamp: timestamp, Tombstone: m.Value == nil,
		Symbol: sym, Body: b.arena[start:len(b.arena):len(b.arena)],
	})
	return ""
}
