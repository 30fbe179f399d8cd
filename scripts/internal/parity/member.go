package parity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// member is a client over all its connections. One that is steady stays on its variant and comes back only when it is closed;
// one that moves is cut, or leaves, again and again, and goes on with its cursor on either variant. One goroutine runs it.
type member struct {
	run      *run
	name     string
	watch    int
	patterns []string
	moves    bool
	start    wire.Cursor // where its first connection begins
	seats    map[string][]*seat
	rng      *rand.Rand // of its goroutine

	mu     sync.Mutex // guards what follows
	side   int        // the variant it is on, or was last
	subbed bool       // it has been subscribed
	came   bool       // it has come to the end of the log
	last   string     // why it could not connect, the last time
	about  Travels
}

// Travels are a client's connections in numbers.
type Travels struct {
	Connections int `json:"connections"` // that were subscribed
	Cuts        int `json:"cuts"`        // by a reset, without a word
	Leaves      int `json:"leaves"`      // by a close frame
	Moves       int `json:"moves"`       // of those, that went on with the other variant
	Closed      int `json:"closed"`      // by the server, or by nobody knows whom
	Retried     int `json:"retried"`     // connections or subscribes that were refused, and tried again
}

func (m *member) on() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.side
}

func (m *member) note(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do()
}

// complain tells what is wrong with a connection.
func (m *member) complain(side int, what string) {
	m.run.found.complain(fmt.Sprintf("%s, %s: %s", m.run.o.Sides[side].Name, m.name, what))
}

