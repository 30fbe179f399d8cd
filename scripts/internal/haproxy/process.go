package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Options say how HAProxy is started.
type Options struct {
	Config string            // path of its configuration; "": the one of deploy/haproxy
	Dir    string            // where its runtime socket is made; the path may have 100 bytes
	Admin  string            // host:port for the runtime API in place of that socket
	Env    map[string]string // variables of the configuration; they win over those that Start chooses
}

// Process is a running HAProxy, as master and worker. Its methods may be called from any goroutine.
type Process struct {
	Addr    string  // of the frontend for clients, host:port
	Metrics string  // of the frontend with its own figures, host:port
	Admin   string  // address of the runtime API, as New takes it
	Runtime *Client // of that

	cmd    *exec.Cmd
	output output
	done   chan struct{} // closed when the master has ended
}

// Shipped is the path of the configuration of deploy/haproxy.
func Shipped() (string, error) {
	root, err := variant.Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "deploy", "haproxy", "haproxy.cfg"), nil
}

// Start runs HAProxy on free ports of 127.0.0.1 and returns when its runtime API answers.
func Start(ctx context.Context, o Options) (*Process, error) {
	if o.Config == "" {
		var err error
		if o.Config, err = Shipped(); err != nil {
			return nil, err
		}
	}
	p := &Process{Admin: filepath.Join(o.Dir, "admin.sock"), done: make(chan struct{})}
	if o.Admin != "" {
		p.Admin = o.Admin
	}
	var err error
	if p.Addr, err = variant.FreeAddr(); err != nil {
		return nil, err
	}
	if p.Metrics, err = variant.FreeAddr(); err != nil {
		return nil, err
	}
	if p.Runtime, err = New(p.Admin); err != nil {
		return nil, err
	}
	env := map[string]string{"LB_BIND": p.Addr, "LB_METRICS_BIND": p.Metrics, "LB_ADMIN": p.Admin}
	if o.Admin != "" {
		env["LB_ADMIN"] = "ipv4@" + o.Admin
	}
	maps.Copy(env, o.Env)
	p.cmd = exec.Command("haproxy", "-W", "-f", o.Config)
	p.cmd.Env = os.Environ()
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.WaitDelay = time.Second // workers hold its output open when the master alone has ended
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start haproxy: %w; on Debian: apt-get install haproxy", err)
	}
	if err := p.await(ctx, 0); err != nil {
		p.Stop()
		return nil, fmt.Errorf("start haproxy: %w\n%s", err, p.Log())
	}
	return p, nil
}

// run keeps its thread until the master has ended: the parent-death signal is sent at the end of the thread that started it.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	_ = p.cmd.Wait() // how it ended is in its log
	close(p.done)
}

// await waits until another worker than the one with pid answers.
func (p *Process) await(ctx context.Context, pid int) error {
	for {
		v, err := p.Runtime.View(ctx)
		if err == nil && v.PID != pid {
			return nil
		}
		select {
		case <-p.done:
			return errors.New("it has ended")
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Reload has the master read the configuration again and start a new worker. The old one keeps its tunnels, which no command
// shows any more. It returns when the new one answers.
func (p *Process) Reload(ctx context.Context) error {
	v, err := p.Runtime.View(ctx)
	if err != nil {
		return err
	}
	for !p.takesReloads() {
		select {
		case <-p.done:
			return errors.New("reload haproxy: it has ended")
		case <-ctx.Done():
			return fmt.Errorf("reload haproxy: wait for its master: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		return fmt.Errorf("reload haproxy: %w", err)
	}
	if err := p.await(ctx, v.PID); err != nil {
		return fmt.Errorf("reload haproxy: %w\n%s", err, p.Log())
	}
	return nil
}

// takesReloads says whether the master catches SIGUSR2 by now. Its worker answers a moment before, and until then the signal is
// ignored, so that it would be lost.
func (p *Process) takesReloads() bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(status), "\nSigCgt:")
	mask, err := strconv.ParseUint(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), 16, 64)
	return err == nil && mask&(1<<(uint(syscall.SIGUSR2)-1)) != 0
}

// Done is closed when the master has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log is what master and workers have printed.
func (p *Process) Log() string { return p.output.String() }

// Stop ends the master and all workers, with their tunnels, and waits.
func (p *Process) Stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // an error says that none is left
	<-p.done
}

// Check has HAProxy judge the configuration with these variables; its words are in the error, warnings too. That a server's
// name does not resolve here is none: where it runs it does, or is waited for.
func Check(ctx context.Context, config string, env map[string]string) error {
	cmd := exec.CommandContext(ctx, "haproxy", "-c", "-f", config)
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("check %s: %w\n%s", config, err, out)
	}
	for line := range bytes.Lines(out) {
		if bytes.Contains(line, []byte("[WARNING]")) && !bytes.Contains(line, []byte("could not resolve address")) {
			return fmt.Errorf("check %s: it has warnings\n%s", config, out)
		}
	}
	return nil
}

// output keeps what a process prints.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}
