package guard

import (
	"hash/maphash"
	"sync/atomic"
)

// Slot is a connection's place in the counts from Admit to Release. Every
// connection holds one for its life, so it is 24 bytes. Its methods may be called
// from any goroutine, also at once.
type Slot struct {
	guard atomic.Pointer[Guard] // nil: released
	addr  uint64                // addrKey
	sub   atomic.Uint64         // the subject's key; 0: not counted
}

// SetSubject counts the connection for its token's subject and reports whether
// it may stay; if not, it is closed with 4503. A connection has one subject for
// its life: the same again changes nothing, another one may not stay. The empty
// subject is nobody's and not counted. After Release the answer is false.
func (s *Slot) SetSubject(subject string) bool {
	g := s.guard.Load()
	if g == nil {
		return false
	}
	if g.subs == nil || subject == "" {
		return true
	}
	key := g.subjectKey(subject)
	if present := s.sub.Load(); present != 0 {
		return present == key
	}
	if !g.subs.take(key) {
		return false
	}
	if !s.sub.CompareAndSwap(0, key) {
		g.subs.give(key)
		return s.sub.Load() == key
	}
	// Release takes the guard away before it looks for a subject. So either it
	// has found this one, or its end is seen here.
	if s.guard.Load() == nil {
		if s.sub.CompareAndSwap(key, 0) {
			g.subs.give(key)
		}
		return false
	}
	return true
}

// subjectKey stands for a subject in the counts: 8 bytes a connection and not
// the text. Two subjects share a limit when their hashes are alike, which for a
// million of them is one chance in thirty million, and none that a client could
// arrange: the seed is random.
func (g *Guard) subjectKey(subject string) uint64 {
	return max(1, maphash.String(g.seed, subject)) // 0 is none
}

// Release gives the place back. The first call counts, further ones do nothing.
func (s *Slot) Release() {
	g := s.guard.Swap(nil)
	if g == nil {
		return
	}
	if g.addrs != nil {
		g.addrs.give(s.addr)
	}
	if key := s.sub.Swap(0); key != 0 {
		g.subs.give(key)
	}
	g.open.Add(-1)
}
