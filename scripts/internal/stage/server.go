package stage

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Settings are a server's environment.
type Settings map[string]string

// Server is a running server and the topics it reads.
type Server struct {
	Addr, AdminAddr string
	Topics          *Topics
	Process         *variant.Server // nil: it was there before
	Conflates       bool            // messages of some events may be passed over
}

// Start starts a program, by its settings and command line, as a server of the test's own and waits until it is ready.
func Start(t TB, binary string, tp *Topics, set Settings, args ...string) *Server {
	t.Helper()
	s := StartCold(t, binary, tp, set, args...)
	s.Ready(t)
	return s
}

// StartCold is Start without the wait. When the test ends the server is ended, and must not have gone wrong before:
// ended by itself, raced, or panicked.
func StartCold(t TB, binary string, tp *Topics, set Settings, args ...string) *Server {
	t.Helper()
	env := Settings{"KAFKA_BROKERS": tp.Brokers, "KAFKA_TOPICS": tp.Setting()}
	maps.Copy(env, set)
	p, err := variant.Start(variant.Options{Binary: binary, Args: args, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Addr: p.Addr, AdminAddr: p.AdminAddr, Topics: tp, Process: p, Conflates: env["WS_CONFLATE_EVENTS"] != ""}
	t.Cleanup(func() {
		if err := s.End(); err != nil {
			t.Error(err)
		} else if t.Failed() {
			t.Logf("the server's log:\n%s", tail(p.Logs()))
		}
	})
	return s
}

// End stops the server's process the fast way and says whether it had gone wrong. It may be called again. That a server ended
// by itself is wrong too, unless its Process.MayEnd was called.
func (s *Server) End() error {
	p := s.Process
	// The second one ends it at once; two that come together are one.
	for ended := false; !ended; {
		if err := p.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-p.Done():
			ended = true
		case <-time.After(100 * time.Millisecond):
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	code, err := p.Wait(ctx)
	p.Kill()
	logs := p.Logs()
	for _, bad := range []string{"DATA RACE", "panic:", "fatal error:", "goroutine 1 ["} {
		if strings.Contains(logs, bad) {
			return fmt.Errorf("the server's log has %q:\n%s", bad, tail(logs))
		}
	}
	if p.EndedAlone() {
		return fmt.Errorf("the server ended by itself, with code %d:\n%s", code, tail(logs))
	}
	return err
}

func tail(logs string) string {
	const most = 12_000
	if len(logs) > most {
		return "…" + logs[len(logs)-most:]
	}
	return logs
}

// URL is the WebSocket endpoint.
func (s *Server) URL() string { return "ws://" + s.Addr + "/ws" }

// Ready waits until the server is.
func (s *Server) Ready(t TB) { t.Helper(); s.WaitStatus(t, "/readyz", http.StatusOK) }

// WaitStatus waits until the admin listener answers path with code.
func (s *Server) WaitStatus(t TB, path string, code int) {
	t.Helper()
	if s.Process != nil {
		if err := s.Process.WaitStatus(Within(t), path, code); err != nil {
			t.Fatal(err)
		}
		return
	}
	Eventually(t, fmt.Sprintf("%s %d", path, code), func() bool {
		resp, err := variant.Do(Within(t), http.MethodGet, "http://"+s.AdminAddr+path, nil)
		return err == nil && resp.StatusCode == code
	})
}

// Get asks the admin listener, Post too.
func (s *Server) Get(t TB, path string) *variant.Response {
	t.Helper()
	return s.ask(t, http.MethodGet, "http://"+s.AdminAddr+path, nil)
}

// Post asks the admin listener to do something. A server that is asked to drain ends.
func (s *Server) Post(t TB, path string) *variant.Response {
	t.Helper()
	if path == "/drain" && s.Process != nil {
		s.Process.MayEnd()
	}
	return s.ask(t, http.MethodPost, "http://"+s.AdminAddr+path, nil)
}

// Public asks the public listener.
func (s *Server) Public(t TB, path string, header http.Header) *variant.Response {
	t.Helper()
	return s.ask(t, http.MethodGet, "http://"+s.Addr+path, header)
}

func (s *Server) ask(t TB, method, url string, header http.Header) *variant.Response {
	t.Helper()
	resp, err := variant.Do(Within(t), method, url, header)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// Metric is the sum of a metric's series with the labels, by name and value. The server publishes a snapshot each
// second: what happened shows up to that much later.
func (s *Server) Metric(t TB, name string, labels ...string) float64 {
	t.Helper()
	m, err := variant.ReadMetrics(Within(t), "http://"+s.AdminAddr+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	return m.Sum(name, labels...)
}
