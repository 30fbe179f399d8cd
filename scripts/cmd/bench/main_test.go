package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/measure"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/treehash"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

var update = flag.Bool("update", false, "write the golden files")

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
		{[]string{"run", "idle", "--rounds", "2", "--anywhere"}, "rounds is given"},
		{[]string{"run", "storm", "--slice", "2s", "--anywhere"}, "slice is given"},
		{[]string{"run", "burst", "--slice", "2s", "--anywhere"}, "needs at least"},
		{[]string{"run", "idle", "idle", "--rounds", "2", "--anywhere"}, "--rounds concerns none"},
		{[]string{"run", "idle", "storm", "--slice", "2s", "--anywhere"}, "--slice 2s fits none"},
		{[]string{"run", "--slice", "1ms", "--anywhere"}, "slice is 1ms"},
		{[]string{"run", "--connections", "1", "--anywhere"}, "steps"},
		{[]string{"run", "--rounds", "-1", "--anywhere"}, "--rounds"},
		{[]string{"compare", "ws-single"}, "two servers or more"},
		{[]string{"compare", "ws-single", "nginx"}, "nginx"},
		{[]string{"compare", "ws-single", "floor", "--scenario", "idle"}, "idle"},
		{[]string{"compare", "ws-single", "reader", "--scenario", "unwanted"}, "unwanted"},
		{[]string{"compare", "gorilla-hub", "gorilla-hub"}, "named twice"},
		{[]string{"compare", "ws-single", "floor", "floor"}, "named twice"},
		{[]string{"compare", "ws-single", "reader"}, "reader delivers nothing"},
		{[]string{"run", "idle", "--connections", "1", "--anywhere"}, "steps"},
		{[]string{"compare", "ws-single", "floor", "--measure", "beauty"}, "beauty"},
		{[]string{"compare", "ws-single", "ws-single=/not/there"}, "/not/there"},
		{[]string{"compare", "ws-single", "ws-single@shards=2"}, "shards are ws-multi's"},
		{[]string{"compare", "ws-single", "ws-single@speed=2"}, "speed is not known"},
		{[]string{"compare", "ws-single", "floor@WS_X=1"}, `no server "floor"`},
		{[]string{"fit", "--server", "floor"}, "there is no model of it"},
		{[]string{"fit", "--no-run", "--server", "ws-single"}, "nothing is"},
		{[]string{"fit", "--no-run", "--out", t.TempDir()}, "measure something first"},
		{[]string{"map", "--results", t.TempDir()}, "make one with: scripts/bench fit"},
		{[]string{"map", "now"}, "now is none"},
		{[]string{"capacity", "broadcast"}, "--scenario"},
		{[]string{"capacity", "--scenario", "storm"}, "storm"},
		{[]string{"capacity", "--headroom", "1"}, "--headroom"},
		{[]string{"capacity", "--server", "gorilla-hub"}, "takes no settings"},
		{[]string{"capacity", "--server", "ws-multi@processes=2", "--anywhere"}, "leave processes out"},
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
	for _, command := range []string{"run", "compare", "capacity", "fit", "map", "plan", "report"} {
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

// Options for several scenarios are settled before the first of them is measured.
func TestOptionsForSeveral(t *testing.T) {
	tests := []struct {
		o     options
		notes []string // each begins with
		want  func(s *scenario.Scenario) bool
	}{
		{options{}, nil, func(*scenario.Scenario) bool { return true }},
		{options{rounds: 7}, []string{"idle: --rounds"}, func(s *scenario.Scenario) bool { return s.Rounds == 7 || s.Kind == scenario.Idle && s.Rounds == 0 }},
		{
			options{slice: 3 * time.Second},
			[]string{"burst: --slice 3s is too short", "idle: --slice", "storm: --slice"},
			func(s *scenario.Scenario) bool {
				switch s.Name {
				case "burst":
					return time.Duration(s.Slice) == 10*time.Second
				case "idle", "storm":
					return s.Slice == 0
				}
				return time.Duration(s.Slice) == 3*time.Second
			},
		},
		{options{slice: 10 * time.Second}, []string{"idle: --slice", "storm: --slice"}, func(s *scenario.Scenario) bool {
			return s.Kind != scenario.Deliver || time.Duration(s.Slice) == 10*time.Second
		}},
		{options{connections: 400}, nil, func(s *scenario.Scenario) bool {
			return s.Connections == 400 && s.Settings["WS_MAX_CONNECTIONS"] == "" && (s.Kind != scenario.Idle || slices.Equal(s.Steps, []int{100, 400}))
		}},
	}
	for _, tt := range tests {
		all, err := scenarios(nil)
		if err != nil {
			t.Fatal(err)
		}
		notes, err := tt.o.applyAll(all)
		if err != nil || !slices.EqualFunc(notes, tt.notes, strings.HasPrefix) {
			t.Errorf("%+v: %q and %v, want %q", tt.o, notes, err, tt.notes)
		}
		for _, s := range all {
			if err := s.Validate(); err != nil || !tt.want(&s) {
				t.Errorf("%+v: %s has %d connections, steps %v, %d rounds of %v: %v", tt.o, s.Name, s.Connections, s.Steps, s.Rounds, s.Slice, err)
			}
		}
	}
}

// The same server with other settings, or another binary, is another one, with a name of its own.
func TestServers(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "new")
	if err := os.WriteFile(binary, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := servers([]string{"ws-single", "floor", "ws-single@WS_CHANNELS=9", "ws-single=" + binary, "ws-single=" + binary + "@processes=2", "ws-single@WS_CHANNELS=9"})
	want := []string{"ws-single", "ws-single@WS_CHANNELS=9", "ws-single#2", "ws-single@processes=2", "ws-single@WS_CHANNELS=9#2"}
	if err != nil || !slices.Equal(c.names, want) || !slices.Equal(c.beside, []string{"floor"}) {
		t.Errorf("%v: %v, want %q", c, err, want)
	}
	if len(c.binaries) != 2 || c.binaries["ws-single#2"] != binary || c.binaries["ws-single@processes=2"] != binary {
		t.Errorf("binaries %v", c.binaries)
	}
}

// A scenario is measured with what was asked for, else with its own servers as far as they are here.
func TestField(t *testing.T) {
	all := []scenario.Scenario{
		{Name: "plain"}, {Name: "both", Servers: []string{"ws-single", "ws-triple@shards=1"}}, {Name: "theirs", Servers: []string{"ws-triple"}}, {Name: "long", ByName: true},
	}
	kept, notes, err := field(all, contest{}, false)
	if err != nil || len(kept) != 2 || len(notes) != 3 {
		t.Fatalf("%v, %q, %v", kept, notes, err)
	}
	for i, want := range []string{"both: measured without", "theirs: left out", "long: left out"} {
		if !strings.HasPrefix(notes[i], want) {
			t.Errorf("note %q, want %q", notes[i], want)
		}
	}
	for _, s := range kept {
		if !slices.Equal(s.Servers, []string{"ws-single"}) {
			t.Errorf("%s is measured with %v", s.Name, s.Servers)
		}
	}
	if _, _, err := field(all[2:], contest{}, true); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), "theirs is for ws-triple") {
		t.Errorf("one that cannot be measured: %v", err)
	}
	if kept, _, err := field(all[3:], contest{names: []string{"ws-single@processes=2"}}, true); err != nil || len(kept) != 1 || kept[0].Servers[0] != "ws-single@processes=2" {
		t.Errorf("one that is named: %v, %v", kept, err)
	}
}

