package loop

import (
	"github.com/adred-codev/ws_poc/ws-single/internal/history"
	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
)

const (
	// maxMarks bounds how many subscribers a turn marks: a batch of a thousand
	// records for twelve thousand subscribers is the work of many turns.
	maxMarks = 20_000
	// maxEvicted bounds how many entries a turn forgets.
	maxEvicted = 4096
)

// take appends what Kafka brought to the history and marks its subscribers.
// While too much is due, it takes nothing.
func (l *Loop) take() {
	for marks := 0; marks < maxMarks && !l.holding(); {
		if l.batch == nil {
			select {
			case l.batch = <-l.source.Batches():
				l.item = 0
			default:
				return
			}
			if l.batch == nil {
				return
			}
		}
		for l.item < len(l.batch.Items) && marks < maxMarks {
			marks += 1 + l.takeItem(&l.batch.Items[l.item])
			l.item++
		}
		if l.item == len(l.batch.Items) {
			l.source.Release(l.batch)
			l.batch = nil
			if len(l.waiting) > 0 && l.clock.now-l.retriedAt >= retryInterval {
				l.retryAll()
			}
		}
	}
}

// takeItem returns how many subscribers it marked.
func (l *Loop) takeItem(it *kafka.Item) int {
	now := l.clock.now
	switch it.Kind {
	case kafka.Record:
		return l.takeRecord(it)
	case kafka.Progress:
		l.log.Passed(it.Event, it.Partition, it.Offset)
	case kafka.Opened:
		l.log.Opened(it.Event, it.Log)
	case kafka.Started:
		l.log.Started(it.Event, it.Partition, it.Offset)
	case kafka.Gap:
		return l.tell(l.log.Lost(it.Event, it.Partition, it.From, it.To, it.Offset, now), it.Event)
	case kafka.NewLog:
		return l.tell(l.log.Remade(it.Event, it.Log, now), it.Event)
	case kafka.Loaded:
		l.loaded.Store(true)
	case kafka.Surveyed:
		l.surveyed = it.Timestamp
	}
	return 0
}

func (l *Loop) takeRecord(it *kafka.Item) int {
	l.name = append(append(append(l.name[:0], it.Symbol...), '.'), l.events[it.Event]...)
	n, id := l.log.Append(&history.Record{
		Name: l.name, Event: it.Event, Partition: it.Partition, Offset: it.Offset,
		Timestamp: it.Timestamp, Tombstone: it.Tombstone, Body: it.Body,
	}, l.clock.now)
	byChannel, byEvent := l.index.Channel(id), l.index.Event(it.Event)
	for _, slot := range byChannel {
		l.mark(slot, n, it.Event)
	}
	for _, slot := range byEvent {
		l.mark(slot, n, it.Event)
	}
	return len(byChannel) + len(byEvent)
}

// tell marks everybody with a channel of the event for a gap entry.
func (l *Loop) tell(n uint64, event int) int {
	marked := 0
	for _, c := range l.conns {
		if c != nil && c.closing != closed && c.subs.HoldsEvent(event) {
			l.mark(c.slot, n, event)
			marked++
		}
	}
	return marked
}
