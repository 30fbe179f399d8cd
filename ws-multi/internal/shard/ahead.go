package shard

import (
	"context"
	"slices"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// awaiting is a subscribe whose cursor is ahead of what was read here.
type awaiting struct {
	cmd   wire.Command
	until int64 // then it is unavailable
	askAt int64 // then Kafka is asked where the log ends
	asked bool  // where the log ends
	short []int // events whose log ends before the cursor
}

const (
	// aheadTime is how long such a subscribe waits, ms (protocol.md, section 5).
	aheadTime = 5000
	// aheadEvery is how often those who wait are looked at, ms.
	aheadEvery = 10
	// maxTries bounds how many are looked at then: a failover brings thousands.
	maxTries = 256
	// askAfter is how long it takes until Kafka is asked where the log ends, ms:
	// most cursors are reached by then.
	askAfter = 200
	// maxAsking bounds the questions to Kafka that a shard has open.
	maxAsking = 4
)

// resume judges a cursor, event by event. While one is ahead and lies within its
// log, the subscribe waits and nothing changes.
func (s *Shard) resume(c *conn, a *awaiting) {
	var found []resumed
	var lost []string
	ahead := make(map[int][]int32)
	for name, own := range a.cmd.Cursor {
		if !slices.ContainsFunc(a.cmd.Patterns, func(p wire.Pattern) bool { return p.Event == name || p.Event == "*" }) {
			continue
		}
		event, known := s.index.EventIndex(name)
		if !known {
			lost = append(lost, name)
			continue
		}
		switch verdict, partitions := s.view.Recoverable(event, own); {
		case verdict == history.Lost || slices.Contains(a.short, event):
			lost = append(lost, name)
		case verdict == history.Ahead:
			ahead[event] = partitions
		default:
			found = append(found, resumed{event: event, own: own})
		}
	}
	if len(ahead) > 0 {
		s.await(c, a, ahead)
		return
	}
	if c.rare != nil {
		c.rare.awaiting = nil
	}
	slices.Sort(lost)
	s.begin(c, &a.cmd, found, lost)
}

func (s *Shard) await(c *conn, a *awaiting, ahead map[int][]int32) {
	if r := c.uncommon(); r.awaiting == nil {
		r.awaiting = a
		s.wakeFor(c, a.until)
	}
	if !c.has(waiting) {
		c.flags |= waiting
		s.ahead = append(s.ahead, c.id)
	}
	if a.asked {
		return
	}
	if s.clock.now < a.askAt {
		s.wakeFor(c, a.askAt)
		return
	}
	a.asked = true
	for event, partitions := range ahead {
		if len(partitions) > 0 {
			s.askEnds(c.id, event, partitions)
		}
	}
}

// askEnds asks Kafka where the log ends, on a goroutine of its own. Without an
// answer the subscribe's own time runs out.
func (s *Shard) askEnds(id ident, event int, partitions []int32) {
	s.asked.Go(func() {
		ctx, cancel := context.WithTimeout(s.context, aheadTime*time.Millisecond)
		defer cancel()
		select {
		case s.asking <- struct{}{}:
			defer func() { <-s.asking }()
		case <-ctx.Done():
			return
		}
		ends, err := s.o.Ends(ctx, event, partitions)
		if err != nil {
			return
		}
		s.answer(id, func(c *conn) {
			a := c.awaits()
			if a == nil {
				return
			}
			own := a.cmd.Cursor[s.o.Events[event]]
			for i, p := range partitions {
				if own.Last(p) >= ends[i] {
					a.short = append(a.short, event)
					break
				}
			}
			s.try(c)
		})
	})
}

// try looks again at a subscribe that waits.
func (s *Shard) try(c *conn) {
	a := c.awaits()
	if s.clock.now < min(a.until, a.askAt) && s.isAhead(a) {
		return // the usual case, and cheap
	}
	if code, message := s.mayNot(c, &a.cmd, c.replaying() != nil); code != "" {
		c.rare.awaiting = nil
		s.refuse(c, &a.cmd, code, message)
		return
	}
	s.resume(c, a)
	if c.awaits() == a && s.clock.now >= a.until {
		c.rare.awaiting = nil
		s.refuse(c, &a.cmd, wire.Unavailable, "the cursor is ahead of what this server has read: send it again")
	}
}

// isAhead reports whether some event of the cursor is still ahead.
func (s *Shard) isAhead(a *awaiting) bool {
	for name, own := range a.cmd.Cursor {
		if event, ok := s.index.EventIndex(name); ok {
			if verdict, _ := s.view.Recoverable(event, own); verdict == history.Ahead {
				return true
			}
		}
	}
	return false
}

// tryMore looks at some of the subscribes that wait, after something was read.
func (s *Shard) tryMore() {
	n := min(s.untried, maxTries, len(s.ahead))
	s.triedAt = s.clock.now
	s.untried -= n
	ids := append([]ident(nil), s.ahead[:n]...)
	s.ahead = append(s.ahead[:0], s.ahead[n:]...)
	if len(s.ahead) == 0 {
		s.untried = 0
	}
	for _, id := range ids {
		c := s.get(id)
		if c == nil {
			continue
		}
		if c.awaits() != nil && c.closing == open {
			s.try(c)
		}
		if s.get(id) != c {
			continue
		}
		if c.awaits() == nil {
			c.flags &^= waiting
			continue
		}
		s.ahead = append(s.ahead, id)
	}
}
