//go:build full

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/parity"
)

// As it is called for evidence: a Kafka of its own, servers built now and without the race detector, and a minute of load.
func TestWhole(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	args := strings.Fields("--for 1m --rate 2000 --moving 16 --json parity.json --page parity.md")
	if code := run(t.Context(), args, func(string) string { return dir }, &out, &errs); code != exitAlike {
		t.Fatalf("code %d\n%s\n%s", code, out.String(), errs.String())
	}
	r, err := parity.Read(filepath.Join(dir, "parity.json"))
	if err != nil {
		t.Fatal(err)
	}
	moves := 0
	for _, c := range r.Clients {
		moves += c.Moves
	}
	if r.Records < 100_000 || moves < 16*5 {
		t.Errorf("%d records, %d moves", r.Records, moves)
	}
	if _, err := os.Stat(filepath.Join(dir, "parity.md")); err != nil {
		t.Error(err)
	}
}