// live keeps the member connected until ctx is done or it has come to the end.
func (m *member) live(ctx context.Context) {
	cursor, side, attempt := m.start, m.on(), 0
	for ctx.Err() == nil {
		c := m.connect(ctx, side, cursor)
		wait := time.Duration(0)
		if c == nil {
			attempt++
			wait = rand.N(min(100*time.Millisecond<<min(attempt, 5), 2*time.Second)) // full jitter (P12.1)
		} else {
			attempt = 0
			if m.stay(ctx, c) {
				return
			}
			cursor, _ = c.place()
			wait = max(c.announced(), 0)
			side = m.next(side)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// next is the variant to go on with.
func (m *member) next(side int) int {
	if !m.moves {
		return side
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// The first time always: a run that is short has moves, too.
	if m.about.Moves == 0 || m.rng.IntN(2) == 0 {
		m.about.Moves++
		return 1 - side
	}
	return side
}

// connect returns a connection that is subscribed, or nil.
func (m *member) connect(ctx context.Context, side int, cursor wire.Cursor) *client {
	to := m.run.o.Sides[side]
	dialing, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	socket, _, err := dial(dialing, to.URL)
	if err != nil {
		m.note(func() { m.about.Retried, m.last = m.about.Retried+1, err.Error() })
		return nil
	}
	m.note(func() { m.side = side })
	c, err := open(socket, m.patterns, cursor,
		func(raw []byte, c *client) { m.message(raw, c, side) },
		func(cursor wire.Cursor) { m.claim(cursor, side) },
		func(what string) { m.complain(side, what) })
	if err != nil {
		m.note(func() { m.about.Retried, m.last = m.about.Retried+1, err.Error() })
		return nil
	}
	select {
	case <-c.acked:
	case <-c.done:
	case <-dialing.Done():
	}
	refused, lost := c.answered()
	answered := false
	select {
	case <-c.acked:
		answered = true
	default:
	}
	if !answered || refused != nil {
		why := "no answer to the subscribe"
		if refused != nil {
			why = fmt.Sprintf("the subscribe was answered by error %s: %s", refused.Code, refused.Message)
		}
		if ctx.Err() == nil && refused != nil && !refused.Temporary {
			m.complain(side, why)
		}
		m.note(func() { m.about.Retried, m.last = m.about.Retried+1, to.Name+": "+why })
		c.cut()
		return nil
	}
	if len(lost) > 0 {
		m.complain(side, "the cursor was not recovered: lost "+strings.Join(lost, ", "))
	}
	m.note(func() { m.about.Connections, m.subbed = m.about.Connections+1, true })
	return c
}

// Heartbeats: while records flow, and at the end, where the answer says that all has come. More than one in 5 s counts as a
// command (P3.8).
const (
	heartbeatEvery = 10 * time.Second
	settleEvery    = 500 * time.Millisecond
)

// stay keeps the connection until something ends it; it says whether the member is done.
func (m *member) stay(ctx context.Context, c *client) (done bool) {
	var move <-chan time.Time
	settling := m.run.settling
	if m.moves {
		timer := time.NewTimer(m.patience())
		defer timer.Stop()
		move = timer.C
	}
	beat := time.NewTicker(heartbeatEvery)
	defer beat.Stop()
	pongs := -1 // those that had come when the end was known
	for {
		select {
		case <-ctx.Done():
			c.leave()
			return true
		case <-c.done:
			c.cut()
			m.note(func() { m.about.Closed++ })
			return false
		case <-move:
			if m.rng.IntN(3) > 0 {
				c.cut()
				m.note(func() { m.about.Cuts++ })
			} else {
				c.leave()
				m.note(func() { m.about.Leaves++ })
			}
			return false
		case <-settling:
			settling, move = nil, nil
			_, pongs = c.place()
			beat.Reset(settleEvery)
		case <-beat.C:
			if cursor, n := c.place(); pongs >= 0 && n > pongs && m.covers(cursor) {
				c.leave()
				m.note(func() { m.came = true })
				return true
			}
			_ = c.heartbeat() // a connection that ends says so by done
		}
	}
}

// patience is how long a member that moves stays: often about as long as it was asked to, now and then so short that it is gone
// in the middle of a replay.
func (m *member) patience() time.Duration {
	if m.rng.IntN(5) == 0 {
		return time.Duration(m.rng.Int64N(int64(50 * time.Millisecond)))
	}
	return m.run.o.Stay/2 + time.Duration(m.rng.Int64N(int64(m.run.o.Stay)))
}

// covers says whether a cursor is at the end of all that the member asked for.
func (m *member) covers(cursor wire.Cursor) bool {
	for event, seats := range m.seats {
		for number, p := range m.run.log.partitions[event] {
			if seats[number] != nil && cursor[event].Last(int32(number)) < p.lastOf(m.watch) {
				return false
			}
		}
	}
	return true
}

// message gets each data message, on the connection's reader.
func (m *member) message(raw []byte, c *client, side int) {
	at := time.Since(m.run.began)
	body := raw[wire.SeqLen:]
	said, ok := partsOf(body)
	pos, ok2 := readPlace(said.pos)
	seats := m.seats[pos.event]
	if !ok || !ok2 || int(pos.partition) >= len(seats) {
		m.run.found.add(Difference{
			Kind: Unknown, on: side, Client: m.name, Channel: string(said.channel), Pos: string(said.pos),
			Detail: fmt.Sprintf("it cannot be read, or is of nothing that the client asked for: %.120s", raw),
		})
		return
	}
	p := m.run.log.partitions[pos.event][pos.partition]
	p.take(seats[pos.partition], arrived{
		offset: pos.offset, channel: m.run.channels.of(said.channel), ts: string(said.ts), body: sha256.Sum256(body),
		at: at, side: side, replayed: c.replaying,
	})
	c.raise(pos)
}

// claim gets each cursor that says what was dealt with, likewise.
func (m *member) claim(cursor wire.Cursor, side int) {
	for event, seats := range m.seats {
		for number, s := range seats {
			m.run.log.partitions[event][number].claim(s, cursor[event].Last(int32(number)), side)
		}
	}
}

// chainsOf are the member's digests of a channel, by partition.
func (m *member) chainsOf(ch *channel, event string) map[int32]sum {
	chains := map[int32]sum{}
	for number, s := range m.seats[event] {
		if c := s.chains[ch]; c != nil {
			chains[int32(number)] = c.sum
		}
	}
	return chains
}

// messages is how many have come within the bounds of the comparison.
func (m *member) messages() int64 {
	var n int64
	for _, seats := range m.seats {
		for _, s := range seats {
			n += s.count
		}
	}
	return n
}

// events are those of which the member has channels.
func eventsOf(patterns []string, topics []wire.Topic) []string {
	var events []string
	for _, t := range topics {
		if slices.ContainsFunc(patterns, func(p string) bool { return strings.HasSuffix(p, "."+t.Event) || strings.HasSuffix(p, ".*") }) {
			events = append(events, t.Event)
		}
	}
	return events
}
