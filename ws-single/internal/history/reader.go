package history

import "github.com/adred-codev/ws_poc/ws-single/internal/channel"

// Reader pulls, in the order of their numbers, the entries of some lists: a
// merge that is entered by binary search and costs what it returns. It reads
// what was there when it was opened, below its bound; what came since needs a
// new one, for there may be new lists.
//
// A Reader is valid until it is closed or its next entry is evicted, which its
// owner has to notice: that number is below First then.
type Reader struct {
	log   *Log
	bound uint64
	heap  []source // least next first
}

// source is a list and the place in it. Lists are named by numbers: the arrays
// they are in may move.
type source struct {
	next uint64
	at   uint64 // next's index in the list
	of   listID
}

type listID struct {
	kind  listKind
	owner uint32 // channel.ID, or event
	part  uint32 // index in the channel's parts, or partition
}

type listKind uint8

const (
	ofChannel listKind = iota
	ofPartition
	ofGaps
)

// Open returns a reader of the entries below bound, without any list yet.
func (l *Log) Open(bound uint64) *Reader {
	var r *Reader
	if n := len(l.readers); n > 0 {
		r = l.readers[n-1]
		l.readers = l.readers[:n-1]
	} else {
		r = &Reader{log: l}
	}
	r.bound = min(bound, l.next)
	return r
}

// Close gives the reader back. It may not be used afterwards.
func (r *Reader) Close() {
	r.heap = r.heap[:0]
	if cap(r.heap) <= 4096 && len(r.log.readers) < 64 {
		r.log.readers = append(r.log.readers, r)
	}
}

func (r *Reader) list(id listID) *list {
	switch id.kind {
	case ofChannel:
		return &r.log.channels[id.owner].parts[id.part].list
	case ofPartition:
		return &r.log.events[id.owner].partitions[id.part].list
	default:
		return &r.log.events[id.owner].gaps
	}
}

func (r *Reader) add(id listID, at uint64) {
	l := r.list(id)
	if at >= l.end() {
		return
	}
	if n := l.at(at); n < r.bound {
		r.heap = append(r.heap, source{next: n, at: at, of: id})
		r.up(len(r.heap) - 1)
	}
}

// Channel adds a channel's messages from number from on; where starts says so,
// a partition's only from its start.
func (r *Reader) Channel(id channel.ID, from uint64, starts []uint64) {
	if int(id) >= len(r.log.channels) {
		return
	}
	parts := r.log.channels[id].parts
	for i := range parts {
		p := &parts[i]
		r.add(listID{ofChannel, uint32(id), uint32(i)}, p.seek(start(from, starts, int(p.partition))))
	}
}

// Event adds all messages of an event.
func (r *Reader) Event(event int, from uint64, starts []uint64) {
	parts := r.log.events[event].partitions
	for i := range parts {
		r.add(listID{ofPartition, uint32(event), uint32(i)}, parts[i].seek(start(from, starts, i)))
	}
}

// Gaps adds an event's gaps.
func (r *Reader) Gaps(event int, from uint64) {
	r.add(listID{ofGaps, uint32(event), 0}, r.log.events[event].gaps.seek(from))
}

// Newest adds those of the newest k messages of a channel below the bound that
// have at least number from.
func (r *Reader) Newest(id channel.ID, k int, from uint64) {
	if int(id) >= len(r.log.channels) {
		return
	}
	parts := r.log.channels[id].parts
	ends := make([]uint64, len(parts))
	for i := range parts {
		ends[i] = parts[i].seek(r.bound)
	}
	for range k {
		best := -1
		for i := range parts {
			p := &parts[i]
			if ends[i] > p.begin() && (best < 0 || p.at(ends[i]-1) > parts[best].at(ends[best]-1)) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		ends[best]--
	}
	for i := range parts {
		r.add(listID{ofChannel, uint32(id), uint32(i)}, max(ends[i], parts[i].seek(from)))
	}
}

func start(from uint64, starts []uint64, partition int) uint64 {
	if partition < len(starts) {
		return max(from, starts[partition])
	}
	return from
}

// Peek returns the next entry's number; ok is false when all were returned.
func (r *Reader) Peek() (n uint64, ok bool) {
	if len(r.heap) == 0 {
		return r.bound, false
	}
	return r.heap[0].next, true
}

// Advance passes the entry that Peek returned, in every list that has it.
func (r *Reader) Advance() {
	n := r.heap[0].next
	for len(r.heap) > 0 && r.heap[0].next == n {
		s := &r.heap[0]
		l := r.list(s.of)
		s.at++
		if s.at < l.end() && l.at(s.at) < r.bound {
			s.next = l.at(s.at)
		} else {
			last := len(r.heap) - 1
			r.heap[0] = r.heap[last]
			r.heap = r.heap[:last]
		}
		r.down()
	}
}

func (r *Reader) up(i int) {
	h := r.heap
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].next <= h[i].next {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

func (r *Reader) down() {
	h := r.heap
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].next < h[child].next {
			child++
		}
		if h[i].next <= h[child].next {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
