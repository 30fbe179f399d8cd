package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
)

// A session is a command line with its world; do gives what it left.
type session struct {
	environ []string
	serve   serveFunc
}

type left struct {
	status   int
	out, err string
}

func (s session) do(t *testing.T, args ...string) left {
	t.Helper()
	var out, err bytes.Buffer
	p := cli{environ: s.environ, stdout: &out, stderr: &err, serve: s.serve}
	if p.serve == nil {
		p.serve = func(context.Context, *config.Config, *slog.Logger) error {
			t.Errorf("%q serves", args)
			return nil
		}
	}
	// The test machine's limits are not what is tested.
	p.environ = append([]string{"WS_MAX_CONNECTIONS=100", "WS_SHARDS=1", "WS_MEMORY_LIMIT=off"}, p.environ...)
	status := p.run(t.Context(), args)
	return left{status, out.String(), err.String()}
}

// do is a session with nothing special about it.
func do(t *testing.T, args ...string) left { t.Helper(); return session{}.do(t, args...) }

func TestWhatServes(t *testing.T) {
	for _, line := range []string{"", "serve", "--addr=:1 --reuse-port", "serve --reuse-port --addr :1"} {
		var got *config.Config
		args := strings.Fields(line)
		after := session{serve: func(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
			got = cfg
			log.InfoContext(ctx, "here")
			return nil
		}, environ: []string{"WS_ADMIN_TOKEN=hunter2"}}.do(t, args...)
		if got == nil || after.status != 0 || after.out != "" {
			t.Errorf("%q: %+v", line, after)
			continue
		}
		if flags := len(args) > 1; got.ReusePort != flags || (got.Addr == ":1") != flags || got.Shards != 1 || got.Cores < 1 {
			t.Errorf("%q: %+v", line, got)
		}
		if !strings.Contains(after.err, `"msg":"here"`) || len(got.Warnings) != 1 {
			t.Errorf("%q: the log is %s", line, after.err)
		}
	}
}

// What librdkafka refuses is the one line, without the warnings there are.
func TestServeRefusesBeforeItWarns(t *testing.T) {
	got := session{environ: []string{"WS_ADMIN_TOKEN=short", "KAFKA_PROPERTIES=no.such.thing=1"}}.do(t)
	if got.status != 2 || strings.Count(got.err, "\n") != 1 || !strings.HasPrefix(got.err, "ws-multi: KAFKA_PROPERTIES (environment): ") {
		t.Errorf("got %+v", got)
	}
}

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		err  error
		want left
	}{
		{nil, left{}},
		{errors.New("the broker\u2019s gone"), left{status: 1, err: "ws-multi: the broker\u2019s gone\n"}},
		{fmt.Errorf("wrapped: %w", &config.Error{Setting: "WS_X", Source: "here", Why: "no", Fix: "yes"}), left{status: 2, err: "ws-multi: wrapped: WS_X (here): no; yes\n"}},
		{fmt.Errorf("wrapped: %w", misuse("no")), left{status: 2, err: "ws-multi: wrapped: no\n"}},
	} {
		got := session{serve: func(context.Context, *config.Config, *slog.Logger) error { return test.err }}.do(t)
		if got != test.want {
			t.Errorf("%v: %+v", test.err, got)
		}
	}
}

// A wrong command line does nothing, and is told in one line.
func TestWrongLines(t *testing.T) {
	const all = "write one of serve, config check, config print, healthcheck, drain, version"
	for line, want := range map[string]string{
		"start":                        `there is no command "start": ` + all,
		"config":                       "config needs a second word: write config check or config print",
		"config --addr=:1":             "config needs a second word: write config check or config print",
		"config chek":                  `there is no command "config chek": ` + all,
		"help start":                   `there is no command "start": ` + all,
		"--ready":                      "--ready: there is no such flag; --help lists those there are",
		"--nope=1":                     "--nope: there is no such flag; --help lists those there are",
		"config print --json":          "--json: there is no such flag; --help lists those there are",
		"--shard=2":                    "--shard: there is no such flag; the nearest is --shards",
		"healthcheck --redy":           "--redy: there is no such flag; the nearest is --ready",
		"healthcheck --timeout=3":      "--timeout=3: a time without its unit; write 3s or 3ms",
		"healthcheck --ready=perhaps":  "--ready=perhaps: neither true nor false; write one of them",
		"healthcheck --admin-addr=:0":  "WS_ADMIN_ADDR=:0 (--admin-addr): the server has chosen its port itself; give the address that it logged by --admin-addr",
		"drain --admin-addr=[::1]:0":   "WS_ADMIN_ADDR=[::1]:0 (--admin-addr): the server has chosen its port itself; give the address that it logged by --admin-addr",
		"drain --timeout=0s":           "--timeout=0s: out of range; write a time from 1ms to 24h",
		"drain now":                    "now: it is not expected here; write a command before all flags, a flag with --, and the value of a switch as --flag=false",
		"version --jsn":                "--jsn: there is no such flag; the nearest is --json",
		"version --addr=:1":            "--addr: there is no such flag; --help lists those there are",
		"config check --addr=3002":     "WS_ADDR=3002 (--addr): a port alone; write :3002",
		"config print --shards=0":      "WS_SHARDS=0 (--shards): out of range; write a whole number from 1 to 1024",
		"serve --config=/no/multi.env": "--config=/no/multi.env: there is no such file; give the path of one that has KEY=VALUE lines",
	} {
		if got := do(t, strings.Fields(line)...); got != (left{status: 2, err: "ws-multi: " + want + "\n"}) {
			t.Errorf("%s: %+v", line, got)
		}
	}
	if got := do(t, ""); got.status != 2 || !strings.HasPrefix(got.err, `ws-multi: there is no command ""`) {
		t.Errorf("an empty word: %+v", got)
	}
	got := session{environ: []string{"WS_SHARD=2"}}.do(t, "healthcheck")
	if want := "ws-multi: WS_SHARD (environment): there is no such setting; the nearest is WS_SHARDS\n"; got != (left{status: 2, err: want}) {
		t.Errorf("an unknown name: %+v", got)
	}
}

