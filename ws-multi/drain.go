package main

import (
	"context"
	"time"
)

const (
	// noticeTime is how long newcomers are let in while draining: load balancers
	// need a moment to see that the server is not ready.
	noticeTime = 5 * time.Second
	// Closing the listener resets who waits in its backlog, so it is closed when
	// nobody has come for quietTime and no handshake is under way, or after
	// backlogTime.
	quietTime   = 100 * time.Millisecond
	backlogTime = 5 * time.Second
	// lastWords is for the close frames of those who are left at the timeout.
	lastWords   = time.Second
	reportEvery = 5 * time.Second
)

// askDrain is POST /drain, the same as SIGTERM. It returns how many connections
// there are to send away.
func (s *server) askDrain() int {
	s.drainOnce.Do(func() { close(s.drainAsked) })
	return s.shards.Connections()
}

// drain sends everybody away: not ready at once, newcomers for a moment more,
// closes spread evenly over all shards, the listener closed with an empty backlog.
// It returns when nobody is left, at WS_DRAIN_TIMEOUT, or when ctx is done.
func (s *server) drain(ctx context.Context) {
	s.draining.Store(true)
	spread, timeout := s.cfg.DrainSpread, s.cfg.DrainTimeout
	s.log.Info("draining", "connections", s.shards.Connections(), "spread", spread, "timeout", timeout)
	s.shards.Drain(spread, timeout)

	ctx, cancel := context.WithTimeout(ctx, timeout+lastWords)
	defer cancel()
	pause(ctx, min(noticeTime, spread))
	s.refusing.Store(true)
	for until := time.Now().Add(backlogTime); ctx.Err() == nil && s.arriving() && time.Now().Before(until); {
		pause(ctx, quietTime/4)
	}
	_ = s.public.Close()

	report := time.NewTicker(reportEvery)
	defer report.Stop()
	for empty := s.shards.Emptied(); ; {
		select {
		case <-empty:
			s.log.Info("drained")
			return
		case <-ctx.Done():
			s.log.Warn("drain ended before everybody was gone", "connections", s.shards.Connections())
			return
		case <-report.C:
			s.log.Info("draining", "connections", s.shards.Connections())
		}
	}
}

// arriving reports whether somebody has just connected, or is in a handshake that
// began before newcomers were refused: a token may wait for a key server.
func (s *server) arriving() bool {
	return s.public.Quiet() <= quietTime || s.guard.Open() > s.shards.Connections()
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
