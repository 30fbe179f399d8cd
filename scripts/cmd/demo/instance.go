package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// instance is one process of a server.
type instance struct {
	name        string
	number      int // counted for each name from 1
	addr, admin string
	cmd         *exec.Cmd
	exited      chan struct{} // closed when the process is gone
	err         error         // how it ended; read after exited
	log         *tail
}

// readyTimeout is how long a server may take from its start to its first client.
const readyTimeout = 30 * time.Second

// startInstance starts the server on free ports and waits until it serves. env are its settings; nothing of this
// process's environment reaches it, which would be another server's settings.
func startInstance(ctx context.Context, p program, number int, env []string, out io.Writer) (*instance, error) {
	addr, admin, err := freePorts()
	if err != nil {
		return nil, err
	}
	s := &instance{name: p.name, number: number, addr: addr, admin: admin, exited: make(chan struct{}), log: &tail{also: out}}
	s.cmd = exec.Command(p.binary, "serve")
	s.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "WS_ADDR=" + addr, "WS_ADMIN_ADDR=" + admin,
	}, env...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	// A group of its own, so that Ctrl-C reaches only the demo; and no server outlives the demo, even one that is killed.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server %s: %w", p.name, err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := s.awaitReady(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *instance) awaitReady(ctx context.Context) error {
	for {
		if status, err := s.call(ctx, http.MethodGet, "/readyz"); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the server %s ended before it was ready: %w\n%s", s.name, s.how(), s.log)
		case <-ctx.Done():
			return fmt.Errorf("the server %s is not ready: %w\n%s", s.name, ctx.Err(), s.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// drain asks the server to send its clients away and end.
func (s *instance) drain(ctx context.Context) error {
	status, err := s.call(ctx, http.MethodPost, "/drain")
	if err != nil {
		return fmt.Errorf("drain %s server %d: %w", s.name, s.number, err)
	}
	if status >= 300 {
		return fmt.Errorf("drain %s server %d: it answered %d", s.name, s.number, status)
	}
	return nil
}

func (s *instance) call(ctx context.Context, method, path string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.admin+path, nil)
	if err != nil {
		return 0, err
	}
	resp, err := s.client().Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// client asks the admin listener. It keeps no connection, which would outlive the instance.
func (s *instance) client() *http.Client {
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
}

// stop ends the process and waits for its end. The second SIGTERM is the server's own way to be told not to drain.
func (s *instance) stop() {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGKILL} {
		_ = s.cmd.Process.Signal(sig)
		patience := 2 * time.Second
		if sig == syscall.SIGTERM {
			patience = 300 * time.Millisecond
		}
		select {
		case <-s.exited:
			return
		case <-time.After(patience):
		}
	}
	<-s.exited
}

// how tells how the process ended; only after exited.
func (s *instance) how() error {
	if s.err == nil {
		return errors.New("exit code 0")
	}
	return s.err
}

// freePorts finds two. They are free when it returns, and that is as much as can be said.
func freePorts() (string, string, error) {
	var addrs []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs[0], addrs[1], nil
}

// tail keeps the last lines that a process wrote, for the case that it fails, and copies all to also.
type tail struct {
	also io.Writer
	mu   sync.Mutex
	last []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if over := len(t.last) - tailBytes; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
		if i := bytes.IndexByte(t.last, '\n'); i >= 0 {
			t.last = append(t.last[:0], t.last[i+1:]...)
		}
	}
	if t.also != nil {
		return t.also.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimRight(string(t.last), "\n")
}
