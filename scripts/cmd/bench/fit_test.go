package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
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
		if len(all) != 5 || all[2].Connections != most || all[0].Connections != most/12 || all[3].Kind != scenario.Idle || all[4].Name != "grid-shards" {
			t.Errorf("%d scenarios of %d connections: %+v", len(all), most, all)
		}
		// Of four loads on two shards three are left where one is held out, which a walk's cost takes; of three steps two.
		if kinds := all[4].AllLanes(); len(kinds) != 4 || kinds[0].Name != "all-fast" || kinds[1].Name != "hundred-fast" || kinds[2].Name != "one-slow" || kinds[3].Name != "one-fast" {
			t.Errorf("two shards have the loads %+v", kinds)
		}
		if steps := all[3].Steps; !slices.Equal(steps, []int{most / 12, most / 3, most}) {
			t.Errorf("memory is read at %v", steps)
		}
		for _, s := range append(all[:3:3], all[4]) {
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
		// A reading of memory is two collections and what they give back.
		sum += time.Duration(s.Rounds*lanes)*(time.Duration(s.Slice)+400*time.Millisecond) + time.Duration(2*lanes)*time.Second + 15*time.Second + 2*time.Duration(s.Rest) +
			time.Duration(2*len(s.Steps))*4*time.Second
	}
	t.Logf("about %v", sum)
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
		// A busy machine may spoil the runs. Then it says so of one, and the exit code is a refusal's: any other failure is one.
		spoiled := strings.Contains(stderr, "left out: grid: it was refused: ") || strings.Contains(stderr, "left out: idle: it was refused: ")
		if code != exitRefused && code != exitWorse || !spoiled || !strings.Contains(stderr, "too few") {
			t.Fatalf("exit code %d, %d models\n%s\n%s", code, len(files), stdout, stderr)
		}
		t.Skip("the machine is too busy: " + stderr)
	}
	if spoiled := strings.Contains(stderr, "left out: "); spoiled != (code != exitHolds) || !strings.Contains(stdout, "us a record") || !strings.Contains(stdout, "predicted by the others") {
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

// synthetic are results such as the grid's of ws-single, of costs of 5 us a send and 10 us a record.
func synthetic(t *testing.T) []string {
	dir := t.TempDir()
	var files []string
	for i, n := range []int{1000, 4000, 12_000} {
		s := gridScenario(n)
		s.Servers = []string{scenario.Single}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		r := example(t)
		r.Started = time.Date(2026, 11, 23, 9, i, 0, 0, time.UTC)
		r.Scenario, r.Servers, r.Lanes, r.Refusals, r.Judgements, r.Interrupted, r.Verdict = s, s.Servers, nil, []result.Refusal{}, []result.Judgement{}, false, result.Holds
		r.Floor.CPUMicros = 4
		for _, lane := range s.AllLanes() {
			fanOut := scenario.NewPlan(&s, 0).FanOutOf(*lane.Publish, n)
			l := result.Lane{Name: scenario.Single + "/" + lane.Name, Server: scenario.Single, Connections: n, Shards: 1, Processes: 1}
			records := 100 * lane.Publish.Rate
			l.Slices = []result.Slice{{Seconds: 100, Records: int64(records), Received: int64(records * fanOut), CPUMicros: 5*records*fanOut + 10*records + 1e4}}
			r.Lanes = append(r.Lanes, l)
		}
		files = append(files, filepath.Join(dir, r.Started.Format("150405")+"-grid.json"))
		if err := r.Write(files[i]); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// Results that somebody named become a model, and a plan of it has their costs.
func TestFitOfGoodFiles(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := bench(t, append([]string{"fit", "--out", dir}, synthetic(t)...)...)
	if code != exitHolds || stderr != "" || !strings.Contains(stdout, "us a record") || !strings.Contains(stdout, "predicted by the others") {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	// 50,000 messages a second at 5 us.
	code, stdout, stderr = bench(t, "plan", "--results", dir, "--connections", "10000", "--rate", "5", "--channels", "1")
	if code != exitHolds || !strings.Contains(stdout, "CPU            0.25 cores' worth") || !strings.Contains(stdout, "within what was measured") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	if code, _, stderr := bench(t, "map", "--results", dir); code != exitUsage || !strings.Contains(stderr, "no costs of ws-multi") {
		t.Errorf("a map of one variant: exit code %d, %s", code, stderr)
	}
}

// What says how to measure says nothing where nothing is measured.
func TestFitMistakes(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"a.json", "--connections", "10"}, "--connections: it says what is measured"},
		{[]string{"a.json", "--rounds", "3", "--slice", "1s"}, "--rounds, --slice"},
		{[]string{"--no-run", "--slice", "1s"}, "--slice"},
		{[]string{"--no-run", "--server", "ws-single"}, "--server"},
		{[]string{"--rounds", "-1"}, "positive"},
		{[]string{"--server", "floor", "--anywhere"}, "floor is a baseline"},
	} {
		if code, _, stderr := bench(t, append([]string{"fit"}, tt.args...)...); code != exitUsage || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v: exit code %d and %q, want %q", tt.args, code, stderr, tt.want)
		}
	}
}

