package history

import (
	"sync/atomic"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// Options say what a Log keeps.
type Options struct {
	Events []string // their names; elsewhere an event is its index here
	Window int64    // ms since a record was read
	Bytes  int64    // bodies, entries and their places in the lists
}

// Log is the history. View and Channels are for any goroutine, all else is for
// the writer's alone.
type Log struct {
	view     atomic.Pointer[View]
	channels *Channels

	options Options
	events  []event
	changed bool // an event was touched since the last Publish

	shelf shelf
	first uint64 // the oldest number kept
	next  uint64 // the number of the next entry
	bytes int64
}

// event is the writer's state of one event. What its slices show below their
// lengths is never written again: Views have them too.
type event struct {
	text       string // its name
	oldest     string // its log's name at the oldest entry, and since
	later      []naming
	partitions []*partition
	gapNumbers []uint64
	gaps       []Gap
	held       map[string]*Channel // by symbol: those that the log holds
	touched    bool                // since the last Publish
}

// Record is what Append takes. The log keeps neither Symbol nor Value.
type Record struct {
	Event     int // index in Options.Events
	Partition int32
	Offset    int64
	Timestamp int64 // the record's, Unix ms
	Tombstone bool
	Symbol    []byte // wire.ValidSymbol holds for it
	Value     []byte // not looked at for a tombstone
}

// New returns an empty log.
func New(o Options) *Log {
	l := &Log{options: o, channels: newChannels(), events: make([]event, len(o.Events))}
	for i := range l.events {
		l.events[i] = event{text: o.Events[i], held: make(map[string]*Channel)}
	}
	l.view.Store(&View{Channels: l.channels, events: make([]eventView, len(o.Events))})
	return l
}

// Channels returns the channels in use. Any goroutine may call it.
func (l *Log) Channels() *Channels { return l.channels }

// View returns what was last published; it is never nil. Any goroutine may call
// it. Within one turn call it once: two Views need not agree.
func (l *Log) View() *View { return l.view.Load() }

// Next is the number of the next entry.
func (l *Log) Next() uint64 { return l.next }

// Len counts the entries kept.
func (l *Log) Len() int { return int(l.next - l.first) }

// Bytes is what the entries kept cost, near enough to bound memory by it.
func (l *Log) Bytes() int64 { return l.bytes }

// Full reports whether they cost more than they may.
func (l *Log) Full() bool { return l.bytes > l.options.Bytes }

// Append adds a record at the end and returns its number. now is ms on the
// caller's monotonic clock. Readers see it after the next Publish.
func (l *Log) Append(r *Record, now int64) uint64 {
	n := l.next
	ev := l.touch(r.Event)
	ch := l.channel(ev, r)
	e := l.shelf.add(n)
	e.Offset, e.Timestamp, e.ReadAt = r.Offset, r.Timestamp, now
	e.Channel, e.Partition, e.Event = ch.ID, r.Partition, uint16(r.Event)
	value := r.Value
	if r.Tombstone {
		e.Kind, value = Tombstone, nil
	} else if value == nil {
		value = []byte{} // nil is a tombstone's
	}
	tail := l.shelf.encode(e, &wire.Record{
		Symbol: r.Symbol, Event: ev.text, Partition: r.Partition, Offset: r.Offset,
		Timestamp: r.Timestamp, Value: value,
	})
	ch.list(r.Partition).push(n)
	ch.kept++
	p := l.partition(r.Event, r.Partition)
	p.list.push(n)
	p.next = r.Offset + 1
	l.next++
	l.bytes += entryBytes + int64(e.size) + int64(tail)
	return n
}

// channel finds the record's channel without the registry's lock; the log holds
// it from its first entry to the eviction of its last.
func (l *Log) channel(ev *event, r *Record) *Channel {
	if ch := ev.held[string(r.Symbol)]; ch != nil {
		return ch
	}
	ch := l.channels.Hold(string(r.Symbol), ev.text, r.Event)
	ev.held[ch.Symbol] = ch
	return ch
}

// touch returns an event that the caller is about to change.
func (l *Log) touch(event int) *event {
	e := &l.events[event]
	e.touched, l.changed = true, true
	return e
}

// Publish shows readers what was done since the last time, and returns it. It
// costs a few small objects, one for each event that has changed among them, so
// call it once a batch. Without a change it returns the View that is there.
func (l *Log) Publish(now int64) *View {
	old := l.view.Load()
	if !l.changed {
		return old
	}
	v := &View{
		First: l.first, End: l.next, At: now, Channels: l.channels,
		store:  l.shelf.store,
		events: append([]eventView(nil), old.events...),
	}
	for i := range l.events {
		if e := &l.events[i]; e.touched {
			e.settle(l.first)
			v.events[i] = e.view()
			e.touched = false
		}
	}
	l.changed = false
	l.view.Store(v)
	return v
}

func (e *event) view() eventView {
	v := eventView{
		oldest: e.oldest, later: e.later, gapNumbers: e.gapNumbers, gaps: e.gaps,
		partitions: make([]partitionView, len(e.partitions)),
	}
	for i, p := range e.partitions {
		v.partitions[i] = p.partitionView
		v.partitions[i].numbers = p.list.kept()
	}
	return v
}
