package logging

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
)

// smallFile is a file that takes so many bytes and then refuses, as a full disk does: the process's limit of a file's size
// (setrlimit(2)) is all it takes.
func smallFile(t *testing.T) (f *os.File, limit func(bytes uint64)) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit = func(bytes uint64) {
		t.Helper()
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: min(bytes, before.Max), Max: before.Max}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { limit(before.Cur); f.Close() })
	return f, limit
}

func TestWhatADiskDoesNotTakeIsMissed(t *testing.T) {
	file, limit := smallFile(t)
	log := New(file, slog.LevelInfo, config.LogJSON, nil)
	part := log.With("part", "a")
	log.Info("one")
	at, err := file.Seek(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	limit(uint64(at) + 7)
	part.Info("two")
	log.Info("three")
	if Missed(log) != 2 || Missed(part) != 2 {
		t.Errorf("missed %d and %d, want 2", Missed(log), Missed(part))
	}
	limit(1 << 20)
	part.Info("four")
	part.Info("five")
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		_, said, _ := strings.Cut(line, `"msg":`)
		got = append(got, strings.TrimRight(said, "}\n"))
	}
	want := []string{`"one"`, "", `"four","part":"a"`, `"log lines were lost: writing them failed","lines":2`, `"five","part":"a"`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", text)
	}
	if Missed(log) != 2 || Missed(slog.New(slog.DiscardHandler)) != 0 {
		t.Error("lines that were written count as missed")
	}
}
