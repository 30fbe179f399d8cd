package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// govulncheck itself, over modules of a few lines and a database of one made-up
// entry, about a function that exists.
func TestVulnerabilities(t *testing.T) {
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const module, version = "golang.org/x/time", "v0.16.0"
	sums, err := os.ReadFile(filepath.Join(root, "ws-single", "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	main := func(name, body string) {
		write(name+"/go.mod", fmt.Sprintf("module %s.example\n\ngo 1.26.0\n\nrequire %s %s\n", name, module, version))
		write(name+"/go.sum", string(sums))
		write(name+"/main.go", "package main\n\nimport \"golang.org/x/time/rate\"\n\nfunc main() {\n\t"+body+"\n}\n")
	}
	main("kit", "println(rate.Every(1))")
	main("scripts", "println(rate.NewLimiter(1, 1).Burst())")
	main("scripts/baselines", "println(rate.Inf)")

	const id = "GO-2026-99999"
	write("db/index/db.json", `{"modified":"2026-01-01T00:00:00Z"}`)
	write("db/index/modules.json", `[{"path":"`+module+`","vulns":[{"id":"`+id+`","modified":"2026-01-01T00:00:00Z","fixed":"99.0.0"}]}]`)
	write("db/index/vulns.json", `[{"id":"`+id+`","modified":"2026-01-01T00:00:00Z"}]`)
	write("db/ID/"+id+".json", `{"schema_version":"1.3.1","id":"`+id+`","modified":"2026-01-01T00:00:00Z","published":"2026-01-01T00:00:00Z","details":"made up",
		"affected":[{"package":{"name":"`+module+`","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"99.0.0"}]}],
		"ecosystem_specific":{"imports":[{"path":"`+module+`/rate","symbols":["NewLimiter"]}]}}]}`)

	tools := filepath.Join(root, "scripts", "tools")
	if err := os.Symlink(tools, filepath.Join(base, "scripts", "tools")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOWORK", "off")
	t.Setenv("GITHUB_ACTIONS", "")
	scan := func(database string) (*job, string) {
		t.Helper()
		t.Setenv("GOVULNDB", database)
		var out bytes.Buffer
		s := &shared{out: &out, root: base, scripts: filepath.Join(base, "scripts")}
		j := runPart(t.Context(), s, part{name: "vulnerabilities", run: func(j *job) { j.vulnerabilities() }})
		return j, out.String()
	}
	j, out := scan("file://" + filepath.Join(base, "db"))
	if j.passed != 2 || j.failed != 1 || j.skipped != 0 {
		t.Errorf("got %s, want 2 passed, 1 failed", j.count())
	}
	for _, want := range []string{
		"--- FAIL: vulnerabilities of scripts\n", "calls NewLimiter of golang.org/x/time/rate at main.go:6", id, module + " " + version, "go get " + module + "@v99.0.0",
		"\n     kit imports golang.org/x/time/rate", "\n     baselines imports golang.org/x/time/rate",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}

	// The way to the database ends nowhere. That is seen in the summary, and on GitHub it fails.
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	j, out = scan("")
	if j.passed != 0 || j.failed != 0 || j.skipped != 1 || !strings.Contains(out, "0 passed, 0 failed, 1 skipped: the database cannot be reached\n") {
		t.Errorf("without a database: %s\n%s", j.count(), out)
	}
	t.Setenv("GITHUB_ACTIONS", "true")
	if j, out = scan(""); j.failed != 3 || j.skipped != 0 || !strings.Contains(out, "the database cannot be reached") {
		t.Errorf("without a database on GitHub: %s\n%s", j.count(), out)
	}
	// What govulncheck cannot load is no module without vulnerabilities.
	write("kit/main.go", "package main\n\nfunc main() { undefined() }\n")
	if j, _ = scan("file://" + filepath.Join(base, "db")); j.failed != 2 {
		t.Errorf("with a module that does not compile: %s", j.count())
	}
}

func TestStderrOf(t *testing.T) {
	_, err := exec.Command("sh", "-c", "echo why >&2; exit 1").Output()
	if got := stderrOf(fmt.Errorf("wrapped: %w", err)); got != "\nwhy\n" {
		t.Errorf("got %q", got)
	}
	if got := stderrOf(errors.New("another")); got != "" {
		t.Errorf("got %q", got)
	}
}
