// Command centrifuge publishes Kafka's records with the library centrifuge, the
// engine of Centrifugo, as its README shows: a node with the engine in memory,
// node.Publish, WebsocketHandler, its JSON protocol, everything else at its
// default, and nothing logged, which is the default too.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/adred-codev/ws_poc/scripts/baselines/internal/baseline"
	"github.com/adred-codev/ws_poc/scripts/baselines/internal/kafka"
)

const usage = `The library centrifuge, as its README shows it, fed by Kafka. Clients connect to
/connection/websocket and speak its JSON protocol; anybody may connect, and
subscribe to any channel.`

// shutdownTimeout bounds the wait for clients to answer the close.
const shutdownTimeout = 2 * time.Second

func main() { os.Exit(baseline.Main(usage, run)) }

func run(ctx context.Context, s baseline.Settings) error {
	public, err := baseline.Listen(s)
	if err != nil {
		return err
	}
	reader, err := kafka.New(s)
	if err != nil {
		return err
	}
	own := prometheus.NewRegistry()
	node, err := newNode(own)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	return baseline.Together(ctx,
		func(ctx context.Context) error {
			<-ctx.Done()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
			defer cancel()
			_ = node.Shutdown(last) // it fails for clients that do not answer; the process ends anyway
			return nil
		},
		func(ctx context.Context) error { return baseline.Serve(ctx, public, mux) },
		func(ctx context.Context) error { return reader.Run(ctx, publisher(node)) },
		func(ctx context.Context) error {
			return baseline.ServeAdmin(ctx, s, baseline.Status{
				NotReady: reader.NotReady, Records: reader.Records,
				Connections: func() int64 { return int64(node.Hub().NumClients()) },
				Sent:        func() int64 { return published(own) },
				Also:        own,
			})
		},
	)
}

// newNode makes a node that lets anybody in.
func newNode(metrics *prometheus.Registry) (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{
		Metrics: centrifuge.MetricsConfig{RegistererGatherer: metrics},
	})
	if err != nil {
		return nil, fmt.Errorf("set up centrifuge: %w", err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			answer(centrifuge.SubscribeReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return nil, fmt.Errorf("start centrifuge: %w", err)
	}
	return node, nil
}

// publisher sends a record to its channel.
func publisher(node *centrifuge.Node) func(kafka.Record) {
	return func(r kafka.Record) {
		if _, err := node.Publish(r.Channel(), r.Value); err != nil {
			slog.Warn("centrifuge does not publish a record", "channel", r.Channel(), "error", err)
		}
	}
}

// published is how many publications went to clients: centrifuge counts them
// itself, and counting again would cost it something.
func published(own prometheus.Gatherer) int64 {
	families, err := own.Gather()
	if err != nil {
		return 0
	}
	var n float64
	for _, f := range families {
		if f.GetName() != "centrifuge_transport_messages_sent" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "frame_type" && l.GetValue() == "push_publication" {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return int64(n)
}
