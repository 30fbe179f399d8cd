package shard

// marked is the queue of the slots with something due. It knows a number below
// which nobody in it is due anything, and keeps it without looking at them: by
// rounds. A round serves those who were in the queue when it began, so that what is
// due to those who come meanwhile counts from the next one on. The number is never
// too high, and too low for two rounds at most, however long the queue is never empty.
type marked struct {
	ring
	left  uint32 // of this round
	least uint64 // due to those of this round
	later uint64 // due to those who came since it began
}

// wants notes that n is the first that somebody in the queue is due.
func (m *marked) wants(n uint64) { m.later = min(m.later, n) }

// pop takes out the slot that waits longest.
func (m *marked) pop() uint32 {
	if m.left == 0 {
		m.left, m.least, m.later = m.n, m.later, none
	}
	m.left--
	return m.ring.pop()
}

// clear forgets what was due; for when the queue is empty.
func (m *marked) clear() { m.left, m.least, m.later = 0, none, none }

// needs is a number below which nobody in the queue is due anything.
func (m *marked) needs() uint64 { return min(m.least, m.later) }
