package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
)

// endAtOnce serves in earnest, and is told to end before it begins.
func endAtOnce(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return serve(ctx, cfg, log)
}

// A server that starts warns first; one that cannot is one line.
func TestWarningsOfAStart(t *testing.T) {
	world := session{serve: endAtOnce, environ: []string{"WS_ADMIN_TOKEN=short", "LOG_FORMAT=json", "WS_DRAIN_SPREAD=0s", "WS_ADMIN_ADDR=127.0.0.1:0"}}
	got := world.do(t, "--addr=127.0.0.1:0")
	warned, listens := strings.Index(got.err, `"warning":"WS_ADMIN_TOKEN (environment) has only 5 bytes`), strings.Index(got.err, `"msg":"listening"`)
	if got.status != 0 || warned < 0 || listens < warned {
		t.Errorf("a start: %+v", got)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	addr := taken.Addr().String()
	want := "ws-multi: WS_ADDR: " + addr + " is in use by another process: stop that, or set another address\n"
	if got := world.do(t, "--addr="+addr); got != (left{status: 1, err: want}) {
		t.Errorf("a port that is taken: %+v", got)
	}
}

// What the log says of ready is how long it was not.
func TestReadiness(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	r := readiness{since: start}
	down := errors.New("down")
	for _, at := range []struct {
		second  int
		err     error
		before  time.Duration
		changed bool
	}{
		{1, down, 0, false},
		{4, nil, 4 * time.Second, true}, // since the start
		{5, nil, 0, false},
		{500, down, 496 * time.Second, true},
		{501, down, 0, false},
		{512, nil, 12 * time.Second, true}, // and not 512 s
	} {
		before, changed := r.become(at.err == nil, start.Add(time.Duration(at.second)*time.Second))
		if before != at.before || changed != at.changed {
			t.Errorf("second %d: %s, %v", at.second, before, changed)
		}
	}
}