// Of a grid that was refused, and so left out, the exit code tells; older results that are left out are of no concern to it.
func TestTellLeft(t *testing.T) {
	began := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	older, newer := model.Left{Result: "peers", Why: "old", Started: began.Add(-time.Hour)}, model.Left{Result: "grid", Why: "new", Started: began.Add(time.Minute)}
	for _, tt := range []struct {
		left []model.Left
		want int
	}{{nil, exitHolds}, {[]model.Left{older}, exitHolds}, {[]model.Left{older, newer}, exitRefused}} {
		var out bytes.Buffer
		if got := tellLeft(&out, tt.left, began, exitRefused); got != tt.want || strings.Count(out.String(), "left out") != len(tt.left) {
			t.Errorf("%v: exit code %d, want %d\n%s", tt.left, got, tt.want, out.String())
		}
	}
}

func TestDoublingInWords(t *testing.T) {
	for want, d := range map[string]model.Doubling{
		"twice the shards take 1.05 times the CPU time, of 1 load: nothing says how far that is off for another": {Ratio: 1.05, Low: 1.05, High: 1.05, Loads: 1},
		"twice the shards take 0.97 times the CPU time, of 3 loads, 0.95 to 1.01; predictions take 1":            {Ratio: 0.97, Low: 0.95, High: 1.01, Loads: 3},
	} {
		if got := doublingInWords(&d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// How far off predictions are is told of each thing apart, and of what was not tried that it was not.
func TestErrorInWords(t *testing.T) {
	m, err := model.Read(fixture)
	if err != nil {
		t.Fatal(err)
	}
	multi := m.Find(scenario.Multi)
	for i, want := range []string{"on one shard, each of 22 loads", "on several shards, each of 4 loads", "of 12k connections and more, predicted by a fit to those of up to 4k", "memory at rest, each of 3 numbers"} {
		if words := errorInWords(multi); len(words) != 4 || !strings.Contains(words[i], want) || !strings.Contains(words[i], "off by ") {
			t.Errorf("%q, want %q", words, want)
		}
	}
	if words := strings.Join(errorInWords(m.Find(scenario.Single)), "\n"); strings.Contains(words, "several shards") {
		t.Errorf("of ws-single: %s", words)
	}
	words := errorInWords(&model.Variant{Name: scenario.Multi})
	for _, one := range words {
		if !strings.Contains(one, "not tried") || strings.Contains(one, "0%") {
			t.Errorf("of nothing tried: %q", one)
		}
	}
	if len(words) != 4 {
		t.Errorf("of nothing tried: %q", words)
	}
}

// A prediction of nothing is shown, as the largest error there is.
func TestPrintModel(t *testing.T) {
	nothing := 0.0
	var out bytes.Buffer
	printModel(&out, &model.Model{Commit: "new", Others: []string{"old"}, Variants: []model.Variant{{Name: "ws-single", Points: []model.Point{{Source: "a", CPU: 1e6, HeldOut: &nothing}, {Source: "b", CPU: 1e6}}}}})
	for _, want := range []string{"0.000                    -100%", "those of commit new are too few: also of old"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
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
		{append(good, "--fan-out", "10"), "--channels is beside --fan-out"},
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
