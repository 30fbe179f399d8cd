package shard

import (
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// source writes a history, as the router does. Every event has two partitions
// that begin at offset 0, in a log named log-event.
type source struct {
	log    *history.Log
	events []string
	next   map[string]int64
}

func newSource(events []string, limits history.Options) *source {
	limits.Events = events
	if limits.Bytes == 0 {
		limits.Bytes = 64 << 20
	}
	if limits.Window == 0 {
		limits.Window = 3600_000
	}
	s := &source{log: history.New(limits), events: events, next: make(map[string]int64)}
	for e := range events {
		s.log.Opened(e, "log-"+events[e])
		for p := range int32(2) {
			s.log.Started(e, p, 0)
		}
	}
	s.log.Publish(0)
	return s
}

func partitionKey(event int, partition int32) string { return fmt.Sprintf("%d/%d", event, partition) }

// write appends a record, whose offset it returns. It is not published yet.
func (s *source) write(symbol string, event int, partition int32, value string) int64 {
	key := partitionKey(event, partition)
	offset := s.next[key]
	s.next[key]++
	s.log.Append(&history.Record{
		Event: event, Partition: partition, Offset: offset, Timestamp: time.Now().UnixMilli(),
		Symbol: []byte(symbol), Value: []byte(value), Tombstone: value == "",
	}, Since(time.Now()))
	return offset
}

// lose appends a gap: the next n offsets of a partition are lost.
func (s *source) lose(event int, partition int32, n int64) (from, to int64) {
	key := partitionKey(event, partition)
	from = s.next[key]
	s.next[key] += n
	s.log.Lost(event, partition, from, from+n-1, from+n, Since(time.Now()))
	return from, from + n - 1
}

// remake makes an event's topic anew, with another log's name.
func (s *source) remake(event int, log string) {
	s.log.Remade(event, log, Since(time.Now()))
	for p := range int32(2) {
		s.next[partitionKey(event, p)] = 0
		s.log.Started(event, p, 0)
	}
}
