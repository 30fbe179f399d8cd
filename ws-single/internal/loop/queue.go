package loop

// queue is a first-in, first-out queue of slots that keeps its memory.
type queue struct {
	slots []uint32
	head  int
}

func (q *queue) push(slot uint32) { q.slots = append(q.slots, slot) }

func (q *queue) pop() uint32 {
	s := q.slots[q.head]
	q.head++
	switch {
	case q.head == len(q.slots):
		q.slots, q.head = q.slots[:0], 0
	case q.head > 4096 && q.head > len(q.slots)/2:
		q.slots = q.slots[:copy(q.slots, q.slots[q.head:])]
		q.head = 0
	}
	return s
}

func (q *queue) len() int { return len(q.slots) - q.head }

// bucket is a token bucket on the loop's clock, kept as the time when it is full
// again, us.
type bucket int64

// take takes one token of a bucket that fills at rate tokens a second up to burst.
func (b *bucket) take(now, rate, burst int64) bool {
	every := bucket(1_000_000 / rate)
	present := bucket(now * 1000)
	full := max(*b, present) + every
	if full-present > every*bucket(burst) {
		return false
	}
	*b = full
	return true
}
