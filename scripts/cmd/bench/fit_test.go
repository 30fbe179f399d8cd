package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const fixture = "../../internal/model/testdata/20261123-120000-model.json"

// The grid's scenarios are valid ones of any size, and nothing in them is near its end.
func TestGrid(t *testing.T) {
	for _, most := range []int{60, 1200, gridConnections} {
		all, err := gridOf(&options{connections: most}, contest{names: []string{"ws-single", "ws-multi@shards=1"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 5 || all[2].Connections != most || all[0].Connections != most/12 || all[3].Kind != scenario.Idle || all[4].Name != "shards" {
			t.Errorf("%d scenarios of %d connections: %+v", len(all), most, all)
		}
		for _, s := range all[:3] {
			for _, lane := range s.AllLanes() {
				deliveries := lane.Publish.Rate * scenario.NewPlan(&s, 0).FanOutOf(*lane.Publish, s.Connections)
				if burst := lane.Publish.Burst > 1; deliveries > 61_000 && !burst || lane.Publish.Rate > 6000 || burst && deliveries > 200_000 {
					t.Errorf("%d connections, %s: %.0f records/s, %.0f deliveries/s", s.Connections, lane.Name, lane.Publish.Rate, deliveries)
				}
			}
		}
	}
	if all, err := gridOf(&options{}, contest{names: []string{"ws-single"}}); err != nil || len(all) != 4 {
		t.Errorf("of ws-single alone %d scenarios, %v", len(all), err)
	}
	// What it takes: turns of each lane and of the floor, with what is around them, and the warm-up.
	all, err := gridOf(&options{}, contest{names: []string{"ws-single", "ws-multi@shards=1"}})
	if err != nil {
		t.Fatal(err)
	}
	var sum time.Duration
	for _, s := range all {
		lanes := 1 + len(s.AllLanes())*2
		sum += time.Duration(s.Rounds*lanes)*(time.Duration(s.Slice)+400*time.Millisecond) + time.Duration(2*lanes)*time.Second + 15*time.Second + 2*time.Duration(s.Rest)
	}
	if sum > 12*time.Minute {
		t.Errorf("it takes about %v", sum)
	}
}

// A grid in little is measured, a model fitted, and the map and a plan come of it.
func TestFitMapPlan(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures four scenarios")
	}
	dir := t.TempDir()
	code, stdout, stderr := bench(t, "fit", "--connections", "60", "--rounds", "3", "--slice", "250ms", "--anywhere", "--out", dir, "--brokers", os.Getenv("KAFKA_TEST_BROKERS"), "--server", "ws-single")
	if files, _ := filepath.Glob(filepath.Join(dir, "models", "*-model.json")); len(files) != 1 {
		// A busy machine may spoil the runs, and then it says why.
		if code != exitUsage || !strings.Contains(stderr, "left out") || !strings.Contains(stderr, "too few") {
			t.Fatalf("exit code %d, %d models\n%s\n%s", code, len(files), stdout, stderr)
		}
		t.Skip("the machine is too busy: " + stderr)
	}
	if code != exitHolds || !strings.Contains(stdout, "us a record") || !strings.Contains(stdout, "predicted by the others") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	code, stdout, stderr = bench(t, "plan", "--results", dir, "--connections", "50000", "--rate", "2", "--channels", "10")
	if code != exitHolds || !strings.Contains(stdout, "PROJECTION") || !strings.Contains(stdout, "breaks first") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	if code, _, stderr := bench(t, "map", "--results", dir); code != exitUsage || !strings.Contains(stderr, "no costs of ws-multi") {
		t.Errorf("a map of one variant: exit code %d, %s", code, stderr)
	}
}

// A model of results that are there, which nothing is measured for.
func TestFitOfFiles(t *testing.T) {
	dir := t.TempDir()
	if code, _, stderr := bench(t, "fit", "--out", dir, filepath.Join("..", "..", "internal", "result", "testdata", "idle.json")); code != exitUsage || !strings.Contains(stderr, "too few") {
		t.Errorf("of one result: exit code %d, %s", code, stderr)
	}
}

func TestPlan(t *testing.T) {
	tests := map[string][]string{
		"million": {"--connections", "1000000", "--rate", "5", "--channels", "1000"},
		"small":   {"--connections", "3000", "--rate", "5", "--channels", "1"},
		"files":   {"--connections", "50000", "--rate", "1", "--fan-out", "100", "--files", "20000", "--variant", "ws-multi", "--memory", "2GiB"},
		"none":    {"--connections", "1000000", "--rate", "5", "--fan-out", "1"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := bench(t, append([]string{"plan", "--model", fixture}, args...)...)
			if want := map[bool]int{true: exitWorse, false: exitHolds}[name == "none"]; code != want || stderr != "" {
				t.Errorf("exit code %d, want %d, %s", code, want, stderr)
			}
			path := filepath.Join("testdata", "plan-"+name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(stdout), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil || stdout != string(want) {
				t.Errorf("differs from %s (%v); if it should, go test ./cmd/bench -run TestPlan -update:\n%s", path, err, stdout)
			}
		})
	}
}

func TestPlanMistakes(t *testing.T) {
	good := []string{"--connections", "1000", "--rate", "1", "--channels", "1"}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "--connections is 0"},
		{nil, "--rate is 0"},
		{nil, "say --channels"},
		{[]string{"--connections", "10", "--rate", "1", "--channels", "11"}, "--channels is 11: allowed are 1 to connections, 10"},
		{[]string{"--connections", "10", "--rate", "1", "--fan-out", "11"}, "--fan-out is 11"},
		{append(good, "--rate", "NaN"), "--rate is NaN"},
		{append(good, "--bytes", "116"), "--bytes is 116: allowed are 117"},
		{append(good, "--cores", "0"), "--cores is 0"},
		{append(good, "--memory", "lots"), `--memory is "lots": write a size such as 8GiB`},
		{append(good, "--network", "10"), `--network is "10": write such as 10Gbit`},
		{append(good, "--variant", "ws-triple"), `--variant is "ws-triple": allowed are ws-single, ws-multi`},
		{append(good, "--files", "12"), "--files is 12"},
		{append(good, "more"), "more is none"},
		{append(good, "--results", t.TempDir()), "make one with: scripts/bench fit"},
	} {
		args := append([]string{"plan"}, tt.args...)
		if !strings.Contains(strings.Join(args, " "), "--results") {
			args = append(args, "--model", fixture)
		}
		code, _, stderr := bench(t, args...)
		if code != exitUsage || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v: exit code %d and %q, want %q", tt.args, code, stderr, tt.want)
		}
	}
	for text, want := range map[string]float64{"8GiB": 8 << 30, "512MiB": 512 << 20, "1.5G": 1.5 * (1 << 30), "2GB": 2e9} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s is %g, %v", text, got, err)
		}
	}
	for text, want := range map[string]float64{"10Gbit": 10e9, "100Mbit/s": 100e6, "1G": 1e9} {
		if got, err := parseBits(text); err != nil || got != want {
			t.Errorf("%s is %g, %v", text, got, err)
		}
	}
}

func TestMapCommand(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "map.svg")
	code, stdout, stderr := bench(t, "map", "--model", fixture, "--svg", picture)
	if svg, err := os.ReadFile(picture); code != exitHolds || !strings.Contains(stdout, "By memory") || err != nil || !bytes.Contains(svg, []byte("<svg")) {
		t.Errorf("exit code %d, %v\n%s\n%s", code, err, stdout, stderr)
	}
}

// A report has the map of the newest model beside its results.
func TestReportWithMap(t *testing.T) {
	dir := t.TempDir()
	m, err := model.Read(fixture)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Write(filepath.Join(dir, "models", filepath.Base(fixture))); err != nil {
		t.Fatal(err)
	}
	if err := example(t).Write(filepath.Join(dir, "20261123-093000-peers.json")); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "r.html")
	code, _, stderr := bench(t, "report", "--results", dir, "--html", page, "--markdown", filepath.Join(dir, "r.md"), "--pictures", dir)
	if code != exitHolds {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	for _, file := range []string{page, filepath.Join(dir, "r.md"), filepath.Join(dir, "map.svg")} {
		if b, err := os.ReadFile(file); err != nil || !bytes.Contains(b, []byte("neither")) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
