package version

import (
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const example = "architecture: many\nversion: v1.2.3\nstatus: candidate\noptimized_for: tests\nmax_connections: 500\ncpu_cores: 2\n"

func TestInfo(t *testing.T) {
	i, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	want := Info{
		Name: "ws-multi", Version: "v1.2.3", Architecture: "many", Status: "candidate", OptimizedFor: "tests", MaxConnections: 500, CPUCores: 2,
		Commit: i.Commit, Go: runtime.Version(), Platform: "linux/" + runtime.GOARCH,
	}
	if i != want || i.Commit == "" || i.Bare() != "1.2.3" {
		t.Errorf("got %+v, want %+v", i, want)
	}
	i.Commit, i.Go, i.Platform = "abc", "go1", "linux/x"
	text, err := json.Marshal(i)
	const object = `{"name":"ws-multi","version":"v1.2.3","architecture":"many","status":"candidate","optimized_for":"tests",` +
		`"max_connections":500,"cpu_cores":2,"commit":"abc","go":"go1","platform":"linux/x"}`
	if err != nil || string(text) != object {
		t.Errorf("%s, %v", text, err)
	}
	var shown strings.Builder
	const lines = `ws-multi v1.2.3, candidate
  architecture   many
  optimized for  tests
  made for       500 connections on 2 cores
  commit         abc
  built          go1 for linux/x
`
	if err := i.WriteText(&shown); err != nil || shown.String() != lines {
		t.Errorf("%s, %v", shown.String(), err)
	}
	i.CPUCores = 1
	shown.Reset()
	if err := i.WriteText(&shown); err != nil || !strings.Contains(shown.String(), " 500 connections on 1 core\n") {
		t.Errorf("%s, %v", shown.String(), err)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for change, why := range map[string]string{
		"v1.2.3>1.2.3":                       `version "1.2.3" is not of the form v1.2.3`,
		"v1.2.3>v1.2":                        `version "v1.2" is not`,
		"v1.2.3>v1-2-3":                      `version "v1-2-3" is not`,
		"v1.2.3>v01.2.3":                     `version "v01.2.3" is not`,
		"v1.2.3>v1.2.3+build":                `version "v1.2.3+build" is not`,
		"candidate>live":                     `status "live" is none of experimental, candidate, production, standby`,
		"many>''":                            "architecture has no value",
		"optimized_for: tests\n>":            "optimized_for has no value",
		"500>0":                              "max_connections has no value",
		"500>many":                           "cannot unmarshal",
		"cpu_cores: 2>cpu_cores: -1":         "cpu_cores has no value",
		"cpu_cores: 2>cores: 2":              "field cores not found",
		"cpu_cores: 2>name: x\ncpu_cores: 2": "field name not found",
		"status>version":                     "already defined",
		"cpu_cores: 2>cpu_cores: 2\n---\na":  "something follows",
		"architecture:>\t":                   "found character that cannot start any token",
	} {
		old, now, _ := strings.Cut(change, ">")
		_, err := Parse([]byte(strings.Replace(example, old, now, 1)))
		if err == nil || !strings.HasPrefix(err.Error(), "parse VERSION: ") || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %s", change, err, why)
		}
	}
	if _, err := Parse(nil); err == nil {
		t.Error("an empty file is taken")
	}
	if _, err := Parse([]byte(strings.Replace(example, "v1.2.3", "v1.2.3-rc.1", 1))); err != nil {
		t.Error(err)
	}
}

func TestTheFileOfThisVariant(t *testing.T) {
	content, err := os.ReadFile("../../VERSION")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(content); err != nil {
		t.Error(err)
	}
}

func TestRecordedCommit(t *testing.T) {
	built := func(modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: modified}, {Key: "vcs.revision", Value: "abc"}}}
	}
	for _, test := range []struct {
		build    *debug.BuildInfo
		recorded bool
		linker   string
		want     string
	}{
		{built("false"), true, "", "abc"},
		{built("true"), true, "", "abc-dirty"},
		{built("true"), true, "told", "told"},
		{&debug.BuildInfo{}, true, "", "unknown"},
		{nil, false, "", "unknown"},
	} {
		commit = test.linker
		if got := recordedCommit(test.build, test.recorded); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
	commit = ""
}
