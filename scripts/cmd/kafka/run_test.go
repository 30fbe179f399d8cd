package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args  string
		env   map[string]string
		wants string // in the error
		usage bool
	}{
		{args: "", wants: "say start, stop or status", usage: true},
		{args: "begin", wants: `unknown command "begin"`, usage: true},
		{args: "start now", wants: `unexpected argument "now"`, usage: true},
		{args: "start --port many", wants: `"many"`, usage: true},
		{args: "start --port 70000", wants: "--port 70000: not a port", usage: true},
		{args: "start --port 0", wants: "--foreground", usage: true},
		{args: "stop --foreground", wants: "--foreground goes with start", usage: true},
		{args: "stop", env: map[string]string{"KAFKA_BROKERS": "a:1"}, wants: "not mine to stop"},
		{args: "status --dir none", wants: "no broker runs in"},
	} {
		t.Run(c.args, func(t *testing.T) {
			env := map[string]string{"CALLER_DIR": t.TempDir()}
			for k, v := range c.env {
				env[k] = v
			}
			err := run(t.Context(), strings.Fields(c.args), func(k string) string { return env[k] }, strings.NewReader(""), io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.wants) {
				t.Fatalf("%v; want %q", err, c.wants)
			}
			var usage usageError
			if errors.As(err, &usage) != c.usage {
				t.Errorf("a usage error: %v, want %v", !c.usage, c.usage)
			}
		})
	}
	for _, args := range []string{"help", "--help", "start --help"} {
		var out strings.Builder
		if err := run(t.Context(), strings.Fields(args), os.Getenv, strings.NewReader(""), &out); !errors.Is(err, errHelp) || out.String() != help {
			t.Errorf("%s: %v, %q", args, err, out.String())
		}
	}
}

// start, start again, status, stop: as people use it; and another program's
// cluster, which is this one.
func TestStartStatusStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	port := freePort(t)
	env := map[string]string{}
	do := func(command string) (string, error) {
		var out strings.Builder
		args := []string{command, "--port", port, "--dir", dir}
		err := run(t.Context(), args, func(k string) string { return env[k] }, strings.NewReader(""), &out)
		return out.String(), err
	}
	must := func(command string, wants ...string) {
		t.Helper()
		out, err := do(command)
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		for _, w := range wants {
			if !strings.Contains(out, w) {
				t.Fatalf("%s: %q; want %q", command, out, w)
			}
		}
	}
	defer do("stop") //nolint:errcheck // asserted below; this one is for failures
	must("stop", "No broker runs in "+dir)
	must("start", "127.0.0.1:"+port, dir)
	must("start", "127.0.0.1:"+port)
	must("status", "127.0.0.1:"+port, "odin.trades", "odin.balances", "12 partitions")
	env["KAFKA_BROKERS"] = "127.0.0.1:" + port
	must("start", "KAFKA_BROKERS")
	must("status", "KAFKA_BROKERS", "odin.trades")
	delete(env, "KAFKA_BROKERS")
	must("stop", "Stopped process", dir)
	if out, err := do("status"); err == nil {
		t.Errorf("status after stop: %q", out)
	}
}

// A program that keeps a broker: its commands, and the end with its input.
func TestForeground(t *testing.T) {
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(context.Background(), []string{"start", "--foreground", "--port", "0"}, os.Getenv, in, out)
		out.Close()
		ended <- err
	}()
	lines := bufio.NewScanner(stdout)
	next := func() string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("no line: %v, %v", lines.Err(), <-ended)
		}
		return lines.Text()
	}
	addr := next()
	for _, c := range []struct{ command, want string }{
		{"create a.trade 3", "ok"},
		{"partitions a.trade 4", "ok"},
		{"delete-records a.trade 0 0", "ok"},
		{"delete a.trade", "ok"},
		{"delete a.trade", "error: "},
		{"create a.trade", `error: bad command "create a.trade"`},
		{"create a.trade -1", `error: bad number "-1"`},
		{"dance", "error: bad command"},
		{"", "error: empty command"},
		{"freeze", "ok"},
		{"thaw", "ok"},
		{"kill", "ok"},
	} {
		fmt.Fprintln(stdin, c.command)
		if got := next(); !strings.HasPrefix(got, c.want) || c.want == "ok" && got != "ok" {
			t.Fatalf("%q: %q, want %q", c.command, got, c.want)
		}
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Fatal("a killed broker listens")
	}
	stdin.Close()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
