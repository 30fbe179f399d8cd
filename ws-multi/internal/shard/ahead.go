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
	cmd     wire.Command
	since   time.Time // when it came
	entries []resumed // of the cursor: those of its channels' events
	unknown []string  // events of the cursor that this server does not have
	until   int64     // then it is unavailable
	askAt   int64     // then Kafka is asked where the log ends
	asked   bool      // where the log ends
	short   []int     // events whose log ends before the cursor, or is not there
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
	// endsTime is how long one of them may take: a broker that is silent must not
	// keep the places from questions that others can answer.
	endsTime = 2 * time.Second
)

// toAwait picks from a subscribe's cursor what counts, once: a command has room for
// far more, and a subscribe that waits is looked at often.
func (s *Shard) toAwait(cmd *wire.Command) *awaiting {
	a := &awaiting{cmd: *cmd, since: s.now, until: s.clock.now + aheadTime, askAt: s.clock.now + askAfter}
	of := func(event string) bool {
		return slices.ContainsFunc(cmd.Patterns, func(p wire.Pattern) bool { return p.Event == event })
	}
	all := of("*")
	for name, own := range cmd.Cursor {
		switch event, known := s.index.EventIndex(name); {
		case known && (all || of(name)):
			a.entries = append(a.entries, resumed{event: event, own: history.Trimmed(own)})
		case !known && all: // other patterns have only events that are known
			a.unknown = append(a.unknown, name)
		}
	}
	return a
}

// resume judges a cursor, event by event. While one is ahead and lies within its
// log, the subscribe waits and nothing changes.
func (s *Shard) resume(c *conn, a *awaiting) {
	var found, ahead []resumed
	lost := slices.Clone(a.unknown)
	for _, e := range a.entries {
		switch verdict, _ := s.view.Recoverable(e.event, e.own); {
		case verdict == history.Lost || slices.Contains(a.short, e.event):
			lost = append(lost, s.o.Events[e.event])
		case verdict == history.Ahead:
			ahead = append(ahead, e)
		default:
			found = append(found, e)
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

func (s *Shard) await(c *conn, a *awaiting, ahead []resumed) {
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
	for _, e := range ahead {
		if partitions := s.shortHere(e); len(partitions) > 0 {
			s.askEnds(c.id, a, e, partitions)
		}
	}
}

// shortHere lists the partitions that are read here and have to be read further for
// a cursor entry. Of the others Kafka is not asked: it has no answer when they do
// not exist, and would keep all the rest from having one.
func (s *Shard) shortHere(e resumed) []int32 {
	_, short := s.view.Recoverable(e.event, e.own)
	return slices.DeleteFunc(short, func(p int32) bool {
		_, read := s.view.Next(e.event, p)
		return !read
	})
}

// askEnds asks Kafka where the log ends, on a goroutine of its own. Without an
// answer the subscribe's own time runs out.
func (s *Shard) askEnds(id ident, a *awaiting, e resumed, partitions []int32) {
	s.asked.Go(func() {
		ctx, cancel := context.WithTimeout(s.context, aheadTime*time.Millisecond)
		defer cancel()
		select {
		case s.asking <- struct{}{}:
			defer func() { <-s.asking }()
		case <-ctx.Done():
			return
		}
		ctx, cancel = context.WithTimeout(ctx, endsTime)
		defer cancel()
		ends, err := s.o.Ends(ctx, e.event, partitions)
		if err != nil {
			return
		}
		s.answer(id, func(c *conn) {
			if c.awaits() != a {
				return // another one may wait by now, for a log that has grown
			}
			for i, p := range partitions {
				if e.own.Last(p) >= ends[i] {
					a.short = append(a.short, e.event)
					s.try(c)
					return
				}
			}
		})
	})
}

// try looks again at a subscribe that waits.
func (s *Shard) try(c *conn) {
	a := c.awaits()
	over := s.clock.now >= a.until
	if !over && (a.asked || s.clock.now < a.askAt) && s.isAhead(a) {
		return // the usual case, and cheap
	}
	if code, message := s.mayNot(c, &a.cmd, c.replaying() != nil); code != "" {
		c.rare.awaiting = nil
		s.refuse(c, &a.cmd, code, message)
		return
	}
	if over {
		s.giveUp(a)
	}
	s.resume(c, a)
	if over && c.awaits() == a {
		c.rare.awaiting = nil
		s.refuse(c, &a.cmd, wire.Unavailable, "the cursor is ahead of what this server has read: send it again")
	}
}

// giveUp judges the events of which nothing that is read here is behind the
// cursor: their topic, or the partitions that another server has seen, are not there
// if all was looked for since and they were not found. They are lost, or the client
// would be sent away with all its channels each time it comes.
func (s *Shard) giveUp(a *awaiting) {
	if s.o.Surveyed().Before(a.since) {
		return
	}
	for _, e := range a.entries {
		if s.view.Ahead(e.event, e.own) && len(s.shortHere(e)) == 0 {
			a.short = append(a.short, e.event)
		}
	}
}

// isAhead reports whether some event of the cursor has to be waited for.
func (s *Shard) isAhead(a *awaiting) bool {
	for _, e := range a.entries {
		if !slices.Contains(a.short, e.event) && s.view.Ahead(e.event, e.own) {
			return true
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
