package shard

// sweep serves up to limit of those who are marked, each once: all it is due
// goes out in one send. It returns how many it served.
func (s *Shard) sweep(limit int) int {
	served := 0
	for served < limit && !s.marked.empty() {
		slot := s.marked.pop()
		seat := &s.seats[slot]
		if !seat.marked {
			continue
		}
		seat.marked = false
		if seat.state != live {
			continue
		}
		s.flush(s.conns[slot])
		served++
	}
	if s.marked.empty() {
		s.due = s.due[:0] // every list was served, or became a position
		s.marked.clear()
	}
	return served
}

// flush sends a live connection what it is due, and then its control frames.
func (s *Shard) flush(c *conn) {
	o := &s.out
	o.begin(c, s.pos, 0)
	slot := c.id.slot()
	head := s.seats[slot].head
	sample := int64(0)
	if head != 0 && s.sample == 0 {
		sample = s.view.Entry(s.due[head-1].n).Timestamp
	}
	seq := c.seq
	for head != 0 && len(o.buf) < maxWrite {
		d := &s.due[head-1]
		if s.view.Entry(d.n).Kind == gapEntry {
			s.gap(o, c, d.n, &o.main)
		} else {
			s.message(o, aMessage, d.n, &o.main)
		}
		head = d.next
	}
	if o.main.at = s.pos; head == 0 {
		s.renderOutbox(o, c)
	} else {
		o.main.at = s.due[head-1].n
		o.main.first = o.main.at
	}
	all := s.send(c)
	if sample > 0 && c.seq > seq {
		s.sample = sample
	}
	if !all {
		return
	}
	seat := &s.seats[slot]
	if seat.head = head; head == 0 {
		seat.tail = 0
		return
	}
	s.marked.wants(s.due[head-1].n)
	s.toMarked(slot)
}

// settleDue sends a live connection what it is due, before its subscriptions
// change. It may be late or closed then.
func (s *Shard) settleDue(c *conn) {
	for c.closing != closed && c.late == nil && s.seats[c.id.slot()].head != 0 {
		s.flush(c)
	}
}
