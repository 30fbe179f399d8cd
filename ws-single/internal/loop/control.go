package loop

import (
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

// control is a frame that is no data message. What it says of positions and
// counts is rendered with it, when it goes out.
type control struct {
	kind    controlKind
	id      wire.ID
	ack     *wire.SubscriptionAck
	resumed []resumed // ack: the events that start at the client's own position
	payload []byte
	cursor  wire.Cursor // of frames that waited while the subscriptions changed; nil: that of their moment
}

type controlKind uint8

const (
	controlText controlKind = iota // payload is the message
	controlAck                     // ack, with the cursor of its moment
	controlBeat                    // the pong to a heartbeat
	controlPong                    // payload as in the client's ping
)

// maxControl bounds what a client that does not read can make us hold.
const maxControl = 32

// reply sends a control frame after all that the connection is due. It goes out
// at once if there is room, and before anything missed if there was none.
func (l *Loop) reply(c *conn, f control) {
	if c.closing == closed {
		return
	}
	if f.kind == controlPong {
		for i := range c.control {
			if c.control[i].kind == controlPong {
				c.control[i] = f // answering the newest is enough (RFC 6455, 5.5.3)
				return
			}
		}
	}
	if len(c.control) >= maxControl {
		l.slow(c)
		return
	}
	c.control = append(c.control, f)
	switch {
	case !c.pulled:
		l.flush(c)
	case !c.full:
		l.toPulls(c)
	}
}

// announce is reply for a frame to everybody: it waits for its turn of the sweep.
func (l *Loop) announce(c *conn, payload []byte) {
	if c.closing == closed || len(c.control) >= maxControl {
		return
	}
	c.control = append(c.control, control{kind: controlText, payload: payload})
	switch {
	case !c.pulled:
		l.toSweep(c)
	case !c.full:
		l.toPulls(c)
	}
}

// renderControl renders all control frames, and a ping that is due; none of them covers what is
// rendered after them.
func (l *Loop) renderControl(o *output, c *conn) {
	for i := range c.control {
		f := &c.control[i]
		o.mark(aControl, 0, 0)
		switch f.kind {
		case controlText:
			o.text(f.payload)
		case controlAck:
			f.ack.Cursor = l.coveredBy(f, o, c)
			for i := range f.resumed {
				f.ack.Cursor[l.events[f.resumed[i].event]] = f.resumed[i].own()
			}
			l.text = f.ack.Append(l.text[:0])
			o.text(l.text)
		case controlBeat:
			totals := c.totals()
			totals.Sent, totals.Replayed = o.seq, totals.Replayed+o.more
			m := wire.Pong{ID: f.id, TS: l.wall.UnixMilli(), Cursor: l.coveredBy(f, o, c), Totals: totals}
			l.text = m.Append(l.text[:0])
			o.text(l.text)
		case controlPong:
			o.buf = socket.AppendHeader(o.buf, socket.OpPong, len(f.payload))
			o.buf = append(o.buf, f.payload...)
		}
	}
	if c.pinging {
		o.mark(aPing, 0, 0)
		o.buf = socket.AppendHeader(o.buf, socket.OpPing, 0) // RFC 6455, section 5.5.2
		c.pongBy = after(l.clock.now, l.o.PongTimeout)
		l.wake(c, c.pongBy)
		c.sock.Heard()
	}
}

// coveredBy is the cursor of a frame that goes out now.
func (l *Loop) coveredBy(f *control, o *output, c *conn) wire.Cursor {
	if f.cursor != nil {
		return f.cursor
	}
	return l.cursor(c, o.main.at, o.again.at)
}

// freeze gives the frames that wait the cursor of this moment, before the
// subscriptions change. They go out before the answer that tells of the change,
// and what is no longer wanted is passed over without having been sent.
func (l *Loop) freeze(c *conn) {
	for i := range c.control {
		if f := &c.control[i]; f.cursor == nil && (f.kind == controlBeat || f.kind == controlAck) {
			f.cursor = l.cursor(c, l.position(c), l.replayAt(c))
		}
	}
}

// fail answers a command with an error. Ten within a minute close the
// connection; temporary ones do not count.
func (l *Loop) fail(c *conn, id wire.ID, code wire.ErrorCode, message string) {
	m := wire.Error{ID: id, Code: code, Message: message}
	l.reply(c, control{kind: controlText, payload: m.Append(nil)})
	if code.Temporary() {
		return // sending it again is what the client is asked to do
	}
	now := l.clock.now
	if len(c.errors) == maxErrors {
		c.errors = append(c.errors[:0], c.errors[1:]...)
	}
	c.errors = append(c.errors, now)
	if len(c.errors) == maxErrors && now-c.errors[0] < errorWindow {
		l.closeAfter(c, wire.CloseTooManyErrors, "ten errors within a minute", farewellTime)
	}
}

const (
	maxErrors   = 10
	errorWindow = 60_000 // ms
)
