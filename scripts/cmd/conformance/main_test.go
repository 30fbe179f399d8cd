package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/conformance"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call runs the program as from a folder.
func call(t *testing.T, folder string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	env := func(name string) string {
		if name == "CALLER_DIR" {
			return folder
		}
		return ""
	}
	code = run(t.Context(), args, env, &out, &errs)
	return code, out.String(), errs.String()
}

func TestWrongUsage(t *testing.T) {
	at := []string{"--url", "ws://localhost:1/ws", "--admin", "localhost:2", "--kafka", "localhost:3"}
	with := func(more ...string) []string { return append(append([]string{}, at...), more...) }
	for _, c := range []struct {
		args []string
		want string // in the error: what to do
	}{
		{[]string{"--server", "ws-triple"}, "ws-single or ws-multi"},
		{[]string{"ws-single"}, "--server ws-multi"},
		{[]string{"P3"}, "--only P3"},
		{[]string{"--only", "P99"}, "P3, P3.4 or P3.4a"},
		{[]string{"--only", "P2.1c,3.4"}, `"3.4"`},
		{[]string{"--at-once", "0"}, "1 to 64"},
		{[]string{"--reprot", "x"}, "reprot"},
		{[]string{"--admin", "localhost:3905"}, "add --url"},
		{[]string{"--server", "ws-single", "--topics", "a=trade"}, "add --url"},
		{[]string{"--url", "http://localhost:3005/ws"}, "ws://host:port/ws"},
		{[]string{"--url", "ws://localhost/ws"}, "ws://host:port/ws"},
		{[]string{"--url", "ws://localhost:3005/"}, "ws://host:port/ws"},
		{[]string{"--url", "ws://localhost:3005/ws"}, "--admin localhost:3905"},
		{[]string{"--url", "ws://localhost:3005/ws", "--admin", "localhost:3905"}, "--kafka localhost:9092"},
		{with("--server", "ws-single"), "ws-single together with --url"},
		{with("--race"), "--race"},
		{[]string{"--only", "P2.1a", "--report", "/dev/null"}, "may be of all sentences"},
		{with("--topics", "a=trade"), "none for the event liquidity"},
		{with("--topics", "a=trade,b=trade"), "trade"},
	} {
		code, stdout, stderr := call(t, "/", c.args...)
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "conformance: ") || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit %d, said %q %q; want %q", c.args, code, stdout, stderr, c.want)
		}
	}
}

// The help's examples are command lines that are taken as they stand.
func TestHelp(t *testing.T) {
	code, stdout, stderr := call(t, "/", "--help")
	if code != exitKept || stderr != "" || !strings.HasPrefix(stdout, usage) || !strings.Contains(stdout, "-at-once") {
		t.Fatalf("exit %d, said %q %q", code, stdout, stderr)
	}
	examples := 0
	for line := range strings.Lines(usage) {
		words, isExample := strings.CutPrefix(line, "  scripts/conformance")
		if !isExample {
			continue
		}
		words, _, _ = strings.Cut(words, "#")
		if _, err := parse(strings.Fields(words), func(string) string { return "/" }, os.Stderr); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		examples++
	}
	if examples < 4 {
		t.Errorf("%d examples", examples)
	}
}

func TestList(t *testing.T) {
	code, stdout, stderr := call(t, "/", "--list", "--only", "P2")
	if code != exitKept || stderr != "" || !strings.HasPrefix(stdout, "P2.1a ") || strings.Contains(stdout, "P3") {
		t.Errorf("exit %d, said %q %q", code, stdout, stderr)
	}
}

