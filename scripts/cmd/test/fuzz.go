package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// fuzzFor is how much each target gets: enough to see that it works, and to find what lies near its seeds. It is a number of
// inputs, not a time: a run that ends by the clock may report the input that it was at as a failure (go.dev/issue/48591).
const fuzzFor = "5000x"

// fuzz is one test a fuzz target, in every module. It has no race detector, which would make each input ten times dearer, and
// a few thousand find nothing that is wrong there. What is found stays in the package's testdata, where go test tries it again.
func (j *job) fuzz() {
	// Some packages with a target have tests that want a broker, which would start one for each target.
	brokers, err := j.brokers()
	if err != nil {
		j.fail("broker", err.Error())
		return
	}
	for _, dir := range j.modules() {
		targets, err := j.fuzzTargets(dir)
		if err != nil {
			j.fail("fuzz targets of "+filepath.Base(dir), err.Error())
			continue
		}
		for _, target := range targets {
			cmd := j.command(dir, []string{"KAFKA_TEST_BROKERS=" + brokers}, "go", "test", "-run=^$", "-fuzz=^"+target.name+"$", "-fuzztime="+fuzzFor, target.pkg)
			out, err := cmd.CombinedOutput()
			j.verdict("fuzz "+target.pkg+" "+target.name, string(out), err)
		}
	}
}

type fuzzTarget struct{ pkg, name string }

// fuzzTargets are the targets of a module, by its source: go test -list would run each package's TestMain.
func (j *job) fuzzTargets(dir string) ([]fuzzTarget, error) {
	out, err := j.command(dir, nil, "go", "list", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w%s", err, stderrOf(err))
	}
	return readFuzzTargets(strings.NewReader(string(out)))
}

var fuzzFunc = regexp.MustCompile(`(?m)^func (Fuzz\w*)\(\w+ \*testing\.F\)`)

// readFuzzTargets looks into the test files that go list -json names.
func readFuzzTargets(list io.Reader) (targets []fuzzTarget, err error) {
	for d := json.NewDecoder(list); ; {
		var p struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return targets, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		for _, name := range append(p.TestGoFiles, p.XTestGoFiles...) {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, fmt.Errorf("look for fuzz targets: %w", err)
			}
			for _, m := range fuzzFunc.FindAllSubmatch(text, -1) {
				targets = append(targets, fuzzTarget{p.ImportPath, string(m[1])})
			}
		}
	}
}
