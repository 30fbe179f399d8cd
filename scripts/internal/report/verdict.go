package report

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// reasons say what each refusal is about.
var reasons = map[string]string{
	result.Starved:      "The load generator had no time left",
	result.Unproven:     "The load generator is not known to be fast enough",
	result.SlowBroker:   "The broker or the publisher was late",
	result.FloorMoved:   "The floor moved during the run",
	result.Unsettled:    "A server's cost was not settled",
	result.Foreigners:   "Others used the server's core",
	result.Lossy:        "Not every message arrived once and in order",
	result.NotStalled:   "The stalled clients were not stalled",
	result.NotPending:   "The records did not wait for each other",
	result.Incomplete:   "The run is not complete",
	result.NotConnected: "Not all clients were connected",
	result.SharedCores:  "A server shared a core with the load",
	result.NotResumed:   "Those who resumed were done too soon",
}

func reason(code string) string {
	if r, ok := reasons[code]; ok {
		return r
	}
	if code == "" {
		return "Refused"
	}
	return code
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if !strings.ContainsRune(".!?", rune(s[len(s)-1])) {
		s += "."
	}
	return s
}

// outcome says what became of a limit. In a run that was refused no limit counts, whatever its figure.
func outcome(r *result.Result, j result.Judgement) string {
	if j.Verdict == result.Stated {
		return "stated; there is no limit"
	}
	if r.Verdict == result.Refused {
		switch j.Verdict {
		case result.Holds:
			return "refused; this figure would hold"
		case result.Worse:
			return "refused; this figure is worse than the limit"
		}
		return "refused"
	}
	switch j.Verdict {
	case result.Holds:
		if j.Reached {
			return "holds, stretch reached"
		}
		return "holds"
	case result.Worse:
		return "worse than the limit"
	case result.Undecided:
		switch {
		case j.Pairs == 0:
			return "undecided: not measured"
		case j.Needed > 0:
			return "undecided: about " + plural(j.Needed, "more pair", "more pairs") + " may settle it"
		}
		return "undecided: too near the limit for more pairs to settle it"
	}
	return "not judged"
}

// verdictOf is the verdict that colors a judgement.
func verdictOf(r *result.Result, j result.Judgement) result.Verdict {
	if r.Verdict == result.Refused {
		return result.Refused
	}
	return j.Verdict
}

// judgedLimits is how many judgements are of limits, and do not only state a figure.
func judgedLimits(r *result.Result) int {
	n := 0
	for _, j := range r.Judgements {
		if j.Verdict != result.Stated {
			n++
		}
	}
	return n
}

// measuredOnly says that a run had no limit to hold.
func measuredOnly(r *result.Result) bool {
	return r.Verdict == result.Holds && judgedLimits(r) == 0 && r.Capacity == nil
}

// word is the verdict of a run in a word or two.
func word(r *result.Result) string {
	if measuredOnly(r) {
		return "Measured"
	}
	switch r.Verdict {
	case result.Holds:
		return "Holds"
	case result.Worse:
		return "Worse than a limit"
	case result.Refused:
		return "Refused"
	case result.Undecided:
		return "Undecided"
	}
	return "Not judged"
}

