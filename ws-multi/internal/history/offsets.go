package history

import (
	"sort"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// leg is a stretch of reading one partition: within it offsets ascend with the
// entries' numbers. One begins where reading starts, behind a gap, and, unread,
// where the topic was made anew and the partition is not found in it yet.
type leg struct {
	from uint64 // the first number that can be of it
	base int64  // the offset it begins with
	read bool   // false: the partition is not there
}

// partitionView is what a View knows of a partition.
type partitionView struct {
	oldest  leg   // in force at First; base is raised with what is evicted of it
	later   []leg // begun since, ascending
	next    int64 // the offset that will be read next
	numbers []uint64
}

// partition is the writer's side of it.
type partition struct {
	partitionView      // without numbers
	list          list // which are taken from here
}

// naming is the name of an event's log from a number on.
type naming struct {
	from uint64
	log  string
}

// partition returns one that the caller is about to change, and makes those that
// are missing up to it.
func (l *Log) partition(event int, number int32) *partition {
	e := l.touch(event)
	for int(number) >= len(e.partitions) {
		e.partitions = append(e.partitions, new(partition))
	}
	return e.partitions[number]
}

// begin opens another leg.
func (p *partition) begin(g leg) {
	p.later = append(p.later, g)
	p.next = g.base
}

// settle makes oldest the leg in force at a number that nobody stands before.
func (p *partition) settle(first uint64) {
	for len(p.later) > 0 && p.later[0].from <= first {
		p.oldest, p.later = p.later[0], p.later[1:]
	}
}

// evict notes that entry n, with this offset, is the newest that is gone.
func (p *partition) evict(n uint64, offset int64) {
	p.settle(n)
	p.oldest.base = offset + 1
	p.list.pop()
}

func (e *event) settle(first uint64) {
	for len(e.later) > 0 && e.later[0].from <= first {
		e.oldest, e.later = e.later[0].log, e.later[1:]
	}
	for _, p := range e.partitions {
		p.settle(first)
	}
}

// Opened tells that the event's topic exists, and how its log is called. Writer
// only.
func (l *Log) Opened(event int, log string) {
	e := l.touch(event)
	e.later = append(e.later, naming{l.next, log})
}

// Started tells that a partition is read, from offset on. Writer only.
func (l *Log) Started(event int, partition int32, offset int64) {
	l.partition(event, partition).begin(leg{from: l.next, base: offset, read: true})
}

// Passed tells that reading is beyond an offset and found no message there.
// Writer only.
func (l *Log) Passed(event int, partition int32, offset int64) {
	p := l.partition(event, partition)
	p.next = max(p.next, offset+1)
}

// legAt is the leg in force at number n, which is not below First.
func (p *partitionView) legAt(n uint64) leg {
	if i := sort.Search(len(p.later), func(i int) bool { return p.later[i].from > n }); i > 0 {
		return p.later[i-1]
	}
	return p.oldest
}

// present is the leg of what is read now: a resume sees nothing before it.
func (p *partitionView) present() leg {
	if k := len(p.later); k > 0 {
		return p.later[k-1]
	}
	return p.oldest
}

// logAt is the log's name at number n, empty before the topic was found.
func (e *eventView) logAt(n uint64) string {
	if i := sort.Search(len(e.later), func(i int) bool { return e.later[i].from > n }); i > 0 {
		return e.later[i-1].log
	}
	return e.oldest
}

// Position is the cursor entry of an event for a reader at number n: it covers
// exactly the entries before n, and from End on also the offsets passed without
// a message. Below First, what was evicted counts as dealt with.
func (v *View) Position(event int, n uint64) wire.Position {
	e := &v.events[event]
	n = max(n, v.First)
	pos := wire.Position{Log: e.logAt(n), At: make([]int64, len(e.partitions))}
	known := 0
	for i := range e.partitions {
		pos.At[i] = -1
		if next, read := v.nextAt(&e.partitions[i], n); read {
			known, pos.At[i] = i+1, max(next-1, -1)
		}
	}
	pos.At = pos.At[:known]
	return pos
}

// nextAt is the first offset that a reader at number n, not below First, has not
// dealt with; false says that the partition is not there.
func (v *View) nextAt(p *partitionView, n uint64) (int64, bool) {
	g := p.legAt(n)
	switch k := seek(p.numbers, n); {
	case !g.read:
		return 0, false
	case n >= v.End:
		return p.next, true
	case k > 0 && p.numbers[k-1] >= g.from:
		return v.Entry(p.numbers[k-1]).Offset + 1, true
	default:
		return g.base, true
	}
}

// Next is the offset of a partition that will be read next; false says that the
// partition is not read.
func (v *View) Next(event int, partition int32) (int64, bool) {
	all := v.events[event].partitions
	if partition < 0 || int(partition) >= len(all) {
		return 0, false
	}
	return v.nextAt(&all[partition], v.End)
}
