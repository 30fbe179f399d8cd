package kafka

import (
	"unicode/utf8"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// whySkipped is what is wrong with a symbol for which wire.ValidSymbol does not
// hold, as its index in metric.Skips.
func whySkipped(symbol []byte) int {
	switch {
	case symbol == nil:
		return skipMissing
	case len(symbol) == 0:
		return skipEmpty
	case len(symbol) > wire.MaxSymbol:
		return skipLong
	case !utf8.Valid(symbol):
		return skipUTF8
	}
	return skipCharacter
}

var skips = metric.Skips()

// The order of metric.Skips, which TestSkipped checks.
const (
	skipMissing = iota
	skipEmpty
	skipLong
	skipUTF8
	skipCharacter
)

// record pushes a record, or skips it if there is no channel for it to go to.
func (r *reader) record(e *event) {
	p := e.topic.partition(e.partition)
	if p == nil || e.offset < p.next.Load() {
		return // librdkafka may fetch a thing twice
	}
	p.next.Store(e.offset + 1)
	r.counters.events[p.topic.event].records.Add(1)
	if wire.ValidSymbol(e.symbol) {
		r.pushed.Event, r.pushed.Partition, r.pushed.Offset = p.topic.event, p.id, e.offset
		r.pushed.Timestamp, r.pushed.Tombstone = e.timestamp, e.value == nil
		r.pushed.Symbol, r.pushed.Value = e.symbol, e.value
		r.to.Record(&r.pushed)
	} else {
		why := whySkipped(e.symbol)
		r.counters.skipped[why].Add(1)
		r.rarely.warn("skipped "+skips[why], "A Kafka record has no usable symbol and is skipped",
			"reason", skips[why], "topic", p.topic.name, "partition", p.id, "offset", e.offset)
		r.to.Passed(p.topic.event, p.id, e.offset)
	}
	r.unflushed++
	r.unflushedBytes += len(e.value)
	r.arrived(p)
	if r.unflushed >= flushRecords || r.unflushedBytes >= flushBytes {
		r.flush()
	}
}
