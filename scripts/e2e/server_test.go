package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// settings are a server's environment.
type settings map[string]string

// server is a running server and the topics it reads.
type server struct {
	*variant.Server
	topics topics
}

// shared is the variant's one server with default settings, on topics of all
// eight events with twelve partitions.
func shared(t testing.TB, v variant.Variant) *server {
	t.Helper()
	suite.mu.Lock()
	defer suite.mu.Unlock()
	if s, ok := suite.servers[v.Name]; ok {
		return s
	}
	tp := makeTopics(t, suite.brokers, 12, "trade", "liquidity", "metadata", "social", "favorites", "creation", "analytics", "balances")
	s := launch(t, v, tp, nil)
	suite.servers[v.Name] = s
	ready(t, s)
	return s
}

// start runs a server of the test's own and waits until it is ready.
func start(t testing.TB, v variant.Variant, tp topics, set settings) *server {
	t.Helper()
	s := startCold(t, v, tp, set)
	ready(t, s)
	return s
}

// startCold is start without the wait.
func startCold(t testing.TB, v variant.Variant, tp topics, set settings) *server {
	t.Helper()
	s := launch(t, v, tp, set)
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		} else if t.Failed() {
			t.Logf("the server's log:\n%s", tail(s.Logs()))
		}
	})
	return s
}

func launch(t testing.TB, v variant.Variant, tp topics, set settings) *server {
	t.Helper()
	env := settings{"KAFKA_BROKERS": tp.brokers, "KAFKA_TOPICS": tp.setting()}
	maps.Copy(env, set)
	s, err := variant.Start(variant.Options{Binary: suite.binaries[v.Name], Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return &server{Server: s, topics: tp}
}

func ready(t testing.TB, s *server) {
	t.Helper()
	if err := s.WaitReady(within(t)); err != nil {
		t.Fatal(err)
	}
}

// end stops the server the fast way and says whether it had gone wrong: ended
// by itself, raced, or panicked.
func (s *server) end() error {
	// The second one ends it at once; two that come together are one.
	for ended := false; !ended; {
		if err := s.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-s.Done():
			ended = true
		case <-time.After(100 * time.Millisecond):
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := s.Wait(ctx)
	s.Kill()
	logs := s.Logs()
	for _, bad := range []string{"DATA RACE", "panic:", "fatal error:", "goroutine 1 ["} {
		if strings.Contains(logs, bad) {
			return fmt.Errorf("the server's log has %q:\n%s", bad, tail(logs))
		}
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

// get asks the admin listener, post too.
func (s *server) get(t testing.TB, path string) *variant.Response {
	t.Helper()
	return s.ask(t, http.MethodGet, path)
}

func (s *server) post(t testing.TB, path string) *variant.Response {
	t.Helper()
	return s.ask(t, http.MethodPost, path)
}

func (s *server) ask(t testing.TB, method, path string) *variant.Response {
	t.Helper()
	resp, err := s.Admin(within(t), method, path)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// metric is the sum of a metric's series with the labels. The server
// publishes a snapshot each second: what happened shows up to that much later.
func (s *server) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	m, err := s.Metrics(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return m.Sum(name, labels...)
}

// program runs the binary to its end, as an operator does in a shell, with
// settings only, and returns its exit code and what it printed.
func program(t testing.TB, v variant.Variant, set settings, args ...string) (code int, output string) {
	t.Helper()
	s, err := variant.Start(variant.Options{Binary: suite.binaries[v.Name], Env: set, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	code, err = s.Wait(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return code, s.Logs()
}

// file writes a file for the test and returns its path.
func file(t testing.TB, name string, lines ...string) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sameSet says whether both hold the same strings, in any order.
func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
