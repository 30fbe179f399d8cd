package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestHealthcheck(t *testing.T) {
	var ready atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			http.Error(w, "Kafka is not caught up", http.StatusServiceUnavailable)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	addr := strings.TrimPrefix(server.URL, "http://")
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, listens := range []string{addr, ":" + port, "0.0.0.0:" + port, "localhost:" + port} {
		got := runLine(t, nil, []string{"WS_ADMIN_ADDR=" + listens}, "healthcheck")
		if got != (outcome{exitOK, "alive\n", ""}) {
			t.Errorf("%s: %+v", listens, got)
		}
	}
	got := runLine(t, nil, []string{"WS_ADMIN_ADDR=" + addr}, "healthcheck", "--ready")
	if want := (outcome{exitFailed, "", "ws-single: " + addr + "/readyz answers 503 Service Unavailable: Kafka is not caught up\n"}); got != want {
		t.Errorf("not ready: %+v", got)
	}
	ready.Store(true)
	got = runLine(t, nil, []string{"WS_ADMIN_ADDR=" + addr}, "healthcheck", "--ready")
	if got != (outcome{exitOK, "ready\n", ""}) {
		t.Errorf("ready: %+v", got)
	}
}

// No proxy of the environment and no redirect gets a word of it.
func TestHealthcheckStaysHere(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("asked elsewhere")
	}))
	defer elsewhere.Close()
	t.Setenv("HTTP_PROXY", elsewhere.URL)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer server.Close()
	got := runLine(t, nil, nil, "healthcheck", "--admin-addr="+strings.TrimPrefix(server.URL, "http://"))
	if got.status != exitFailed || !strings.Contains(got.stderr, "answers 302 Found") {
		t.Errorf("got %+v", got)
	}
}

func TestHealthcheckOfNobody(t *testing.T) {
	addr := freeAddr(t)
	got := runLine(t, nil, nil, "healthcheck", "--admin-addr="+addr)
	want := "ws-single: nothing listens on " + addr + ": is the server running, and with this WS_ADMIN_ADDR? (connection refused)\n"
	if got != (outcome{exitFailed, "", want}) {
		t.Errorf("got %+v", got)
	}
}

func TestHealthcheckOfTheHung(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	addr := listener.Addr().String()
	got := runLine(t, nil, nil, "healthcheck", "--admin-addr="+addr, "--timeout=50ms")
	if want := "ws-single: no answer from " + addr + "/healthz in time\n"; got != (outcome{exitFailed, "", want}) {
		t.Errorf("got %+v", got)
	}
}

// freeAddr is an address on which nothing listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// A real server that drains: it wants its token, and is gone in the end.
func TestDrain(t *testing.T) {
	const token = "0123456789abcdef"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	gone := make(chan struct{})
	mux := http.NewServeMux()
	server := &http.Server{Handler: mux}
	mux.HandleFunc("POST /drain", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		asked.Add(1)
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ws_draining 1\nws_connections 3\n")
		go func() {
			defer close(gone)
			_ = server.Close()
		}()
	})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()

	addr := listener.Addr().String()
	got := runLine(t, nil, nil, "drain", "--admin-addr="+addr)
	if want := "ws-single: drain: " + addr + "/drain wants the admin token: set WS_ADMIN_TOKEN to the server's\n"; got != (outcome{exitFailed, "", want}) {
		t.Errorf("without the token: %+v", got)
	}
	got = runLine(t, nil, []string{"WS_ADMIN_TOKEN=" + token}, "drain", "--admin-addr="+addr)
	if got.status != exitOK || !strings.HasPrefix(got.stdout, "drained: the server is gone after ") || asked.Load() != 1 {
		t.Errorf("with the token: %+v, asked %d times", got, asked.Load())
	}
	<-gone
}

func TestDrainOfNobody(t *testing.T) {
	got := runLine(t, nil, nil, "drain", "--admin-addr="+freeAddr(t))
	if got.status != exitFailed || !strings.HasPrefix(got.stderr, "ws-single: drain: nothing listens on 127.0.0.1:") {
		t.Errorf("got %+v", got)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// How long a drain is waited for, by a clock of the test's own. connections is
// what the server has after so long; less than 0: it is gone.
func TestWaitDrained(t *testing.T) {
	for _, tt := range []struct {
		name        string
		connections func(time.Duration) int
		draining    int
		timeout     time.Duration
		took        time.Duration
		stdout, err string
	}{
		{"gone", func(d time.Duration) int { return 900 - int(d/time.Second)*75 - 1 }, 1, time.Minute, 12 * time.Second,
			"draining: 524 connections left\ndraining: 149 connections left\ndrained: the server is gone after 12s\n", ""},
		{"empty, but still accepting", func(time.Duration) int { return 0 }, 1, time.Minute, 5*time.Second + waitPoll,
			"draining: 0 connections left\ndrained: no connection is left after 5.3s\n", ""},
		{"empty, but not draining", func(time.Duration) int { return 0 }, 0, 4 * time.Second, 4 * time.Second,
			"", "drain: not done within 4s, the server drains on, 0 connections left"},
		{"never empty", func(time.Duration) int { return 7 }, 1, 8 * time.Second, 8 * time.Second,
			"draining: 7 connections left\n", "drain: not done within 8s, the server drains on, 7 connections left"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				admin := &adminClient{addr: "server", http: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					n := tt.connections(time.Since(began))
					if n < 0 {
						return nil, syscall.ECONNREFUSED
					}
					body := fmt.Sprintf("# HELP ws_connections 5\nws_connections_behind 4\nws_connections %d\nws_draining %d\n", n, tt.draining)
					return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
				})}}
				ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
				defer cancel()
				var out bytes.Buffer
				err := waitDrained(ctx, admin, &out, tt.timeout)
				if out.String() != tt.stdout || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
					t.Errorf("%q, %v", out.String(), err)
				}
				if took := time.Since(began); took != tt.took {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

func TestWaitDrainedStopped(t *testing.T) {
	admin := &adminClient{addr: "server", http: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, io.ErrUnexpectedEOF
	})}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := waitDrained(ctx, admin, io.Discard, time.Minute)
	if err == nil || err.Error() != "drain: stopped waiting, the server drains on" {
		t.Errorf("got %v", err)
	}
}
