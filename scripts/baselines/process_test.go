package baselines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a baseline that runs.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	addr  string // where clients connect
	admin string
	feed  string // the floor's
	out   output
	done  chan struct{} // closed when it has ended
}

// launch starts a baseline on free ports; env is added to its environment. Its
// soft limit of open files is low, as a shell may leave it.
func launch(t *testing.T, name string, env map[string]string) *process {
	t.Helper()
	p := &process{
		t: t, addr: freeAddr(t), admin: freeAddr(t), feed: freeAddr(t),
		cmd:  exec.Command("sh", "-c", "ulimit -Sn 256; exec "+filepath.Join(binaries, name)),
		done: make(chan struct{}),
	}
	all := map[string]string{
		"WS_ADDR": p.addr, "WS_ADMIN_ADDR": p.admin, "FLOOR_FEED": p.feed,
		"GORACE": "halt_on_error=1 exitcode=66 atexit_sleep_ms=10", "WS_PING_INTERVAL": "ignored",
	}
	maps.Copy(all, env)
	p.cmd.Env = os.Environ()
	for name, value := range all {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit code says it all
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.out.String())
		}
	})
	return p
}

// start is launch, and waits until it is ready.
func start(t *testing.T, name string, env map[string]string) *process {
	t.Helper()
	p := launch(t, name, env)
	p.await("ready", func() bool {
		status, _ := p.get("/readyz")
		return status == http.StatusOK
	})
	return p
}

// await waits until what is true.
func (p *process) await(what string, is func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.done:
			p.t.Fatalf("wait for %s: the process ended: %v", what, p.cmd.ProcessState)
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("wait for %s: not in %v", what, patience)
		}
	}
}

// get asks the admin listener. Status 0: it does not answer.
func (p *process) get(path string) (status int, body string) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Get("http://" + p.admin + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// metric is a metric's value, -1 when there is none.
func (p *process) metric(name string) float64 {
	p.t.Helper()
	_, body := p.get("/metrics")
	line := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(body)
	if line == nil {
		return -1
	}
	v, err := strconv.ParseFloat(line[1], 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

func (p *process) awaitMetric(name string, want float64) {
	p.t.Helper()
	p.await(fmt.Sprintf("%s %v", name, want), func() bool { return p.metric(name) == want })
}

// end sends SIGTERM; the exit code has to be 0.
func (p *process) end() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if code := p.wait(); code != 0 {
		p.t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
}

func (p *process) wait() int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
		p.t.Fatal("the process does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// output is what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestCommandLine(t *testing.T) {
	for _, e := range []struct {
		name string
		args []string
		env  string
		code int
		says string
	}{
		{"floor", nil, "FLOOR_FEED=", 1, "FLOOR_FEED: it is not set"},
		{"floor", nil, "FLOOR_FEED=nowhere:x", 1, "FLOOR_FEED: "},
		{"gorilla-hub", []string{"--help"}, "", 0, "KAFKA_TOPICS"},
		{"centrifuge", []string{"-h"}, "", 0, "/connection/websocket"},
		{"reader", []string{"start"}, "", 2, "it takes no arguments"},
		{"reader", nil, "KAFKA_TOPICS=a.trade,b.trade", 2, "KAFKA_TOPICS: a.trade and b.trade have one event"},
		{"reader", nil, "WS_ADMIN_ADDR=nowhere:x", 1, "WS_ADMIN_ADDR: "},
		{"gorilla-hub", nil, "WS_ADDR=nowhere:x", 1, "WS_ADDR: "},
	} {
		cmd := exec.Command(filepath.Join(binaries, e.name), e.args...)
		cmd.Env = append(os.Environ(), "WS_ADDR=127.0.0.1:0", "WS_ADMIN_ADDR=127.0.0.1:0", "KAFKA_BROKERS=127.0.0.1:1", e.env)
		out, _ := cmd.CombinedOutput() // the exit code is looked at
		if code := cmd.ProcessState.ExitCode(); code != e.code || !strings.Contains(string(out), e.says) {
			t.Errorf("%s %v %s: exit code %d, want %d, and it says %q\n%s", e.name, e.args, e.env, code, e.code, e.says, out)
		}
	}
}

// A soft limit of open files that is too low for a load is no limit.
func TestOpenFiles(t *testing.T) {
	for _, name := range []string{"floor", "gorilla-hub", "centrifuge", "reader"} {
		p := launch(t, name, map[string]string{"KAFKA_BROKERS": "127.0.0.1:1"})
		p.await("an answer", func() bool { status, _ := p.get("/readyz"); return status != 0 })
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		limit := regexp.MustCompile(`Max open files\s+(\d+)\s+(\d+)`).FindStringSubmatch(string(limits))
		if limit == nil {
			t.Fatalf("no limit of open files in\n%s", limits)
		}
		soft, softErr := strconv.Atoi(limit[1])
		hard, hardErr := strconv.Atoi(limit[2])
		if err := errors.Join(softErr, hardErr); err != nil || soft < hard-1 {
			t.Errorf("%s: the soft limit is %d, the hard one %d, %v", name, soft, hard, err)
		}
		p.end()
	}
}
