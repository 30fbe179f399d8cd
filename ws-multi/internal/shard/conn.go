package shard

import (
	"github.com/oklog/ulid/v2"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
	"github.com/adred-codev/ws_poc/ws-multi/internal/subscription"
)

// ident names a connection to the kernel, to the wheel and to other goroutines,
// never by a pointer: a slot is used again, with the next generation.
type ident uint64

func newIdent(slot, gen uint32) ident { return ident(uint64(slot)<<32 | uint64(gen)) }

func (i ident) slot() uint32 { return uint32(i >> 32) }

// seat is what a broadcast has to know of a connection, apart from it: marking
// thousands walks one small array, and not thousands of connections.
type seat struct {
	head, tail int32 // what it is due, places in Shard.due counted from 1; 0: nothing
	state      seatState
	marked     bool // it is in the ring of those to be served
}

type seatState uint8

const (
	vacant seatState = iota // nobody, or somebody who is being closed
	live                    // at the end of the history, but for what it is due
	idling                  // behind, but there is nothing that it wants: its socket is full
	behind                  // behind, and what it wants first is known
)

// conn is one client, from its upgrade to the release of its descriptor. When
// nothing happens this is all there is of it, with its subscriptions.
type conn struct {
	// What a send needs stands first, in one cache line.
	fd      socket.FD
	closing stage
	flags   flags
	begun   uint32    // of in, when wholeBy was set
	seq     uint64    // data messages whose first byte the kernel took
	outbox  []control // frames that are no data, in order
	late    *late     // nil: live
	id      ident

	in   socket.Frames
	subs subscription.Set

	// Deadlines on the shard's clock; 0: none.
	wakeAt  int64 // when the wheel looks at it
	pingAt  int64
	pongBy  int64
	wholeBy int64 // when the message that has begun must be whole
	closeBy int64

	commands allowance
	flood    allowance
	controls allowance
	beatAt   int64 // the last heartbeat that was free

	rare     *rare
	identity *auth.Identity // shared, never changed
	place    Place
	name     ulid.ULID
}

// rare is what few connections have.
type rare struct {
	merged   uint64
	replayed uint64
	errors   []int64 // when the last ten errors were
	awaiting *awaiting
	held     []byte // what came behind an auth that is being checked
	code     wire.CloseCode
	reason   string
}

type flags uint16

const (
	pinging   flags = 1 << iota // a ping is to go out
	leaving                     // told that it will be closed
	verifying                   // an auth is being checked: nothing is read
	unread                      // in the ring of those with more to read
	pulled                      // in the ring of those to be pulled
	ended                       // the peer has ended its side, or is about to be found gone
	reset                       // its release drops what was not sent
	waiting                     // in the list of those whose cursor is ahead
	spent                       // the message that has begun had its moment more
)

// stage is how far a close has come.
type stage uint8

const (
	open      stage = iota
	finishing       // closes once it was sent everything
	closed          // the close frame is out; the client has a moment to hang up
)

// late is a connection that is not at the end of the history: its socket was
// full, or it resumes. It holds no messages, only where it stands.
type late struct {
	rest []byte // of a frame of which the kernel took a part
	full bool   // its socket has no room; the kernel says when it has

	stream        // what it wants, but for what a resume brings beside it
	stallBy int64 // when it must have taken something
	replay  *replay
	resumed bool // it had a replay, and has not been live since
}

// stream is where a late connection stands in the history, for some of what it
// wants.
type stream struct {
	pos    uint64          // all that it wants below was sent, or passed over
	first  uint64          // the first entry that it wants from there on; none: there is none yet
	reader *history.Reader // goes on from pos; nil: it is opened when needed
	bound  uint64          // of reader
}

// streamOf is the stream that brings what is new of an event.
func (l *late) streamOf(event int) *stream {
	if l.replay.of(event) != nil {
		return &l.replay.stream
	}
	return &l.stream
}

// state is that of the connection's seat: idling as long as one of its streams
// waits for something that it wants.
func (l *late) state() seatState {
	if l.first == none || l.replay.beside() && l.replay.first == none {
		return idling
	}
	return behind
}

const none = ^uint64(0)

func (c *conn) uncommon() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}

func (c *conn) has(f flags) bool { return c.flags&f != 0 }

// awaits is the subscribe that waits for its cursor to be read, if there is one.
func (c *conn) awaits() *awaiting {
	if c.rare == nil {
		return nil
	}
	return c.rare.awaiting
}

func (c *conn) replaying() *replay {
	if c.late == nil {
		return nil
	}
	return c.late.replay
}

// totals are the counts that a pong and a bye tell.
func (c *conn) totals() wire.Totals {
	t := wire.Totals{Sent: c.seq}
	if c.rare != nil {
		t.Merged, t.Replayed = c.rare.merged, c.rare.replayed
	}
	return t
}
