package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/scripts/baselines/internal/baseline"
)

const usage = `What a delivery costs at the least: a frame made once a record, and one send(2)
for each connection. Clients connect to /ws and subscribe as in kit/PROTOCOL.md,
P3 and P4. It does not read Kafka; records come by TCP to

  FLOOR_FEED      host:port to listen on; must be set

as messages: uint32 length of what follows, uint16 length of the channel, the
channel, the payload of the text frame to send; numbers are big-endian.

SIGUSR1 makes each send 5 us dearer from then on: a floor that moves, to see
what a measurement says of it.`

func main() { os.Exit(baseline.Main(usage, run)) }

func run(ctx context.Context, s baseline.Settings) error {
	addr := s.Getenv("FLOOR_FEED")
	if addr == "" {
		return errors.New("FLOOR_FEED: it is not set: give it the host:port where records are to come")
	}
	feed, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("FLOOR_FEED: %w", err)
	}
	slog.Info("listening", "setting", "FLOOR_FEED", "addr", feed.Addr().String())
	public, err := baseline.Listen(s)
	if err != nil {
		return err
	}
	l, err := newLoop(public, feed)
	if err != nil {
		return err
	}
	move := make(chan os.Signal, 1)
	signal.Notify(move, unix.SIGUSR1)
	defer signal.Stop(move)
	go func() {
		select {
		case <-move:
			l.slower.Store(true)
		case <-ctx.Done():
		}
	}()
	return baseline.Together(ctx, l.run, func(ctx context.Context) error {
		return baseline.ServeAdmin(ctx, s, baseline.Status{
			NotReady:    func() error { return nil }, // the listeners are open
			Connections: l.connections.Load, Sent: l.sent.Load, Records: l.records.Load,
		})
	})
}

// descriptor takes a listener out of Go's poller. The backlog is what Go asked
// for: the kernel's somaxconn.
func descriptor(l net.Listener) (int, error) {
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return -1, fmt.Errorf("take over listener %s: %w", l.Addr(), err)
	}
	defer f.Close()
	_ = l.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("take over listener %s: %w", l.Addr(), err)
	}
	return fd, nil
}
