package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
)

// An outcome is what a command line leaves behind.
type outcome struct {
	status         int
	stdout, stderr string
}

// runLine runs a command line as main does, with a serve of the test's own.
func runLine(t *testing.T, serve serveFunc, environ []string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if serve == nil {
		serve = func(context.Context, *config.Config, *slog.Logger, io.Writer) error {
			t.Errorf("%v serves", args)
			return nil
		}
	}
	status := dispatch(t.Context(), args, environ, &stdout, &stderr, serve)
	return outcome{status, stdout.String(), stderr.String()}
}

func TestServeIsTheDefault(t *testing.T) {
	for _, args := range [][]string{{}, {"serve"}, {"--addr=:1"}, {"serve", "--addr=:1"}} {
		served := ""
		got := runLine(t, func(_ context.Context, cfg *config.Config, log *slog.Logger, stdout io.Writer) error {
			served = cfg.Addr
			log.Info("hello")
			_, err := io.WriteString(stdout, "out")
			return err
		}, []string{"WS_ADMIN_ADDR=:3902"}, args...)
		want := ":3002"
		if len(args) > 0 && args[len(args)-1] != "serve" {
			want = ":1"
		}
		if got.status != exitOK || served != want || got.stdout != "out" {
			t.Errorf("%v: %+v, served on %q", args, got, served)
		}
		if !strings.Contains(got.stderr, `"msg":"hello"`) {
			t.Errorf("%v: the log is %q", args, got.stderr)
		}
	}
}

func TestExitStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		status int
		stderr string
	}{
		"stopped":           {nil, exitOK, ""},
		"failed":            {errors.New("no luck"), exitFailed, "ws-single: no luck\n"},
		"setting found out": {&config.Error{Setting: "KAFKA_PROPERTIES", Why: "cannot be"}, exitUsage, "ws-single: KAFKA_PROPERTIES: cannot be\n"},
	} {
		got := runLine(t, func(context.Context, *config.Config, *slog.Logger, io.Writer) error { return tt.err }, nil)
		if got != (outcome{tt.status, "", tt.stderr}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A wrong command line is one line on stderr and status 2, and nothing runs.
func TestWrongCommandLines(t *testing.T) {
	for _, tt := range []struct {
		environ []string
		args    []string
		want    string
	}{
		{nil, []string{"start"}, `unknown command "start": the commands are serve, config check, config print, healthcheck, drain, version`},
		{nil, []string{"config"}, "config: say what to do: config check or config print"},
		{nil, []string{"config", "chek"}, `unknown command "config chek": the commands are serve, config check, config print, healthcheck, drain, version`},
		{nil, []string{""}, `unknown command "": the commands are serve, config check, config print, healthcheck, drain, version`},
		{nil, []string{"config", "--addr", "help"}, "config: say what to do: config check or config print"},
		{nil, []string{"--ready"}, "--ready: no such flag; --help shows all"},
		{nil, []string{"--bogus"}, "--bogus: no such flag; --help shows all"},
		{nil, []string{"config", "print", "--json"}, "--json: no such flag; --help shows all"},
		{nil, []string{"--adr=:1"}, "--adr: no such flag; the nearest is --addr"},
		{nil, []string{"healthcheck", "--redy"}, "--redy: no such flag; the nearest is --ready"},
		{nil, []string{"healthcheck", "--timeout=3"}, "--timeout=3: a time needs a unit: write 3s or 3ms"},
		{nil, []string{"healthcheck", "--ready=perhaps"}, "--ready=perhaps: write true or false"},
		{nil, []string{"healthcheck", "--admin-addr=:0"}, "WS_ADMIN_ADDR=:0 (--admin-addr): the server took a free port: give the one that it logged, by --admin-addr"},
		{nil, []string{"drain", "--timeout=0s"}, "--timeout=0s: must be from 1ms to 24h"},
		{nil, []string{"drain", "now"}, "now: not expected here: a command stands before all flags, a flag begins with --, and a switch takes its value as --flag=false"},
		{nil, []string{"version", "--jsn"}, "--jsn: no such flag; the nearest is --json"},
		{nil, []string{"config", "check", "--addr=3002"}, "WS_ADDR=3002 (--addr): an address has a colon before the port: write :3002"},
		{[]string{"WS_SHARDS=2"}, nil, "WS_SHARDS (environment): ws-single has one loop on one core and nothing to shard: leave it out, or run ws-multi, whose setting it is"},
		{[]string{"WS_SHARD=2"}, []string{"config", "print"}, "WS_SHARD (environment): no such setting; ws-single help shows all"},
	} {
		got := runLine(t, nil, tt.environ, tt.args...)
		if got != (outcome{exitUsage, "", "ws-single: " + tt.want + "\n"}) {
			t.Errorf("%v %v: %+v", tt.environ, tt.args, got)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	got := runLine(t, nil, []string{"WS_MEMORY_LIMIT=off"}, "config", "check", "--admin-addr=:3902")
	want := outcome{exitOK, "configuration is valid\n",
		"ws-single: warning: WS_ADMIN_ADDR=:3902 (--admin-addr) is not on loopback and WS_ADMIN_TOKEN is not set: drain, rebalance and pprof are refused there\n"}
	if got != want {
		t.Errorf("got %+v", got)
	}
}

// What librdkafka does not take is found by a check, too.
func TestConfigCheckOfProperties(t *testing.T) {
	for properties, why := range map[string]string{
		"no.such.property=1":      "librdkafka does not take no.such.property: ",
		"fetch.max.bytes=many":    "librdkafka does not take fetch.max.bytes: ",
		"enable.auto.commit=true": "enable.auto.commit is not to be set: ",
	} {
		got := runLine(t, nil, []string{"KAFKA_PROPERTIES=client.rack=r," + properties}, "config", "check")
		if got.status != exitUsage || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 ||
			!strings.HasPrefix(got.stderr, "ws-single: KAFKA_PROPERTIES (environment): "+why) {
			t.Errorf("%s: %+v", properties, got)
		}
	}
	// A setting of its own is named, too.
	pem := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(pem, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := runLine(t, nil, []string{"KAFKA_SECURITY_PROTOCOL=ssl"}, "config", "check", "--kafka-ssl-ca-location="+pem)
	if got.status != exitUsage || !strings.HasPrefix(got.stderr, "ws-single: KAFKA_SSL_CA_LOCATION="+pem+" (--kafka-ssl-ca-location): librdkafka does not take it: ") {
		t.Errorf("no certificate: %+v", got)
	}
}

func TestConfigPrint(t *testing.T) {
	got := runLine(t, nil, []string{"WS_ADMIN_TOKEN=0123456789abcdef"}, "config", "print", "--config", "single.env")
	if got.status != exitOK || got.stderr != "" || strings.Contains(got.stdout, "0123456789abcdef") {
		t.Fatalf("got %+v", got)
	}
	for _, line := range []string{`WS_ADDR +single\.env:5 +:3005`, `WS_ADMIN_TOKEN +environment +\*\*\*`, `WS_PING_INTERVAL +default +25s`, `WS_JWT_SECRET +default +-`} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(got.stdout) {
			t.Errorf("no line like %s in\n%s", line, got.stdout)
		}
	}
}

func TestVersion(t *testing.T) {
	// Wrong settings do not keep it from answering.
	got := runLine(t, nil, []string{"WS_SHARDS=1"}, "version")
	if got.status != exitOK || !strings.HasPrefix(got.stdout, "ws-single v") || !strings.Contains(got.stdout, "single-core") {
		t.Errorf("got %+v", got)
	}
	got = runLine(t, nil, nil, "version", "--json")
	var info struct {
		Name, Version, Architecture, Commit, Host string
		MaxConnections                            int `json:"max_connections"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &info); err != nil {
		t.Fatalf("%v in %+v", err, got)
	}
	if info.Name != "ws-single" || info.Architecture != "single-core" || info.MaxConnections != 12000 || info.Commit == "" || info.Host != config.Fingerprint() {
		t.Errorf("got %+v", info)
	}
}

// The help is what a stranger reads first.
func TestHelp(t *testing.T) {
	all := runLine(t, nil, nil, "--help")
	if all.status != exitOK || all.stderr != "" {
		t.Fatalf("got %+v", all)
	}
	for _, args := range [][]string{{"-h"}, {"help"}, {"serve", "--help"}, {"help", "serve"}} {
		if got := runLine(t, nil, nil, args...); got != all {
			t.Errorf("%v differs from --help", args)
		}
	}
	for _, s := range config.Settings() {
		if !strings.Contains(all.stdout, "--"+s.Flag()) || !strings.Contains(all.stdout, s.Name) {
			t.Errorf("no %s in it", s.Name)
		}
	}
	for line := range strings.Lines(all.stdout) {
		if len(line) > 85 {
			t.Errorf("a line of %d: %s", len(line), line)
		}
	}
	text := regexp.MustCompile(`ws-single v\S+`).ReplaceAllString(all.stdout, "ws-single VERSION")
	for _, c := range commands() {
		if c.name == "serve" {
			continue
		}
		got := runLine(t, nil, nil, append(strings.Fields(c.name), "--help")...)
		if got.status != exitOK || got.stderr != "" {
			t.Errorf("%s --help: %+v", c.name, got)
		}
		text += "\n$ ws-single " + c.name + " --help\n" + got.stdout
	}
	settings := runLine(t, nil, nil, "config", "--help")
	for _, args := range [][]string{{"config", "-h"}, {"config", "--addr=:1", "--help"}, {"help", "config"}} {
		if got := runLine(t, nil, nil, args...); got != settings || got.status != exitOK || got.stderr != "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
	text += "\n$ ws-single config --help\n" + settings.stdout
	golden(t, "help.golden", text)
}

// The examples of the help are command lines that hold.
func TestExamples(t *testing.T) {
	for _, e := range examples {
		var environ []string
		words := strings.Fields(e)
		for words[0] != "ws-single" {
			environ = append(environ, words[0])
			words = words[1:]
		}
		cmd, args, err := find(words[1:])
		if err != nil {
			t.Errorf("%s: %v", e, err)
			continue
		}
		flags := newFlags()
		if cmd.name == "healthcheck" {
			flags.Bool("ready", false, "")
		}
		if _, err := (invocation{args: args, environ: environ}).load(flags); err != nil {
			t.Errorf("%s: %v", e, err)
		}
	}
}

// golden compares got with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at the change, then renew it by go test . -update\ngot:\n%s", path, got)
	}
}
