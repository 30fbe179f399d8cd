package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/adred-codev/ws_poc/ws-multi/internal/admin"
	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
	"github.com/adred-codev/ws_poc/ws-multi/internal/front"
	"github.com/adred-codev/ws_poc/ws-multi/internal/guard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-multi/internal/logging"
	"github.com/adred-codev/ws_poc/ws-multi/internal/metrics"
	"github.com/adred-codev/ws_poc/ws-multi/internal/router"
	"github.com/adred-codev/ws_poc/ws-multi/internal/shard"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
	"github.com/adred-codev/ws_poc/ws-multi/internal/version"
)

// halfOpen bounds the connections whose handshake has not ended. With those of
// Kafka, the pollers and the admin listener it stays below the 500 descriptors that
// WS_MAX_CONNECTIONS leaves free.
const halfOpen = 400

// serve wires the server in the order the data flows, Kafka to socket, and runs
// it until ctx is done and everybody was sent away, or until a part fails.
func serve(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	build, err := thisBuild()
	if err != nil {
		return err
	}
	guard.SetGoMemoryLimit(cfg.MemoryLimit, kafka.QueueBytes)

	s := &server{cfg: cfg, log: log, drainAsked: make(chan struct{}), ended: make(chan struct{})}
	// What is wrong with a setting is found before a port is opened.
	if s.consumer, err = kafka.New(kafkaConfig(cfg), log); err != nil {
		return kafkaError(cfg, err)
	}
	if s.guard, err = guard.New(guard.Options{Cores: float64(cfg.Cores), Limits: guardLimits(cfg)}); err != nil {
		return misuse(err.Error())
	}
	origins, err := auth.NewOrigins(cfg.AllowedOrigins, cfg.AllowNoOrigin)
	if err != nil {
		return misuse(err.Error())
	}
	if cfg.VerifiesTokens() {
		s.verifier, err = auth.NewVerifier(ctx, auth.Options{
			Secret: cfg.JWTSecret.Reveal(), JWKSURL: cfg.JWTJWKSURL, Issuer: cfg.JWTIssuer, Audience: cfg.JWTAudience, Log: log,
		})
		if err != nil {
			return misuse(err.Error())
		}
		defer s.verifier.Close()
	}

	// Kafka -> router -> history -> shards
	events := cfg.Events()
	past := history.New(history.Options{
		Events: events, Window: cfg.HistoryWindow.Milliseconds(), Bytes: cfg.HistoryBytes,
	})
	if s.shards, err = shard.NewGroup(cfg.Shards, past, s.shardOptions(build, events)); err != nil {
		return err
	}
	s.router = router.New(past, readers(s.shards), s.shards.Progress(), monotonic, s.ended)

	// listener -> handshake -> shards
	if s.public, err = socket.Listen(ctx, cfg.Addr, socket.Options{
		StallTimeout: cfg.StallTimeout, ReusePort: cfg.ReusePort, HalfOpen: halfOpen, TrustedProxies: cfg.TrustedProxies,
	}); err != nil {
		return portError("WS_ADDR", cfg.Addr, err)
	}
	defer s.public.Close()
	inside, err := net.Listen("tcp", cfg.AdminAddr)
	if err != nil {
		return portError("WS_ADMIN_ADDR", cfg.AdminAddr, err)
	}
	defer inside.Close()
	s.front = front.New(front.Options{
		Refusing: s.isRefusing, NotReady: s.notReady, Guard: s.guard, Origins: origins, Verifier: s.verifier, TrustedProxies: cfg.TrustedProxies,
		Upgrader: socket.NewUpgrader(cfg.HandshakeTimeout), Take: s.take, Health: s.health, Log: log,
	})
	s.admin = admin.New(admin.Options{
		Metrics: s.metrics(build, events),
		Alive:   s.alive, NotReady: s.unready, Version: build,
		Drain: s.askDrain, Rebalance: s.rebalance,
		Open: cfg.AdminOpen(), Token: cfg.AdminToken.Reveal(),
	})
	for _, w := range cfg.Warnings {
		log.Warn("setting may surprise", "warning", w)
	}
	log.Info("listening", "public", s.public.Addr().String(), "admin", inside.Addr().String(), "kafka", cfg.Kafka.Brokers,
		"version", build.Version, "shards", cfg.Shards, "cores", cfg.Cores, "max_connections", cfg.MaxConnections)
	return s.run(ctx, inside)
}

// monotonic is the clock of the history: the shards reckon ages by it.
func monotonic() int64 { return shard.Since(time.Now()) }

func readers(g *shard.Group) []router.Reader {
	var all []router.Reader
	for _, s := range g.Shards() {
		all = append(all, s)
	}
	return all
}

func (s *server) shardOptions(build version.Info, events []string) shard.Options {
	cfg := s.cfg
	o := shard.Options{
		Server: build.Name, Version: build.Bare(), Events: events, Conflate: cfg.ConflateEvents,
		Limits: wire.Limits{
			MessageBytes: int(cfg.MessageBytes), Channels: cfg.Channels, CommandsPerSecond: cfg.CommandRate,
		},
		PingInterval: cfg.PingInterval, PongTimeout: cfg.PongTimeout, MessageTimeout: cfg.MessageTimeout,
		StallTimeout: cfg.StallTimeout, MaxBehind: cfg.MaxBehind, FlushInterval: cfg.FlushInterval,
		Ends: s.consumer.Ends, Surveyed: s.consumer.Surveyed, Log: s.log,
	}
	if s.verifier != nil {
		o.Tokens = s.verifier
	}
	return o
}

// metrics is the handler of /metrics: what the parts publish of themselves.
func (s *server) metrics(build version.Info, events []string) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(metrics.New(metrics.Sources{
		Build:  build,
		Events: events,
		Shards: s.shards.Snapshots,
		History: func() metrics.History {
			h := s.router.Snapshot()
			return metrics.History{Bytes: h.HistoryBytes, Records: h.HistoryRecords, Age: h.HistoryAge}
		},
		Guard: s.guard.Snapshot, Kafka: s.consumer.Stats, Rejected: s.front.Rejected,
		Ready: func() bool { return s.unready() == nil }, Draining: s.isDraining,
		Unlogged: func() int64 { return logging.Missed(s.log) },
	}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

func guardLimits(cfg *config.Config) guard.Limits {
	return guard.Limits{
		Connections: cfg.MaxConnections, ConnectionsPerAddr: cfg.MaxConnectionsPerAddr, ConnectionsPerSub: cfg.MaxConnectionsPerSub,
		HandshakesPerSecond: float64(cfg.HandshakeRate), HandshakesPerAddr: float64(cfg.HandshakeRatePerAddr),
		CPURejectPercent: float64(cfg.CPURejectPercent), CPUPausePercent: float64(cfg.CPUPausePercent),
		MemoryBytes: cfg.MemoryLimit,
	}
}

// portError says what to do about a port that cannot be had.
func portError(setting, addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %s is in use by another process: stop that, or set another address", setting, addr)
	}
	return fmt.Errorf("%s: listen on %s: %w", setting, addr, err)
}
