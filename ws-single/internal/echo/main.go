// Command echo answers every message with itself, on the connection code of this
// variant: what the Autobahn test suite is run against. It is not part of the
// server.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9001", "where to listen")
	flag.Parse()
	if err := run(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func run(addr string) error {
	l, err := socket.Listen(context.Background(), addr, socket.Options{
		StallTimeout: 10 * time.Second, MessageTimeout: 10 * time.Second, HalfOpen: 100,
	})
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	u := socket.NewUpgrader(32<<20, 5*time.Second)
	server := http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := u.Upgrade(w, r)
			if err != nil {
				slog.Warn("handshake failed", "error", err)
				return
			}
			go c.Serve(&echo{c: c})
		}),
	}
	return server.Serve(l)
}

// echo is all of a connection: it writes on the reading goroutine.
type echo struct{ c *socket.Conn }

func (e *echo) Text(p []byte)   { e.send(socket.OpText, p) }
func (e *echo) Binary(p []byte) { e.send(socket.OpBinary, p) }
func (e *echo) Ping(p []byte)   { e.send(socket.OpPong, p) }

func (e *echo) End(end socket.End) {
	switch end.Cause {
	case socket.Violated:
		e.write(socket.AppendClose(nil, end.Code, end.Reason))
		e.c.CloseWrite()
		return // reading goes on until the client hangs up
	case socket.PeerClosed:
		if end.Code == socket.NoStatus {
			e.write(socket.AppendHeader(nil, socket.OpClose, 0))
		} else {
			e.write(socket.AppendClose(nil, wire.CloseNormal, ""))
		}
	}
	_ = e.c.Close()
}

func (e *echo) send(op socket.Opcode, p []byte) {
	e.write(append(socket.AppendHeader(nil, op, len(p)), p...))
}

func (e *echo) write(b []byte) {
	for len(b) > 0 {
		n, err := e.c.Send(b)
		if err != nil {
			return
		}
		b = b[n:]
		if len(b) > 0 && e.c.AwaitRoom() != nil {
			return
		}
	}
}
