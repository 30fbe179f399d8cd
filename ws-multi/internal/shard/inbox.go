package shard

import "sync"

// inbox is what other goroutines want of a shard. Messages never come this way:
// it is for arrivals, admin requests and answers, and its mutex is not on the way
// of anything else.
type inbox struct {
	mu     sync.Mutex
	items  []item
	closed bool // the shard has ended
}

// item is an arrival, or something to be done on the shard's goroutine.
type item struct {
	arrival *Arrival
	do      func()
}

// put hands over an item. It reports false when the shard has ended; then
// nothing will be done.
func (s *Shard) put(it item) bool {
	s.inbox.mu.Lock()
	if s.inbox.closed {
		s.inbox.mu.Unlock()
		return false
	}
	s.inbox.items = append(s.inbox.items, it)
	s.inbox.mu.Unlock()
	s.poller.Wake()
	return true
}

// call has f done on the shard's goroutine, some time soon. Any goroutine. It
// reports false when the shard has ended.
func (s *Shard) call(f func()) bool { return s.put(item{do: f}) }

// answer is call for an answer to a connection that may be gone meanwhile.
func (s *Shard) answer(id ident, f func(*conn)) {
	s.call(func() {
		if c := s.get(id); c != nil {
			f(c)
		}
	})
}

// takeIn does what others want.
func (s *Shard) takeIn() {
	s.inbox.mu.Lock()
	items := s.inbox.items
	s.inbox.items = nil
	s.inbox.mu.Unlock()
	for _, it := range items {
		if it.do != nil {
			it.do()
			continue
		}
		s.arrive(it.arrival)
	}
}

// end refuses what comes from now on, and returns what was not taken in.
func (b *inbox) end() []item {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	items := b.items
	b.items = nil
	return items
}

// turnAway gives up an arrival that no shard takes any more.
func (a *Arrival) turnAway() {
	a.FD.Reset()
	a.FD.Close()
	a.Place.Release()
}
