package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const fuzzed = `package %

import "testing"

// func FuzzNot(f *testing.F) is a comment.
func FuzzGood(f *testing.F) {
	f.Add("seed")
	f.Fuzz(func(t *testing.T, text string) {})
}

func TestFuzzNeither(t *testing.T) { _ = "\nfunc FuzzNo(f *testing.F) {" }
`

const fuzzedBad = `package %_test

import "testing"

func FuzzBad(f *testing.F) {
	f.Add(1)
	f.Fuzz(func(t *testing.T, n int) {
		if n != 1 {
			t.Error("it is another number than the seed's")
		}
	})
}
`

// Targets are found in the tests of a package and in those outside of it, and what one finds is a failure.
func TestFuzz(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, module := range []string{"kit", "scripts", "scripts/baselines"} {
		name := filepath.Base(module)
		write(module+"/go.mod", "module "+name+".example\n\ngo 1.26.0\n")
		write(module+"/a.go", "package "+name+"\n")
	}
	write("kit/a_test.go", strings.ReplaceAll(fuzzed, "%", "kit"))
	write("kit/b_test.go", strings.ReplaceAll(fuzzedBad, "%", "kit"))
	t.Setenv("GOWORK", "off")
	j := &job{ctx: t.Context(), shared: &shared{
		root: root, scripts: filepath.Join(root, "scripts"), brokers: func() (string, error) { return "localhost:1", nil },
	}}
	got, err := j.fuzzTargets(filepath.Join(root, "kit"))
	if want := []fuzzTarget{{"kit.example", "FuzzGood"}, {"kit.example", "FuzzBad"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	j.fuzz()
	if said := j.report.String(); j.passed != 1 || j.failed != 1 || !strings.Contains(said, "fuzz kit.example FuzzBad") || !strings.Contains(said, "another number") {
		t.Errorf("%s\n%s", j.count(), said)
	}
	// What was found is kept.
	if kept, err := filepath.Glob(filepath.Join(root, "kit", "testdata", "fuzz", "FuzzBad", "*")); err != nil || len(kept) != 1 {
		t.Errorf("got %v, %v", kept, err)
	}
	if got, err := readFuzzTargets(strings.NewReader("no JSON")); err == nil {
		t.Errorf("got %v", got)
	}
}

// The repository has targets in each module that parses something.
func TestFuzzTargets(t *testing.T) {
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	variants, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	j := &job{ctx: t.Context(), shared: newShared(root, variants)}
	for _, dir := range j.modules() {
		if targets, err := j.fuzzTargets(dir); err != nil || len(targets) == 0 {
			t.Errorf("%s has the targets %v, %v", dir, targets, err)
		}
	}
}
