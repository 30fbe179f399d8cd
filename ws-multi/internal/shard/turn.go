package shard

import (
	"context"
	"runtime"
	"time"
)

const (
	maxSweep = 64 // connections a turn serves
	// maxPulls is how many a turn catches up with while live ones are served, too:
	// one visit of 48 KiB takes about a seventh of the turn's time. With eight of
	// them a storm of resumes made the live clients' p99 half as long again; with less
	// than one a replay beside a fast log never comes to its end.
	maxPulls = 1
	// maxPullsAlone is how many when there is nobody live to be served: what is
	// published meanwhile waits for the end of the turn.
	maxPullsAlone = 16
)

// run owns the shard until ctx is done, and then resets what connections are
// left: to drain them first is the caller's to ask for.
func (s *Shard) run(ctx context.Context) error {
	s.context = ctx
	defer s.stop()
	unhook := context.AfterFunc(ctx, s.poller.Wake)
	defer unhook()
	for ctx.Err() == nil {
		if s.turn() {
			if err := s.yield(); err != nil {
				return err
			}
			continue
		}
		s.yielded = time.Time{}
		if err := s.poller.Sleep(s.sleepUntil()); err != nil {
			return err
		}
	}
	return nil
}

// yieldEvery is how long a shard that has more to do keeps the runtime from
// looking at its descriptors: Kafka's, and those of handshakes.
const yieldEvery = 2 * time.Millisecond

// yield lets others run between two turns.
func (s *Shard) yield() error {
	switch {
	case s.yielded.IsZero():
		s.yielded = s.now
	case s.now.Sub(s.yielded) >= yieldEvery:
		s.yielded = s.now
		return s.poller.Yield()
	}
	runtime.Gosched()
	return nil
}

// turn does a bounded part of what there is to do, in an order that matters:
// what was published is offered first, so that answers to clients cover it and
// each connection gets all it is due in one send; what clients sent is taken in
// before their deadlines are judged. It reports whether there is more.
func (s *Shard) turn() bool {
	known := s.clock.excess
	if s.now = s.clock.step(); s.clock.excess > known {
		s.forgive(s.clock.excess - known)
	}
	s.load()
	// While a flush runs nothing is added to it: it would never end.
	more := !s.flushing && s.offer()
	said := s.react()
	if said = s.receiveUnread() || said; !said {
		s.clock.excess = 0
	}
	more = said || more
	s.takeIn()
	s.closeLeaving()
	s.wheel.turn(s.clock.now, func(a appointment) {
		if c := s.get(a.id); c != nil && c.wakeAt == a.at {
			c.wakeAt = 0
			s.check(c)
		}
	})
	served := 0
	if s.flushDue() {
		served = s.sweep(maxSweep)
	}
	if served == 0 {
		s.pull(maxPullsAlone)
	} else {
		s.pull(maxPulls)
	}
	s.tell()

	end := time.Now()
	if s.sample > 0 {
		s.counts.latency.observe(max(0, float64(end.UnixMilli()-s.sample)/1000))
	}
	s.sample = 0
	s.counts.turned(end.Sub(s.now))
	if since := end.Sub(s.published); since >= time.Second {
		s.publish(end, since)
	}
	if s.marked.empty() {
		s.flushing = false
	}
	return more || !s.pulls.empty() || !s.marked.empty() && s.flushAt == 0 || s.pos < s.view.End && len(s.due) < maxDue
}

// flushDue reports whether those who are marked are served now. With a flush
// interval one write carries all that came in it.
func (s *Shard) flushDue() bool {
	every := s.o.FlushInterval.Milliseconds()
	if s.o.FlushInterval <= 0 {
		return true
	}
	switch {
	case s.marked.empty():
		s.flushAt = 0
	case s.flushAt == 0 && !s.flushing:
		s.flushAt = s.clock.now + max(1, every)
	case s.flushAt != 0 && (s.clock.now >= s.flushAt || len(s.due) >= maxDue):
		s.flushAt, s.flushing = 0, true
	}
	return s.flushing
}

// never is a time of the shard's clock that does not come.
const never = int64(1) << 62

// sleepUntil is when there is something to do though nobody says so.
func (s *Shard) sleepUntil() time.Time {
	at := s.nextLeaving()
	if s.held > 0 {
		at = min(at, s.wheel.next())
	}
	if s.flushAt != 0 {
		at = min(at, s.flushAt)
	}
	if s.untried > 0 {
		at = min(at, s.triedAt+aheadEvery)
	}
	next := s.published.Add(time.Second)
	if at != never {
		if t := s.clock.read.Add(time.Duration(at-s.clock.now) * time.Millisecond); t.Before(next) {
			return t
		}
	}
	return next
}

// publish makes a snapshot.
func (s *Shard) publish(now time.Time, since time.Duration) {
	n := s.counts.snapshot(now, since)
	n.Connections, n.Behind, n.Full, n.Lag = s.open, s.late, s.full, s.lag()
	s.published = now
	s.snapshot.Store(n)
}

// stop resets what is left and waits for the goroutines that ask for it.
func (s *Shard) stop() {
	for _, it := range s.inbox.end() {
		if it.arrival != nil {
			s.assigned.Add(-1)
			it.arrival.turnAway()
		}
	}
	for _, c := range s.conns {
		if c != nil {
			if c.closing != closed {
				c.flags |= reset // a close frame on its way may arrive
			}
			s.release(c)
		}
	}
	s.asked.Wait()
	s.needs.Store(none) // nothing is kept for this shard any more
	s.waited.Store(false)
	select {
	case s.progress <- struct{}{}:
	default:
	}
	s.poller.Close()
}
