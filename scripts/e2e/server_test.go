package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// shared is the variant's one server with default settings, on topics of all
// eight events with twelve partitions.
func shared(t testing.TB, v variant.Variant) *stage.Server {
	t.Helper()
	suite.mu.Lock()
	defer suite.mu.Unlock()
	if s, ok := suite.servers[v.Name]; ok {
		return s
	}
	suite.life.Do(func() {
		life := &suite.life
		tp := stage.MakeTopics(life, suite.brokers, 12, "trade", "liquidity", "metadata", "social", "favorites", "creation", "analytics", "balances")
		suite.servers[v.Name] = stage.Start(life, suite.binaries[v.Name], tp, nil)
	})
	s, ok := suite.servers[v.Name]
	if !ok {
		t.Fatalf("the shared server of %s did not start: %v", v.Name, suite.life.Errors())
	}
	return s
}

// start runs a server of the test's own and waits until it is ready.
func start(t testing.TB, v variant.Variant, tp *stage.Topics, set stage.Settings) *stage.Server {
	t.Helper()
	return stage.Start(t, suite.binaries[v.Name], tp, set)
}

// program runs the binary to its end, as an operator does in a shell, with
// settings only, and returns its exit code and what it printed.
func program(t testing.TB, v variant.Variant, set stage.Settings, args ...string) (code int, output string) {
	t.Helper()
	// The race detector lets a program wait a second before it ends, for others'
	// reports: nothing runs beside this one.
	env := map[string]string{"GORACE": "halt_on_error=1 exitcode=66 atexit_sleep_ms=0"}
	maps.Copy(env, set)
	s, err := variant.Start(variant.Options{Binary: suite.binaries[v.Name], Env: env, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	code, err = s.Wait(stage.Within(t))
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

// isRefusal checks the answer that tells a client to come back.
func isRefusal(t *testing.T, r *check.Refusal, status int) {
	t.Helper()
	after, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if r.StatusCode != status || err != nil || after < 1 {
		t.Errorf("got %v with Retry-After %q, want %d and seconds", r, r.Header.Get("Retry-After"), status)
	}
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") || !json.Valid(r.Body) {
		t.Errorf("the refusal's body is %s: %q", kind, r.Body)
	}
}
