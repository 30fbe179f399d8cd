package program

import (
	"slices"
	"time"
)

// shrink looks for a program that is smaller and fails too: first fewer steps, by halves, quarters and so on down to single
// ones (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002), then simpler steps. fails runs a
// program, as often as it needs to, and returns why it fails. It ends at the deadline with what it has.
//
// rapid's own shrinking takes a failure that does not come each time for a mistake of the test; here it may hang on who is
// faster. So rapid draws the programs, and this shrinks them.
func shrink(p Program, why error, deadline time.Time, fails func(Program) error) (Program, error) {
	try := func(candidate Program) bool {
		if time.Now().After(deadline) {
			return false
		}
		if err := fails(candidate); err != nil {
			p, why = candidate, err
			return true
		}
		return false
	}
	for smaller := true; smaller && time.Now().Before(deadline); {
		smaller = false
		for size := (len(p.Steps) + 1) / 2; size >= 1; size /= 2 {
			for at := len(p.Steps); at > 0; {
				// From the end: what comes last is needed least.
				from := max(0, at-size)
				candidate := Program{Steps: slices.Concat(p.Steps[:from], p.Steps[at:])}
				if len(candidate.Steps) > 0 && try(candidate) {
					smaller = true
				}
				at = from
			}
		}
		for i := 0; i < len(p.Steps); i++ {
			for _, simpler := range simplify(p.Steps[i]) {
				candidate := Program{Steps: slices.Clone(p.Steps)}
				candidate.Steps[i] = simpler
				if try(candidate) {
					smaller = true
					i-- // perhaps it gets simpler still
					break
				}
			}
		}
	}
	return p, why
}

// simplify lists steps that are a little simpler, the simplest first.
func simplify(s Step) (all []Step) {
	add := func(change func(*Step)) {
		simpler := s
		simpler.Channels = slices.Clone(s.Channels)
		change(&simpler)
		all = append(all, simpler)
	}
	for i := range s.Channels {
		if len(s.Channels) > 1 {
			add(func(s *Step) { s.Channels = slices.Delete(s.Channels, i, i+1) })
		}
	}
	if s.N > 1 {
		add(func(s *Step) { s.N = 1 })
		add(func(s *Step) { s.N /= 2 })
	}
	if s.MS > 0 {
		add(func(s *Step) { s.MS = 0 })
		if s.MS > 1 {
			add(func(s *Step) { s.MS /= 2 })
		}
	}
	if s.Size > 10 {
		add(func(s *Step) { s.Size = 10 })
		add(func(s *Step) { s.Size /= 2 })
	}
	if s.Rush {
		add(func(s *Step) { s.Rush = false })
	}
	if s.Thin {
		add(func(s *Step) { s.Thin = false })
	}
	if s.Last > 1 {
		add(func(s *Step) { s.Last /= 2 })
	}
	if s.Kind != "" && s.Kind != Plain {
		add(func(s *Step) { s.Kind = Plain })
	}
	if s.Server != 0 {
		add(func(s *Step) { s.Server = 0 })
	}
	return all
}
