package loop

// wheel is one timer for all connections: it holds, for each tick of the next
// hundred seconds, whom to look at. A connection whose deadline was moved is
// looked at in vain, which is cheaper than taking it out.
type wheel struct {
	ticks [wheelTicks][]timer
	tick  int64     // the last one that was turned
	spare [][]timer // arrays of ticks that were turned
}

type timer struct {
	ref ref
	at  int64
}

const (
	tickMS     = 100
	wheelTicks = 1024

	// spareMost is how many timers an array may have room for and be kept, however few were in it.
	spareMost = 32
)

// add has the wheel look at ref at a time of the loop's clock, at the latest.
// What lies further ahead than the wheel reaches is looked at early.
func (w *wheel) add(r ref, at int64) {
	t := (at + tickMS - 1) / tickMS
	t = min(max(t, w.tick+1), w.tick+wheelTicks-1)
	slot := &w.ticks[t%wheelTicks]
	if last := len(w.spare) - 1; *slot == nil && last >= 0 {
		*slot, w.spare = w.spare[last], w.spare[:last]
	}
	*slot = append(*slot, timer{r, at})
}

// turn calls look for everything that is due by now.
func (w *wheel) turn(now int64, look func(timer)) {
	for w.tick < now/tickMS {
		w.tick++
		slot := &w.ticks[w.tick%wheelTicks]
		due := *slot
		*slot = nil
		for _, t := range due {
			look(t)
		}
		// An array that was made for a storm of clients is let go: kept, it would go round, and in time every tick would
		// have one as large.
		if room := cap(due); room > 0 && room <= max(4*len(due), spareMost) {
			w.spare = append(w.spare, due[:0])
		}
	}
}

// next is when the wheel turns next.
func (w *wheel) next() int64 { return (w.tick + 1) * tickMS }
