package loop

import (
	"slices"

	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
	"github.com/adred-codev/ws_poc/ws-single/internal/history"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// replay is what a subscribe with a cursor or with last brings before its
// channels are live. A connection has one at most.
//
// With a cursor it is a second pull beside the connection's own: the events it
// covers come from there until it has reached the end, the others go on
// meanwhile. With last it goes before everything else of the connection.
type replay struct {
	id       wire.ID
	at       uint64 // everything before it was sent, passed over or not wanted
	first    uint64 // the first entry that is due, as in conn
	reader   *history.Reader
	replayed uint64
	ended    bool // replay_complete is rendered; unset if it was not taken

	resumed []resumed // with a cursor: the events recovered

	newest   int // with last: so many of each channel
	channels []channel.ID
	bound    uint64 // where the channels are live from
}

// resumed is an event that a replay covers, with the client's own position and
// the numbers after it, one a partition.
type resumed struct {
	event  int
	log    string // as it is called here
	count  int    // of its partitions
	from   wire.Position
	starts []uint64
}

// own is the client's own position.
func (e *resumed) own() wire.Position {
	pos := wire.Position{Log: e.log, At: make([]int64, e.count)}
	for p := range pos.At {
		pos.At[p] = e.from.Last(int32(p))
	}
	return pos
}

// goesFirst reports whether the replay goes before everything else of its
// connection: with last, and when nothing of a cursor was recovered, so that there is
// only its end to be told.
func (r *replay) goesFirst() bool { return r.newest > 0 || len(r.resumed) == 0 }

// covers reports whether an event comes with the replay. A nil replay covers none.
func (r *replay) covers(event int) bool {
	if r == nil {
		return false
	}
	for i := range r.resumed {
		if r.resumed[i].event == event {
			return true
		}
	}
	return false
}

// replayPosition is the cursor entry of an event that the replay covers: in
// partitions it has not come to, the client's own. While it is behind the place
// where the resume was judged, the log and its partitions are as they were there:
// further back they may not have been known.
func (l *Loop) replayPosition(r *replay, event int, at uint64) wire.Position {
	pos := l.log.Position(event, at)
	for i := range r.resumed {
		e := &r.resumed[i]
		if e.event != event {
			continue
		}
		if at < r.bound {
			pos.Log = e.log
			for len(pos.At) < e.count {
				pos.At = append(pos.At, -1)
			}
			pos.At = pos.At[:e.count]
		}
		for p, start := range e.starts {
			if at <= start && p < len(pos.At) {
				pos.At[p] = e.from.Last(int32(p))
			}
		}
	}
	return pos
}

// pullReplay renders a visit's share of the replay, and its end when it has
// come to it. It reports false when the connection was closed.
func (l *Loop) pullReplay(o *output, c *conn) bool {
	r := c.replay
	r.ended = false
	for passed := 0; ; {
		n, ok := l.nextReplayed(o, c)
		if !ok {
			if o.again.at < l.replayBound(r) {
				return false
			}
			if r.goesFirst() || o.main.at == l.log.Next() {
				l.renderReplayEnd(o, c)
			}
			return true
		}
		if len(o.buf) >= maxPull || passed == maxPassed {
			return true
		}
		o.again.at = n + 1
		if _, isGap := l.log.Gap(n); isGap {
			l.gap(o, c, &o.again, aReplayedGap, n)
		} else if r.newest == 0 && l.conflated(n) {
			o.again.passed++
			passed++
		} else {
			l.message(o, aReplayed, n, o.again.passed)
			o.again.passed = 0
			o.more++
		}
		r.reader.Advance()
		o.again.at, _ = r.reader.Peek()
	}
}

// nextReplayed finds the next entry of the replay. It returns false at its end,
// and when the connection fell out of the history and was closed.
func (l *Loop) nextReplayed(o *output, c *conn) (uint64, bool) {
	r := c.replay
	for o.again.at < l.replayBound(r) {
		if r.first < l.log.First() {
			l.slow(c)
			return 0, false
		}
		if r.reader == nil {
			r.reader = l.openReplay(c, o.again.at)
		}
		n, ok := r.reader.Peek()
		o.again.at = n
		if ok {
			return n, true
		}
		r.reader.Close()
		r.reader = nil
	}
	return 0, false
}

// replayBound is where the replay ends: where its channels are live from, or
// the end of the history.
func (l *Loop) replayBound(r *replay) uint64 {
	if r.goesFirst() {
		return r.bound
	}
	return l.log.Next()
}

func (l *Loop) renderReplayEnd(o *output, c *conn) {
	r := c.replay
	r.ended = true
	m := wire.ReplayComplete{
		ID: r.id, Replayed: r.replayed + o.more, Cursor: l.cursor(c, o.main.at, o.again.at),
	}
	o.mark(aReplayEnd, 0, 0)
	l.text = m.Append(l.text[:0])
	o.text(l.text)
}

// endReplay is called when replay_complete is on its way: what the replay
// covered is live now, or goes on where the connection stands.
func (l *Loop) endReplay(c *conn) {
	if c.replay.reader != nil {
		c.replay.reader.Close()
	}
	c.replay = nil
}

func (l *Loop) openReplay(c *conn, from uint64) *history.Reader {
	p := c.replay
	if p.newest > 0 {
		r := l.log.Open(p.bound)
		for _, id := range p.channels {
			r.Newest(id, p.newest, from)
		}
		return r
	}
	r := l.log.Open(l.log.Next())
	starts := func(event int) ([]uint64, bool) {
		for i := range p.resumed {
			if p.resumed[i].event == event {
				return p.resumed[i].starts, true
			}
		}
		return nil, false
	}
	for id, event := range c.subs.Channels() {
		if s, ok := starts(event); ok {
			r.Channel(id, from, s)
		}
	}
	for event := range c.subs.WholeEvents() {
		if s, ok := starts(event); ok {
			r.Event(event, from, s)
		}
	}
	for i := range p.resumed {
		r.Gaps(p.resumed[i].event, max(from, p.bound))
	}
	return r
}

// keepSubscribed drops from the replay what the connection has unsubscribed
// from: a channel that nobody holds may get another's number.
func (l *Loop) keepSubscribed(c *conn) {
	r := c.replay
	if r.newest == 0 {
		return
	}
	held := make(map[channel.ID]bool)
	for id := range c.subs.Channels() {
		held[id] = true
	}
	r.channels = slices.DeleteFunc(r.channels, func(id channel.ID) bool { return !held[id] })
}
