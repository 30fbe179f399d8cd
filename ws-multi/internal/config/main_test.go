package config

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

var renew = flag.Bool("update", false, "write what users see anew: testdata and the README's table")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fourCores is a host that gives no reason for a warning.
var fourCores = Host{MaxConnections: 50000, OpenFiles: 60000, Cores: 4, CPUs: 4, Fingerprint: "amd64/4/6.8/some-cpu"}

func mustLoad(t *testing.T, environ []string, args ...string) *Config {
	t.Helper()
	c, err := Load(fourCores, args, environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tempFile makes a file and returns its path.
func tempFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.env")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

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
		t.Errorf("%s is no longer true. If what follows is right, go test ./internal/config -update\n%s", path, got)
	}
}
