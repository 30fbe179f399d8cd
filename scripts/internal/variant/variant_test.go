package variant

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script makes a program that stands in for a server.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

func TestServerEnds(t *testing.T) {
	s := start(t, Options{Binary: script(t, `echo "on $WS_ADDR, token $WS_ADMIN_TOKEN, topics $KAFKA_TOPICS"; exit 7`),
		Env: map[string]string{"WS_ADMIN_TOKEN": "abc"}})
	code, err := s.Wait(t.Context())
	if err != nil || code != 7 {
		t.Errorf("got %d, %v, want 7", code, err)
	}
	if want := "on " + s.Addr + ", token abc, topics \n"; s.Logs() != want {
		t.Errorf("got %q, want %q", s.Logs(), want)
	}
	err = s.WaitReady(t.Context())
	if err == nil || !strings.Contains(err.Error(), "ended with code 7") || !strings.Contains(err.Error(), "token abc") {
		t.Errorf("got %v, want the code and the output", err)
	}
}

// A server that ends is known to have been told to, or not.
func TestServerEndedAlone(t *testing.T) {
	waits := `exec sleep 60`
	for _, c := range []struct {
		name, body string
		tell       func(*Server)
		alone      bool
	}{
		{"exits", `exit 0`, func(*Server) {}, true},
		{"exits and may", `exit 3`, (*Server).MayEnd, false},
		{"is killed", waits, (*Server).Kill, false},
		{"is killed by somebody else", waits, func(s *Server) { _ = syscall.Kill(s.PID, syscall.SIGKILL) }, true},
		{"is asked to end", waits, func(s *Server) { _ = s.Signal(syscall.SIGTERM) }, false},
		{"is stopped and killed by somebody else", waits, func(s *Server) {
			_ = s.Signal(syscall.SIGSTOP)
			_ = s.Signal(syscall.SIGCONT)
			_ = syscall.Kill(s.PID, syscall.SIGKILL)
		}, true},
	} {
		s := start(t, Options{Binary: script(t, c.body)})
		if c.body == waits && s.EndedAlone() {
			t.Errorf("%s: it has ended before", c.name)
		}
		c.tell(s)
		if _, err := s.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Kill()
		if got := s.EndedAlone(); got != c.alone {
			t.Errorf("a server that %s ended alone: %t", c.name, got)
		}
	}
}

func TestServerLives(t *testing.T) {
	s := start(t, Options{Binary: script(t, "trap 'exit 3' TERM; while :; do sleep 0.02; done")})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.WaitReady(ctx); err == nil {
		t.Error("a server without a listener is ready")
	}
	if rss, err := s.RSS(); err != nil || rss < 1<<16 {
		t.Errorf("RSS is %d, %v", rss, err)
	}
	if _, err := s.CPU(); err != nil {
		t.Error(err)
	}
	if err := s.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, err := s.Wait(t.Context()); err != nil || code != 3 {
		t.Errorf("got %d, %v, want 3", code, err)
	}
}

func TestStartFails(t *testing.T) {
	if _, err := Start(Options{Binary: "/nowhere/server"}); err == nil {
		t.Error("a program that does not exist was started")
	}
}

// The server runs on its cores alone, and nothing else of the caller does.
func TestServerOnCores(t *testing.T) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !all.IsSet(cpu) {
		cpu++
	}
	s := start(t, Options{Binary: script(t, "grep Cpus_allowed_list /proc/self/status"), CPUs: []int{cpu}})
	elsewhere := threads(t, all)
	if _, err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("Cpus_allowed_list:\t%d\n", cpu); s.Logs() != want {
		t.Errorf("got %q, want %q", s.Logs(), want)
	}
	if elsewhere+threads(t, all) > 0 {
		t.Error("other goroutines are kept on the server's cores")
	}
	if _, err := Start(Options{Binary: script(t, "exit"), CPUs: []int{1000}}); err == nil || !strings.Contains(err.Error(), "cores [1000]") {
		t.Errorf("got %v, want an error that names the cores", err)
	}
}

// threads is how many of some threads have other cores.
func threads(t *testing.T, all unix.CPUSet) int {
	var others atomic.Int32
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var set unix.CPUSet
			if err := unix.SchedGetaffinity(0, &set); err != nil {
				t.Error(err)
			}
			if set != all {
				others.Add(1)
			}
			time.Sleep(10 * time.Millisecond) // so that each has a thread
		})
	}
	done.Wait()
	return int(others.Load())
}

// A test's settings are its own: none come from whoever runs it.
func TestEnviron(t *testing.T) {
	for _, name := range []string{"WS_ADDR", "KAFKA_BROKERS", "LOG_LEVEL"} {
		t.Setenv(name, "inherited")
	}
	t.Setenv("OTHER", "kept")
	env := Environ(map[string]string{"WS_ADDR": "set"})
	if !slices.Contains(env, "OTHER=kept") || !slices.Contains(env, "WS_ADDR=set") {
		t.Errorf("got %v", env)
	}
	for _, kv := range env {
		if strings.HasSuffix(kv, "=inherited") {
			t.Errorf("%s was inherited", kv)
		}
	}
}

func TestFreeAddr(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		addr, err := FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		if seen[addr] {
			t.Errorf("%s was handed out twice", addr)
		}
		seen[addr] = true
	}
}

func TestMetricsSum(t *testing.T) {
	counter := func(value float64, labels ...string) *dto.Metric {
		m := &dto.Metric{Counter: &dto.Counter{Value: proto.Float64(value)}}
		for i := 0; i < len(labels); i += 2 {
			m.Label = append(m.Label, &dto.LabelPair{Name: proto.String(labels[i]), Value: proto.String(labels[i+1])})
		}
		return m
	}
	m := Metrics{"closed": {Type: dto.MetricType_COUNTER.Enum(), Metric: []*dto.Metric{
		counter(1, "code", "4000"), counter(2, "code", "4001", "x", "y"), counter(4, "code", "4001"),
	}}}
	tests := []struct {
		name   string
		labels []string
		want   float64
	}{
		{"closed", nil, 7},
		{"closed", []string{"code", "4001"}, 6},
		{"closed", []string{"code", "4001", "x", "y"}, 2},
		{"closed", []string{"code", "4002"}, 0},
		{"opened", nil, 0},
	}
	for _, test := range tests {
		if got := m.Sum(test.name, test.labels...); got != test.want {
			t.Errorf("%s %v: got %v, want %v", test.name, test.labels, got, test.want)
		}
	}
}

func TestAll(t *testing.T) {
	all, err := All()
	if err != nil || len(all) == 0 || all[0].Name != "ws-single" {
		t.Errorf("got %v, %v", all, err)
	}
	t.Chdir(t.TempDir())
	if _, err := All(); err == nil {
		t.Error("variants were found outside of the repository")
	}
}
