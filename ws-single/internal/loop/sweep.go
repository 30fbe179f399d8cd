package loop

// sweep serves up to limit of the connections that were marked, each once: all
// it is due goes out in one send. It returns how many it served.
func (l *Loop) sweep(limit int) int {
	served := 0
	for served < limit && l.sweeps.len() > 0 {
		c := l.conns[l.sweeps.pop()]
		if c == nil || c.queued&inSweep == 0 {
			continue
		}
		c.queued &^= inSweep
		if c.pulled || c.closing == closed {
			continue
		}
		l.flush(c)
		served++
	}
	if l.sweeps.len() == 0 {
		l.due = l.due[:0] // every list was served or turned into a position
	}
	return served
}

// flush sends a live connection what it is due, and then its control frames.
func (l *Loop) flush(c *conn) {
	o := &l.out
	o.begin(c, l.log.Next(), 0)
	if !c.due.empty() {
		l.sample = l.log.Timestamp(l.due[c.due.head-1].n)
	}
	for !c.due.empty() && len(o.buf) < maxWrite {
		d := l.due[c.due.head-1] // the history keeps what is due
		if _, isGap := l.log.Gap(d.n); isGap {
			o.main.at = d.n + 1
			l.gap(o, c, &o.main, aGap, d.n)
		} else {
			l.message(o, aMessage, d.n, 0)
		}
		if c.due.head = d.next; d.next == 0 {
			c.due = dueList{}
		}
	}
	o.main.at = l.log.Next()
	if c.due.empty() {
		l.renderControl(o, c)
	}
	rest := c.due
	if !l.send(c) {
		return
	}
	c.missed = false
	if !rest.empty() {
		c.due = rest
		l.toSweep(c)
	}
}

// mark notes that the connection in a slot is to be sent entry n.
func (l *Loop) mark(slot uint32, n uint64, event int) {
	c := l.conns[slot]
	if c.pulled {
		if c.replay.covers(event) {
			if c.replay.first == nothing {
				c.replay.first = n
			}
			return // it comes with the replay
		}
		if !c.missed {
			c.missed, c.at, c.first = true, n, n
			if !c.full {
				l.toPulls(c)
			}
		} else if c.first == nothing {
			c.first = n
		}
		return
	}
	if !c.due.empty() && l.lastDue(c.due) == n {
		return // by another of its patterns
	}
	l.addDue(&c.due, n)
	l.toSweep(c)
}

func (l *Loop) toSweep(c *conn) {
	if c.queued&inSweep == 0 {
		c.queued |= inSweep
		l.sweeps.push(c.slot)
	}
}

func (l *Loop) toPulls(c *conn) {
	if c.queued&inPulls == 0 {
		c.queued |= inPulls
		l.pulls.push(c.slot)
	}
}
