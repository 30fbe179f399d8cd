package history

import (
	"sort"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// naming says which Kafka log an event's entries are of, from a number on.
type naming struct {
	number uint64
	log    string
}

// partition is the writer's state of one partition.
type partition struct {
	partitionView      // but for numbers
	list          list // of its entries: numbers and offsets ascend, between resets
}

// partitionView joins numbers and offsets of one partition.
type partitionView struct {
	next       int64   // the next offset that will be read
	evicted    int64   // the offset of the newest evicted entry
	evictedEnd uint64  // one past its number; 0: none was evicted
	resets     []reset // ascending by number, never empty
	numbers    []uint64
}

// reset says where reading stood from a number on: at the start, after a gap,
// and in a topic made anew, where offsets begin again.
type reset struct {
	number uint64
	at     int64 // the last offset dealt with; absent: the partition is not there
}

const absent = -2

// partition finds or makes a partition that the caller is about to change.
func (l *Log) partition(event int, partition int32) *partition {
	e := l.touch(event)
	for int(partition) >= len(e.partitions) {
		e.partitions = append(e.partitions, newPartition())
	}
	return e.partitions[partition]
}

func newPartition() *partition {
	return &partition{partitionView: partitionView{resets: []reset{{at: absent}}}}
}

// reset appends a reset and drops those that nobody can stand before any more.
func (p *partition) reset(number uint64, at int64, first uint64) {
	p.resets = append(p.resets, reset{number, at})
	for len(p.resets) > 1 && p.resets[1].number <= first {
		p.resets = p.resets[1:]
	}
	p.next = at + 1
}

func (e *event) name(number uint64, log string, first uint64) {
	e.names = append(e.names, naming{number, log})
	for len(e.names) > 1 && e.names[1].number <= first {
		e.names = e.names[1:]
	}
}

// Opened says that the event's topic exists and what its log is called. Writer
// only.
func (l *Log) Opened(event int, log string) { l.touch(event).name(l.next, log, l.first) }

// Started says that a partition is read from offset on. Writer only.
func (l *Log) Started(event int, partition int32, offset int64) {
	l.partition(event, partition).reset(l.next, offset-1, l.first)
}

// Passed says that reading has passed an offset, and all before it, that held no
// message. Writer only.
func (l *Log) Passed(event int, partition int32, offset int64) {
	p := l.partition(event, partition)
	p.next = max(p.next, offset+1)
}

// latest is the reset in force for new resumes: they see nothing before it.
func (p *partitionView) latest() reset { return p.resets[len(p.resets)-1] }

// base is the first offset in reach: the first loaded after the latest reset,
// or one past the newest evicted (protocol.md, section 5).
func (p *partitionView) base() int64 { return p.reach(p.latest()) + 1 }

// reach is the last offset dealt with when nothing that is kept was, since a reset.
func (p *partitionView) reach(r reset) int64 {
	if p.evictedEnd > r.number {
		return p.evicted
	}
	return r.at
}

// Position is the cursor entry of an event for a reader who stands at number n:
// it covers exactly the entries before n, and at End or beyond also the offsets
// passed without a message. n may be below First: what was evicted counts as
// dealt with then.
func (v *View) Position(event int, n uint64) wire.Position {
	e := &v.events[event]
	n = max(n, v.First)
	pos := wire.Position{At: make([]int64, len(e.partitions))}
	if i := sort.Search(len(e.names), func(i int) bool { return e.names[i].number > n }); i > 0 {
		pos.Log = e.names[i-1].log
	}
	known := 0
	for i := range e.partitions {
		at := v.dealtWith(&e.partitions[i], n)
		if at != absent {
			known = i + 1
		}
		pos.At[i] = max(at, -1)
	}
	pos.At = pos.At[:known]
	return pos
}

// dealtWith is the last offset before number n, which is not below First.
func (v *View) dealtWith(p *partitionView, n uint64) int64 {
	if n >= v.End {
		if p.latest().at == absent {
			return absent
		}
		return p.next - 1
	}
	i := sort.Search(len(p.resets), func(i int) bool { return p.resets[i].number > n })
	if i == 0 {
		return absent
	}
	r := p.resets[i-1]
	if k := seek(p.numbers, n); k > 0 && p.numbers[k-1] >= r.number {
		return v.Entry(p.numbers[k-1]).Offset
	}
	return p.reach(r)
}

// Next is the next offset that will be read of a partition; false says that the
// partition is not read.
func (v *View) Next(event int, partition int32) (int64, bool) {
	all := v.events[event].partitions
	if partition < 0 || int(partition) >= len(all) || all[partition].latest().at == absent {
		return 0, false
	}
	return all[partition].next, true
}

// Recovery says what a cursor entry is worth here.
type Recovery uint8

// The outcomes of Recoverable.
const (
	Recovered Recovery = iota // every message after it is here
	Ahead                     // it names offsets that were not read yet
	Lost                      // another log, or messages that are gone
)

// maxUnfound is how many partitions more than this server has found a cursor may
// name: another server may have found new ones before. A longer one is not worth
// asking Kafka for.
const maxUnfound = 64

// Recoverable judges a cursor entry by protocol.md, section 5. With Ahead it
// also returns the partitions that must be read further; none if the topic has
// not been found yet.
func (v *View) Recoverable(event int, pos wire.Position) (Recovery, []int32) {
	e := &v.events[event]
	if log := e.log(); pos.Log != "" && pos.Log != log {
		if log == "" {
			return Ahead, nil
		}
		return Lost, nil
	}
	pos = fromBeginning(pos)
	var ahead []int32
	for i := range max(len(e.partitions), len(pos.At)) {
		at := pos.Last(int32(i))
		next, read := v.Next(event, int32(i))
		switch {
		case !read && at < 0:
		case !read && i >= len(e.partitions)+maxUnfound:
			return Lost, nil
		case read && at+1 < e.partitions[i].base():
			return Lost, nil
		case !read || at >= next:
			ahead = append(ahead, int32(i))
		}
	}
	if len(ahead) > 0 {
		return Ahead, ahead
	}
	return Recovered, nil
}

// log is the event's log at present; empty if its topic was not found yet.
func (e *eventView) log() string {
	if len(e.names) == 0 {
		return ""
	}
	return e.names[len(e.names)-1].log
}

// fromBeginning makes an entry from before the topic existed mean its beginning.
func fromBeginning(pos wire.Position) wire.Position {
	if pos.Log == "" {
		pos.At = nil
	}
	return pos
}

// Starts turns a recoverable cursor entry into numbers, one a partition: its
// first entry after the cursor, or End.
func (v *View) Starts(event int, pos wire.Position) []uint64 {
	pos = fromBeginning(pos)
	all := v.events[event].partitions
	starts := make([]uint64, len(all))
	for i := range all {
		p := &all[i]
		at := pos.Last(int32(i))
		nums := p.numbers[seek(p.numbers, p.latest().number):]
		k := sort.Search(len(nums), func(k int) bool { return v.Entry(nums[k]).Offset > at })
		starts[i] = v.End
		if k < len(nums) {
			starts[i] = nums[k]
		}
	}
	return starts
}
