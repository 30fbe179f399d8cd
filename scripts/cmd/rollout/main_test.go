package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// asProgram makes the test binary be the program: one that can be killed.
const asProgram = "ROLLOUT_TEST_AS_PROGRAM"

var brokers string

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
		cancel()
		os.Exit(code)
	}
	flag.Parse()
	// They wait more than they work.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(func() int {
		stop := func() error { return nil }
		if brokers = os.Getenv("KAFKA_TEST_BROKERS"); brokers == "" {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
			defer cancel()
			b, err := broker.Start(ctx, broker.Options{})
			if err != nil {
				fmt.Fprintln(os.Stderr, "rollout:", err)
				return 1
			}
			brokers, stop = b.Addr(), b.Stop
		}
		code := m.Run()
		if err := errors.Join(stop(), goleak.Find()); err != nil {
			fmt.Fprintln(os.Stderr, "rollout:", err)
			code = max(code, 1)
		}
		return code
	}())
}

func TestUsage(t *testing.T) {
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "plan.yml")
	if err := os.WriteFile(bad, []byte("pace: 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	plan := "deploy/haproxy/rollout.yml"
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"--help", 0, "scripts/rollout deploy/haproxy/rollout.yml --dry-run"},
		{"", 2, "name one plan, as in: scripts/rollout"},
		{"a b", 2, "name one plan"},
		{"--nope", 2, "-nope; scripts/rollout --help"},
		{plan + " --dry-run --resume", 2, "leave one out"},
		{"no-such-plan.yml", 2, "no such file"},
		{bad, 2, "incumbent: name is needed"},
		{plan + " --drain nobody", 2, "there is no side nobody to drain: the plan has ws-single and ws-multi"},
		{plan + " --check", 0, "0 % held 2m  10 % held 10m  30 % held 10m  50 % held 30m  80 % held 30m  100 % held 30m"},
		{"deploy/haproxy/ab.yml --check", 0, "50 % held forever"},
		{plan + " --drain ws-multi --check", 0, "halts when ws-single, over 1m"},
		{plan + " --dry-run", 1, `reach HAProxy's runtime API: dial unix /nowhere/admin.sock: connect: no such file or directory; is HAProxy up`},
	} {
		var out, errs strings.Builder
		env := func(name string) string {
			return map[string]string{"CALLER_DIR": root, "LB_RUNTIME": "/nowhere/admin.sock"}[name]
		}
		code := run(t.Context(), strings.Fields(c.args), env, &out, &errs)
		if said := out.String() + errs.String(); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s: code %d, %s", c.args, code, said)
		}
	}
}
