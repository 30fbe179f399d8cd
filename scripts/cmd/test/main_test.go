package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func names(list []part) (all []string) {
	for _, p := range list {
		all = append(all, p.name)
	}
	return all
}

func TestChoose(t *testing.T) {
	all := parts([]variant.Variant{{Name: "ws-single"}, {Name: "ws-multi"}})
	usual, _ := choose(all, nil, false)
	if long := slices.DeleteFunc(names(all), func(name string) bool { return slices.Contains(names(usual), name) }); !slices.Equal(long, []string{"load", "matrix", "explore", "races", "rollout-full", "fuzz", "images"}) {
		t.Errorf("only with --full: %v", long)
	}
	if full, _ := choose(all, nil, true); len(full) != len(all) {
		t.Errorf("with --full: %v", names(full))
	}
	some, err := choose(all, []string{"load", "autobahn-ws-multi"}, false)
	if err != nil || strings.Join(names(some), " ") != "autobahn-ws-multi load" {
		t.Errorf("got %v, %v", names(some), err)
	}
	if _, err := choose(all, []string{"kitt"}, false); err == nil || !strings.Contains(err.Error(), `"kitt"`) || !strings.Contains(err.Error(), "kit-copies") {
		t.Errorf("got %v, want the name and the parts there are", err)
	}
}

// Every tool that a part names is one that setUp knows.
func TestNeeds(t *testing.T) {
	known := map[string]bool{}
	for _, tool := range tools {
		known[tool.name] = true
	}
	for _, p := range parts([]variant.Variant{{Name: "ws-single"}}) {
		for _, name := range p.needs {
			if !known[name] {
				t.Errorf("part %s needs %s, which is not among the tools", p.name, name)
			}
		}
	}
}

func TestToolProblem(t *testing.T) {
	sh := func(script string) []string { return []string{"sh", "-c", script} }
	tests := []struct {
		tool tool
		says string
	}{
		{tool{check: sh("true")}, ""},
		{tool{check: sh(`echo 'openjdk version "17.0.15" 2025-04-15' >&2`), least: 17}, ""},
		{tool{check: sh("echo v20.20.2"), least: 20}, ""},
		{tool{check: sh("echo v18.19.0"), least: 20}, "version 18, 20 or later"},
		{tool{check: sh("echo hello"), least: 20}, "does not tell its version"},
		{tool{check: sh("exit 1")}, "does not work"},
		{tool{check: []string{"no-such-program"}}, "is not installed"},
	}
	for _, test := range tests {
		got := test.tool.problem(context.Background())
		if (test.says == "") != (got == "") || !strings.Contains(got, test.says) {
			t.Errorf("%v: got %q, want %q", test.tool.check, got, test.says)
		}
	}
}

func TestJob(t *testing.T) {
	j := &job{ctx: t.Context()}
	if j.count() != "0 passed, 0 failed" {
		t.Errorf("got %q", j.count())
	}
	j.pass(2)
	j.verdict("good", "", nil)
	j.verdict("bad", "what it said\n", errors.New("exit status 1"))
	j.check("also bad", t.TempDir(), "sh", "-c", "echo said; exit 1")
	j.skipped = 1
	if j.count() != "3 passed, 2 failed, 1 skipped" {
		t.Errorf("got %q", j.count())
	}
	if want := "--- FAIL: bad\nwhat it said\nexit status 1\n--- FAIL: also bad\nsaid\nexit status 1\n"; !bytes.Equal(j.report.Bytes(), []byte(want)) {
		t.Errorf("got %q, want %q", j.report.String(), want)
	}
}

// A part that runs no test has failed.
func TestEmptyPart(t *testing.T) {
	var out bytes.Buffer
	j := runPart(t.Context(), &shared{out: &out}, part{name: "empty", run: func(*job) {}})
	if j.failed != 1 || !strings.Contains(out.String(), "no test ran") {
		t.Errorf("got %q", out.String())
	}
}

func TestNoDaemons(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy-rc.d")
	restore, err := noDaemons(policy)
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := exec.Command(policy, "prometheus", "start").Run(); !errors.As(err, &exit) || exit.ExitCode() != 101 {
		t.Errorf("the policy says %v, want 101", err)
	}
	// Somebody's own stays.
	again, err := noDaemons(policy)
	if err == nil {
		err = again()
	}
	if _, statErr := os.Stat(policy); err != nil || statErr != nil {
		t.Errorf("a policy that was there: %v, %v", err, statErr)
	}
	if err := restore(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(policy); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
