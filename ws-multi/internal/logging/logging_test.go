package logging

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhereThereIsNoTerminal(t *testing.T) {
	say := func(format string) string {
		var out strings.Builder
		log := New(&out, slog.LevelWarn, format, nil)
		log.Info("not said")
		log.With("part", "x").Error("said", "took", 2500*time.Millisecond, "key", config.NewSecret("hunter2"))
		return out.String()
	}
	for _, format := range []string{config.LogAuto, config.LogJSON} {
		var line map[string]string
		if err := json.Unmarshal([]byte(say(format)), &line); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if _, err := time.Parse(time.RFC3339Nano, line["time"]); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		delete(line, "time")
		if got, want := fmt.Sprint(line), "map[key:*** level:ERROR msg:said part:x took:2.5s]"; got != want {
			t.Errorf("%s: %s", format, got)
		}
	}
	if line := say(config.LogText); !regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} ERR said part=x took=2\.5s key=\*\*\*\n$`).MatchString(line) {
		t.Errorf("text: %q", line)
	}
}

// A file that is no terminal gets no colours either.
func TestAFile(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	New(file, slog.LevelInfo, config.LogAuto, nil).Info("said")
	if line, err := os.ReadFile(file.Name()); err != nil || line[0] != '{' {
		t.Errorf("%q, %v", line, err)
	}
}

func TestOnATerminal(t *testing.T) {
	const escape = "\x1b["
	for _, test := range []struct {
		format, environ string
		json, colours   bool
	}{
		{config.LogAuto, "TERM=x", false, true},
		{config.LogAuto, "NO_COLOR=", false, true},
		{config.LogAuto, "NO_COLOR=0", false, false},
		{config.LogText, "TERM=x", false, true},
		{config.LogText, "NO_COLOR=1", false, false},
		{config.LogJSON, "TERM=x", true, false},
	} {
		screen, terminal := openPTY(t)
		New(terminal, slog.LevelInfo, test.format, []string{test.environ}).Info("said")
		line := make([]byte, 1<<10)
		n, err := screen.Read(line)
		if err != nil {
			t.Fatal(err)
		}
		said := string(line[:n])
		if strings.HasPrefix(said, "{") != test.json || strings.Contains(said, escape) != test.colours || !strings.Contains(said, "said") {
			t.Errorf("%+v: %q", test, said)
		}
	}
}

// openPTY gives the two ends of a pseudo-terminal (pty(7)).
func openPTY(t *testing.T) (io.Reader, *os.File) {
	t.Helper()
	open := func(path string) *os.File {
		file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = file.Close() })
		return file
	}
	master := open("/dev/ptmx")
	number := -1
	control, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := control.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return master, open(fmt.Sprintf("/dev/pts/%d", number))
}
