package shard

// ring is a queue of slots in an array that is used again.
type ring struct {
	buf  []uint32 // its length is a power of two
	head uint32
	n    uint32
}

func (r *ring) push(slot uint32) {
	if int(r.n) == len(r.buf) {
		bigger := make([]uint32, max(64, 2*len(r.buf)))
		for i := range r.n {
			bigger[i] = r.buf[(r.head+i)&uint32(len(r.buf)-1)]
		}
		r.buf, r.head = bigger, 0
	}
	r.buf[(r.head+r.n)&uint32(len(r.buf)-1)] = slot
	r.n++
}

func (r *ring) pop() uint32 {
	slot := r.buf[r.head]
	r.head = (r.head + 1) & uint32(len(r.buf)-1)
	r.n--
	return slot
}

func (r *ring) empty() bool { return r.n == 0 }
