package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/adred-codev/ws_poc/ws-single/internal/auth"
	"github.com/adred-codev/ws_poc/ws-single/internal/config"
	"github.com/adred-codev/ws_poc/ws-single/internal/front"
	"github.com/adred-codev/ws_poc/ws-single/internal/guard"
	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/loop"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

// server is the parts that serve wired, while they run.
type server struct {
	cfg      *config.Config
	log      *slog.Logger
	consumer *kafka.Consumer
	guard    *guard.Guard
	verifier *auth.Verifier
	loop     *loop.Loop
	public   *socket.Listener
	front    *front.Handler
	admin    http.Handler

	draining atomic.Bool
	refusing atomic.Bool
	began    sync.Once
	drainNow chan struct{} // closed by POST /drain
}

// run runs the parts until a drain has ended or one of them fails.
func (s *server) run(ctx context.Context, inside net.Listener) error {
	s.drainNow = make(chan struct{})
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	parts, work := errgroup.WithContext(work)
	parts.Go(func() error { return s.consumer.Run(work) })
	parts.Go(func() error { return s.loop.Run(work) })
	parts.Go(func() error { return s.guard.Run(work) })
	parts.Go(func() error { s.watch(work); return nil })

	public := s.httpServer(s.front)
	public.ReadTimeout = s.cfg.HandshakeTimeout // the body too: a request that never ends holds a half-open place
	public.SetKeepAlivesEnabled(false)          // an idle request connection would count as half open
	admin := s.httpServer(s.admin)
	admin.ReadTimeout = adminTimeout
	parts.Go(func() error {
		return served("WS_ADDR", public.Serve(s.guard.Listener(&tellingListener{Listener: s.public, setting: "WS_ADDR", log: s.log})))
	})
	parts.Go(func() error {
		return served("WS_ADMIN_ADDR", admin.Serve(&tellingListener{Listener: inside, setting: "WS_ADMIN_ADDR", log: s.log}))
	})

	parts.Go(func() error {
		select {
		case <-ctx.Done():
		case <-s.drainNow:
		case <-work.Done():
		}
		s.drain(work)
		_ = public.Close()
		_ = admin.Close()
		stop()
		return nil
	})
	err := parts.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// adminTimeout bounds a request on the admin listener; a profile may take long.
const adminTimeout = 5 * time.Minute

func (s *server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.cfg.HandshakeTimeout,
		MaxHeaderBytes:    16 << 10, // a token of a few KiB, cookies
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

func served(setting string, err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", setting, err)
}

// watch stops and resumes reading Kafka as the guard says, and logs when the
// server becomes ready or is not any more.
func (s *server) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	standing := readyLog{log: s.log, at: time.Now()}
	for paused := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		standing.tell(s.NotReady())
		// Reading the history at the start takes all the CPU there is: no reason
		// to stop it.
		if want := s.guard.Snapshot().PauseKafka && s.loop.Loaded(); want != paused {
			paused = want
			s.consumer.Pause(paused)
			s.log.Warn("Kafka reading switched by the CPU guard", "paused", paused)
		}
	}
}

// readyLog logs each change between ready and not ready, once.
type readyLog struct {
	log   *slog.Logger
	ready bool
	at    time.Time // of the last change, or of the start
}

// tell takes what NotReady says. A server that is ready again tells how long it
// was not, not how long it runs.
func (l *readyLog) tell(notReady error) {
	if l.ready == (notReady == nil) {
		return
	}
	if notReady == nil {
		l.log.Info("ready", "after", time.Since(l.at).Round(time.Second))
	} else {
		l.log.Warn("not ready", "reason", notReady)
	}
	l.ready, l.at = notReady == nil, time.Now()
}

// stuckAfter is how old the loop's snapshot may be before the loop counts as
// stuck. It makes one a second.
const stuckAfter = 10 * time.Second

// alive is nil while the loop turns.
func (s *server) alive() error {
	if age := time.Since(s.loop.Snapshot().At); age > stuckAfter {
		return fmt.Errorf("the event loop has not turned for %s", age.Round(time.Second))
	}
	return nil
}

// NotReady is nil when clients can be served, else why not.
func (s *server) NotReady() error {
	switch {
	case !s.consumer.Stats().Up:
		return errors.New("no Kafka broker answers")
	case !s.loop.Loaded():
		return errors.New("the history is being read from Kafka")
	}
	if s.verifier != nil {
		return s.verifier.Ready()
	}
	return nil
}

// Draining reports whether the server sends its clients away.
func (s *server) Draining() bool { return s.draining.Load() }

// Refusing reports whether a draining server takes no more connections.
func (s *server) Refusing() bool { return s.refusing.Load() }

// notReadyz is what /readyz says: a draining server wants no new clients.
func (s *server) notReadyz() error {
	if s.Draining() {
		return errors.New("draining")
	}
	return s.NotReady()
}

func (s *server) health() front.Health {
	g, l, k := s.guard.Snapshot(), s.loop.Snapshot(), s.consumer.Stats()
	h := front.Health{Status: "ok", Healthy: true}
	if err := s.notReadyz(); err != nil {
		h.Status, h.Healthy, h.Reason = "not_ready", false, err.Error()
		if s.Draining() {
			h.Status = "draining"
		}
	}
	h.Checks.Capacity = front.Capacity{Current: l.Connections, Max: s.cfg.MaxConnections}
	h.Checks.CPU.Percentage = percent(g.CPURatio)
	if g.MemoryLimit > 0 {
		h.Checks.Memory.Percentage = percent(float64(g.MemoryUsed()) / float64(g.MemoryLimit))
	}
	h.Checks.Kafka = front.Kafka{Connected: k.Up, Paused: k.Paused}
	for _, e := range k.Events {
		h.Checks.Kafka.Lag += e.Lag
	}
	return h
}

// percent keeps one decimal.
func percent(share float64) float64 { return float64(int(share*1000+0.5)) / 10 }

func (s *server) rebalance(connections int, rate float64) int {
	n := s.loop.Rebalance(connections, rate, s.cfg.DrainTimeout)
	s.log.Info("rebalancing", "connections", n, "rate", rate)
	return n
}