// What becomes of one scenario leaves the others be.
func TestRunAll(t *testing.T) {
	const fails, stops, nothing = "fails", "stops", "nothing" // other names are verdicts
	tests := []struct {
		names    string
		ran      int
		code     int
		err      string // "": none
		reported string // on stderr
	}{
		{"holds holds", 2, exitHolds, "", ""},
		{"holds fails undecided", 3, exitWorse, "1 of 3 scenarios failed: fails", "bench: fails: the broker is gone"},
		{"fails", 1, exitWorse, "the broker is gone", ""},
		{"holds stops holds", 2, exitRefused, "", "bench: interrupted: 1 of 3 scenarios were not measured"},
		{"holds nothing holds", 2, exitRefused, "", "bench: interrupted: 2 of 3 scenarios were not measured"},
		{"worse nothing", 2, exitWorse, "", "bench: interrupted: 1 of 2"},
		{"fails nothing", 2, exitWorse, "1 of 2 scenarios failed: fails", "bench: interrupted: 1 of 2"},
		{"nothing holds", 1, exitRefused, "interrupted before anything was measured", ""},
	}
	for _, tt := range tests {
		t.Run(tt.names, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			var all []scenario.Scenario
			for _, name := range strings.Fields(tt.names) {
				all = append(all, scenario.Scenario{Name: name})
			}
			var stderr bytes.Buffer
			ran := 0
			code, err := runAll(ctx, all, &stderr, func(s scenario.Scenario) (*result.Result, error) {
				ran++
				switch s.Name {
				case fails:
					return nil, errors.New("the broker is gone")
				case stops:
					interrupt()
					return &result.Result{Verdict: result.Refused, Interrupted: true}, nil
				case nothing:
					interrupt()
					return nil, errInterrupted
				}
				return &result.Result{Verdict: result.Verdict(s.Name)}, nil
			})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if ran != tt.ran || code != tt.code || got != tt.err || !strings.Contains(stderr.String(), tt.reported) {
				t.Errorf("%d ran, exit code %d, error %q, want %d, %d, %q; and on stderr\n%s", ran, code, got, tt.ran, tt.code, tt.err, stderr.String())
			}
		})
	}
}

