package guard

import (
	"sync"

	"golang.org/x/sys/cpu"
)

// tally counts connections by key, none above a limit. Keys are spread over
// parts, so that shards which close connections at the same time seldom meet; the
// maps hold no pointers, so the collector has nothing to look at in them.
type tally struct {
	limit int
	parts [1 << tallyBits]tallyPart
}

const tallyBits = 6

type tallyPart struct {
	mu sync.Mutex
	n  map[uint64]int // above 0 each: no larger than the connections open
	_  cpu.CacheLinePad
}

func newTally(limit int) *tally {
	t := &tally{limit: limit}
	for i := range t.parts {
		t.parts[i].n = make(map[uint64]int)
	}
	return t
}

// part mixes the key first: neighbouring addresses differ in few bits.
func (t *tally) part(key uint64) *tallyPart { return &t.parts[mix(key)>>(64-tallyBits)] }

// mix is Fibonacci hashing (Knuth, TAOCP 3, 6.4): the high bits are the good ones.
func mix(key uint64) uint64 { return key * 0x9E3779B97F4A7C15 }

// take counts one more, or reports that the limit is reached.
func (t *tally) take(key uint64) bool {
	p := t.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.n[key]
	if n >= t.limit {
		return false
	}
	p.n[key] = n + 1
	return true
}

// give counts one less. Only what was taken may be given.
func (t *tally) give(key uint64) {
	p := t.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.n[key]; n > 1 {
		p.n[key] = n - 1
	} else {
		delete(p.n, key)
	}
}

// keys is how many have a count.
func (t *tally) keys() (n int) {
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.Lock()
		n += len(p.n)
		p.mu.Unlock()
	}
	return n
}
