package logging

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
)

// disk has room for so many bytes more.
type disk struct {
	bytes.Buffer
	room int
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

// What a full disk costs the log is counted, and told as soon as there is room.
func TestLostLines(t *testing.T) {
	for _, format := range []string{config.LogJSON, config.LogText} {
		d := &disk{room: 1 << 20}
		log := New(d, slog.LevelInfo, format, nil)
		derived := log.With("part", "x").WithGroup("g")
		log.Info("first")
		if Lost(log) != 0 {
			t.Fatal("a line that was written is lost")
		}
		d.room = 10
		for range 3 {
			derived.Info("never seen")
		}
		if Lost(log) != 3 || Lost(derived) != 3 {
			t.Errorf("%s: %d and %d lost, want 3", format, Lost(log), Lost(derived))
		}
		d.room = 1 << 20
		derived.Info("again")
		log.Info("last")
		lines := strings.Split(strings.TrimSuffix(d.String(), "\n"), "\n")
		if len(lines) != 5 || !strings.Contains(lines[0], "first") || len(lines[1]) != 10 || !strings.Contains(lines[2], "again") ||
			!strings.Contains(lines[3], "log lines were lost") || !strings.Contains(lines[3], "3") || strings.Contains(lines[3], "part") ||
			!strings.Contains(lines[4], "last") {
			t.Errorf("%s: got\n%s", format, d)
		}
	}
	if Lost(slog.New(slog.DiscardHandler)) != 0 {
		t.Error("another handler loses lines")
	}
}
