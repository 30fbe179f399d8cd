package history

// Gap is the content of a gap entry: some records are gone from Kafka that were
// never read, or, with Log, all of the topic.
type Gap struct {
	Event     int // index in Options.Events
	Partition int32
	From, To  int64 // the lost offsets, both inclusive
	// Log is the name of the log that took the place of the old one. Then the gap
	// concerns all partitions, and the fields above but Event are zero.
	Log string
}

// Lost appends a gap entry and returns its number: offsets from to to (both
// inclusive) of the partition were lost, reading goes on at next. Who is behind
// still gets what was read before, in order; for new resumes the history begins
// behind the gap. Writer only.
func (l *Log) Lost(event int, partition int32, from, to, next, now int64) uint64 {
	l.partition(event, partition).begin(leg{from: l.next + 1, base: next, read: true})
	return l.appendGap(Gap{Event: event, Partition: partition, From: from, To: to}, now)
}

// Remade appends a gap entry and returns its number: the topic was made anew
// and is another log, of this name. Its partitions follow with Started. Writer
// only.
func (l *Log) Remade(event int, log string, now int64) uint64 {
	e := l.touch(event)
	after := l.next + 1
	e.later = append(e.later, naming{after, log})
	for _, p := range e.partitions {
		p.begin(leg{from: after})
	}
	return l.appendGap(Gap{Event: event, Log: log}, now)
}

// appendGap gives a gap its place among the messages.
func (l *Log) appendGap(g Gap, now int64) uint64 {
	n := l.next
	e := l.shelf.add(n)
	e.ReadAt, e.Partition, e.Event, e.Kind = now, g.Partition, uint16(g.Event), GapEntry
	ev := l.touch(g.Event)
	ev.gapNumbers = append(ev.gapNumbers, n)
	ev.gaps = append(ev.gaps, g)
	l.next++
	l.bytes += entryBytes
	return n
}

// Gap returns what entry n says, whose Kind is GapEntry.
func (v *View) Gap(n uint64) Gap {
	e := &v.events[v.Entry(n).Event]
	return e.gaps[seek(e.gapNumbers, n)]
}
