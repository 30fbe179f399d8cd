package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// measures says of each what kind of scenario has it, and whether it may be compared.
var measures = []struct {
	name, kind string
	over, less bool
}{
	{CPU, Deliver, true, false},
	{CPURecord, Deliver, false, true},
	{P99, Deliver, true, false},
	{Last, Deliver, true, false},
	{Allocs, Deliver, false, false},
	{RSS, Idle, false, false},
	{RSS, Deliver, false, false},
	{Sockets, Idle, false, false},
	{Sockets, Deliver, false, false},
	{Goroutine, Idle, false, false},
	{IdleCPU, Idle, false, false},
	{CaughtUp, Storm, false, false},
}

func (s *Scenario) checkLimit(f *fields, field string, l Limit) {
	if l.Goal != "" && !goalPattern.MatchString(l.Goal) {
		f.wrong(field+".goal", "is %q: allowed are the design's, such as G1", l.Goal)
	}
	var names []string
	known := false
	for _, m := range measures {
		if m.kind != s.Kind {
			continue
		}
		names = append(names, m.name)
		if m.name != l.Measure {
			continue
		}
		known = true
		if l.Over != "" && !m.over {
			f.wrong(field+".over", "is %s: %s is no ratio, leave it out", l.Over, l.Measure)
		}
		if l.Less != "" && !m.less {
			f.wrong(field+".less", "is %s: %s is no difference, leave it out", l.Less, l.Measure)
		}
	}
	if !known {
		f.wrong(field+".measure", "is %q: allowed for kind %s are %s", l.Measure, s.Kind, list(names))
	}
	s.checkOperand(f, field+".of", l.Of, l.Measure)
	if l.Over != "" {
		s.checkOperand(f, field+".over", l.Over, l.Measure)
	}
	if l.Less != "" {
		s.checkOperand(f, field+".less", l.Less, l.Measure)
	}
	switch {
	case s.Subscribe.None && known && l.Measure != CPURecord:
		f.wrong(field+".measure", "is %s, and nothing is delivered: allowed is %s", l.Measure, CPURecord)
	case l.Measure == Last && s.Channels > 1:
		f.wrong(field+".measure", "is %s: it is of a broadcast, so channels must be 1", l.Measure)
	}
	if len(s.Steps) == 0 && (l.Measure == RSS || l.Measure == Sockets) {
		f.wrong(field+".measure", "is %s: it is a slope over steps, of which there are none", l.Measure)
	}
	if l.Info {
		if l.AtMost != 0 || l.Stretch != 0 {
			f.wrong(field+".info", "is true: then at_most and stretch say nothing, leave them out")
		}
	} else if !(l.AtMost > 0) {
		f.wrong(field+".at_most", "is %v: allowed is more than 0", l.AtMost)
	} else if !(l.Stretch >= 0 && l.Stretch <= l.AtMost) {
		f.wrong(field+".stretch", "is %v: allowed are 0 (none) to at_most, %v", l.Stretch, l.AtMost)
	}
}

// checkOperand looks whether a run of the scenario has what a limit names.
func (s *Scenario) checkOperand(f *fields, field, name, measure string) {
	var allowed []string
	for _, server := range s.operands() {
		if len(s.Lanes) == 0 {
			allowed = append(allowed, server)
		}
		for _, lane := range s.Lanes {
			allowed = append(allowed, server+"/"+lane.Name)
		}
	}
	if !strings.HasSuffix(field, ".of") && s.Kind == Deliver && measure != RSS && measure != Sockets {
		if measure != CPURecord { // the floor reads no records
			allowed = append(allowed, Floor)
		}
		for _, name := range s.Beside {
			if name != Reader || measure == CPURecord { // the reader delivers nothing
				allowed = append(allowed, name)
			}
		}
	}
	if !slices.Contains(allowed, name) {
		f.wrong(field, "is %s: allowed are %s", fmt.Sprintf("%q", name), list(allowed))
	}
}

// operands are the names of servers that limits may have.
func (s *Scenario) operands() []string {
	all := append([]string{Server}, Variants()...)
	for _, name := range s.Servers {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}