func TestConfigCheck(t *testing.T) {
	got := do(t, "config", "check", "--admin-addr=:3902")
	const warning = "ws-multi: warning: WS_ADMIN_ADDR=:3902 (--admin-addr) can be reached from other hosts and WS_ADMIN_TOKEN is not set: nobody can drain, rebalance or profile there\n"
	if got != (left{out: "the settings are valid\n", err: warning}) {
		t.Errorf("got %+v", got)
	}
}

// What only librdkafka knows, config check knows too.
func TestConfigCheckAsksLibrdkafka(t *testing.T) {
	for property, status := range map[string]int{
		"no.such.thing=1": 2, "fetch.max.bytes=many": 2, "isolation.level=read_uncommitted": 2, "client.rack=rack1": 0,
	} {
		got := session{environ: []string{"KAFKA_PROPERTIES=" + property}}.do(t, "config", "check")
		name, _, _ := strings.Cut(property, "=")
		told := strings.HasPrefix(got.err, "ws-multi: KAFKA_PROPERTIES (environment): ") && strings.Contains(got.err, name) && strings.Count(got.err, "\n") == 1
		if got.status != status || told != (status == 2) || (got.out == "") != told {
			t.Errorf("%s: %+v", property, got)
		}
	}
}

func TestKafkaConfig(t *testing.T) {
	cfg, err := config.Load(config.Host{MaxConnections: 1, OpenFiles: 1000, Cores: 1}, nil, []string{
		"KAFKA_SECURITY_PROTOCOL=sasl_plaintext", "KAFKA_SASL_MECHANISM=SCRAM-SHA-256", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p",
		"KAFKA_TOPICS=a=b", "KAFKA_MAX_RATE=7", "WS_HISTORY_WINDOW=9s", "KAFKA_PROPERTIES=client.rack=r",
	})
	if err != nil {
		t.Fatal(err)
	}
	k := kafkaConfig(cfg)
	if k.SASLPassword != "p" || k.SASLUsername != "u" || k.SASLMechanism != "SCRAM-SHA-256" || k.SecurityProtocol != "sasl_plaintext" ||
		len(k.Topics) != 1 || k.MaxRate != 7 || k.Window != 9*time.Second || k.Properties["client.rack"] != "r" || k.Brokers[0] != "localhost:9092" {
		t.Errorf("got %+v", k)
	}
	for said, want := range map[string]string{
		"KAFKA_TOPICS: none": "KAFKA_TOPICS=a=b (environment): none", "something: else": "something: else", "KAFKA": "KAFKA",
	} {
		if err := kafkaError(cfg, errors.New(said)); err.Error() != want {
			t.Errorf("%s becomes %v", said, err)
		}
	}
}

func TestConfigPrint(t *testing.T) {
	got := session{environ: []string{"WS_ADMIN_TOKEN=0123456789abcdef"}}.do(t, "config", "print", "--config", "multi.env", "--shards=2")
	for _, row := range []string{`WS_ADDR +multi\.env:\d+ +:3006`, `WS_ADMIN_TOKEN +environment +\*\*\*`, `WS_SHARDS +--shards +2`, `WS_PING_INTERVAL +default +25s`, `WS_JWT_SECRET +default +-`} {
		if !regexp.MustCompile(`(?m)^` + row + `$`).MatchString(got.out) {
			t.Errorf("no row %s in\n%s", row, got.out)
		}
	}
	if got.status != 0 || got.err != "" || strings.Contains(got.out, "0123456789") {
		t.Errorf("got %+v", got)
	}
}

