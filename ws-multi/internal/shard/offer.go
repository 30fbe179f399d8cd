package shard

// due is what live connections are to be sent: lists in one array that is used
// again when all have been served, so that offering allocates nothing. It is a
// short cut only: what a connection is due could be pulled from the history.
type due struct {
	n    uint64
	next int32 // place of the next, counted from 1
}

const (
	// maxDue bounds the array (16 MiB). A shard in which so much is due takes no
	// more of the history until everybody was served.
	maxDue = 1 << 20
	// maxMarks bounds how many subscribers one turn marks: a batch of a thousand
	// records for ten thousand subscribers is the work of many turns.
	maxMarks = 20_000
)

// load takes up the newest view of the history. From here to the end of the turn
// nothing of it changes.
func (s *Shard) load() {
	if v := s.log.View(); v != s.view {
		s.view = v
		s.untried = len(s.ahead)
	}
	if s.untried > 0 && s.clock.now >= s.triedAt+aheadEvery {
		s.tryMore()
	}
}

// offer goes on through the history and marks for each entry the live connections
// that want it. It reports whether there is more.
func (s *Shard) offer() bool {
	for marks := 0; s.pos < s.view.End; {
		if marks >= maxMarks {
			return true
		}
		if len(s.due) >= maxDue {
			return false // there is, but it waits
		}
		n := s.pos
		s.pos++
		e := s.view.Entry(n)
		if e.Kind == gapEntry {
			marks += s.offerGap(n, int(e.Event))
			continue
		}
		byName, bySymbol, byEvent := s.index.Subscribers(e.Channel, int(e.Event))
		for _, slot := range byName {
			s.mark(slot, n, int(e.Event))
		}
		for _, slot := range bySymbol {
			s.mark(slot, n, int(e.Event))
		}
		for _, slot := range byEvent {
			s.mark(slot, n, int(e.Event))
		}
		marks += 1 + len(byName) + len(bySymbol) + len(byEvent)
	}
	return false
}

// offerGap marks everybody with a channel of the event.
func (s *Shard) offerGap(n uint64, event int) int {
	for _, c := range s.conns {
		if c == nil || c.closing == closed {
			continue
		}
		if s.present = s.index.Events(&c.subs, s.present); s.present.Has(event) {
			s.mark(c.id.slot(), n, event)
		}
	}
	return len(s.conns)
}

// mark notes that the connection in a slot wants entry n, of an event.
func (s *Shard) mark(slot uint32, n uint64, event int) {
	seat := &s.seats[slot]
	switch seat.state {
	case live:
		if seat.tail != 0 && s.due[seat.tail-1].n == n {
			return // by another of its patterns
		}
		s.due = append(s.due, due{n: n})
		place := int32(len(s.due))
		if seat.tail != 0 {
			s.due[seat.tail-1].next = place
		} else {
			seat.head = place
			s.marked.wants(n)
		}
		seat.tail = place
		s.toMarked(slot)
	case idling:
		c := s.conns[slot]
		if st := c.late.streamOf(event); st.first == none {
			st.first = n
			seat.state = c.late.state()
			s.toPull(c)
		}
	}
}

func (s *Shard) toMarked(slot uint32) {
	if seat := &s.seats[slot]; !seat.marked {
		seat.marked = true
		s.marked.push(slot)
	}
}

// tell publishes what the shard has dealt with, and wakes the router if it waits
// for that.
func (s *Shard) tell() {
	needs := min(s.pos, s.marked.needs())
	if needs == s.needs.Load() {
		return
	}
	s.needs.Store(needs)
	if s.waited.CompareAndSwap(true, false) {
		select {
		case s.progress <- struct{}{}:
		default:
		}
	}
}

// lag counts the entries that were published and that somebody live may not have
// been sent.
func (s *Shard) lag() int { return int(s.log.View().End - s.needs.Load()) }
