package shard

import (
	"math/rand/v2"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// arrive takes over a connection and greets it.
func (s *Shard) arrive(a *Arrival) {
	slot := uint32(len(s.conns))
	if n := len(s.free); n > 0 {
		slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.conns = append(s.conns, nil)
		s.gens = append(s.gens, 0)
		s.seats = append(s.seats, seat{})
	}
	c := &conn{
		fd: a.FD, id: newIdent(slot, s.gens[slot]),
		identity: a.Identity, place: a.Place, name: a.ID,
	}
	s.conns[slot] = c
	s.seats[slot] = seat{state: live}
	s.index.Attach(&c.subs, slot)
	s.held++
	s.open++
	s.counts.Opened++
	if err := s.poller.Add(c.fd, uint64(c.id)); err != nil {
		s.o.Log.Error("connection not watched", "error", err, "shard", s.number)
		s.gone(c)
		return
	}
	m := wire.Welcome{
		Conn: a.ID.String(), Server: s.o.Server, Version: s.o.Version,
		HeartbeatMS: s.heartbeat().Milliseconds(), Limits: s.o.Limits,
	}
	s.reply(c, control{kind: ready, payload: m.Append(nil)})
	if c.closing == closed {
		return
	}
	if every := s.o.PingInterval.Milliseconds(); every > 0 {
		c.pingAt = s.clock.now + 1 + rand.Int64N(every)
		s.wakeFor(c, c.pingAt)
	}
	s.watchToken(c)
	if s.drain != nil {
		s.departLate(c)
	}
}

// withoutPings is what clients are told when the server itself does not ping.
const withoutPings = 25 * time.Second

func (s *Shard) heartbeat() time.Duration {
	if s.o.PingInterval > 0 {
		return s.o.PingInterval
	}
	return withoutPings
}
