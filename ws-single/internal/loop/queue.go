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

// bucket is a token bucket on the loop's clock.
type bucket struct {
	tokens float32
	at     int64 // ms
}

// take takes one token of a bucket that fills at rate tokens a second up to burst.
func (b *bucket) take(now int64, rate, burst float32) bool {
	if b.at == 0 {
		b.tokens = burst
	} else {
		b.tokens = min(burst, b.tokens+float32(now-b.at)/1000*rate)
	}
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
