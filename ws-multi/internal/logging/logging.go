package logging

import (
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
)

// New returns a logger of what is at level or above, to w. format is one of
// config.LogAuto, LogText and LogJSON. Text has colours on a terminal, unless
// environ has NO_COLOR with a value (no-color.org). What cannot be written is
// counted: see Missed.
func New(w io.Writer, level slog.Leveler, format string, environ []string) *slog.Logger {
	onTerminal := false
	if file, ok := w.(*os.File); ok {
		onTerminal = term.IsTerminal(int(file.Fd()))
	}
	if format == config.LogAuto {
		format = config.LogJSON
		if onTerminal {
			format = config.LogText
		}
	}
	out := &whole{w: w}
	if format == config.LogJSON {
		return behindGate(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: spellTimes}))
	}
	plain := !onTerminal || slices.ContainsFunc(environ, func(entry string) bool {
		value, found := strings.CutPrefix(entry, "NO_COLOR=")
		return found && value != ""
	})
	return behindGate(tint.NewTextHandler(out, &tint.Options{Level: level, NoColor: plain, TimeFormat: time.TimeOnly + ".000"}))
}

// spellTimes writes a length of time as settings do: 1.5s is clear to whoever
// searches the log, 1500000000 is not.
func spellTimes(_ []string, a slog.Attr) slog.Attr {
	if d, ok := a.Value.Any().(time.Duration); ok {
		a.Value = slog.StringValue(d.Round(time.Microsecond).String())
	}
	return a
}