func TestVersion(t *testing.T) {
	broken := session{environ: []string{"WS_NONSENSE=1"}}
	for _, arg := range []string{"version", "--version"} {
		if got := broken.do(t, arg); got.status != 0 || !strings.HasPrefix(got.out, "ws-multi v") || got.err != "" {
			t.Errorf("%s: %+v", arg, got)
		}
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(broken.do(t, "version", "--json").out), &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields("name version architecture status optimized_for max_connections cpu_cores commit go platform host") {
		if fields[name] == nil || fields[name] == "" {
			t.Errorf("no %s in %v", name, fields)
		}
	}
	if len(fields) != 11 || fields["host"] != config.Fingerprint() || fields["name"] != "ws-multi" || fields["max_connections"] != 50000.0 {
		t.Errorf("got %v", fields)
	}
}

func TestHelp(t *testing.T) {
	whole := do(t, "--help").out
	for _, line := range []string{"-h", "help", "help serve", "serve --help", "--addr=:1 -h"} {
		if got := do(t, strings.Fields(line)...); got != (left{out: whole}) {
			t.Errorf("%s: %+v", line, got)
		}
	}
	for _, section := range config.Sections() {
		for _, s := range section.Settings {
			if !strings.Contains(whole, "  --"+s.Flag()) || !strings.Contains(whole, " "+s.Name+"\n") {
				t.Errorf("nothing about %s", s.Name)
			}
		}
	}
	for line := range strings.Lines(whole) {
		if width := len([]rune(line)) - 1; width > 84 {
			t.Errorf("%d wide: %s", width, line)
		}
	}
	text := regexp.MustCompile(`ws-multi v\S+,`).ReplaceAllString(whole, "ws-multi VERSION,")
	for _, c := range commands() {
		if c.name == "serve" {
			continue
		}
		words := strings.Fields(c.name)
		got := do(t, append(words, "--help")...)
		if other := do(t, append([]string{"help"}, words...)...); other != got || got.status != 0 || got.err != "" {
			t.Errorf("%s: %+v and %+v", c.name, got, other)
		}
		text += "\n$ ws-multi " + c.name + " --help\n" + got.out
	}
	half := do(t, "config", "--help")
	for _, line := range []string{"config -h", "config --addr=:1 --help", "help config"} {
		if got := do(t, strings.Fields(line)...); got != half || got.status != 0 || got.err != "" {
			t.Errorf("%s: %+v", line, got)
		}
	}
	text += "\n$ ws-multi config --help\n" + half.out
	same(t, "testdata/help.txt", text)
}

// The help's examples are command lines that are right.
func TestExamples(t *testing.T) {
	for _, example := range examples {
		before, after, found := strings.Cut(example, "ws-multi ")
		if !found {
			t.Errorf("%s: no command", example)
		}
		served := false
		got := session{environ: strings.Fields(before), serve: func(context.Context, *config.Config, *slog.Logger) error {
			served = true
			return nil
		}}.do(t, strings.Fields(after)...)
		// No server runs for the healthcheck.
		if got.status == statusWrong || got.status == statusFailed && !strings.HasPrefix(after, "healthcheck") || strings.HasPrefix(after, "--") != served {
			t.Errorf("%s: %+v", example, got)
		}
	}
}

// unset is an environment without settings: those of the tests are none of the
// server's.
func unset(environ []string) []string {
	return slices.DeleteFunc(environ, func(entry string) bool {
		return strings.HasPrefix(entry, "WS_") || strings.HasPrefix(entry, "KAFKA_") || strings.HasPrefix(entry, "LOG_")
	})
}

// The real main: its status, and its death by a second signal.
func TestMainItself(t *testing.T) {
	if os.Getenv("TEST_MAIN_ARGS") != "" {
		os.Args = append(os.Args[:1], strings.Fields(os.Getenv("TEST_MAIN_ARGS"))...)
		main()
	}
	for args, want := range map[string]int{"version": 0, "healthcheck --admin-addr=127.0.0.1:1": 1, "sing": 2} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestMainItself$")
		cmd.Env = append(unset(os.Environ()), "TEST_MAIN_ARGS="+args)
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: status %d, %v\n%s", args, got, err, out)
		}
	}
}

// A command that waits ends by the first signal with an error of its own.
func TestSignal(t *testing.T) {
	stuck := newStandIn(t, nil)
	cmd := exec.Command(os.Args[0], "-test.run=^TestMainItself$")
	cmd.Env = append(unset(os.Environ()), "TEST_MAIN_ARGS=drain --admin-addr="+stuck.addr)
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-stuck.looked:
	case err := <-ended:
		t.Fatalf("it ended before it was told to: %v: %s", err, out.String())
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := <-ended
	// The signal may come while it asks, and then it knows of no client yet.
	stopped := regexp.MustCompile(`^ws-multi: drain: stopped waiting, the server drains on( with 3 connections)?\n$`)
	if cmd.ProcessState.ExitCode() != 1 || !stopped.MatchString(out.String()) {
		t.Errorf("%v: %s", err, out.String())
	}
}