// summary is the verdict of a run in a sentence.
func summary(r *result.Result) string {
	hold, reached, worse, open := 0, 0, 0, 0
	for _, j := range r.Judgements {
		switch j.Verdict {
		case result.Holds:
			hold++
			if j.Reached {
				reached++
			}
		case result.Worse:
			worse++
		case result.Undecided:
			open++
		}
	}
	all := judgedLimits(r)
	limits := plural(all, "limit", "limits")
	var s string
	switch r.Verdict {
	case result.Refused:
		var why []string
		for _, f := range r.Refusals {
			why = append(why, strings.ToLower(reason(f.Code)[:1])+reason(f.Code)[1:])
		}
		s = "these figures cannot be judged"
		if r.Capacity != nil && len(r.Capacity.Settings) > 0 { // something else came to its end first
			s = "at least " + held(r.Capacity)
		}
		if len(why) > 0 {
			s += ": " + strings.Join(why, "; ")
		}
	case result.Worse:
		if worse == 0 && len(r.Refusals) > 0 { // of a server under test
			s = "it did not deliver all messages, once and in order; whatever else it does well does not count"
			break
		}
		s = fmt.Sprintf("%d of %s %s, %d %s", worse, limits, verb(worse, "is broken", "are broken"), hold, verb(hold, "holds", "hold"))
		if open > 0 {
			s += fmt.Sprintf(", %d undecided", open)
		}
	case result.Undecided:
		s = fmt.Sprintf("%d of %s %s more slices, %d %s", open, limits, verb(open, "needs", "need"), hold, verb(hold, "holds", "hold"))
	default:
		switch {
		case r.Capacity != nil && all == 0:
			s = held(r.Capacity)
		case all == 0:
			s = "the scenario states no limit"
			if !measuredOnly(r) {
				s += ", or nothing was judged"
			}
		default:
			s = fmt.Sprintf("%d of %s", hold, limits)
			switch {
			case hold == all && hold == 1:
				s = limits
			case hold == all && hold == 2:
				s = "both limits"
			case hold == all:
				s = "all " + limits
			}
			switch {
			case reached == 1 && hold == 1:
				s += ", with the stretch reached"
			case reached > 0:
				s += fmt.Sprintf(", %d of them with the stretch reached", reached)
			}
		}
	}
	if r.Interrupted {
		s += "; interrupted after " + seconds(r.Seconds) + ", and this is what was measured until then"
	}
	return s
}

// held says what a search for the capacity found.
func held(c *result.Capacity) string {
	return fmt.Sprintf("%s records/s, %s deliveries/s to %s, with p99 below %s", number(c.Rate), number(math.Round(c.Deliveries)),
		plural(c.Connections, "connection", "connections"), milliseconds(c.BoundMS))
}

// tally counts the verdicts of several results.
func tally(results []*result.Result) string {
	n, only := map[result.Verdict]int{}, 0
	for _, r := range results {
		if measuredOnly(r) {
			only++
			continue
		}
		n[r.Verdict]++
	}
	parts := []string{}
	for _, v := range []result.Verdict{result.Worse, result.Refused, result.Undecided, result.Holds} {
		if n[v] == 0 {
			continue
		}
		parts = append(parts, fmt.Sprintf("%d %s", n[v], map[result.Verdict]string{
			result.Worse: verb(n[v], "is", "are") + " worse than a limit", result.Refused: verb(n[v], "is", "are") + " refused",
			result.Undecided: verb(n[v], "is", "are") + " undecided", result.Holds: verb(n[v], "holds", "hold"),
		}[v]))
	}
	if only > 0 {
		parts = append(parts, fmt.Sprintf("%d %s no limit to hold", only, verb(only, "has", "have")))
	}
	s := plural(len(results), "measurement", "measurements")
	if len(parts) > 0 {
		s += ": " + list(parts)
	}
	return s
}

// essence are the main figures of the servers under test.
func essence(r *result.Result) string {
	if r.Capacity != nil {
		return none // its slices are of different loads
	}
	var all []string
	lanes := ordered(r)
	under := 0
	for _, l := range lanes {
		if !l.Baseline {
			under++
		}
	}
	b := basisOf(r)
	for _, l := range lanes {
		if l.Baseline {
			continue
		}
		var parts []string
		if e := b.cost(l); e.ok() {
			parts = append(parts, number(e.value)+" µs a "+b.unit)
		}
		if e := overFloor(r, l); e.ok() {
			parts = append(parts, number(e.value)+"× the floor")
		}
		if l.Latency != nil && l.Latency.P99MS > 0 {
			parts = append(parts, "p99 "+number(l.Latency.P99MS)+" ms")
		}
		if v := l.Totals.RSSPerConnection; v > 0 {
			parts = append(parts, amount(v)+" a connection")
		}
		if v := l.Totals.IdleCPU; v > 0 {
			parts = append(parts, number(v)+" µs/s idle")
		}
		if len(l.Storms) > 0 {
			parts = append(parts, "caught up in "+known(caughtUp(l), number)+" s")
		}
		words := strings.Join(parts, ", ")
		if under > 1 && words != "" {
			words = named(l) + ": " + words
		}
		if words != "" {
			all = append(all, words)
		}
	}
	if len(all) == 0 {
		return none
	}
	return strings.Join(all, "; ")
}

// caughtUp is how long it took after a cut until all were caught up, half of the times.
func caughtUp(l *result.Lane) float64 {
	var took []float64
	for _, s := range l.Storms {
		took = append(took, s.CaughtUp)
	}
	return median(took)
}
