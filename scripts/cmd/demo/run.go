package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const (
	cutSeconds  = 5
	slowSeconds = 10
	// maxBehind is the server's WS_MAX_BEHIND: so much less than slowSeconds that one press shows falling behind, 4001 and the resume on a busy machine too.
	maxBehind = 4 * time.Second
	conflated = "liquidity"
)

// run starts everything in the order in which the data flows, and ends it the other way round.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	listener, err := listen(o.host, o.port, o.portAsked)
	if err != nil {
		return err
	}
	defer listener.Close()
	list, err := programs(ctx, o.servers, stderr)
	if err != nil {
		return interrupted(ctx, err)
	}
	topics, err := wire.ParseTopics(wire.DefaultTopics)
	if err != nil {
		return err
	}
	market, err := newMarket(topics, o.symbols, o.seed)
	if err != nil {
		return err
	}
	broker, err := startBroker(topics)
	if err != nil {
		return err
	}
	defer broker.Close()
	publisher, err := produce.New(produce.Config{
		Brokers: broker.BootstrapServers(), Rate: o.rate, FlushTimeout: time.Second,
		// The mock knows no topic before it is asked for one; a slow answer must not hold up the first records.
		Properties: kafka.ConfigMap{"topic.metadata.refresh.interval.ms": 60_000},
	})
	if err != nil {
		return err
	}
	defer publisher.Close()

	var tasks sync.WaitGroup
	defer tasks.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tasks.Go(func() {
		if _, err := publisher.Run(ctx, market); err != nil {
			cancel(fmt.Errorf("publish the market: %w", err))
		}
	})

	var serverLog io.Writer
	if o.verbose {
		serverLog = stderr
	}
	servers, failed := newFleets(list, settings(listener.Addr(), broker.BootstrapServers()), serverLog)
	defer servers.Stop()
	fmt.Fprintf(stderr, "starting broker, market and %s ...\n", strings.Join(servers.Names(), " and "))
	if err := servers.Start(ctx); err != nil {
		return interrupted(ctx, err)
	}
	lines := NewLines(servers.Upstream)
	board := newBoard(servers)
	tasks.Go(func() { board.run(ctx) })
	web := &http.Server{
		Handler: handler(facts{
			Servers: servers.Names(), Symbols: market.feed.Symbols(), Events: market.feed.Events(), Conflated: []string{conflated}, Rate: o.rate,
			CutSeconds: cutSeconds, SlowSeconds: slowSeconds, SlowBytes: slowBytes, MaxBehindMS: maxBehind.Milliseconds(),
		}, market, lines, servers, board),
		ReadHeaderTimeout: 5 * time.Second,
	}
	tasks.Go(func() {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("serve the page: %w", err))
		}
	})
	defer web.Close()
	defer lines.Close()

	address := "http://" + listener.Addr().String()
	fmt.Fprintf(stdout, "\n  %s\n\n  %s on one feed: %g records/s on 8 topics, %d symbols. Ctrl-C ends it.\n\n",
		address, strings.Join(servers.Names(), " and "), o.rate, o.symbols)
	if o.open {
		openBrowser(address)
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return interrupted(ctx, context.Cause(ctx))
	}
}

// interrupted turns the error that follows from an end somebody asked for into none.
func interrupted(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// settings are the servers', the same for all. Their limits are tighter than by default, so that what they do can be watched.
func settings(page net.Addr, brokers string) []string {
	env := []string{
		"KAFKA_BROKERS=" + brokers,
		// The mock answers a fetch at once only if there is something already, and otherwise after this whole time.
		"KAFKA_PROPERTIES=fetch.wait.max.ms=10",
		"WS_CONFLATE_EVENTS=" + conflated,
		"WS_MAX_BEHIND=" + maxBehind.String(),
		"WS_PING_INTERVAL=5s",
		"WS_PONG_TIMEOUT=4s",
		"WS_DRAIN_SPREAD=2s",
		"WS_DRAIN_TIMEOUT=15s",
		"LOG_FORMAT=json",
	}
	if tcp := page.(*net.TCPAddr); tcp.IP.IsLoopback() {
		origins := []string{"http://" + tcp.String(), fmt.Sprintf("http://localhost:%d", tcp.Port)}
		env = append(env, "WS_ALLOWED_ORIGINS="+strings.Join(origins, ","))
	}
	return env
}
