package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A drain as it is: with the token, and to the server's end.
func TestDrain(t *testing.T) {
	const token = "0123456789abcdef"
	asked := 0
	var real *httptest.Server
	closed := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /drain", func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		go func() {
			real.Close()
			close(closed)
		}()
	})
	real = httptest.NewServer(mux)
	addr := real.Listener.Addr().String()
	got := do(t, "drain", "--admin-addr="+addr)
	if want := "ws-multi: drain: ask " + addr + "/drain: it wants a token; set WS_ADMIN_TOKEN to the server's\n"; got != (left{status: 1, err: want}) {
		t.Errorf("without the token: %+v", got)
	}
	got = session{environ: []string{"WS_ADMIN_TOKEN=" + token}}.do(t, "drain", "--admin-addr="+addr)
	if got.status != 0 || got.err != "" || !strings.HasPrefix(got.out, "drained: the server ended within ") || asked != 2 {
		t.Errorf("with it: %+v, asked %d times", got, asked)
	}
	<-closed
	got = do(t, "drain", "--admin-addr="+addr)
	if want := "ws-multi: drain: ask " + addr + "/drain: nothing listens there; start the server, or give its WS_ADMIN_ADDR\n"; got != (left{status: 1, err: want}) {
		t.Errorf("a second time: %+v", got)
	}
}

func TestDrainTimeout(t *testing.T) {
	s := newStandIn(t, nil)
	got := do(t, "drain", "--timeout=50ms", "--admin-addr="+s.addr)
	want := "ws-multi: drain: stopped waiting after 50ms, the server drains on with 3 connections\n"
	if got != (left{status: 1, err: want}) {
		t.Errorf("got %+v", got)
	}
}

// How long is waited, and what is told meanwhile, by a clock of the test's own.
func TestDrainWatch(t *testing.T) {
	metrics := func(draining, connections int) ([]byte, error) {
		return fmt.Appendf(nil, "# TYPE ws_connections gauge\nws_connections_total 9\nws_connections %d\nws_draining %d\n", connections, draining), nil
	}
	for name, test := range map[string]struct {
		ask   func(after time.Duration) ([]byte, error)
		limit time.Duration
		took  time.Duration
		told  string
		fails string
	}{
		"to its end": {
			ask: func(after time.Duration) ([]byte, error) {
				if after >= 12*time.Second {
					return nil, fmt.Errorf("ask: %w", errNobody)
				}
				return metrics(1, 50_000-int(after/time.Second)*4000)
			},
			limit: time.Minute, took: 12 * time.Second,
			told: "draining: 30000 connections to go|draining: 10000 connections to go|drained: the server ended within 12s|",
		},
		"newcomers are still let in": {
			ask:   func(time.Duration) ([]byte, error) { return metrics(1, 0) },
			limit: time.Minute, took: noticeTime + drainLook,
			told: "drained: the server is empty after 5.3s|",
		},
		"empty and not draining": {
			ask:   func(time.Duration) ([]byte, error) { return metrics(0, 0) },
			limit: 4 * time.Second, took: 4 * time.Second,
			fails: "drain: stopped waiting after 4s, the server drains on with 0 connections",
		},
		"one is left": {
			ask:   func(time.Duration) ([]byte, error) { return metrics(1, 1) },
			limit: 6 * time.Second, took: 6 * time.Second,
			told:  "draining: 1 connection to go|",
			fails: "drain: stopped waiting after 6s, the server drains on with 1 connection",
		},
		"no metrics": {
			ask:   func(time.Duration) ([]byte, error) { return []byte("ws_connections{a=\"b\"} 1\n"), nil },
			limit: 8 * time.Second, took: 8 * time.Second,
			fails: "drain: stopped waiting after 8s, the server drains on, or does not answer (/metrics has no ws_connections)",
		},
		"bad answers, then the end": {
			ask: func(after time.Duration) ([]byte, error) {
				if after < time.Second {
					return nil, errors.New("reset")
				}
				return nil, errNobody
			},
			limit: 8 * time.Second, took: time.Second,
			told: "drained: the server ended within 1s|",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var told strings.Builder
				w := drainWatch{
					patience: test.limit,
					ask: func(_ context.Context, method, path string) ([]byte, error) {
						if method != http.MethodGet || path != "/metrics" {
							t.Errorf("asks %s %s", method, path)
						}
						return test.ask(time.Since(began))
					},
					tell: func(format string, args ...any) { fmt.Fprintf(&told, format+"|", args...) },
				}
				ctx, cancel := context.WithTimeout(t.Context(), test.limit)
				defer cancel()
				err := w.wait(ctx)
				if took := time.Since(began); took != test.took {
					t.Errorf("took %s", took)
				}
				if told.String() != test.told || fmt.Sprint(err) != test.fails && (err != nil || test.fails != "") {
					t.Errorf("told %s, %v", told.String(), err)
				}
			})
		})
	}
}

func FuzzSample(f *testing.F) {
	for _, seed := range []string{"ws_connections 3\n", "ws_connections\t3 1700000000000", "ws_connections{a=\"b\"} 3", "x\nws_connections NaN", "ws_connections", "# ws_connections 1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, found := sample(body, "ws_connections"); found && !strings.Contains(string(body), "ws_connections") {
			t.Fatalf("%q has none", body)
		}
		with := append(append([]byte{}, body...), "\nws_other 7\n"...)
		if v, found := sample(with, "ws_other"); !strings.Contains(string(body), "ws_other") && (!found || v != 7) {
			t.Fatalf("%q: %v, %v", with, v, found)
		}
	})
}
