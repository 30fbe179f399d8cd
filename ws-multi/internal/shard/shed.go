package shard

import (
	"cmp"
	"slices"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

const (
	shedEach = 64 << 10 // bytes that a full socket holds in the kernel, about
	shedMost = 1000     // at once: there is a next sample
	shedTime = 1000     // ms to take the close code; the reset then frees the memory
)

// Shed closes those furthest behind of all shards, for about so many bytes of
// memory (4004): what the kernel holds for a full socket, and the rest of a frame
// that did not fit. Positions are numbers of the one history, so they compare
// across shards. It waits for the shards, not for their own goroutines, and
// returns how many it closed, and how much memory that will give back: some time
// after shedTime, when the collector has run.
func (g *Group) Shed(bytes int64) (closed int, freed int64) {
	type candidate struct {
		s    *Shard
		id   ident
		pos  uint64
		held int64
	}
	var all []candidate
	for _, s := range g.shards {
		g.ask(s, func() {
			for _, c := range s.conns {
				if c != nil && c.closing == open && c.late != nil && c.late.full {
					all = append(all, candidate{s, c.id, s.position(c), shedEach + int64(len(c.late.rest))})
				}
			}
		})
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.pos, b.pos) })
	for _, c := range all[:min(len(all), shedMost)] {
		if freed > bytes {
			break
		}
		freed += c.held
		closed++
		c.s.answer(c.id, func(conn *conn) {
			c.s.closeNow(conn, wire.CloseOverloaded, "server overloaded", true)
			conn.flags |= reset
			conn.closeBy = c.s.clock.now + shedTime
			c.s.wakeFor(conn, conn.closeBy)
		})
	}
	return closed, freed
}