func TestAgain(t *testing.T) {
	if got, want := again([]string{"--topics", "a=b, c=d", "it's"}), `scripts/conformance --topics 'a=b, c=d' 'it'\''s'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// realBroker is the one that KAFKA_TEST_BROKERS names, or one of the test's own.
func realBroker(t *testing.T) string {
	t.Helper()
	if brokers := os.Getenv("KAFKA_TEST_BROKERS"); brokers != "" {
		return brokers
	}
	b, err := broker.Start(t.Context(), broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b.Addr()
}

func TestOnRealServers(t *testing.T) {
	brokers := realBroker(t)

	t.Run("that it starts", func(t *testing.T) {
		folder := t.TempDir()
		code, stdout, stderr := call(t, folder, "--kafka", brokers, "--only", "P2.1a,P2.1c", "--report", "a/page.md", "--json", "all.json")
		if code != exitKept || !strings.Contains(stdout, "ws-single: ") || !strings.Contains(stdout, "ws-multi: ") || !strings.Contains(stdout, ", 0 broken\n") {
			t.Fatalf("exit %d, said\n%s%s", code, stdout, stderr)
		}
		page, err := os.ReadFile(filepath.Join(folder, "a", "page.md"))
		if err != nil || !bytes.Contains(page, []byte("    scripts/conformance --kafka "+brokers+" --only P2.1a,P2.1c --report a/page.md --json all.json\n")) {
			t.Errorf("%v: the page does not say how to run it again:\n%s", err, page)
		}
		var report conformance.Report
		text, err := os.ReadFile(filepath.Join(folder, "all.json"))
		if err != nil || json.Unmarshal(text, &report) != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if len(report.Servers) != 2 || len(report.Cases) == 0 || report.Kafka != "" || report.Started.IsZero() {
			t.Errorf("%s", text)
		}
		for i, s := range report.Servers {
			var v struct{ Name, Version string }
			if err := json.Unmarshal(s.Version, &v); err != nil || v.Name != s.Server || v.Version == "" {
				t.Errorf("%s says of its version %s (%v)", s.Server, s.Version, err)
			}
			if passed, _, _ := s.Count(); passed != len(report.Cases) || len(s.Results) != passed || s.Seconds <= 0 {
				t.Errorf("%d: %+v", i, s)
			}
		}
	})

	start := func(t *testing.T, set stage.Settings) (*stage.Server, []string) {
		t.Helper()
		all, err := variant.All()
		if err != nil {
			t.Fatal(err)
		}
		binary, err := all[0].Binary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := stage.Start(t, binary, stage.MakeTopics(t, brokers, 12, conformance.Events...), set)
		return s, []string{"--url", s.URL(), "--admin", s.AdminAddr, "--kafka", brokers, "--topics", s.Topics.Setting()}
	}

	t.Run("that run already", func(t *testing.T) {
		_, args := start(t, nil)
		code, stdout, stderr := call(t, t.TempDir(), append(args, "--only", "P2.1c,P2.2b,P2.2g")...)
		if code != exitKept || !strings.HasPrefix(stdout, "ws-single: 1 of the sentences tried") || !strings.Contains(stdout, "; 2 not run\n") ||
			!strings.Contains(stdout, "P2.2b was not run: it needs a server") {
			t.Errorf("exit %d, said\n%s%s", code, stdout, stderr)
		}
	})

	t.Run("that break a promise", func(t *testing.T) {
		_, args := start(t, stage.Settings{"WS_ALLOW_NO_ORIGIN": "false"})
		code, stdout, stderr := call(t, t.TempDir(), append(args, "--only", "P2.1c")...)
		if code != exitBroken || !strings.Contains(stdout, "0 kept, 1 broken") || !strings.Contains(stderr, "ws-single: P2.1c is broken: ") || !strings.Contains(stderr, "    dial ") {
			t.Errorf("exit %d, said\n%s%s", code, stdout, stderr)
		}
	})

	t.Run("and the page cannot be written", func(t *testing.T) {
		folder := t.TempDir()
		file := filepath.Join(folder, "file")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := call(t, folder, "--kafka", brokers, "--only", "P2.1a", "--report", "file/page.md")
		if code != exitBroken || stdout != "" || !strings.Contains(stderr, "make a folder for "+file) || strings.Contains(stderr, "building") {
			t.Errorf("exit %d, said %q %q", code, stdout, stderr)
		}
	})

	t.Run("that do not run", func(t *testing.T) {
		code, stdout, stderr := call(t, "/", "--url", "ws://127.0.0.1:1/ws", "--admin", "127.0.0.1:1", "--kafka", brokers)
		if code != exitBroken || stdout != "" || !strings.Contains(stderr, "look for the server") {
			t.Errorf("exit %d, said %q %q", code, stdout, stderr)
		}
	})
}
