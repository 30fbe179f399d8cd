// Command echo answers every message with itself, on the connection code of
// ws-multi: what the Autobahn cases are run against. It is not part of the server.
//
// One goroutine owns all connections, as a shard does; net/http's goroutines hand
// them over.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// handshake bounds each of its two halves, the request and the response.
const handshake = 5 * time.Second

func main() {
	addr := flag.String("addr", "127.0.0.1:9001", "host and port to listen on")
	flag.Parse()
	fmt.Fprintln(os.Stderr, "echo:", serve(context.Background(), *addr))
	os.Exit(1) // it serves until it is killed
}

// serve echoes until something fails.
func serve(ctx context.Context, addr string) error {
	loop, err := newLoop()
	if err != nil {
		return err
	}
	listener, err := socket.Listen(ctx, addr, socket.Options{StallTimeout: 2 * handshake, HalfOpen: 100})
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	server := http.Server{Handler: upgrade(loop), ReadHeaderTimeout: handshake}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(loop.run)
	both.Go(func() error { return server.Serve(listener) })
	<-ctx.Done()
	return context.Cause(ctx)
}

func upgrade(to *loop) http.Handler {
	upgrader := socket.NewUpgrader(handshake)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fd, err := upgrader.Upgrade(w, r); err != nil {
			slog.Warn("handshake failed", "error", err)
		} else {
			to.take(fd)
		}
	})
}
