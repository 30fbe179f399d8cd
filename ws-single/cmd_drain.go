package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
)

const (
	waitPoll     = 250 * time.Millisecond
	waitProgress = 5 * time.Second
	// waitGrace is what a server may take beyond WS_DRAIN_TIMEOUT to end.
	waitGrace = 10 * time.Second
)

// runDrain empties the server that has the same settings: a preStop in an image
// without a shell.
func runDrain(ctx context.Context, in invocation) error {
	flags := newFlags()
	timeout := config.DurationFlag(flags, "timeout", 0)
	cfg, err := in.load(flags)
	if err != nil {
		return err
	}
	if *timeout == 0 {
		*timeout = cfg.DrainTimeout + waitGrace
	}
	admin, err := newAdminClient(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if _, err := admin.do(ctx, http.MethodPost, "/drain"); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return waitDrained(ctx, admin, in.stdout, *timeout)
}

// waitDrained returns when the server is gone, or drains and has no connection
// left after it stopped accepting: before that, none does not mean that none will
// come.
func waitDrained(ctx context.Context, admin *adminClient, stdout io.Writer, timeout time.Duration) error {
	began := time.Now()
	told := began
	left := -1
	ticker := time.NewTicker(waitPoll)
	defer ticker.Stop()
	for {
		body, err := admin.do(ctx, http.MethodGet, "/metrics")
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			_, err := fmt.Fprintf(stdout, "drained: the server is gone after %s\n", time.Since(began).Round(time.Second/10))
			return err
		case err == nil:
			connections, ok := gauge(body, metric.Connections.Name)
			draining, _ := gauge(body, metric.Draining.Name)
			if ok {
				left = int(connections)
			}
			if ok && connections == 0 && draining == 1 && time.Since(began) > acceptWhileDraining {
				_, err := fmt.Fprintf(stdout, "drained: no connection is left after %s\n", time.Since(began).Round(time.Second/10))
				return err
			}
		}
		// Any other error is that of a server which is ending; the timeout
		// tells it from one that hangs.
		if time.Since(told) >= waitProgress && left >= 0 {
			told = time.Now()
			_, _ = fmt.Fprintf(stdout, "draining: %d connections left\n", left)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("drain: not done within %s, the server drains on%s", timeout, leftNote(left))
			}
			return fmt.Errorf("drain: stopped waiting, the server drains on%s", leftNote(left))
		case <-ticker.C:
		}
	}
}

func leftNote(left int) string {
	if left < 0 {
		return ""
	}
	return fmt.Sprintf(", %d connections left", left)
}

// gauge reads a metric without labels from the text format
// (prometheus.io/docs/instrumenting/exposition_formats).
func gauge(body []byte, name string) (float64, bool) {
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == name {
			v, err := strconv.ParseFloat(fields[1], 64)
			return v, err == nil
		}
	}
	return 0, false
}
