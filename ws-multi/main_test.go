package main

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

var renew = flag.Bool("update", false, "write what users see anew: testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// same compares got with the text of a file, or writes it there.
func same(t *testing.T, path, got string) {
	t.Helper()
	if *renew {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is no longer true. If what follows is right, go test . -update\n%s", path, got)
	}
}
