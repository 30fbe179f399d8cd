package shard

import (
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// control is a frame that is no data message. Positions and counts in it are
// those of the moment when it goes out.
type control struct {
	kind    controlKind
	id      wire.ID
	ack     *wire.SubscriptionAck
	resumed []resumed // of ack: the events that begin at the client's own position
	payload []byte
	frozen  *frozen // of one that waited while the subscriptions changed
}

type controlKind uint8

const (
	ready        controlKind = iota // payload is the message
	acknowledged                    // ack
	beat                            // the pong to a heartbeat
	pong                            // RFC 6455's, with the payload of the ping
)

// frozen is what a frame that waits tells, as it was before the subscriptions
// changed or the position went back.
type frozen struct {
	cursor wire.Cursor
	totals wire.Totals
}

// maxOutbox bounds what a client that does not read can make us hold.
const maxOutbox = 32

// reply sends a control frame behind all that the connection is due: at once to
// one that is live, and before what it missed to one that is not.
func (s *Shard) reply(c *conn, f control) {
	if c.closing == closed {
		return
	}
	if f.kind == pong {
		for i := range c.outbox {
			if c.outbox[i].kind == pong {
				c.outbox[i] = f // the answer to the newest is enough (RFC 6455, section 5.5.3)
				return
			}
		}
	}
	if len(c.outbox) >= maxOutbox && c.late != nil && !c.late.full {
		s.catchUp(c) // it reads, and only its turn has not come
		if c.closing == closed {
			return
		}
	}
	if len(c.outbox) >= maxOutbox {
		s.slow(c)
		return
	}
	c.outbox = append(c.outbox, f)
	if c.late == nil {
		s.flush(c)
		return
	}
	s.toPull(c)
}

// announce is reply for what goes to many: each is served in its turn.
func (s *Shard) announce(c *conn, payload []byte) {
	if c.closing == closed || len(c.outbox) >= maxOutbox {
		return
	}
	c.outbox = append(c.outbox, control{kind: ready, payload: payload})
	s.serveSoon(c)
}

// serveSoon has a connection served that has something in its outbox, or a ping.
func (s *Shard) serveSoon(c *conn) {
	if c.late == nil {
		s.toMarked(c.id.slot())
		return
	}
	s.toPull(c)
}

// renderOutbox renders the control frames that wait, and a ping that is due.
// None of them covers what is rendered behind it.
func (s *Shard) renderOutbox(o *output, c *conn) {
	for i := range c.outbox {
		f := &c.outbox[i]
		o.control(aControl)
		switch f.kind {
		case ready:
			o.text(f.payload)
		case pong:
			o.buf = append(socket.AppendHeader(o.buf, socket.OpPong, len(f.payload)), f.payload...)
		case acknowledged:
			f.ack.Cursor = s.covered(f, o, c)
			f.own(s.o.Events)
			s.text = f.ack.Append(s.text[:0])
			o.text(s.text)
		case beat:
			t := c.totals()
			t.Sent, t.Replayed = o.seq, t.Replayed+o.replayed
			if f.frozen != nil {
				t = f.frozen.totals
			}
			m := wire.Pong{ID: f.id, TS: s.now.UnixMilli(), Cursor: s.covered(f, o, c), Totals: t}
			s.text = m.Append(s.text[:0])
			o.text(s.text)
		}
	}
	if c.has(pinging) {
		o.control(aPing)
		o.buf = socket.AppendHeader(o.buf, socket.OpPing, 0)
		c.pongBy = after(s.clock.now, s.o.PongTimeout)
		s.wakeFor(c, c.pongBy)
	}
}

func (s *Shard) covered(f *control, o *output, c *conn) wire.Cursor {
	if f.frozen != nil {
		return f.frozen.cursor
	}
	return s.cursor(c, o.main.at, o.again.at)
}

// own puts into an ack's cursor where its resume begins: at the client's own
// position, also where nothing that it wants comes for a while.
func (f *control) own(events []string) {
	for i := range f.resumed {
		e := &f.resumed[i]
		pos := wire.Position{Log: e.log, At: make([]int64, e.count)}
		for p := range pos.At {
			pos.At[p] = e.own.Last(int32(p))
		}
		f.ack.Cursor[events[e.event]] = pos
	}
}

// freeze gives the frames that wait the cursor and the counts of this moment,
// before the subscriptions change or the position goes back for a replay: they go
// out before the answer that tells of it.
func (s *Shard) freeze(c *conn) {
	for i := range c.outbox {
		if f := &c.outbox[i]; f.frozen == nil && (f.kind == beat || f.kind == acknowledged) {
			f.frozen = &frozen{cursor: s.cursor(c, s.position(c), s.replayPosition(c)), totals: c.totals()}
		}
	}
}
