package history

// Evict forgets what is older than the window or over the bytes, oldest first;
// never an entry from the number keep on, and at most so many entries in this
// call. It reports whether more is due.
//
// keep is where the shard furthest behind stands: what a shard has not offered to
// its live connections is not evicted. Readers see what is gone with the next
// Publish, and the memory is free when the last View that shows it is dropped.
func (l *Log) Evict(now int64, keep uint64, most int) bool {
	end, more := l.due(now, keep, most)
	if end == l.first {
		return more
	}
	// Before the lists lose anything: see the package's documentation.
	l.channels.evicted.Store(end)
	for n := l.first; n < end; n++ {
		l.forget(n, l.shelf.entry(n))
	}
	l.first = end
	l.shelf.drop(end, l.chunkOf(end))
	return more
}

// due finds the end of what is to be evicted and takes it off the bytes.
func (l *Log) due(now int64, keep uint64, most int) (end uint64, more bool) {
	limit := min(l.next, keep)
	tails := l.shelf.tails
	chunk := l.shelf.firstChunk
	n := l.first
	for n < limit {
		e := l.shelf.entry(n)
		if l.bytes <= l.options.Bytes && now-e.ReadAt <= l.options.Window {
			break
		}
		if most--; most < 0 {
			return n, true
		}
		l.bytes -= entryBytes + int64(e.size)
		n++
		for c := l.chunkOf(n); chunk < c; chunk++ {
			l.bytes -= int64(tails[0])
			tails = tails[1:]
		}
	}
	return n, false
}

// chunkOf is the chunk below which nothing is needed from entry n on.
func (l *Log) chunkOf(n uint64) uint32 {
	if n == l.next {
		return l.shelf.lastChunk()
	}
	return l.shelf.entry(n).chunk
}

func (l *Log) forget(n uint64, e *Entry) {
	ev := l.touch(int(e.Event))
	if e.Kind == GapEntry {
		ev.gapNumbers, ev.gaps = ev.gapNumbers[1:], ev.gaps[1:]
		return
	}
	ev.partitions[e.Partition].evict(n, e.Offset)
	ch := l.channels.ByID(e.Channel)
	ch.list(e.Partition).pop()
	if ch.kept--; ch.kept == 0 {
		delete(ev.held, ch.Symbol)
		l.channels.Release(ch)
	}
}
