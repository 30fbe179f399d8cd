package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// modules are the folders of the Go modules whose code is the project's.
func (j *job) modules() []string {
	dirs := []string{filepath.Join(j.root, "kit"), j.scripts, filepath.Join(j.scripts, "baselines")}
	for _, v := range j.variants {
		dirs = append(dirs, v.Dir)
	}
	return dirs
}

// errNoDatabase: the vulnerability database does not answer.
var errNoDatabase = errors.New("the database cannot be reached")

// vulnerabilities is one test a module: it calls no function that the Go
// vulnerability database names. What it only imports is told and fails nothing.
//
// Where the database cannot be reached nothing was tested, and the summary says
// so; on GitHub it can be, so there it is a failure. GOVULNDB names another
// database: an address, or file:///FOLDER.
func (j *job) vulnerabilities() {
	out, err := j.command(filepath.Join(j.scripts, "tools"), nil, "go", "tool", "-n", "govulncheck").Output()
	if err != nil {
		j.fail("build govulncheck", err.Error()+stderrOf(err))
		return
	}
	for _, dir := range j.modules() {
		name := "vulnerabilities of " + filepath.Base(dir)
		called, imported, err := j.scan(strings.TrimSpace(string(out)), dir)
		switch {
		case errors.Is(err, errNoDatabase) && os.Getenv("GITHUB_ACTIONS") == "":
			j.skip(errNoDatabase.Error())
			return
		case err != nil:
			j.fail(name, err.Error())
		case len(called) > 0:
			j.fail(name, strings.Join(called, "\n"))
		default:
			j.pass(1)
		}
		for _, what := range imported {
			j.note(filepath.Base(dir) + " " + what)
		}
	}
}

// scan runs govulncheck over a module.
func (j *job) scan(program, dir string) (called, imported []string, err error) {
	args := []string{"-format=json", "./..."}
	if db := os.Getenv("GOVULNDB"); db != "" {
		args = append([]string{"-db=" + db}, args...)
	}
	out, err := j.command(dir, nil, program, args...).Output()
	if err != nil {
		said := stderrOf(err)
		if strings.Contains(said, "fetching vulnerabilities") {
			return nil, nil, fmt.Errorf("%w: %s", errNoDatabase, strings.TrimSpace(said))
		}
		return nil, nil, fmt.Errorf("run govulncheck: %w%s", err, said)
	}
	return readFindings(strings.NewReader(string(out)))
}

// finding is one of govulncheck's (golang.org/x/vuln/internal/govulncheck). Its
// trace begins with what is vulnerable and ends in the code that was scanned.
type finding struct {
	OSV          string `json:"osv"`
	FixedVersion string `json:"fixed_version"`
	Trace        []struct {
		Module, Version, Package, Function, Receiver string
		Position                                     *struct {
			Filename string
			Line     int
		}
	}
}

// readFindings reads govulncheck's JSON: what of the vulnerable is called, and
// what is only imported, each told once.
func readFindings(r io.Reader) (called, imported []string, err error) {
	worst := map[string]bool{} // vulnerabilities that are called
	var packages []finding
	for d := json.NewDecoder(r); ; {
		var m struct{ Finding *finding }
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, nil, fmt.Errorf("read govulncheck's findings: %w", err)
		}
		f := m.Finding
		if f == nil || len(f.Trace) == 0 || f.Trace[0].Package == "" {
			continue // a module that is required, no package of which is used
		}
		if f.Trace[0].Function == "" {
			packages = append(packages, *f)
			continue
		}
		worst[f.OSV] = true
		if text := f.String(); !slices.Contains(called, text) {
			called = append(called, text)
		}
	}
	for _, f := range packages {
		if text := f.String(); !worst[f.OSV] && !slices.Contains(imported, text) {
			imported = append(imported, text)
		}
	}
	return called, imported, nil
}

// String tells what is vulnerable, where it is called, and what would mend it.
func (f finding) String() string {
	to, from := f.Trace[0], f.Trace[len(f.Trace)-1]
	what := "imports " + to.Package
	if to.Function != "" {
		what = "calls " + strings.TrimPrefix(strings.TrimPrefix(to.Receiver, "*")+".", ".") + to.Function + " of " + to.Package
		if at := from.Position; at != nil {
			what += fmt.Sprintf(" at %s:%d", at.Filename, at.Line)
		}
	}
	mend := "no version without it is known"
	if f.FixedVersion != "" {
		mend = "go get " + to.Module + "@" + f.FixedVersion
	}
	return fmt.Sprintf("%s (%s %s), which has https://pkg.go.dev/vuln/%s: %s", what, to.Module, to.Version, f.OSV, mend)
}

// licences is one test: what is linked is listed, and its licences are allowed.
func (j *job) licences() {
	j.check("scripts/licences check", j.root, filepath.Join(j.scripts, "licences"), "check")
}
