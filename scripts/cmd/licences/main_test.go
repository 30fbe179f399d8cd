package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOne(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("go.mod", "module m.example\n\ngo 1.26\n")
	put("main.go", "package main\n\nfunc main() {}\n")
	stale := func(want bool) {
		t.Helper()
		faults, err := one(t.Context(), "m", dir, false)
		if err != nil || (len(faults) > 0) != want || want && !strings.Contains(faults[0], "scripts/licences write") {
			t.Errorf("got %q, %v, want stale %t", faults, err, want)
		}
	}
	stale(true)
	if faults, err := one(t.Context(), "m", dir, true); err != nil || len(faults) > 0 {
		t.Errorf("write: %q, %v", faults, err)
	}
	stale(false)
	put("LICENCES.md", "something else")
	stale(true)
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
	}{{nil, 2}, {[]string{"look"}, 2}, {[]string{"check", "ws-single"}, 2}, {[]string{"--help"}, 0}} {
		var out, trouble bytes.Buffer
		if code := run(t.Context(), c.args, &out, &trouble); code != c.code || !strings.Contains(out.String()+trouble.String(), "Usage: scripts/licences") {
			t.Errorf("%v: got %d, %s%s", c.args, code, &out, &trouble)
		}
	}
}
