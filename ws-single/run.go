package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/automaxprocs/maxprocs"

	"github.com/adred-codev/ws_poc/ws-single/internal/admin"
	"github.com/adred-codev/ws_poc/ws-single/internal/auth"
	"github.com/adred-codev/ws_poc/ws-single/internal/config"
	"github.com/adred-codev/ws_poc/ws-single/internal/front"
	"github.com/adred-codev/ws_poc/ws-single/internal/guard"
	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/logging"
	"github.com/adred-codev/ws_poc/ws-single/internal/loop"
	"github.com/adred-codev/ws_poc/ws-single/internal/metrics"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
	"github.com/adred-codev/ws_poc/ws-single/internal/version"
)

// run is the program without its process: what it is given, and its exit
// status.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	return dispatch(ctx, args, environ, stdout, stderr, serve)
}

// halfOpen bounds the connections that have not finished their handshake. With
// Kafka's and the admin listener's it stays under the 500 descriptors that
// WS_MAX_CONNECTIONS leaves free.
const halfOpen = 400

// serve wires the server in the order the data flows, Kafka to socket, and runs
// it until ctx is done and everybody was sent away, or until something fails.
func serve(ctx context.Context, cfg *config.Config, log *slog.Logger, _ io.Writer) error {
	build, err := buildInfo()
	if err != nil {
		return err
	}
	if err := oneThread(log); err != nil {
		return err
	}
	guard.SetGoMemoryLimit(cfg.MemoryLimit, kafka.QueueBytes)

	// What is wrong with a setting is found before a port is opened.
	consumer, err := kafka.New(kafkaConfig(cfg), log)
	if err != nil {
		return kafkaError(cfg, err)
	}
	guards, err := guard.New(guard.Options{Cores: 1, Limits: guardLimits(cfg)})
	if err != nil {
		return usageError(err.Error())
	}
	origins, err := auth.NewOrigins(cfg.AllowedOrigins, cfg.AllowNoOrigin)
	if err != nil {
		return usageError(err.Error())
	}
	var verifier *auth.Verifier
	if cfg.TokensChecked() {
		if verifier, err = auth.NewVerifier(ctx, verifierOptions(cfg, log)); err != nil {
			return usageError(err.Error())
		}
		defer verifier.Close()
	}

	public, err := socket.Listen(ctx, cfg.Addr, socket.Options{
		StallTimeout:   cfg.StallTimeout,
		MessageTimeout: cfg.MessageTimeout,
		ReusePort:      cfg.ReusePort,
		HalfOpen:       halfOpen,
		TrustedProxies: cfg.TrustedProxies,
	})
	if err != nil {
		return portError("WS_ADDR", cfg.Addr, err)
	}
	defer public.Close()
	inside, err := net.Listen("tcp", cfg.AdminAddr)
	if err != nil {
		return portError("WS_ADMIN_ADDR", cfg.AdminAddr, err)
	}
	defer inside.Close()

	events := eventNames(cfg)
	fanout := loop.New(consumer, loopOptions(cfg, build, events, verifier, guards, log))
	s := &server{cfg: cfg, log: log, consumer: consumer, guard: guards, verifier: verifier, loop: fanout, public: public}
	s.front = front.New(front.Options{
		State: s, Guard: guards, Origins: origins, Verifier: verifier, TrustedProxies: cfg.TrustedProxies,
		Upgrader: socket.NewUpgrader(cfg.MessageBytes, cfg.HandshakeTimeout),
		Loop:     fanout, Health: s.health, Log: log,
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(metrics.New(metrics.Sources{
		Build: build, Events: events, Loop: fanout.Snapshot, Guard: guards.Snapshot, Kafka: consumer.Stats,
		Rejected: s.front.Rejected, Ready: func() bool { return s.NotReady() == nil && !s.Draining() }, Draining: s.Draining,
		LogLost: func() int64 { return logging.Lost(log) },
	}))
	s.admin = admin.New(admin.Options{
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		Alive:   s.alive, NotReady: s.notReadyz, Version: build,
		Drain: s.startDrain, Rebalance: s.rebalance,
		Open: cfg.AdminOpen(), Token: string(cfg.AdminToken),
	})
	for _, w := range cfg.Warnings {
		log.Warn("configuration", "warning", w)
	}
	log.Info("listening", "public", public.Addr().String(), "admin", inside.Addr().String(),
		"kafka", cfg.Kafka.Brokers, "version", build.Version, "max_connections", cfg.MaxConnections)
	return s.run(ctx, inside)
}

// oneThread gives Go one thread. automaxprocs leaves GOMAXPROCS alone where
// there is no quota, so it is set after it, and looked at.
func oneThread(log *slog.Logger) error {
	if _, err := maxprocs.Set(maxprocs.Logger(func(format string, args ...any) {
		log.Debug(fmt.Sprintf(format, args...))
	})); err != nil {
		log.Warn("CPU quota unknown", "error", err)
	}
	runtime.GOMAXPROCS(1)
	if n := runtime.GOMAXPROCS(0); n != 1 {
		return fmt.Errorf("set GOMAXPROCS: it is %d, the event loop needs 1", n)
	}
	return nil
}

// kafkaError says where the setting was set that is wrong, if that is known.
func kafkaError(cfg *config.Config, err error) error {
	setting, why, ok := strings.Cut(err.Error(), ": ")
	if ok && strings.HasPrefix(setting, "KAFKA_") {
		return cfg.Wrong(setting, "%s", why)
	}
	return usageError(err.Error())
}

func portError(setting, addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %s is in use by another process: stop it, or set another address", setting, addr)
	}
	return fmt.Errorf("%s: open %s: %w", setting, addr, err)
}

func eventNames(cfg *config.Config) []string {
	var names []string
	for _, t := range cfg.Kafka.Topics {
		names = append(names, t.Event)
	}
	return names
}

func kafkaConfig(cfg *config.Config) kafka.Config {
	k := cfg.Kafka
	return kafka.Config{
		Brokers: k.Brokers, Topics: slices.Clone(k.Topics), Window: cfg.HistoryWindow, MaxRate: k.MaxRate,
		SecurityProtocol: k.SecurityProtocol,
		SASLMechanism:    k.SASLMechanism, SASLUsername: k.SASLUsername, SASLPassword: string(k.SASLPassword),
		SSLCALocation: k.SSLCALocation, SSLCertificateLocation: k.SSLCertificateLocation,
		SSLKeyLocation: k.SSLKeyLocation, SSLKeyPassword: string(k.SSLKeyPassword),
		Properties: k.Properties,
	}
}

func guardLimits(cfg *config.Config) guard.Limits {
	return guard.Limits{
		Connections:         cfg.MaxConnections,
		ConnectionsPerAddr:  cfg.MaxConnectionsPerAddr,
		ConnectionsPerSub:   cfg.MaxConnectionsPerSub,
		HandshakesPerSecond: float64(cfg.HandshakesPerSecond),
		HandshakesPerAddr:   float64(cfg.HandshakesPerSecondPerAddr),
		CPURejectPercent:    float64(cfg.CPURejectPercent),
		CPUPausePercent:     float64(cfg.CPUPausePercent),
		MemoryBytes:         cfg.MemoryLimit,
	}
}

func verifierOptions(cfg *config.Config, log *slog.Logger) auth.Options {
	return auth.Options{
		Secret: string(cfg.JWTSecret), JWKSURL: cfg.JWTJWKSURL,
		Issuer: cfg.JWTIssuer, Audience: cfg.JWTAudience, Logger: log,
	}
}

// shed says once for each of the guard's samples how much memory has to go.
func shed(guards *guard.Guard) func() int64 {
	var told time.Time
	return func() int64 {
		s := guards.Snapshot()
		if s.At.Equal(told) {
			return 0
		}
		told = s.At
		return s.ShedBytes
	}
}

func loopOptions(cfg *config.Config, build version.Info, events []string, verifier *auth.Verifier,
	guards *guard.Guard, log *slog.Logger,
) loop.Options {
	o := loop.Options{
		Server: build.Name, Version: build.Version[1:], Events: events, Conflate: cfg.ConflateEvents,
		Limits: wire.Limits{
			MessageBytes: int(cfg.MessageBytes), Channels: cfg.Channels, CommandsPerSecond: cfg.CommandsPerSecond,
		},
		PingInterval: cfg.PingInterval, PongTimeout: cfg.PongTimeout, StallTimeout: cfg.StallTimeout,
		MaxBehind: cfg.MaxBehind, FlushInterval: cfg.FlushInterval,
		HistoryWindow: cfg.HistoryWindow, HistoryBytes: cfg.HistoryBytes,
		Shed: shed(guards),
		Log:  log,
	}
	if verifier != nil {
		o.Verify = verifier.Verify
	}
	return o
}
