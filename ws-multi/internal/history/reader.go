package history

// Reader returns the numbers of some lists in ascending order, each number once.
// To enter a list costs a binary search, so a pull costs what it brings, however
// much is kept. A list is read as it is when it is added: what came since needs
// a new Reset, also because there may be new lists.
//
// A Reader holds numbers, no View: it may be kept over many turns, and does not
// keep what is evicted meanwhile. Its owner compares Peek with the First of the
// View it has then.
//
// The zero value is ready for Reset. A Reader belongs to one goroutine.
type Reader struct {
	bound uint64
	heap  [][]uint64 // what is left of each list, never empty; least first number first
}

// keepLists: a larger heap is not kept for reuse.
const keepLists = 1024

// Reset empties the reader. It will read numbers below bound only.
func (r *Reader) Reset(bound uint64) {
	r.bound = bound
	if cap(r.heap) > keepLists {
		r.heap = nil
	}
	clear(r.heap)
	r.heap = r.heap[:0]
}

// Channel adds the entries of a channel that v shows, from number from on, and
// in a partition p < len(starts) only from starts[p] on. The caller holds the
// channel.
func (r *Reader) Channel(v *View, ch *Channel, from uint64, starts []uint64) {
	bound := min(r.bound, v.End)
	from = max(from, v.First)
	for l := &ch.lists; l != nil; l = l.more.Load() {
		if nums := l.numbers(); nums != nil {
			r.add(nums, start(from, starts, l.partition), bound)
		}
	}
	if evicted := v.evicted(bound); from < evicted {
		r.add(v.missed(ch, from, evicted, starts), from, bound)
	}
}

// Event adds all messages of an event that v shows, as Channel does for one
// channel.
func (r *Reader) Event(v *View, event int, from uint64, starts []uint64) {
	all := v.events[event].partitions
	for p := range all {
		r.add(all[p].numbers, start(from, starts, int32(p)), r.bound)
	}
}

// Gaps adds an event's gaps from number from on.
func (r *Reader) Gaps(v *View, event int, from uint64) {
	r.add(v.events[event].gapNumbers, from, r.bound)
}

func start(from uint64, starts []uint64, partition int32) uint64 {
	if int(partition) < len(starts) {
		return max(from, starts[partition])
	}
	return from
}

// Peek returns the next entry's number, or the bound and false when all were
// returned.
func (r *Reader) Peek() (uint64, bool) {
	if len(r.heap) == 0 {
		return r.bound, false
	}
	return r.heap[0][0], true
}

// Advance passes the entry that Peek returns, in every list that has it.
func (r *Reader) Advance() {
	n, ok := r.Peek()
	for ok && len(r.heap) > 0 && r.heap[0][0] == n {
		if r.heap[0] = r.heap[0][1:]; len(r.heap[0]) == 0 {
			end := len(r.heap) - 1
			r.heap[0], r.heap[end] = r.heap[end], nil
			r.heap = r.heap[:end]
		}
		r.sink()
	}
}

// add adds the numbers from from on that are below bound.
func (r *Reader) add(nums []uint64, from, bound uint64) {
	nums = nums[:seek(nums, bound)]
	if nums = nums[seek(nums, from):]; len(nums) == 0 {
		return
	}
	r.heap = append(r.heap, nums)
	h := r.heap
	for i := len(h) - 1; i > 0 && h[i][0] < h[(i-1)/2][0]; i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

// sink restores the heap's order after its first list has changed.
func (r *Reader) sink() {
	h := r.heap
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h); c++ {
			if h[c][0] < h[least][0] {
				least = c
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
