package rollout

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// linesEvery is how often a view without a terminal tells where it is when nothing happens.
const linesEvery = 10 * time.Second

// Lines writes each event as a line, and now and then one with the shares.
func Lines(w io.Writer, p *Plan) func(Event) error {
	var last time.Time
	return func(e Event) error {
		text := e.Text
		if e.Kind == Looked {
			if e.At.Sub(last) < linesEvery {
				return nil
			}
			text = where(e, p) + "; " + counts(e, p)
		}
		last = e.At
		_, err := fmt.Fprintf(w, "%s  %s\n", e.At.Format(time.TimeOnly), text)
		return err
	}
}

// Screen draws the rollout on a terminal, over its own last picture; width tells the terminal's, in columns.
func Screen(w io.Writer, p *Plan, width func() int) func(Event) error {
	var recent []string
	drawn := 0
	return func(e Event) error {
		if e.Kind != Looked {
			recent = append(recent, e.At.Format(time.TimeOnly)+"  "+e.Text)
			recent = recent[max(0, len(recent)-8):]
		}
		columns := max(40, width()-1)
		var b strings.Builder
		if drawn > 0 {
			fmt.Fprintf(&b, "\x1b[%dA\x1b[J", drawn)
		}
		lines := picture(e, p, columns, recent)
		for _, line := range lines {
			// A line that wraps would be two, and the next picture would not cover it.
			if r := []rune(line); len(r) > columns {
				line = string(r[:columns])
			}
			b.WriteString(line + "\n")
		}
		drawn = len(lines)
		_, err := io.WriteString(w, b.String())
		return err
	}
}

func picture(e Event, p *Plan, columns int, recent []string) []string {
	bar := max(10, min(50, columns-45))
	lines := []string{"rollout of " + p.Challenger.Name + " beside " + p.Incumbent.Name + ": " + where(e, p), ""}
	name := max(len(p.Incumbent.Name), len(p.Challenger.Name))
	for _, w := range []Which{Incumbent, Challenger} {
		n, share, target := e.Incumbent, 1-e.Share, 1-e.Target
		if w == Challenger {
			n, share, target = e.Challenger, e.Share, e.Target
		}
		if e.Incumbent+e.Challenger == 0 {
			share = 0
		}
		lines = append(lines, fmt.Sprintf("  %-*s  %s  %7d  %5.1f %% of %.0f %%  weight %s", name, p.Side(w).Name, drawBar(share, target, bar), n, 100*share, 100*target, weightsOf(e, p.Side(w))))
	}
	steps := "  steps "
	for i, s := range p.Steps {
		if i == e.Step-1 {
			steps += fmt.Sprintf(" [%d]", s.Share)
		} else {
			steps += fmt.Sprintf(" %d", s.Share)
		}
	}
	lines = append(lines, "", steps, "")
	for _, f := range e.Findings {
		value, mark := f.Value, ""
		if value == "" {
			value = "-"
		}
		if f.Beyond {
			mark = "  BEYOND"
		}
		lines = append(lines, fmt.Sprintf("  %-12s %s, limit %s%s", strings.ReplaceAll(string(f.Name), "_", " "), value, f.Limit, mark))
	}
	if len(e.Findings) > 0 {
		lines = append(lines, "")
	}
	for _, line := range recent {
		lines = append(lines, "  "+line)
	}
	return lines
}

// drawBar shows a share, and a mark where its target is.
func drawBar(share, target float64, width int) string {
	full, mark := int(share*float64(width)+0.5), min(width-1, int(target*float64(width)))
	bar := []rune(strings.Repeat("=", min(full, width)) + strings.Repeat(".", max(0, width-full)))
	bar[mark] = '|'
	return string(bar)
}

func weightsOf(e Event, s *Side) string {
	var all []string
	for _, i := range s.Instances {
		if w, ok := e.Weights[i.Server]; ok {
			all = append(all, fmt.Sprint(w))
		}
	}
	return strings.Join(all, " ")
}

// where is the step and what goes on in it.
func where(e Event, p *Plan) string {
	at := fmt.Sprintf("step %d of %d, %s", e.Step, e.Steps, percent(e.Target))
	switch e.Phase {
	case Holding:
		return fmt.Sprintf("%s, held %s of %s", at, short(time.Duration(e.HeldS*float64(time.Second))), p.Steps[e.Step-1].Hold)
	case Back:
		return "back to " + percent(e.Target)
	case Halted, Done:
		return string(e.Phase) + " at " + percent(e.Target)
	default:
		return at + ", " + string(e.Phase)
	}
}

func counts(e Event, p *Plan) string {
	return fmt.Sprintf("%s %d, %s %d (%.1f %%)", p.Incumbent.Name, e.Incumbent, p.Challenger.Name, e.Challenger, 100*e.Share)
}
