package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// goTest runs go test over packages of a module and counts its tests. Nothing comes from the cache: a test that ran is one
// that ran now.
func (j *job) goTest(dir string, race bool, env []string, args ...string) {
	args = append([]string{"test", "-json", fmt.Sprintf("-race=%t", race), "-count=1", "-timeout=15m"}, args...)
	cmd := j.command(dir, env, "go", args...)
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		j.fail("go test", err.Error())
		return
	}
	var t tally
	readErr := t.read(out)
	err = cmd.Wait()
	j.pass(t.passed)
	j.skipped += t.skipped
	for _, f := range t.failures {
		j.fail(f.name, f.output)
	}
	switch {
	case readErr != nil:
		j.fail("go test", readErr.Error()+"\n"+trouble.String())
	case err != nil && len(t.failures) == 0: // it did not come to a test
		j.fail("go test", fmt.Sprintf("%v\n%s%s", err, trouble.String(), t.build.String()))
	}
}

// event is a line of go test -json (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

type failure struct{ name, output string }

// tally counts the leaves of the tree of tests: a test that has subtests is
// counted only if it failed and none of them did.
type tally struct {
	passed, skipped int
	failures        []failure
	build           bytes.Buffer // what the compiler said
}

// node is a test, or with an empty name a package.
type node struct {
	result   string
	output   bytes.Buffer
	children []*node
	name     string
}

func (t *tally) read(r io.Reader) error {
	nodes := map[[2]string]*node{}
	var packages []*node
	at := func(pkg, test string) *node {
		n, ok := nodes[[2]string{pkg, test}]
		if !ok {
			n = &node{name: strings.TrimSpace(pkg + " " + test)}
			nodes[[2]string{pkg, test}] = n
		}
		return n
	}
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				t.build.Write(line)
				continue
			}
			switch e.Action {
			case "build-output":
				t.build.WriteString(e.Output)
			case "start":
				packages = append(packages, at(e.Package, ""))
			case "run":
				parent := ""
				if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
					parent = e.Test[:i]
				}
				// A name with a slash in it has a parent that never ran.
				for parent != "" && nodes[[2]string{e.Package, parent}] == nil {
					parent = parent[:max(0, strings.LastIndexByte(parent, '/'))]
				}
				up := at(e.Package, parent)
				up.children = append(up.children, at(e.Package, e.Test))
			case "output":
				at(e.Package, e.Test).output.WriteString(e.Output)
			case "pass", "fail", "skip":
				at(e.Package, e.Test).result = e.Action
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read go test's events: %w", err)
		}
	}
	for _, p := range packages {
		t.count(p, true)
	}
	return nil
}

// count adds a test and those below it, and says whether one of them failed.
func (t *tally) count(n *node, isPackage bool) (failed bool) {
	for _, child := range n.children {
		failed = t.count(child, false) || failed
	}
	switch {
	case isPackage && n.result == "fail" && !failed, // TestMain, a build, a panic
		!isPackage && n.result == "": // it was running when the program ended
		t.failures = append(t.failures, failure{n.name, n.output.String() + t.buildOutput(n)})
		return true
	case isPackage:
		return failed
	case n.result == "fail":
		if !failed || strings.Contains(n.output.String(), "_test.go:") {
			t.failures = append(t.failures, failure{n.name, n.output.String()})
		}
		return true
	case len(n.children) > 0:
		return failed
	case n.result == "skip":
		t.skipped++
	default:
		t.passed++
	}
	return failed
}

func (t *tally) buildOutput(n *node) string {
	if strings.Contains(n.output.String(), "[build failed]") {
		return t.build.String()
	}
	return ""
}
