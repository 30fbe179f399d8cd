package variant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Options say how a server is started.
type Options struct {
	Binary string            // path of the server
	Args   []string          // its command line
	Env    map[string]string // settings; they win over the ones Start chooses
	Log    io.Writer         // gets what the server prints too, when not nil
	CPUs   []int             // the cores it runs on; none: all that the caller has
}

// Server is a running server. All methods may be called from any goroutine.
type Server struct {
	Addr      string // public listener, host:port
	AdminAddr string // admin listener, host:port
	PID       int

	cmd    *exec.Cmd
	output *buffer
	done   chan struct{} // closed when the process has ended
	code   int           // its exit code, valid after done
	alone  bool          // it ended without being told to, valid after done
	told   atomic.Bool   // to end
	may    atomic.Bool   // end without being told to
}

// Start runs the server on free ports of 127.0.0.1 and returns at once; see
// [Server.WaitReady]. Of the caller's environment the server gets all but
// WS_*, KAFKA_* and LOG_*, so that the settings are Env's alone.
//
// A test machine is busy: the guard's CPU limits are off unless Env sets them.
func Start(o Options) (*Server, error) {
	env := map[string]string{
		"WS_CPU_REJECT_PERCENT": "off",
		"WS_CPU_PAUSE_PERCENT":  "off",
		"WS_ALLOW_NO_ORIGIN":    "true",
		"LOG_FORMAT":            "json",
		"GORACE":                "halt_on_error=1 exitcode=66",
	}
	for _, name := range []string{"WS_ADDR", "WS_ADMIN_ADDR"} {
		addr, err := FreeAddr()
		if err != nil {
			return nil, err
		}
		env[name] = addr
	}
	maps.Copy(env, o.Env)

	s := &Server{
		Addr:      env["WS_ADDR"],
		AdminAddr: env["WS_ADMIN_ADDR"],
		cmd:       exec.Command(o.Binary, o.Args...),
		output:    &buffer{also: o.Log},
		done:      make(chan struct{}),
	}
	s.cmd.Env = Environ(env)
	s.cmd.Stdout = s.output
	s.cmd.Stderr = s.output
	// A group of its own: Ctrl-C is meant for the caller, who ends the server when it is done with it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}

	started := make(chan error)
	go s.run(started, o.CPUs)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Binary, err)
	}
	return s, nil
}

// Environ is the caller's environment without the servers' own settings, and
// with set.
func Environ(set map[string]string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "WS_") || strings.HasPrefix(kv, "KAFKA_") || strings.HasPrefix(kv, "LOG_")
	})
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}

// run keeps its thread until the process has ended: the kernel sends the
// parent-death signal when the thread that started the child ends, not the
// process (prctl(2)). A child has the cores of the thread that started it; a
// thread that was kept on some is not used for anything else after.
func (s *Server) run(started chan<- error, cpus []int) {
	runtime.LockOSThread()
	if len(cpus) == 0 {
		defer runtime.UnlockOSThread()
	} else {
		var set unix.CPUSet
		for _, cpu := range cpus {
			set.Set(cpu)
		}
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			started <- fmt.Errorf("keep it on cores %v: %w", cpus, err)
			return
		}
	}
	if err := s.cmd.Start(); err != nil {
		started <- err
		return
	}
	s.PID = s.cmd.Process.Pid
	started <- nil
	_ = s.cmd.Wait() // the exit code says it all
	s.code, s.alone = s.cmd.ProcessState.ExitCode(), !s.told.Load()
	close(s.done)
}

// URL is the WebSocket endpoint.
func (s *Server) URL() string { return "ws://" + s.Addr + "/ws" }

// Done is closed when the process has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Logs is what the server has printed so far, both streams in order.
func (s *Server) Logs() string { return s.output.String() }

// WaitReady returns when /readyz says 200, or with the server's output when
// it ends first or ctx does.
func (s *Server) WaitReady(ctx context.Context) error {
	return s.WaitStatus(ctx, "/readyz", http.StatusOK)
}

// WaitStatus returns when the admin listener answers path with code.
func (s *Server) WaitStatus(ctx context.Context, path string, code int) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last string
	for {
		resp, err := s.Admin(ctx, http.MethodGet, path)
		switch {
		case err != nil:
			last = err.Error()
		case resp.StatusCode == code:
			return nil
		default:
			last = fmt.Sprintf("%d %s", resp.StatusCode, resp.Body)
		}
		select {
		case <-s.done:
			return fmt.Errorf("wait for %s %d: server ended with code %d\n%s", path, code, s.code, s.Logs())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s %d: %w; the last answer was %s\n%s", path, code, ctx.Err(), last, s.Logs())
		case <-tick.C:
		}
	}
}

// Response is an HTTP answer read whole.
type Response struct {
	StatusCode int
	Header     http.Header
	Body       []byte
}

// Admin sends a request without a body to the admin listener.
func (s *Server) Admin(ctx context.Context, method, path string) (*Response, error) {
	return Do(ctx, method, "http://"+s.AdminAddr+path, nil)
}

// Public sends a GET to the public listener.
func (s *Server) Public(ctx context.Context, path string, header http.Header) (*Response, error) {
	return Do(ctx, http.MethodGet, "http://"+s.Addr+path, header)
}

// client keeps no connection alive: a server under test is killed and started
// again on the same address.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 15 * time.Second}

// Do sends one request and reads the whole answer.
func Do(ctx context.Context, method, url string, header http.Header) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", url, err)
	}
	return &Response{StatusCode: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// Signal sends sig to the process.
func (s *Server) Signal(sig syscall.Signal) error {
	switch sig {
	case syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGKILL:
		s.told.Store(true)
	}
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal server: %w", err)
	}
	return nil
}

// Drain asks for a drain (POST /drain); Wait tells when it is done.
func (s *Server) Drain(ctx context.Context) error {
	s.told.Store(true)
	resp, err := s.Admin(ctx, http.MethodPost, "/drain")
	if err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("drain: %d %s", resp.StatusCode, resp.Body)
	}
	return nil
}

// MayEnd says that the process may end without being told to, or may have.
func (s *Server) MayEnd() { s.may.Store(true) }

// EndedAlone says whether the process has ended, may not, and was not told to before: by Signal, Drain or Kill.
func (s *Server) EndedAlone() bool {
	select {
	case <-s.done:
		return s.alone && !s.may.Load()
	default:
		return false
	}
}

// Wait returns the exit code when the process has ended, -1 when by a signal.
func (s *Server) Wait(ctx context.Context) (int, error) {
	select {
	case <-s.done:
		return s.code, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for the server's end: %w\n%s", ctx.Err(), s.Logs())
	}
}

// Kill ends the process with SIGKILL and waits for it.
func (s *Server) Kill() {
	s.told.Store(true)
	_ = s.cmd.Process.Kill() // an error says that it has ended already
	<-s.done
}

// buffer keeps what a process prints; reading and writing may overlap.
type buffer struct {
	mu   sync.Mutex
	all  bytes.Buffer
	also io.Writer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all.Write(p)
	if b.also != nil {
		_, _ = b.also.Write(p) // a reader's trouble must not stop the server
	}
	return len(p), nil
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}
