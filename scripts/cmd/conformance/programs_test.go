package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/program"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func TestWrongUsageOfPrograms(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // in the error: what to do
	}{
		{[]string{"ws-single"}, "--server ws-single,ws-multi"},
		{[]string{"--for", "0s"}, "more than 0"},
		{[]string{"--for", "-1m"}, "more than 0"},
		{[]string{"--for", "5"}, "-for"},
		{[]string{"--seed", "x"}, "-seed"},
		{[]string{"--server", "ws-single"}, "ws-single,ws-multi or ws-multi,ws-multi"},
		{[]string{"--server", "ws-single,ws-triple"}, `"ws-triple": say ws-single or ws-multi`},
		{[]string{"--file", "none.json"}, "none.json"},
		{[]string{"--file", "wrong.json"}, "there is no actor"},
		{[]string{"--file", "right.json", "--seed", "7"}, "--seed together with --file"},
		{[]string{"--only", "P3"}, "-only"},
	} {
		folder := t.TempDir()
		keep(t, filepath.Join(folder, "right.json"), program.Step{Who: "c0", Do: program.Heartbeat})
		keep(t, filepath.Join(folder, "wrong.json"), program.Step{Who: "nobody", Do: program.Heartbeat})
		code, stdout, stderr := call(t, folder, append([]string{"programs"}, c.args...)...)
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "conformance: programs: ") || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit %d, said %q %q; want %q", c.args, code, stdout, stderr, c.want)
		}
	}
}

func keep(t *testing.T, path string, steps ...program.Step) {
	t.Helper()
	if err := (program.Program{Steps: steps}).Write(path); err != nil {
		t.Fatal(err)
	}
}

// The help's examples are command lines that are taken as they stand, from the repository's root.
func TestHelpOfPrograms(t *testing.T) {
	code, stdout, stderr := call(t, "/", "programs", "--help")
	if code != exitKept || stderr != "" || !strings.HasPrefix(stdout, programsUsage) || !strings.Contains(stdout, "-server") {
		t.Fatalf("exit %d, said %q %q", code, stdout, stderr)
	}
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for line := range strings.Lines(programsUsage) {
		words, isExample := strings.CutPrefix(line, "  scripts/conformance programs")
		if !isExample {
			continue
		}
		words, _, _ = strings.Cut(words, "#")
		if _, err := parsePrograms(strings.Fields(words), func(string) string { return root }, nil); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		examples++
	}
	if examples < 4 {
		t.Errorf("%d examples", examples)
	}
}

// What is not said is chosen, and paths are the caller's.
func TestOptionsOfPrograms(t *testing.T) {
	folder := t.TempDir()
	keep(t, filepath.Join(folder, "p.json"), program.Step{Who: "c0", Do: program.Heartbeat})
	parse := func(args ...string) *programsOptions {
		o, err := parsePrograms(args, func(string) string { return folder }, nil)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := parse(); o.long != 5*time.Minute || o.seed == 0 || o.seed == parse().seed || o.servers[0].Name != "ws-single" || o.servers[1].Name != "ws-multi" || o.only != nil {
		t.Errorf("%+v", o)
	}
	if o := parse("--file", "p.json", "--dir", "kept"); o.long != 0 || o.only == nil || o.dir != filepath.Join(folder, "kept") {
		t.Errorf("%+v", o)
	}
	if o := parse("--file", filepath.Join(folder, "p.json"), "--for", "1m", "--server", "ws-multi,ws-multi"); o.long != time.Minute || o.servers[0].Name != "ws-multi" {
		t.Errorf("%+v", o)
	}
	if o := parse("--seed", "7"); o.seed != 7 {
		t.Errorf("%+v", o)
	}
}

// A failure is told with a command line that is taken as it stands.
func TestProgramAgain(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "it failed.json")
	keep(t, file, program.Step{Who: "c0", Do: program.Heartbeat})
	for _, c := range []struct {
		args  []string
		alone bool
		want  string
	}{
		{[]string{"--seed", "7"}, true, "run it again:\n    scripts/conformance programs --file '" + file + "'\n"},
		{[]string{"--server", "ws-multi,ws-multi", "--race"}, true, "run it again:\n    scripts/conformance programs --server ws-multi,ws-multi --race --file '" + file + "'\n"},
		{[]string{"--seed", "7"}, false, "run it again:\n    scripts/conformance programs --file '" + file + "'\n" +
			"with those that ran beside it:\n    scripts/conformance programs --seed 10 --for 1s\n"}, // 10, 11 and 12 were one round
	} {
		o, err := parsePrograms(c.args, func(string) string { return folder }, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.again(&program.Failure{Seed: 12, Alone: c.alone, File: file}); got != c.want {
			t.Errorf("%q: said\n%swant\n%s", c.args, got, c.want)
		}
	}
}

func TestProgramsOnRealServers(t *testing.T) {
	brokers := realBroker(t)
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}

	t.Run("drawn", func(t *testing.T) {
		code, stdout, stderr := call(t, t.TempDir(), "programs", "--kafka", brokers, "--seed", "7", "--for", "1ms")
		if code != exitKept || !strings.HasPrefix(stdout, "3 programs of ") || !strings.HasSuffix(stdout, "\nevery client got what it had to\n") ||
			!strings.Contains(stderr, "programs from seed 7\n") {
			t.Errorf("exit %d, said\n%s%s", code, stdout, stderr)
		}
	})

	t.Run("of a file", func(t *testing.T) {
		code, stdout, stderr := call(t, root, "programs", "--kafka", brokers, "--server", "ws-multi,ws-single",
			"--file", "scripts/internal/program/testdata/passed_over_at_the_end_of_a_replay.json")
		if code != exitKept || !strings.HasPrefix(stdout, "3 programs of ") {
			t.Errorf("exit %d, said\n%s%s", code, stdout, stderr)
		}
	})

	t.Run("without a Kafka", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var stdout, stderr strings.Builder
		code := run(ctx, []string{"programs", "--kafka", "127.0.0.1:1"}, func(string) string { return "" }, &stdout, &stderr)
		if code != exitBroken || stdout.Len() > 0 || !strings.Contains(stderr.String(), "on the Kafka at 127.0.0.1:1: make topics") {
			t.Errorf("exit %d, said %q %q", code, &stdout, &stderr)
		}
	})
}
