package loop

import (
	"math/rand/v2"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// welcome takes over an upgraded connection and greets it.
func (l *Loop) welcome(n *Newcomer) {
	var slot uint32
	if k := len(l.free); k > 0 {
		slot = l.free[k-1]
		l.free = l.free[:k-1]
	} else {
		slot = uint32(len(l.conns))
		l.conns = append(l.conns, nil)
		l.gens = append(l.gens, 0)
	}
	r := ref{slot: slot, gen: l.gens[slot]}
	c := &conn{
		ref: r, sock: n.Sock, identity: n.Identity, place: n.Place, id: n.ID,
		subs: l.index.Attach(slot),
		in:   &sink{loop: l, ref: r},
	}
	l.conns[slot] = c
	l.held++
	l.openConns++
	l.stats.Opened++
	sock, in := c.sock, c.in
	l.started.Go(func() { sock.Serve(in) })

	m := wire.Welcome{
		Conn: n.ID.String(), Server: l.o.Server, Version: l.o.Version,
		HeartbeatMS: l.heartbeat().Milliseconds(), Limits: l.o.Limits,
	}
	l.reply(c, control{kind: controlText, payload: m.Append(nil)})
	if c.closing == closed {
		return
	}
	if l.o.PingInterval > 0 {
		c.pingAt = l.clock.now + 1 + rand.Int64N(l.o.PingInterval.Milliseconds())
		l.wake(c, c.pingAt)
	}
	l.watchExpiry(c)
	if l.drain != nil {
		l.warn(c, l.drain)
	}
}

// defaultHeartbeat is told to clients when the server itself does not ping.
const defaultHeartbeat = 25 * time.Second

func (l *Loop) heartbeat() time.Duration {
	if l.o.PingInterval > 0 {
		return l.o.PingInterval
	}
	return defaultHeartbeat
}
