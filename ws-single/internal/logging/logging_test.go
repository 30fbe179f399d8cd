package logging

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
)

func TestJSON(t *testing.T) {
	for _, format := range []string{config.LogJSON, config.LogAuto} {
		var out bytes.Buffer
		log := New(&out, slog.LevelInfo, format, nil)
		log.Debug("hidden")
		log.Warn("shown", "took", 1500*time.Millisecond, "secret", config.Secret("hunter2"))
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v in %q", format, err, out.String())
		}
		if line["msg"] != "shown" || line["level"] != "WARN" || line["took"] != "1.5s" || line["secret"] != "***" {
			t.Errorf("%s: %v", format, line)
		}
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	New(&out, slog.LevelDebug, config.LogText, nil).Debug("shown", "n", 1)
	if s := out.String(); !strings.HasSuffix(s, " DBG shown n=1\n") {
		t.Errorf("got %q", s)
	}
}

// On a terminal auto is text, with colour unless NO_COLOR has a value.
func TestTerminal(t *testing.T) {
	for _, tt := range []struct {
		format  string
		environ []string
		want    string // a part of the line
		colour  bool
	}{
		{config.LogAuto, nil, "shown", true},
		{config.LogAuto, []string{"NO_COLOR="}, "shown", true},
		{config.LogAuto, []string{"NO_COLOR=1"}, "INF shown", false},
		{config.LogText, []string{"NO_COLOR=1"}, "INF shown", false},
		{config.LogJSON, nil, `"msg":"shown"`, false},
	} {
		terminal, screen := openTerminal(t)
		New(terminal, slog.LevelInfo, tt.format, tt.environ).Info("shown")
		buffer := make([]byte, 4096)
		n, err := screen.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		line := string(buffer[:n])
		if !strings.Contains(line, tt.want) || strings.Contains(line, "\x1b[") != tt.colour {
			t.Errorf("%s %v: %q", tt.format, tt.environ, line)
		}
	}
}

// openTerminal returns a pseudo-terminal and the side on which its output is
// read (pty(7)).
func openTerminal(t *testing.T) (terminal, screen *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return terminal, screen
}
