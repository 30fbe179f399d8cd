package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// TestMain lets this test's program be a worker, as bench is its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		main()
		return
	}
	os.Exit(m.Run())
}

func bench(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestWrongUsage(t *testing.T) {
	tests := []struct {
		args []string
		want string // in the error
	}{
		{nil, "say what to do"},
		{[]string{"mesure"}, `"mesure" is no command`},
		{[]string{"run", "brodcast"}, "brodcast"},
		{[]string{"run", "--server", "ws-triple", "broadcast"}, "ws-single"},
		{[]string{"run", "--server", "floor", "broadcast"}, "baseline"},
		{[]string{"run", "--rounds", "-1", "broadcast", "--anywhere"}, "--rounds"},
		{[]string{"run", "--connections", "many"}, "connections"},
		{[]string{"run", "nowhere.yaml"}, "nowhere.yaml"},
		{[]string{"compare", "ws-single"}, "two servers or more"},
		{[]string{"compare", "ws-single", "nginx"}, "nginx"},
		{[]string{"compare", "ws-single", "floor", "--scenario", "idle"}, "idle"},
		{[]string{"compare", "ws-single", "reader", "--scenario", "unwanted"}, "unwanted"},
		{[]string{"run", "idle", "--connections", "1", "--anywhere"}, "steps"},
		{[]string{"compare", "ws-single", "floor", "--measure", "beauty"}, "beauty"},
		{[]string{"compare", "ws-single", "ws-single=/not/there"}, "/not/there"},
		{[]string{"capacity", "broadcast"}, "--scenario"},
		{[]string{"capacity", "--scenario", "storm"}, "storm"},
		{[]string{"capacity", "--headroom", "1"}, "--headroom"},
		{[]string{"capacity", "--server", "gorilla-hub"}, "takes no settings"},
		{[]string{"report", "--results", t.TempDir()}, "measure something first"},
		{[]string{"baseline", "nginx"}, "gorilla-hub"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			code, _, stderr := bench(t, tt.args...)
			if code != exitUsage || !strings.Contains(stderr, tt.want) || !strings.HasPrefix(stderr, "bench: ") {
				t.Errorf("exit code %d and %q, want %d and an error with %q", code, stderr, exitUsage, tt.want)
			}
		})
	}
}

func TestHelpHasExamples(t *testing.T) {
	for _, command := range []string{"run", "compare", "capacity", "report"} {
		code, stdout, _ := bench(t, command, "--help")
		if code != exitHolds || !strings.Contains(stdout, "For example") || !strings.Contains(stdout, "scripts/bench "+command) {
			t.Errorf("%s --help: exit code %d\n%s", command, code, stdout)
		}
	}
}

func TestList(t *testing.T) {
	code, stdout, _ := bench(t, "list")
	for _, want := range []string{"broadcast", "storm", "ws-single", "gorilla-hub"} {
		if code != exitHolds || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, no %s in\n%s", code, want, stdout)
		}
	}
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		verdicts []result.Verdict
		want     int
	}{
		{nil, exitHolds},
		{[]result.Verdict{result.Holds, result.Holds}, exitHolds},
		{[]result.Verdict{result.Holds, result.Undecided}, exitUndecided},
		{[]result.Verdict{result.Undecided, result.Refused}, exitRefused},
		{[]result.Verdict{result.Refused, result.Worse, result.Holds}, exitWorse},
	}
	for _, tt := range tests {
		var all []*result.Result
		for _, v := range tt.verdicts {
			all = append(all, &result.Result{Verdict: v})
		}
		if got := exitCode(all); got != tt.want {
			t.Errorf("%v: exit code %d, want %d", tt.verdicts, got, tt.want)
		}
	}
}

// What capacity writes is what the server takes, without a warning on the machine where it was measured.
func TestSettingsAreTaken(t *testing.T) {
	v := variant.Variant{}
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	v = all[0]
	binary, err := v.Build(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(binary, "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var version struct{ Host string }
	if err := json.Unmarshal(out, &version); err != nil {
		t.Fatal(err)
	}
	res := &result.Result{
		Servers: []string{v.Name}, Started: time.Now(), Command: []string{"scripts/bench", "capacity"},
		Capacity: &result.Capacity{BoundMS: 100, Rate: 1000, Connections: 500, Headroom: 0.2, Settings: map[string]string{
			"WS_MAX_CONNECTIONS": "500", "KAFKA_MAX_RATE": "800", "WS_MEASURED_ON": "4.0us@" + version.Host,
		}},
	}
	path := filepath.Join(t.TempDir(), "capacity.env")
	var text bytes.Buffer
	if err := writeSettings(&text, res); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "config", "check", "--config", path)
	cmd.Env = variant.Environ(nil)
	checked, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(checked), "WS_MEASURED_ON") {
		t.Errorf("%v\n%s\nof\n%s", err, checked, text.String())
	}
}

// One whole command in little: it measures, keeps a result, and a report is made of it.
func TestRunAndReport(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := bench(t, "run", "broadcast", "--connections", "50", "--rounds", "3", "--slice", "500ms", "--anywhere",
		"--out", dir, "--brokers", os.Getenv("KAFKA_TEST_BROKERS"))
	if !strings.Contains(stdout, "us/delivery") || !strings.Contains(stdout, "ws-single") || code == exitUsage {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	page, table, pictures := filepath.Join(dir, "r.html"), filepath.Join(dir, "r.md"), filepath.Join(dir, "pictures")
	code, stdout, stderr = bench(t, "report", "--results", dir, "--html", page, "--markdown", table, "--pictures", pictures)
	if code != exitHolds {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	for _, file := range []string{page, table, filepath.Join(pictures, "latency.svg")} {
		b, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(b, []byte("ws-single")) {
			t.Errorf("%s: %v, %d bytes", file, err, len(b))
		}
	}
}

func TestDescribeProgress(t *testing.T) {
	got := describe(measure.Progress{
		Phase: "measure", Lane: "ws-single", Round: 3, Rounds: 30, Connections: 12000, PerSecond: 60123.4, Reach: 1, Left: 90 * time.Second,
	})
	if want := "measure 3/30, ws-single, 12000 connections, 60123 deliveries/s, reach 100%, 1m30s left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
