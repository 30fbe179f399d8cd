package loop

import (
	"github.com/oklog/ulid/v2"

	"github.com/adred-codev/ws_poc/ws-single/internal/auth"
	"github.com/adred-codev/ws_poc/ws-single/internal/history"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
	"github.com/adred-codev/ws_poc/ws-single/internal/subscription"
)

// ref names a connection to other goroutines: its slot is used again, with the
// next generation.
type ref struct {
	slot, gen uint32
}

// conn is one client, from its upgrade to the release of its descriptor.
type conn struct {
	ref
	sock *socket.Conn
	subs *subscription.Set
	in   *sink // what its reading goroutine talks to

	// Where it stands. A live connection is at the end of the history but for
	// what it is due, a list in Loop.due. One that is pulled has missed
	// something, or has a replay, or a full socket.
	due      dueList
	at       uint64 // everything before it was sent, passed over or not wanted
	first    uint64 // the first entry that is due; at, but after an unsubscribe
	main     *history.Reader
	replay   *replay
	awaiting *awaiting // a subscribe whose cursor is ahead

	// Its state, side by side because small fields apart take eight bytes each.
	pulled  bool
	missed  bool  // it was not sent all from number at on
	full    bool  // its socket has no room, and a goroutine waits for it
	queued  uint8 // in which of the loop's queues it is
	pinging bool  // a ping is to go out: without a place in control, which would be made anew for it
	leaving bool  // it was told that it will be closed
	closing stage
	reset   bool           // its release drops what was not sent
	code    wire.CloseCode // it closes with
	reason  string

	// What it was sent.
	seq      uint64 // data messages whose first byte the kernel took
	merged   uint64
	replayed uint64

	// Its socket.
	rest    []byte    // of a frame that the kernel took a part of
	control []control // frames that are no data, in order

	// Deadlines on the loop's clock, ms; 0: none.
	wakeAt  int64 // when the wheel looks at it next
	pingAt  int64
	pongBy  int64
	stallBy int64
	closeBy int64

	commands bucket
	flood    bucket
	errors   []int64 // when the last ten errors were
	beatAt   int64   // the last heartbeat that was free

	identity *auth.Identity
	place    Place
	id       ulid.ULID // as in its welcome
}

// stage is how far a close has come.
type stage uint8

const (
	open      stage = iota
	finishing       // closes once it has been sent everything
	closed          // the close frame is out; waiting for the client to hang up
)

const (
	inSweep uint8 = 1 << iota
	inPulls
	inWaiting
)

// position is the number before which there is nothing that it was not sent:
// exact for a connection without anything due. It is moved on to the history's
// beginning when nothing before that is wanted any more.
func (l *Loop) position(c *conn) uint64 {
	if !c.missed {
		return l.log.Next()
	}
	c.at = max(c.at, min(c.first, l.log.First()))
	return c.at
}

// replayAt is the same for its replay; 0 without one.
func (l *Loop) replayAt(c *conn) uint64 {
	r := c.replay
	if r == nil {
		return 0
	}
	r.at = max(r.at, min(r.first, l.log.First(), l.replayBound(r)))
	return r.at
}

// cursor says, for each event of its subscriptions, where a connection stands
// whose main position is at and whose replay's position is replayAt.
func (l *Loop) cursor(c *conn, at, replayAt uint64) wire.Cursor {
	cur := make(wire.Cursor)
	for _, e := range c.subs.Events() {
		if c.replay.covers(e) {
			cur[l.events[e]] = l.replayPosition(c.replay, e, replayAt)
		} else {
			cur[l.events[e]] = l.log.Position(e, at)
		}
	}
	return cur
}

func (c *conn) totals() wire.Totals {
	return wire.Totals{Sent: c.seq, Merged: c.merged, Replayed: c.replayed}
}
