package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
)

// run is the program without its process: what it is given, and its exit
// status.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	return dispatch(ctx, args, environ, stdout, stderr, serve)
}

// serve answers the admin address until ctx is done.
func serve(ctx context.Context, cfg *config.Config, log *slog.Logger, _ io.Writer) error {
	listener, err := net.Listen("tcp", cfg.AdminAddr)
	if err != nil {
		return fmt.Errorf("open WS_ADMIN_ADDR: %w", err)
	}
	log.Info("listening", "admin", listener.Addr().String())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: cfg.HandshakeTimeout}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve WS_ADMIN_ADDR: %w", err)
	}
	return nil
}
