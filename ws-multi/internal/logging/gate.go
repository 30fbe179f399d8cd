package logging

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// gate stands before the real handler. A full disk must not pass for a quiet server: every line that did not get through is
// missed, and the next one that does is followed by a line that says how many were.
type gate struct {
	slog.Handler
	bare   slog.Handler // the handler that New made, for the gate's own line
	missed *missed
}

type missed struct {
	ever atomic.Int64

	mu  sync.Mutex // guards now
	now int64      // since the last line that got through
}

// Missed is how many lines could not be written since the start, by this logger and all that share its output. Any
// goroutine may ask.
func Missed(l *slog.Logger) int64 {
	g, ok := l.Handler().(*gate)
	if !ok {
		return 0
	}
	return g.missed.ever.Load()
}

func behindGate(h slog.Handler) *slog.Logger {
	return slog.New(&gate{Handler: h, bare: h, missed: new(missed)})
}

// Handle writes the record or counts it.
func (g *gate) Handle(ctx context.Context, r slog.Record) error {
	err := g.Handler.Handle(ctx, r)
	m := g.missed
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err != nil:
		m.now++
		m.ever.Add(1)
	case m.now > 0:
		say := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were lost: writing them failed", 0)
		say.AddAttrs(slog.Int64("lines", m.now))
		if g.bare.Handle(ctx, say) == nil {
			m.now = 0
		}
	}
	return err
}

// WithAttrs keeps the gate before a handler with attributes.
func (g *gate) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &gate{Handler: g.Handler.WithAttrs(attrs), bare: g.bare, missed: g.missed}
}

// WithGroup keeps the gate before a handler with a group.
func (g *gate) WithGroup(name string) slog.Handler {
	return &gate{Handler: g.Handler.WithGroup(name), bare: g.bare, missed: g.missed}
}

// whole ends a line of which the disk took a part before it writes the next. Handlers write one line at a time.
type whole struct {
	w    io.Writer
	rest bool // the last line has no end
}

func (o *whole) Write(line []byte) (n int, err error) {
	if o.rest {
		if _, err = io.WriteString(o.w, "\n"); err != nil {
			return 0, err
		}
	}
	n, err = o.w.Write(line)
	o.rest = err != nil && n > 0
	return n, err
}
