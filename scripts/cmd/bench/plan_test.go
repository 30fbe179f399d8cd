package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

func plan(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := bench(t, append([]string{"plan", "--model", fixture}, args...)...)
	if code != exitHolds || stderr != "" {
		t.Fatalf("%v: exit code %d\n%s\n%s", args, code, stdout, stderr)
	}
	return stdout
}

func TestPlanNumbers(t *testing.T) {
	if a, b := plan(t, "--connections", "1e6", "--rate", "5", "--channels", "1e3"), plan(t, "--connections", "1000000", "--rate", "5", "--channels", "1000"); a != b {
		t.Errorf("1e6 is not 1000000:\n%s", a)
	}
	for want, args := range map[string][]string{
		"write a whole number, such as 1000000 or 1e6":                          {"--connections", "1.5"},
		"--records is 10: it is all records of the log, and clients want 500 a": {"--connections", "1000", "--rate", "5", "--fan-out", "10", "--records", "10"},
		"--records is NaN":           {"--connections", "1000", "--rate", "5", "--fan-out", "10", "--records", "NaN"},
		"--spare is -1: allowed are": {"--connections", "1000", "--rate", "5", "--fan-out", "10", "--spare", "-1"},
	} {
		if code, _, stderr := bench(t, append([]string{"plan", "--model", fixture}, args...)...); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d and %q, want %q", args, code, stderr, want)
		}
	}
}

// What is asked for besides the clients is in the plan.
func TestPlanTells(t *testing.T) {
	small := []string{"--connections", "2000", "--rate", "1", "--channels", "1"}
	with := func(args ...string) []string { return append(slices.Clone(small), args...) }
	for _, tt := range []struct {
		args      []string
		want, not []string
	}{
		{small, []string{"with 1 machine lost", "2 instances of 1 core on 2 machines", "not in this plan: "}, []string{"nobody wants", "WS_MAX_CONNECTIONS", "WS_MEMORY_LIMIT"}},
		{with("--spare", "0"), []string{"1 instance of 1 core on 1 machine", "when it goes   nobody takes its 2,000 clients"}, []string{"lost", "when one goes"}},
		{with("--records", "1000"), []string{"and 999 records/s that nobody wants", "all 1k records/s"}, nil},
		{
			[]string{"--connections", "600000", "--rate", "0.01", "--channels", "1", "--memory", "1GiB", "--variant", "ws-single"},
			[]string{"breaks first   memory", "WS_MEMORY_LIMIT=", "WS_MAX_CONNECTIONS=", "(VERSION: made for 12,000)", "proxy  "}, []string{"GOMAXPROCS"},
		},
		{
			[]string{"--connections", "50000", "--rate", "1", "--fan-out", "100", "--files", "20000", "--variant", "ws-multi"},
			[]string{"up to 3 on each", "GOMAXPROCS=1", "its own WS_ADMIN_ADDR", "WS_REUSE_PORT=true"}, []string{"WS_MAX_CONNECTIONS"},
		},
	} {
		got := plan(t, tt.args...)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%v: no %q in\n%s", tt.args, want, got)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(got, not) {
				t.Errorf("%v: %q in\n%s", tt.args, not, got)
			}
		}
	}
}

// Whatever is planned fits a terminal, and is said as people do.
func TestPlanReads(t *testing.T) {
	for _, args := range [][]string{
		{"--connections", "1", "--rate", "1", "--channels", "1", "--cores", "1"},
		{"--connections", "1", "--rate", "0.0001", "--channels", "1", "--cores", "1", "--spare", "0"},
		{"--connections", "1e6", "--rate", "5", "--channels", "1000"},
		{"--connections", "1e6", "--rate", "0.5", "--channels", "1000", "--cores", "64", "--memory", "64GiB"},
		{"--connections", "3e5", "--rate", "1", "--channels", "10", "--memory", "1018MiB"},
	} {
		got := plan(t, args...)
		for _, not := range []string{"1 cores", "1 connections ", "1 messages", "1 instances", "1 machines", "e+0", " 0 B/s", "%!", "NaN", "Inf"} {
			if i := strings.Index(got, not); i >= 0 && (i == 0 || !strings.ContainsAny(got[i-1:i], "0123456789.,")) {
				t.Errorf("%v: %q in\n%s", args, not, got)
			}
		}
		lines := strings.Split(got, "\n")
		if len(lines) > 52 {
			t.Errorf("%v: %d lines", args, len(lines))
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > width {
				t.Errorf("%v: a line of %d: %s", args, utf8.RuneCountInString(line), line)
			}
		}
	}
}

// A limit has room for clients that are not shared out evenly, and is no more than files allow.
func TestSettings(t *testing.T) {
	option := func(most float64) *model.Option {
		return &model.Option{Variant: scenario.Multi, Instances: 2, Cores: 2, Each: 1, Load: model.Load{Connections: 10}, Lost: &model.Lost{Connections: most}, Limit: 100<<20 + 1}
	}
	several := option(60_000)
	several.Each = 2
	for _, tt := range []struct {
		o      *model.Option
		site   model.Site
		byHeap bool
		want   string
	}{
		{option(40_000), model.Site{Cores: 2}, false, "each LimitNOFILE=42500 or more"},
		{option(49_000), model.Site{Cores: 2}, false, "each WS_MAX_CONNECTIONS=52000, LimitNOFILE=52500 or more"},
		{option(90_910), model.Site{Cores: 2, Files: 95_000}, true, "each WS_MAX_CONNECTIONS=94500, LimitNOFILE=95000 or more, WS_MEMORY_LIMIT=100MiB"},
		{option(1e6), model.Site{Cores: 2}, false, "each WS_MAX_CONNECTIONS=1100000, LimitNOFILE=1100500 or more (above fs.nr_open's default, 1048576)"},
		{several, model.Site{Cores: 4}, false, "each WS_MAX_CONNECTIONS=63000, LimitNOFILE=63500 or more, GOMAXPROCS=2, its own WS_ADMIN_ADDR, WS_REUSE_PORT=true (or its own port)"},
	} {
		if got := settingsOf(tt.o, tt.site, 50_000, tt.byHeap); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	if made := madeFor(); made[scenario.Single] != 12_000 || made[scenario.Multi] != 50_000 {
		t.Errorf("VERSIONs say %v", made)
	}
}

// Where the model cannot tell it gives both, and says from which difference on it can.
func TestRecommend(t *testing.T) {
	m := &model.Model{Variants: []model.Variant{{Name: scenario.Single, Error: model.Error{Median: 0.04}}, {Name: scenario.Multi, Error: model.Error{Median: 0.04}}}}
	option := func(name string, cpu float64) *model.Option {
		return &model.Option{Variant: name, Instances: 1, Cores: 1, Machines: 1, CPU: cpu, Kafka: 1, Strains: []model.Strain{{Name: model.OfCPU}}}
	}
	for cpu, want := range map[float64]string{
		1.07: "the model cannot tell: ws-single, 1 instance of 1 core on 1 machine; or ws-multi, 1 instance of 1 core on 1 machine, which takes 7% more CPU",
		1.2:  "recommended: ws-single, 1 instance of 1 core on 1 machine; the other, ws-multi, takes 20% more CPU time",
	} {
		var out bytes.Buffer
		recommend(&out, english(), m, []*model.Option{option(scenario.Single, 1), option(scenario.Multi, cpu)})
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.HasPrefix(got, want) || strings.Contains(got, "cannot") && !strings.Contains(got, "8% apart") {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
