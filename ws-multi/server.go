package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
	"github.com/adred-codev/ws_poc/ws-multi/internal/front"
	"github.com/adred-codev/ws_poc/ws-multi/internal/guard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-multi/internal/router"
	"github.com/adred-codev/ws_poc/ws-multi/internal/shard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// server is the parts of serve, while they run.
type server struct {
	cfg      *config.Config
	log      *slog.Logger
	consumer *kafka.Consumer
	router   *router.Router
	shards   *shard.Group
	guard    *guard.Guard
	verifier *auth.Verifier // nil: no tokens
	public   *socket.Listener
	front    *front.Handler
	admin    http.Handler

	draining   atomic.Bool
	refusing   atomic.Bool
	drainOnce  sync.Once
	drainAsked chan struct{} // closed by POST /drain
	ended      chan struct{} // closed when the parts are to end: nobody waits for a shard then
}

// run runs the parts until a drain has ended or one of them fails.
func (s *server) run(ctx context.Context, inside net.Listener) error {
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	parts, work := errgroup.WithContext(work)
	context.AfterFunc(work, func() { close(s.ended) })

	parts.Go(func() error { return s.consumer.Run(work, s.router) })
	parts.Go(func() error { return s.router.Tend(work) })
	parts.Go(func() error { return s.shards.Run(work) })
	parts.Go(func() error { return s.guard.Run(work) })
	parts.Go(func() error { s.supervise(work); return nil })

	clients := s.httpServer(s.front, s.cfg.HandshakeTimeout) // also for a body: a request that never ends holds a place
	clients.SetKeepAlivesEnabled(false)                      // an idle request connection would hold one too
	operators := s.httpServer(s.admin, profileTime)
	parts.Go(func() error {
		return closedIsFine("WS_ADDR", clients.Serve(s.guard.Listener(&audible{Listener: s.public, name: "WS_ADDR", log: s.log})))
	})
	parts.Go(func() error {
		return closedIsFine("WS_ADMIN_ADDR", operators.Serve(&audible{Listener: inside, name: "WS_ADMIN_ADDR", log: s.log}))
	})
	parts.Go(func() error {
		select {
		case <-ctx.Done():
		case <-s.drainAsked:
		case <-work.Done():
		}
		s.drain(work)
		_ = clients.Close()
		_ = operators.Close()
		end()
		return nil
	})
	if err := parts.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// profileTime bounds a request to the admin listener: a profile may take long.
const profileTime = 5 * time.Minute

// maxHeader has room for a token of some KiB, and for cookies.
const maxHeader = 16 << 10

func (s *server) httpServer(h http.Handler, readTime time.Duration) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: s.cfg.HandshakeTimeout, ReadTimeout: readTime,
		IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

func closedIsFine(setting string, err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", setting, err)
}

// take gives an admitted connection to a shard.
func (s *server) take(a front.Arrival) {
	s.shards.Take(&shard.Arrival{FD: a.FD, Identity: a.Identity, Place: a.Place, ID: a.ID})
}

// supervise does once a second what no single part can: it pauses Kafka as the guard
// says, and logs when the server becomes ready or is not any more, and when a shard
// holds up the router. Connections it sheds as often as the guard looks at memory.
func (s *server) supervise(ctx context.Context) {
	told := readiness{since: time.Now()}
	tick, pressing := time.NewTicker(time.Second), time.NewTicker(guard.Pressing)
	defer tick.Stop()
	defer pressing.Stop()
	var paused, waits bool
	var shed relief
	for {
		select {
		case <-ctx.Done():
			return
		case <-pressing.C:
			s.relieve(&shed)
			continue
		case <-tick.C:
		}
		err := s.notReady()
		if before, changed := told.become(err == nil, time.Now()); changed && err == nil {
			s.log.Info("ready", "after", before.Round(time.Second))
		} else if changed {
			s.log.Warn("not ready", "reason", err)
		}
		if w := s.router.Snapshot().Waiting; w != waits {
			waits = w
			s.log.Warn("reading from Kafka waits for a shard that lags", "waiting", waits)
		}
		g := s.guard.Snapshot()
		// Reading the history at the start takes all the CPU there is, which is
		// no reason to stop it.
		if pause := g.PauseKafka && s.router.IsLoaded(); pause != paused {
			paused = pause
			s.consumer.Pause(pause)
			s.log.Warn("CPU guard switched reading from Kafka", "paused", pause)
		}
	}
}

// relieve closes those furthest behind if memory is due.
func (s *server) relieve(shed *relief) {
	g := s.guard.Snapshot()
	if over := shed.due(g.ShedBytes, g.At); over > 0 {
		if n, freed := s.shards.Shed(over); n > 0 {
			shed.began(freed, g.At)
			s.log.Warn("memory is near WS_MEMORY_LIMIT: clients furthest behind are closed", "closed", n, "bytes_over", over)
		}
	}
}

// readiness is what the log says of it, and since when: since the start until the
// server is ready first.
type readiness struct {
	ready bool
	since time.Time
}

// become takes note of what holds now. When that is new, it returns for how long
// the opposite did.
func (r *readiness) become(ready bool, now time.Time) (before time.Duration, changed bool) {
	if r.ready == ready {
		return 0, false
	}
	before = now.Sub(r.since)
	*r = readiness{ready, now}
	return before, true
}

// stuck is the age of a shard's snapshot from which the shard counts as stuck. It
// makes one about every second.
const stuck = 10 * time.Second

// alive is nil while every shard turns.
func (s *server) alive() error {
	for i, snapshot := range s.shards.Snapshots() {
		if age := time.Since(snapshot.At); age > stuck {
			return fmt.Errorf("shard %d has not turned for %s", i, age.Round(time.Second))
		}
	}
	return nil
}

// notReady is nil when clients can be served, else why not. Any goroutine.
func (s *server) notReady() error {
	if !s.consumer.Stats().Up {
		return errors.New("no Kafka broker answers")
	}
	if !s.router.IsLoaded() {
		return errors.New("the history is being read from Kafka")
	}
	if s.verifier != nil {
		return s.verifier.Ready()
	}
	return nil
}

// isDraining reports whether the server sends its clients away. Any goroutine.
func (s *server) isDraining() bool { return s.draining.Load() }

// isRefusing reports whether it takes no more of them. Any goroutine.
func (s *server) isRefusing() bool { return s.refusing.Load() }

// unready is notReady for load balancers, who send nobody to a server that drains.
func (s *server) unready() error {
	if s.isDraining() {
		return errors.New("draining")
	}
	return s.notReady()
}

// health is what load balancers get. It only reads what the parts published.
func (s *server) health() front.Health {
	h := front.Health{Status: front.StatusOK}
	err := s.unready()
	switch {
	case err == nil:
		h.Healthy = true
	case s.isDraining():
		h.Status, h.Reason = front.StatusDraining, err.Error()
	default:
		h.Status, h.Reason = front.StatusNotReady, err.Error()
	}
	checks := &h.Checks
	checks.Capacity.Max = s.cfg.MaxConnections
	for _, shard := range s.shards.Snapshots() {
		checks.Capacity.Current += shard.Connections
	}
	usage := s.guard.Snapshot()
	checks.CPU.Percentage = percent(usage.CPURatio)
	if usage.MemoryLimit > 0 {
		checks.Memory.Percentage = percent(float64(usage.MemoryUsed()) / float64(usage.MemoryLimit))
	}
	read := s.consumer.Stats()
	checks.Kafka.Connected, checks.Kafka.Paused = read.Up, read.Paused
	for i := range read.Events {
		checks.Kafka.Lag += read.Events[i].Lag
	}
	return h
}

// percent has one decimal.
func percent(ratio float64) float64 { return math.Round(ratio*1000) / 10 }

func (s *server) rebalance(connections int, rate float64) int {
	chosen := s.shards.Rebalance(connections, rate, s.cfg.DrainTimeout)
	s.log.Info("rebalancing", "connections", chosen, "rate", rate)
	return chosen
}
