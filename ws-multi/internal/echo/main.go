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

	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9001", "host and port to listen on")
	flag.Parse()
	if err := run(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func run(addr string) error {
	l, err := socket.Listen(context.Background(), addr, socket.Options{StallTimeout: 10 * time.Second, HalfOpen: 100})
	if err != nil {
		return err
	}
	loop, err := newLoop()
	if err != nil {
		return err
	}
	upgrader := socket.NewUpgrader(5 * time.Second)
	server := http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fd, err := upgrader.Upgrade(w, r)
			if err != nil {
				slog.Warn("handshake failed", "error", err)
				return
			}
			loop.take(fd)
		}),
	}
	ended := make(chan error, 2)
	go func() { ended <- loop.run() }()
	go func() { ended <- server.Serve(l) }()
	fmt.Println("listening on", l.Addr())
	return <-ended
}
