package logging

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
)

// New returns a logger that writes to w at level and above, in one of
// LOG_FORMAT's formats. With auto it writes text where w is a terminal. Text is
// coloured on a terminal unless environ has a NO_COLOR that is not empty
// (no-color.org). Lines that cannot be written are counted ([Lost]).
func New(w io.Writer, level slog.Leveler, format string, environ []string) *slog.Logger {
	terminal := isTerminal(w)
	lines := &lineWriter{to: w}
	if format == config.LogText || format == config.LogAuto && terminal {
		return slog.New(counting(tint.NewTextHandler(lines, &tint.Options{
			Level:      level,
			TimeFormat: "15:04:05.000",
			NoColor:    !terminal || noColor(environ),
		})))
	}
	return slog.New(counting(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: level, ReplaceAttr: readable})))
}

// readable writes durations as people and the settings do, not as nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.String(a.Key, a.Value.Duration().Round(time.Microsecond).String())
	}
	return a
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func noColor(environ []string) bool {
	for _, entry := range environ {
		if len(entry) > len("NO_COLOR=") && entry[:len("NO_COLOR=")] == "NO_COLOR=" {
			return true
		}
	}
	return false
}
