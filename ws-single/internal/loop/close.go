package loop

import (
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

const (
	// farewellTime is how long a close waits for what is pending to be sent.
	farewellTime = 5 * time.Second
	// lingerTime is how long a closed connection may take to hang up.
	lingerTime = 5 * time.Second
)

// closeAfter closes a connection once it was sent everything that is pending,
// or when the time is up, whichever comes first.
func (l *Loop) closeAfter(c *conn, code wire.CloseCode, reason string, within time.Duration) {
	if c.closing != open {
		return
	}
	c.closing, c.code, c.reason = finishing, code, reason
	c.in.muted.Store(true) // nothing that it says changes it
	c.awaiting = nil
	if !c.pulled {
		for !c.pulled && c.closing == finishing && (!c.due.empty() || len(c.control) > 0) {
			l.flush(c)
		}
		if !c.pulled && c.closing == finishing {
			l.closeNow(c, code, reason, true)
			return
		}
	}
	if c.closing == finishing {
		c.closeBy = l.clock.now + within.Milliseconds()
		l.wake(c, max(c.closeBy, l.clock.now+1))
	}
}

// slow closes a client that cannot keep up; it resumes with its cursor.
func (l *Loop) slow(c *conn) {
	l.closeNow(c, wire.CloseSlowConsumer, "slow consumer: resume with the cursor", false)
}

// closeNow sends the rest of a frame half sent, a bye and the close frame, as
// far as the socket takes them, and ends the sending side.
func (l *Loop) closeNow(c *conn, code wire.CloseCode, reason string, bye bool) {
	if c.closing == closed {
		return
	}
	b := append(l.text[:0], c.rest...)
	if bye {
		at := l.position(c)
		if !c.due.empty() {
			at = l.due[c.due.head-1].n
		}
		m := wire.Bye{Code: code, Cursor: l.cursor(c, at, l.replayAt(c)), Totals: c.totals()}
		p := m.Append(nil)
		b = append(socket.AppendHeader(b, socket.OpText, len(p)), p...)
	}
	l.shut(c, code, socket.AppendClose(b, code, reason))
	l.o.Log.Debug("connection closed", "conn", c.id, "code", int(code), "reason", reason, "sent", c.seq)
}

// shut takes the connection out of everything but its slot, and sends last.
func (l *Loop) shut(c *conn, code wire.CloseCode, last []byte) {
	c.closing = closed
	if c.pulled {
		l.behind--
	}
	c.in.muted.Store(true)
	l.stats.closed(code)
	l.openConns--
	l.closeReaders(c)
	c.subs.Clear()
	c.due, c.control, c.rest, c.replay, c.awaiting = dueList{}, nil, nil, nil, nil
	c.missed = false
	c.sock.LiftLowWater()
	_, _ = c.sock.Send(last)
	l.text = last[:0]
	c.sock.CloseWrite()
	c.closeBy = l.clock.now + lingerTime.Milliseconds()
	l.wake(c, c.closeBy)
}

// gone is for a connection whose transport failed: there is nobody to tell.
func (l *Loop) gone(c *conn) {
	if c.closing != closed {
		l.shut(c, socket.Abnormal, nil)
	}
	l.release(c)
}

// ended is told by the reading goroutine.
func (l *Loop) ended(c *conn, e socket.End) {
	switch e.Cause {
	case socket.Gone:
		l.gone(c)
	case socket.PeerClosed:
		if c.closing != closed {
			l.answerClose(c, e.Code)
		}
		l.release(c)
	case socket.Violated:
		switch e.Code {
		case wire.CloseProtocolError, wire.CloseInvalidUTF8, wire.CloseMessageTooBig:
			l.closeNow(c, e.Code, e.Reason, false)
		default:
			l.closeAfter(c, e.Code, e.Reason, farewellTime)
		}
	}
}

// answerClose echoes a client's close frame (RFC 6455, section 5.5.1).
func (l *Loop) answerClose(c *conn, code wire.CloseCode) {
	b := append(l.text[:0], c.rest...)
	if code == socket.NoStatus {
		b = socket.AppendHeader(b, socket.OpClose, 0)
	} else {
		b = socket.AppendClose(b, code, "")
	}
	l.shut(c, code, b)
}

// release gives the descriptor back. The connection must be out of every list:
// the next client may get its number at once.
func (l *Loop) release(c *conn) {
	if l.conns[c.slot] != c {
		return
	}
	if c.reset {
		c.sock.Reset()
	}
	_ = c.sock.Close()
	l.index.Detach(c.subs)
	c.place.Release()
	l.conns[c.slot] = nil
	l.gens[c.slot]++
	l.free = append(l.free, c.slot)
	l.held--
	if l.held == 0 && l.emptied != nil {
		close(l.emptied)
		l.emptied = nil
	}
}
