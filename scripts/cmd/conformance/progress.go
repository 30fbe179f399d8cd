package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/adred-codev/ws_poc/scripts/internal/conformance"
)

// progress tells failures as they come, and how far the run is: on a line that is written over on a terminal, on one each
// ten seconds elsewhere. It is used by one goroutine at a time.
type progress struct {
	out      io.Writer
	terminal bool
	server   string
	says     map[string]string // by case
	all      int

	done, failed int
	last         time.Time
	width        int
}

func newProgress(out io.Writer, server string, cases []conformance.Case) *progress {
	p := &progress{out: out, server: server, says: map[string]string{}, all: len(cases), last: time.Now()}
	for _, c := range cases {
		p.says[c.ID] = c.Says
	}
	if f, ok := out.(*os.File); ok {
		p.terminal = term.IsTerminal(int(f.Fd()))
	}
	return p
}

// take is told of each case's end.
func (p *progress) take(r conformance.Result) {
	p.done++
	if r.Failed() {
		p.failed++
		p.wipe()
		fmt.Fprintf(p.out, "%s: %s is broken: %s\n", p.server, r.Case, p.says[r.Case])
		for _, why := range r.Why {
			fmt.Fprintf(p.out, "    %s\n", strings.ReplaceAll(strings.TrimSpace(why), "\n", "\n    "))
		}
	}
	every := 10 * time.Second
	if p.terminal {
		every = 100 * time.Millisecond
	}
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	line := fmt.Sprintf("%s: %d of %d, %d broken; %s", p.server, p.done, p.all, p.failed, r.Case)
	if !p.terminal {
		fmt.Fprintln(p.out, line)
		return
	}
	fmt.Fprintf(p.out, "\r%s%s", line, strings.Repeat(" ", max(0, p.width-len(line))))
	p.width = len(line)
}

// wipe makes room for what stays.
func (p *progress) wipe() {
	if p.width > 0 {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
}
