package venv

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, requirements string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "requirements.txt")
	if err := os.WriteFile(path, []byte(requirements), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Parts of the test run ask for the same environment at the same moment. With each making it, one's --clear took pip away
// under the other's install.
func TestMakeAtOnce(t *testing.T) {
	requirements := write(t, "# nothing\n")
	dir := filepath.Join(t.TempDir(), "cache")
	type made struct {
		at  time.Time
		err error
	}
	all := make(chan made)
	const askers = 3
	for range askers {
		go func() {
			bin, err := Make(t.Context(), dir, requirements)
			if err != nil {
				all <- made{err: err}
				return
			}
			whole, err := os.Stat(filepath.Join(bin, "..", "complete"))
			if err != nil {
				all <- made{err: err}
				return
			}
			all <- made{whole.ModTime(), exec.Command(filepath.Join(bin, "python"), "-m", "pip", "--version").Run()}
		}()
	}
	var first time.Time
	for range askers {
		m := <-all
		if m.err != nil {
			t.Error(m.err)
			continue
		}
		if first.IsZero() {
			first = m.at
		}
		if !m.at.Equal(first) {
			t.Errorf("made at %v and again at %v, want once", first, m.at)
		}
	}
}

// One that could not be made is not taken for whole by the next that asks.
func TestMakeFails(t *testing.T) {
	requirements := write(t, "no-such-package-as-this==0\n")
	dir := t.TempDir()
	for range 2 {
		if bin, err := Make(t.Context(), dir, requirements); err == nil {
			t.Fatalf("made %s of a package that is not there", bin)
		}
	}
}