// A start that is interrupted is no failure.
func TestInterruptedStart(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	for _, command := range []string{"run broadcast", "compare ws-single floor", "capacity"} {
		var stdout, stderr bytes.Buffer
		args := append(strings.Fields(command), "--anywhere", "--brokers", "127.0.0.1:1", "--out", t.TempDir())
		code := run(ctx, args, &stdout, &stderr)
		if last := "bench: interrupted before anything was measured\n"; code != exitRefused || !strings.HasSuffix(stderr.String(), last) || stdout.Len() > 0 {
			t.Errorf("%s: exit code %d\n%s\n%s", command, code, stdout.String(), stderr.String())
		}
	}
}

// What was measured is shown even where it cannot be kept, and whatever else went wrong.
func TestWatchedShowsWhatIsNotKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broke := errors.New("the run broke off")
	var stdout bytes.Buffer
	res, err := watched(t.Context(), &options{out: filepath.Join(file, "folder")}, cores{}, measure.Config{}, &stdout, io.Discard,
		func(measure.Config) (*result.Result, error) { return example(t), broke })
	if res == nil || !errors.Is(err, broke) || !strings.Contains(err.Error(), "write result") {
		t.Errorf("error %v", err)
	}
	if out := stdout.String(); !strings.Contains(out, "ws-single") || !strings.HasSuffix(out, "; not kept\n") {
		t.Errorf("printed was\n%s", out)
	}
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	kept := t.TempDir()
	for _, lanes := range [][]result.Lane{nil, {{Name: "floor", Connections: 3}}} {
		_, err = watched(interrupted, &options{out: kept}, cores{}, measure.Config{}, &stdout, io.Discard,
			func(measure.Config) (*result.Result, error) {
				return &result.Result{Lanes: lanes, Interrupted: true}, broke
			})
		if files, _ := os.ReadDir(kept); !errors.Is(err, errInterrupted) || len(files) > 0 {
			t.Errorf("%d lanes: error %v, %d files", len(lanes), err, len(files))
		}
	}
}

// How late messages are says nothing of a server on the load's cores, and that is told before anything is measured.
func TestCapacityOnSharedCores(t *testing.T) {
	t.Setenv(placedEnv, `{"Server":[0],"Load":[1]}`)
	code, _, stderr := bench(t, "capacity", "--server", "ws-multi@shards=2", "--out", t.TempDir())
	if code != exitUsage || !strings.Contains(stderr, "2 cores, of which 1 are the load's too") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// The settings are those that it held with; what is Go's is only told.
func TestSettingsOfCandidate(t *testing.T) {
	var text bytes.Buffer
	res := &result.Result{
		Servers: []string{"ws-multi@shards=1"}, Lanes: []result.Lane{{Server: "ws-multi@shards=1", Settings: map[string]string{"GOMAXPROCS": "1", "WS_SHARDS": "1"}}},
		Capacity: &result.Capacity{Settings: map[string]string{"WS_SHARDS": "1"}},
	}
	if err := writeSettings(&text, res); err != nil {
		t.Fatal(err)
	}
	if out := text.String(); !strings.Contains(out, "\nWS_SHARDS=1\n") || !strings.Contains(out, "# It ran with GOMAXPROCS=1") || strings.Contains(out, "\nGOMAXPROCS") {
		t.Errorf("written was\n%s", out)
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
	// What is kept says of which trees it is; of one with changes, of none.
	kept, err := filepath.Glob(filepath.Join(dir, "*-broadcast.json"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v, %v", kept, err)
	}
	res, err := result.Read(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range res.Servers {
		name := scenario.VariantOf(server)
		if want, err := treehash.Of(t.Context(), root, name); res.Trees[name] != want {
			t.Errorf("the tree of %s is %q, want %q, %v", name, res.Trees[name], want, err)
		}
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
