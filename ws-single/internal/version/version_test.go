package version

import (
	"bytes"
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

const good = `architecture: single-core
version: v1.0.0
status: production
optimized_for: simplicity
max_connections: 12000
cpu_cores: 1
`

func TestParse(t *testing.T) {
	i, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if i.Name != "ws-single" || i.Version != "v1.0.0" || i.Number() != "1.0.0" || i.Architecture != "single-core" ||
		i.Status != "production" || i.OptimizedFor != "simplicity" || i.MaxConnections != 12000 || i.CPUCores != 1 {
		t.Errorf("got %+v", i)
	}
	if i.Commit == "" || !strings.HasPrefix(i.Go, "go1.") || !strings.HasPrefix(i.Platform, "linux/") {
		t.Errorf("the build's part: %+v", i)
	}
	var text bytes.Buffer
	if err := i.WriteText(&text); err != nil || !strings.HasPrefix(text.String(), "ws-single v1.0.0\n") ||
		!strings.Contains(text.String(), "\n  made for         12000 connections on one core\n") {
		t.Errorf("text %q, %v", text.String(), err)
	}
	i.CPUCores = 8
	text.Reset()
	if err := i.WriteText(&text); err != nil || !strings.Contains(text.String(), " on 8 cores\n") {
		t.Errorf("text %q, %v", text.String(), err)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"no v":            {"v1.0.0", "1.0.0"},
		"two numbers":     {"v1.0.0", "v1.0"},
		"unknown status":  {"production", "live"},
		"unknown field":   {"cpu_cores: 1", "cpu_cores: 1\ncores: 2"},
		"field twice":     {"cpu_cores: 1", "cpu_cores: 1\ncpu_cores: 1"},
		"no cores":        {"cpu_cores: 1", "cpu_cores: 0"},
		"no connections":  {"max_connections: 12000\n", ""},
		"not a number":    {"12000", "many"},
		"no architecture": {"single-core", `""`},
		"no purpose":      {"optimized_for: simplicity\n", ""},
		"second document": {"cpu_cores: 1", "cpu_cores: 1\n---\na: 1"},
		"not YAML":        {"architecture:", "\t:"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(strings.Replace(good, change[0], change[1], 1))); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// The file that is embedded must be one that the program takes.
func TestVersionFile(t *testing.T) {
	file, err := os.ReadFile("../../VERSION")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(file); err != nil {
		t.Error(err)
	}
}

func TestCommit(t *testing.T) {
	build := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}}
	if got := commitOf(build, true); got != "abc-dirty" {
		t.Errorf("changed tree: %q", got)
	}
	build.Settings[1].Value = "false"
	if got := commitOf(build, true); got != "abc" {
		t.Errorf("clean tree: %q", got)
	}
	if got := commitOf(nil, false); got != "unknown" {
		t.Errorf("no build info: %q", got)
	}
	commit = "told"
	t.Cleanup(func() { commit = "" })
	if got := commitOf(build, true); got != "told" {
		t.Errorf("linker flag: %q", got)
	}
}
