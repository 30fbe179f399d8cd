package baseline

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const environment = `
Its environment is a server's; what is not listed here is ignored:

  WS_ADDR         where clients connect           (:3002)
  WS_ADMIN_ADDR   /readyz /metrics /debug/pprof/  (127.0.0.1:3902)
  KAFKA_BROKERS   host:port, …                    (localhost:9092)
  KAFKA_TOPICS    topic=event, …                  (as ws-single has it)
`

// Main is a baseline's main but for the exit. It runs run until SIGTERM or
// SIGINT, or until run fails, and returns the exit code. usage says what the
// program is.
func Main(usage string, run func(context.Context, Settings) error) int {
	name := filepath.Base(os.Args[0])
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "-h", "-help", "--help":
			fmt.Printf("usage: %s\n\n%s\n%s", name, usage, environment)
			return 0
		}
		fmt.Fprintf(os.Stderr, "%s: it takes no arguments, only an environment: see %s --help\n", name, name)
		return 2
	}
	settings, err := Read(os.Getenv)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, settings); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

// Listen opens the public listener. Until the program is ready its clients wait
// in the backlog.
func Listen(s Settings) (net.Listener, error) { return listen("WS_ADDR", s.Addr) }

func listen(setting, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	slog.Info("listening", "setting", setting, "addr", l.Addr().String())
	return l, nil
}

// Serve serves HTTP until ctx is done, and closes l. Connections that a handler
// has taken over are the handler's.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = server.Close()
	})
	err := server.Serve(l)
	if stop() {
		_ = l.Close()
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	<-closed
	return nil
}

// Together runs all functions at once. The first that returns ends the others;
// it returns when all have ended, with the first error.
func Together(ctx context.Context, functions ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	errs := make(chan error, len(functions))
	for _, f := range functions {
		all.Go(func() {
			errs <- f(ctx)
			cancel()
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
