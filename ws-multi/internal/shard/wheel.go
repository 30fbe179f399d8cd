package shard

// wheel is the one timer of a shard's connections: for each tenth of a second of
// the next hundred seconds it holds whom to look at. A connection with another
// deadline since is looked at in vain, which is cheaper than finding it here.
type wheel struct {
	spokes [spokes][]appointment
	turned int64 // the spoke that was emptied last, counted from the clock's 0
	bins   [][]appointment
}

// appointment is when a connection wants to be looked at.
type appointment struct {
	id ident
	at int64
}

const (
	spokes   = 1 << 10
	spokeLen = 100 // ms
	smallBin = 64  // appointments: a bin that is kept however few were in it
)

// add has the connection looked at soon after a time of the shard's clock; what
// lies further ahead than the wheel reaches, sooner.
func (w *wheel) add(id ident, at int64) {
	n := at/spokeLen + 1
	n = max(n, w.turned+1)
	n = min(n, w.turned+spokes-1)
	bin := &w.spokes[n%spokes]
	if *bin == nil && len(w.bins) > 0 {
		end := len(w.bins) - 1
		*bin, w.bins = w.bins[end], w.bins[:end]
	}
	*bin = append(*bin, appointment{id: id, at: at})
}

// turn hands over everything that is due.
func (w *wheel) turn(now int64, due func(appointment)) {
	for (w.turned+1)*spokeLen <= now {
		w.turned++
		bin := w.spokes[w.turned%spokes]
		w.spokes[w.turned%spokes] = nil
		for _, a := range bin {
			due(a)
		}
		// One that was made for a rush is not kept: it would go round, and the
		// others would grow, until each spoke could take another rush.
		if n := cap(bin); n > 0 && n <= 4*len(bin)+smallBin {
			w.bins = append(w.bins, bin[:0])
		}
	}
}

// next is when the wheel turns next, on the shard's clock.
func (w *wheel) next() int64 { return (w.turned + 1) * spokeLen }
