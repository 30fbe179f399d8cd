package history

import (
	"sort"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// partition joins numbers and offsets: its list ascends in both, between resets.
type partition struct {
	list
	next          int64 // the next offset that will be read
	evicted       int64 // offset of the newest evicted entry
	evictedNumber uint64
	hasEvicted    bool
	resets        []reset // ascending by number
}

// reset says where reading stood from a number on: at the start, after a gap,
// and in a topic made anew, where offsets begin again.
type reset struct {
	number uint64
	at     int64 // the last offset dealt with; absent: the partition is not there
}

const absent = -2

func (l *Log) partition(event int, p int32) *partition {
	e := &l.events[event]
	for int(p) >= len(e.partitions) {
		e.partitions = append(e.partitions, partition{resets: []reset{{at: absent}}})
	}
	return &e.partitions[p]
}

func (p *partition) reset(number uint64, at int64, first uint64) {
	for len(p.resets) > 1 && p.resets[1].number <= first {
		p.resets = p.resets[1:] // nobody can stand before it any more
	}
	p.resets = append(p.resets, reset{number, at})
	p.next = at + 1
}

// latest is the reset in force for new readers: they see nothing before it.
func (p *partition) latest() reset { return p.resets[len(p.resets)-1] }

// base is the first offset in reach: the first loaded after the latest reset,
// or one past the newest evicted (protocol.md, section 5).
func (p *partition) base() int64 {
	r := p.latest()
	if p.hasEvicted && p.evictedNumber >= r.number {
		return p.evicted + 1
	}
	return r.at + 1
}

// at is the last offset dealt with by a reader who stands at number n, below
// the end.
func (p *partition) at(l *Log, n uint64) int64 {
	i := sort.Search(len(p.resets), func(i int) bool { return p.resets[i].number > n })
	if i == 0 {
		return absent
	}
	r := p.resets[i-1]
	if i := p.seek(n); i > p.begin() {
		if m := p.list.at(i - 1); m >= r.number {
			return l.entries.at(m).offset
		}
	} else if p.hasEvicted && p.evictedNumber >= r.number && p.evictedNumber < n {
		return p.evicted
	}
	return r.at
}

// Opened says that the event's topic exists and what its log is called.
func (l *Log) Opened(event int, log string) {
	l.events[event].names = append(l.events[event].names, name{l.next, log})
}

// Started says that a partition is read from offset on.
func (l *Log) Started(event int, p int32, offset int64) {
	l.partition(event, p).reset(l.next, offset-1, l.first)
}

// Passed says that reading has passed an offset that held no message.
func (l *Log) Passed(event int, p int32, offset int64) {
	part := l.partition(event, p)
	part.next = max(part.next, offset+1)
}

// Lost appends a gap entry: offsets from..to of the partition were lost,
// reading goes on at next. New resumes see only what follows.
func (l *Log) Lost(event int, p int32, from, to, next, now int64) uint64 {
	n := l.appendGap(Gap{Event: event, Partition: p, From: from, To: to}, now)
	l.partition(event, p).reset(n+1, next-1, l.first)
	return n
}

// Remade appends a gap entry: the topic was made anew and is another log.
// Its partitions follow with Started.
func (l *Log) Remade(event int, log string, now int64) uint64 {
	n := l.appendGap(Gap{Event: event, Log: log}, now)
	e := &l.events[event]
	e.names = append(e.names, name{n + 1, log})
	for i := range e.partitions {
		e.partitions[i].reset(n+1, absent, l.first)
	}
	return n
}

// Position is the cursor entry of an event for a reader who stands at number
// n: it covers exactly the entries before n.
func (l *Log) Position(event int, n uint64) wire.Position {
	e := &l.events[event]
	pos := wire.Position{At: make([]int64, 0, len(e.partitions))}
	i := sort.Search(len(e.names), func(i int) bool { return e.names[i].number > n })
	if i > 0 {
		pos.Log = e.names[i-1].log
	}
	present := 0
	for i := range e.partitions {
		p := &e.partitions[i]
		at := int64(absent)
		if n >= l.next {
			if p.latest().at != absent {
				at = p.next - 1
			}
		} else {
			at = p.at(l, n)
		}
		if at != absent {
			present = i + 1
		}
		pos.At = append(pos.At, max(at, -1))
	}
	pos.At = pos.At[:present]
	return pos
}

// End is the next offset that will be read of a partition, and whether it is read at all.
func (l *Log) End(event int, p int32) (int64, bool) {
	e := &l.events[event]
	if int(p) >= len(e.partitions) || e.partitions[p].latest().at == absent {
		return 0, false
	}
	return e.partitions[p].next, true
}

// Recovery says what a cursor entry is worth here.
type Recovery uint8

// The three outcomes of Recoverable.
const (
	Recovered Recovery = iota // every message after it is here
	Ahead                     // it names offsets that were not read yet
	Lost                      // another log, or messages that are gone
)

// maxUnknown is how many partitions more than this server has found a cursor
// may name: another server may have found new ones before. A longer one is not
// worth asking Kafka for.
const maxUnknown = 64

// Recoverable judges a cursor entry by the rule of protocol.md, section 5.
// With Ahead it also returns the partitions that must be read further.
func (l *Log) Recoverable(event int, pos wire.Position) (Recovery, []int32) {
	e := &l.events[event]
	current := ""
	if len(e.names) > 0 {
		current = e.names[len(e.names)-1].log
	}
	if pos.Log != "" && pos.Log != current {
		if current == "" {
			return Ahead, nil // the topic is not found yet
		}
		return Lost, nil
	}
	if pos.Log == "" {
		pos.At = nil // from before the topic existed: its beginning
	}
	var ahead []int32
	for i := range max(len(e.partitions), len(pos.At)) {
		at := pos.Last(int32(i))
		next, ok := l.End(event, int32(i))
		switch {
		case !ok && at < 0:
		case !ok && i >= len(e.partitions)+maxUnknown:
			return Lost, nil
		case !ok:
			ahead = append(ahead, int32(i))
		case at+1 < e.partitions[i].base():
			return Lost, nil
		case at >= next:
			ahead = append(ahead, int32(i))
		}
	}
	if len(ahead) > 0 {
		return Ahead, ahead
	}
	return Recovered, nil
}

// Starts turns a recoverable cursor entry into numbers, one a partition: the
// first entry after it, or the end.
func (l *Log) Starts(event int, pos wire.Position) []uint64 {
	if pos.Log == "" {
		pos.At = nil
	}
	e := &l.events[event]
	starts := make([]uint64, len(e.partitions))
	for i := range e.partitions {
		p := &e.partitions[i]
		at := pos.Last(int32(i))
		from := p.seek(p.latest().number)
		k := sort.Search(int(p.end()-from), func(k int) bool {
			return l.entries.at(p.list.at(from+uint64(k))).offset > at
		})
		starts[i] = l.next
		if from+uint64(k) < p.end() {
			starts[i] = p.list.at(from + uint64(k))
		}
	}
	return starts
}
