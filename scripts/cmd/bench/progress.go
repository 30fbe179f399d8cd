package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/adred-codev/ws_poc/scripts/internal/measure"
)

// line shows how far a run is: one line that is written over on a terminal, a line each ten seconds elsewhere.
type line struct {
	out      io.Writer
	terminal bool
	last     time.Time
	phase    string
	width    int
}

func newLine(out io.Writer) *line {
	l := &line{out: out}
	if f, ok := out.(*os.File); ok {
		l.terminal = term.IsTerminal(int(f.Fd()))
	}
	return l
}

func (l *line) show(p measure.Progress) {
	every := 10 * time.Second
	if l.terminal {
		every = 200 * time.Millisecond
	}
	// A new phase is told at once, if it is not one of the short ones that alternate.
	if time.Since(l.last) < every && (p.Phase == l.phase || l.terminal) {
		return
	}
	l.last, l.phase = time.Now(), p.Phase
	text := describe(p)
	if !l.terminal {
		fmt.Fprintln(l.out, text)
		return
	}
	fmt.Fprintf(l.out, "\r%s%s", text, strings.Repeat(" ", max(0, l.width-len(text))))
	l.width = len(text)
}

func (l *line) end() {
	if l.width > 0 {
		fmt.Fprintln(l.out)
		l.width = 0
	}
}

// describe says phase, connections, rate, reach and time left, as far as there are such.
func describe(p measure.Progress) string {
	parts := []string{p.Phase}
	if p.Round > 0 {
		parts[0] += fmt.Sprintf(" %d/%d", p.Round, p.Rounds)
	}
	if p.Lane != "" {
		parts = append(parts, p.Lane)
	}
	if p.Connections > 0 {
		parts = append(parts, fmt.Sprintf("%d connections", p.Connections))
	}
	if p.PerSecond > 0 {
		parts = append(parts, fmt.Sprintf("%.0f deliveries/s", p.PerSecond))
	}
	if p.Reach > 0 {
		parts = append(parts, "reach "+percent(p.Reach))
	}
	if p.Left > 0 {
		parts = append(parts, fmt.Sprintf("%v left", p.Left.Round(time.Second)))
	}
	return strings.Join(parts, ", ")
}
