package load

import (
	"errors"
	"maps"
)

// cut closes every connection by RST, as a network does that goes away. Faults from now on are those of the return.
func (w *worker) cut() {
	w.abandon()
	for i := range w.conns {
		c := &w.conns[i]
		w.hangUp(int32(i))
		w.to(c, idle)
		c.since = 0
	}
	w.before.add(&w.counts.Faults)
	w.counts.Faults = Faults{}
}

var errNoCursors = errors.New("return: this needs the dialect ws, and connections that keep cursors")

// returnAll begins to bring the connections back that were cut, each with its cursor (P7.1).
func (w *worker) returnAll(o *order) error {
	if w.dialect != ws || !w.setup.Cursors {
		return errNoCursors
	}
	w.job = newJob(returning, o)
	for i := range w.conns {
		c := &w.conns[i]
		if c.step != idle {
			continue
		}
		c.resumes, c.caught, c.replayed = true, false, false
		w.job.target++
		w.enqueue(int32(i))
	}
	return nil
}

// caughtUp notes when a connection has what it missed. One that was told that it cannot resume has what it will get.
func (w *worker) caughtUp(i int32, now int64) {
	c := &w.conns[i]
	if !c.replayed || c.caught || c.since < w.job.each && !c.unwelcome {
		return
	}
	c.caught = true
	w.job.complete++
	w.job.lastCaught = now
}

// returned is what became of the return. Its faults are told here, and not once more at the end of an interval.
func (w *worker) returned() *returnLine {
	line := &returnLine{
		Connected: w.job.lastLive, CaughtUp: w.job.lastCaught, Returned: w.live, Complete: w.job.complete,
		Replayed: w.job.replayed, NotRecovered: w.job.notRecovered, Refused: maps.Clone(w.job.refused),
		Faults: w.counts.Faults,
	}
	for i := range w.conns {
		line.Received += int64(w.conns[i].since)
		w.conns[i].resumes = false
	}
	w.counts.Faults, w.before = w.before, Faults{}
	return line
}
