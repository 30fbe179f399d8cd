package main

import (
	"context"
	"time"
)

const (
	// acceptWhileDraining is how long new connections are still let in: load
	// balancers need a moment to see that the server is not ready.
	acceptWhileDraining = 5 * time.Second
	// quietBacklog is how long nothing may have come before the listener is
	// closed: closing it resets whoever still waits in its backlog.
	quietBacklog  = 100 * time.Millisecond
	emptyBacklog  = 5 * time.Second
	progressEvery = 5 * time.Second
	// lastWord is for the close frames of those who are left at the timeout.
	lastWord = time.Second
)

// startDrain is POST /drain: the same as SIGTERM. It returns how many
// connections there are to send away.
func (s *server) startDrain() int {
	s.began.Do(func() { close(s.drainNow) })
	return s.loop.Snapshot().Connections
}

// drain sends everybody away: not ready at once, new connections for a moment
// more, closes spread evenly, and the listener closed when its backlog is empty.
// It returns when nobody is left, at WS_DRAIN_TIMEOUT, or when ctx is done.
func (s *server) drain(ctx context.Context) {
	s.draining.Store(true)
	spread, timeout := s.cfg.DrainSpread, s.cfg.DrainTimeout
	s.log.Info("draining", "connections", s.loop.Snapshot().Connections, "spread", spread, "timeout", timeout)
	ctx, cancel := context.WithTimeout(ctx, timeout+lastWord)
	defer cancel()
	s.loop.Drain(spread, timeout)

	sleep(ctx, min(acceptWhileDraining, spread))
	s.refusing.Store(true)
	for limit := time.Now().Add(emptyBacklog); ctx.Err() == nil && time.Now().Before(limit); {
		if s.public.Quiet() > quietBacklog {
			break
		}
		sleep(ctx, quietBacklog/4)
	}
	_ = s.public.Close()
	emptied := s.loop.Emptied()

	progress := time.NewTicker(progressEvery)
	defer progress.Stop()
	for {
		select {
		case <-emptied:
			s.log.Info("drained")
			return
		case <-ctx.Done():
			s.log.Warn("drain ended before everybody was gone", "connections", s.loop.Snapshot().Connections)
			return
		case <-progress.C:
			s.log.Info("draining", "connections", s.loop.Snapshot().Connections)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
