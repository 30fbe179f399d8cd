package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
)

// The warnings stand in front of the log of a server that starts, and not in
// front of the line that says why it cannot.
func TestServeWarns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0)) // serve takes one thread
	stopped := func(ctx context.Context, cfg *config.Config, log *slog.Logger, stdout io.Writer) error {
		ctx, stop := context.WithCancel(ctx)
		stop()
		return serve(ctx, cfg, log, stdout)
	}
	environ := []string{"WS_ADMIN_TOKEN=short", "WS_MEMORY_LIMIT=off", "WS_DRAIN_SPREAD=0s", "WS_ADMIN_ADDR=127.0.0.1:0", "LOG_FORMAT=json"}
	got := runLine(t, stopped, environ, "--addr=127.0.0.1:0")
	if got.status != exitOK || !regexp.MustCompile(`(?s)"warning":"WS_ADMIN_TOKEN is short.*"msg":"listening"`).MatchString(got.stderr) {
		t.Errorf("started: %+v", got)
	}

	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	got = runLine(t, stopped, environ, "--addr="+other.Addr().String())
	want := "ws-single: WS_ADDR: " + other.Addr().String() + " is in use by another process: stop it, or set another address\n"
	if got != (outcome{exitFailed, "", want}) {
		t.Errorf("its port is taken: %+v", got)
	}
	got = runLine(t, stopped, append(environ, "KAFKA_PROPERTIES=no.such.property=1"))
	if got.status != exitUsage || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("a wrong property: %+v", got)
	}
}

// What stands behind ready is the length of the outage.
func TestReadyLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := readyLog{log: slog.New(slog.NewTextHandler(&out, nil)), at: time.Now()}
		for _, step := range []struct {
			wait time.Duration
			err  error
			want string // of the line
		}{
			{time.Second, errors.New("gone"), ""},
			{2 * time.Second, nil, "msg=ready after=3s"},
			{time.Hour, nil, ""},
			{time.Second, errors.New("gone"), `msg="not ready" reason=gone`},
			{4 * time.Second, errors.New("gone still"), ""},
			{5 * time.Second, nil, "msg=ready after=9s"},
		} {
			time.Sleep(step.wait)
			out.Reset()
			l.tell(step.err)
			if line := out.String(); !strings.Contains(line, step.want) || (line == "") != (step.want == "") {
				t.Errorf("%v: %q, want %q", step.err, line, step.want)
			}
		}
	})
}
