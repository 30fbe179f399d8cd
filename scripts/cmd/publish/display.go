package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"golang.org/x/term"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// display shows a run's progress: one line that is written over on a terminal, a line each 5 s elsewhere.
type display struct {
	out      io.Writer
	terminal bool
	every    time.Duration
	duration time.Duration // of the run, 0: no end known
	total    int           // records of the run, 0: not known
	print    *message.Printer
	before   produce.Progress
	width    int // of the line that stands on the terminal
}

func newDisplay(out io.Writer, duration time.Duration, total int) *display {
	d := &display{out: out, every: 5 * time.Second, duration: duration, total: total, print: message.NewPrinter(language.English)}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		d.terminal, d.every = true, 500*time.Millisecond
	}
	return d
}

// run shows progress until done is closed.
func (d *display) run(progress func() produce.Progress, done <-chan struct{}) {
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			if d.width > 0 {
				fmt.Fprintln(d.out)
			}
			return
		case <-tick.C:
			d.show(progress())
		}
	}
}

func (d *display) show(g produce.Progress) {
	line := d.line(g)
	if !d.terminal {
		fmt.Fprintln(d.out, line)
		return
	}
	pad := max(0, d.width-len(line))
	fmt.Fprintf(d.out, "\r%s%s", line, strings.Repeat(" ", pad))
	d.width = len(line)
}

// line describes the moment; the rate is that since the last line.
func (d *display) line(g produce.Progress) string {
	rate := float64(g.Sent-d.before.Sent) / max((g.Elapsed-d.before.Elapsed).Seconds(), 1e-9)
	d.before = g
	parts := []string{
		d.print.Sprintf("%6.0f/s", rate),
		d.print.Sprintf("%d sent", g.Sent),
		d.print.Sprintf("%d unacknowledged", g.Sent-g.Acked-g.Errors),
		d.print.Sprintf("%d errors", g.Errors),
	}
	if g.Behind > 20*time.Millisecond {
		parts = append(parts, fmt.Sprintf("%v behind schedule", g.Behind.Round(10*time.Millisecond)))
	} else {
		parts = append(parts, "on schedule")
	}
	if left, known := d.left(g, rate); known {
		parts = append(parts, fmt.Sprintf("%v left", left.Round(time.Second)))
	}
	if g.Last != "" && g.Acked < g.Sent {
		parts = append(parts, "last error: "+g.Last)
	}
	return strings.Join(parts, "  ")
}

func (d *display) left(g produce.Progress, rate float64) (time.Duration, bool) {
	byTime := d.duration - g.Elapsed
	byCount := time.Duration(float64(max(d.total-int(g.Sent), 0)) / max(rate, 1e-9) * float64(time.Second))
	switch {
	case d.duration > 0 && d.total > 0:
		return max(min(byTime, byCount), 0), true
	case d.duration > 0:
		return max(byTime, 0), true
	case d.total > 0 && rate > 0:
		return byCount, true
	}
	return 0, false
}
