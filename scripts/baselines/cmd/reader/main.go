// Command reader is a bare Kafka consumer: it counts records and does nothing
// else. What a server's record that nobody subscribes to costs is measured
// against it.
package main

import (
	"context"
	"os"

	"github.com/adred-codev/ws_poc/scripts/baselines/internal/baseline"
	"github.com/adred-codev/ws_poc/scripts/baselines/internal/kafka"
)

const usage = `A bare consumer of Kafka that counts records and does nothing else. It has no
WebSocket: WS_ADDR is ignored.`

func main() { os.Exit(baseline.Main(usage, run)) }

func run(ctx context.Context, s baseline.Settings) error {
	reader, err := kafka.New(s)
	if err != nil {
		return err
	}
	none := func() int64 { return 0 }
	return baseline.Together(ctx,
		func(ctx context.Context) error { return reader.Run(ctx, func(kafka.Record) {}) },
		func(ctx context.Context) error {
			return baseline.ServeAdmin(ctx, s, baseline.Status{
				NotReady: reader.NotReady, Records: reader.Records, Connections: none, Sent: none,
			})
		},
	)
}
