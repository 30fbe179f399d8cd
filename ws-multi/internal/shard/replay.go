package shard

import (
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// replay is what a subscribe with a cursor or with last brings before its
// channels are live.
//
// A resume is a stream beside the connection's main one, in which its other events
// go on: it begins at the client's own position, and when both have come to where
// the live ones are, they are one. With last the main stream itself goes back: the
// newest messages of some channels come before everything else.
type replay struct {
	stream // of a resume
	id     wire.ID
	floor  uint64 // with last: where what it is not about goes on
	end    uint64 // the replay does not end before
	sent   uint64 // messages of it

	resumed []resumed // with a cursor: the events that are resumed
	newest  []newest  // with last: each exact channel
}

// beside reports whether the replay is a stream of its own. For a nil replay it
// is not, nor when nothing of a cursor could be resumed.
func (r *replay) beside() bool { return r != nil && len(r.resumed) > 0 }

// resumed is an event that goes on at the client's own position.
type resumed struct {
	event  int
	own    wire.Position
	log    string   // as it is called here
	count  int      // of its partitions
	starts []uint64 // a partition: the first number that is wanted
}

// newest is a channel of which the newest messages come first.
type newest struct {
	channel *history.Channel
	from    uint64
}

// of is the resumed event of an index; nil when the replay does not cover it,
// and for no replay.
func (r *replay) of(event int) *resumed {
	if r == nil {
		return nil
	}
	for i := range r.resumed {
		if r.resumed[i].event == event {
			return &r.resumed[i]
		}
	}
	return nil
}

// newestOf is where a channel begins; from, when last was not about it.
func (r *replay) newestOf(ch *history.Channel, from uint64) uint64 {
	if r != nil {
		for i := range r.newest {
			if r.newest[i].channel == ch {
				return r.newest[i].from
			}
		}
	}
	return from
}

// asked reports whether the message n is one of the newest that last asked for:
// those are never passed over.
func (r *replay) asked(n uint64) bool { return r != nil && n < r.end && len(r.newest) > 0 }

// replayFrom begins a resume of the events found recoverable.
func (s *Shard) replayFrom(c *conn, cmd *wire.Command, found []resumed) {
	r := &replay{id: cmd.ID, end: s.view.End, resumed: found}
	r.pos, r.first = r.end, none
	for i := range found {
		e := &found[i]
		if e.own.Log == "" {
			e.own.At = nil // from before the topic existed: its beginning
		}
		present := s.view.Position(e.event, s.view.End)
		e.log, e.count = present.Log, len(present.At)
		e.starts = s.view.Starts(e.event, e.own)
		for _, n := range e.starts {
			r.pos = min(r.pos, n)
		}
	}
	c.late.replay, c.late.resumed = r, true
}

// replayNewest moves a late connection back to the newest messages of each exact
// channel.
func (s *Shard) replayNewest(c *conn, cmd *wire.Command) {
	pos := s.position(c)
	r := &replay{id: cmd.ID, floor: pos, end: pos}
	for _, p := range cmd.Patterns {
		if p.Symbol == "*" || p.Event == "*" {
			continue
		}
		if ch := s.log.Channels().Find(p.Symbol, p.Event); ch != nil {
			from := s.view.NewestFrom(ch, cmd.Last, r.end)
			r.newest = append(r.newest, newest{channel: ch, from: from})
			pos = min(pos, from)
		}
	}
	c.late.replay, c.late.pos, c.late.resumed = r, pos, true
}

// standing is the cursor entry of a resumed event for one who was sent everything
// below at, of which the history says that one stands at pos. In partitions that the
// stream has not come to it is the client's own. Before the end the log may have had another name, and its
// partitions may not have been known: there they are as they were when the resume
// was judged.
func (e *resumed) standing(pos wire.Position, at uint64, before bool) wire.Position {
	if before {
		known := pos.At
		pos = wire.Position{Log: e.log, At: make([]int64, e.count)}
		for p := range pos.At {
			pos.At[p] = -1
		}
		copy(pos.At, known)
	}
	for p := range min(len(pos.At), len(e.starts)) {
		if e.starts[p] >= at { // the stream has not come past the client's own
			pos.At[p] = e.own.Last(int32(p))
		}
	}
	return pos
}

func (s *Shard) renderComplete(o *output, c *conn) {
	r := c.late.replay
	o.complete = true
	m := wire.ReplayComplete{ID: r.id, Replayed: r.sent + o.replayed, Cursor: s.cursor(c, o.main.at, o.again.at)}
	o.control(aComplete)
	s.text = m.Append(s.text[:0])
	o.text(s.text)
}

// gapEntry is the kind of the history's entries that are no message.
const gapEntry = history.GapEntry
