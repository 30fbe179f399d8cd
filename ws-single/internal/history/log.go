package history

import (
	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
)

// Limits bound what a Log keeps.
type Limits struct {
	Window int64 // ms since a record was read
	Bytes  int64 // bodies and their entries
}

// Log is the history. See the package's documentation for who may use it.
type Log struct {
	table  *channel.Table
	limits Limits
	events []event

	entries entries
	bodies  bodies
	first   uint64 // the oldest number kept
	next    uint64 // the number the next record gets
	bytes   int64

	channels []channelLists // by channel.ID
	gaps     map[uint64]Gap // the gap entries' content, by number
	readers  []*Reader      // free ones
}

type event struct {
	names      []name // of the log, ascending by number
	partitions []partition
	gaps       list
}

// name says which Kafka log an event's records came from, from a number on.
type name struct {
	number uint64
	log    string
}

// channelLists are the numbers of a channel's messages, by partition: in one
// partition numbers and offsets ascend together, so that a cursor enters by
// binary search. Nearly always there is one.
type channelLists struct {
	parts []channelPart
	last  uint64
}

type channelPart struct {
	list
	partition int32
}

// Gap is what a gap entry says: records that the log lost before they were
// read, or, with Log, that the topic was made anew.
type Gap struct {
	Event     int
	Partition int32
	From, To  int64
	Log       string
}

// Record is what Append takes. The log copies Body and Name.
type Record struct {
	Name      []byte // symbol.event
	Event     int
	Partition int32
	Offset    int64
	Timestamp int64 // Unix ms
	Tombstone bool
	Body      []byte
}

// New returns an empty log for so many events. Channels are held in table.
func New(table *channel.Table, events int, limits Limits) *Log {
	return &Log{
		table:  table,
		limits: limits,
		events: make([]event, events),
		gaps:   make(map[uint64]Gap),
	}
}

// First is the oldest number kept, Next the one the next record gets.
func (l *Log) First() uint64 { return l.first }

// Next is the number the next record gets: the end, where live connections are.
func (l *Log) Next() uint64 { return l.next }

// Len counts the entries kept.
func (l *Log) Len() int { return int(l.next - l.first) }

// Bytes is what the entries kept cost, near enough to bound memory by it.
func (l *Log) Bytes() int64 { return l.bytes }

// Age is how long ago (ms) the oldest entry was read.
func (l *Log) Age(now int64) int64 {
	if l.first == l.next {
		return 0
	}
	return now - l.entries.at(l.first).readAt
}

// Append adds a record at the end and returns its number and channel.
func (l *Log) Append(r *Record, now int64) (uint64, channel.ID) {
	n := l.next
	id, cl := l.lists(r.Name, r.Event)
	e := l.entries.add(n)
	k := kindRecord
	if r.Tombstone {
		k = kindTombstone
	}
	*e = entry{
		offset: r.Offset, timestamp: r.Timestamp, readAt: now,
		channel: id, partition: r.Partition, event: uint16(r.Event), kind: k,
	}
	e.chunk, e.from, e.to = l.bodies.add(r.Body)
	cl.part(r.Partition).push(n)
	cl.last = n
	p := l.partition(r.Event, r.Partition)
	p.push(n)
	p.next = r.Offset + 1
	l.next++
	l.bytes += entryBytes + int64(len(r.Body))
	return n, id
}

// lists finds the channel's lists; the log holds the channel while it has an
// entry of it.
func (l *Log) lists(nm []byte, event int) (channel.ID, *channelLists) {
	if id, ok := l.table.Find(nm); ok && int(id) < len(l.channels) && l.channels[id].parts != nil {
		return id, &l.channels[id]
	}
	id := l.table.Hold(nm, event)
	for int(id) >= len(l.channels) {
		l.channels = append(l.channels, channelLists{})
	}
	return id, &l.channels[id]
}

func (c *channelLists) part(p int32) *list {
	for i := range c.parts {
		if c.parts[i].partition == p {
			return &c.parts[i].list
		}
	}
	c.parts = append(c.parts, channelPart{partition: p})
	return &c.parts[len(c.parts)-1].list
}

func (c *channelLists) empty() bool {
	for i := range c.parts {
		if !c.parts[i].empty() {
			return false
		}
	}
	return true
}

// appendGap adds the entry that tells of a gap at its place in the order.
func (l *Log) appendGap(g Gap, now int64) uint64 {
	n := l.next
	*l.entries.add(n) = entry{readAt: now, event: uint16(g.Event), kind: kindGap}
	l.gaps[n] = g
	l.events[g.Event].gaps.push(n)
	l.next++
	l.bytes += entryBytes
	return n
}

// Full reports whether the entries kept cost more than they may.
func (l *Log) Full() bool { return l.bytes > l.limits.Bytes }

// Evict forgets what is older than the window or over the bytes, and below the
// number keep; at most maxEntries in this call. It reports whether more is due.
func (l *Log) Evict(now int64, keep uint64, maxEntries int) bool {
	i := 0
	for l.first < min(l.next, keep) {
		e := l.entries.at(l.first)
		if l.bytes <= l.limits.Bytes && now-e.readAt <= l.limits.Window {
			break
		}
		if i++; i > maxEntries {
			return true
		}
		l.evict(e)
		l.first++
	}
	if i > 0 {
		l.entries.dropBefore(l.first)
		if l.first == l.next {
			l.bodies.dropBefore(l.bodies.last()) // which the next record goes on filling
		} else if e := l.entries.at(l.first); e.kind != kindGap {
			l.bodies.dropBefore(e.chunk)
		}
	}
	return false
}

func (l *Log) evict(e *entry) {
	l.bytes -= entryBytes
	if e.kind == kindGap {
		delete(l.gaps, l.first)
		l.events[e.event].gaps.pop()
		return
	}
	l.bytes -= int64(e.to - e.from)
	cl := &l.channels[e.channel]
	cl.part(e.partition).pop()
	if cl.empty() {
		*cl = channelLists{}
		l.table.Release(e.channel)
	}
	p := &l.events[e.event].partitions[e.partition]
	p.pop()
	p.evicted, p.evictedNumber, p.hasEvicted = e.offset, l.first, true
}

// Body is the encoded message of an entry, without its seq field. The bytes
// are shared: callers copy them and do not keep them.
func (l *Log) Body(n uint64) []byte {
	e := l.entries.at(n)
	return l.bodies.get(e.chunk, e.from, e.to)
}

// Timestamp is the record's, Unix ms.
func (l *Log) Timestamp(n uint64) int64 { return l.entries.at(n).timestamp }

// ReadAt is when the entry was read, on the clock given to Append.
func (l *Log) ReadAt(n uint64) int64 { return l.entries.at(n).readAt }

// Event is the index of the entry's event.
func (l *Log) Event(n uint64) int { return int(l.entries.at(n).event) }

// Gap returns what a gap entry says; ok is false for a message.
func (l *Log) Gap(n uint64) (g Gap, ok bool) {
	if l.entries.at(n).kind != kindGap {
		return Gap{}, false
	}
	return l.gaps[n], true
}

// Superseded reports whether the channel has a newer message, so that this one
// may be passed over when its event is conflated. A tombstone never is.
func (l *Log) Superseded(n uint64) bool {
	e := l.entries.at(n)
	return e.kind == kindRecord && l.channels[e.channel].last > n
}
