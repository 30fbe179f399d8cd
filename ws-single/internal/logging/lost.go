package logging

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

// handler counts the lines that could not be written, and tells in the log how many as soon as one can be.
type handler struct {
	slog.Handler
	lost *losses
}

type losses struct {
	plain  slog.Handler // without a logger's own attributes
	total  atomic.Int64
	untold atomic.Int64
}

func counting(h slog.Handler) slog.Handler {
	return handler{h, &losses{plain: h}}
}

// Lost is how many lines of the logger and those made from it could not be written since the start. Any goroutine.
func Lost(l *slog.Logger) int64 {
	if h, ok := l.Handler().(handler); ok {
		return h.lost.total.Load()
	}
	return 0
}

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if err := h.Handler.Handle(ctx, r); err != nil {
		h.lost.total.Add(1)
		h.lost.untold.Add(1)
		return err
	}
	n := h.lost.untold.Swap(0)
	if n == 0 {
		return nil
	}
	told := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were lost: they could not be written", 0)
	told.Add("lines", n)
	if err := h.lost.plain.Handle(ctx, told); err != nil {
		h.lost.untold.Add(n)
		return err
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.lost}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.lost}
}

// lineWriter begins a new line after one of which only a part could be written. The slog handlers call it one at a time.
type lineWriter struct {
	to   io.Writer
	torn bool
}

func (w *lineWriter) Write(p []byte) (int, error) {
	if w.torn {
		if _, err := w.to.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		w.torn = false
	}
	n, err := w.to.Write(p)
	w.torn = n > 0 && n < len(p)
	return n, err
}
