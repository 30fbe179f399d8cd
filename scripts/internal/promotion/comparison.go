package promotion

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/judge"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// sizes are what a candidate may be measured with besides how it is shipped: on how many cores it runs is the deployment's.
var sizes = []string{"WS_SHARDS", "GOMAXPROCS"}

// pair is the candidate of a comparison and the variant in production, by the trees that they must be of.
type pair struct {
	candidate, production string
	trees                 map[string]string // by variant
}

// outcome is what came of looking at a comparison: reasons not to accept it, or the figures it was accepted for.
type outcome struct {
	faults, figures []string
}

func (o *outcome) fault(format string, args ...any) {
	o.faults = append(o.faults, fmt.Sprintf(format, args...))
}

// about says whether a result has both variants in it, in any role but a baseline's.
func (p pair) about(res *result.Result) bool {
	has := func(variant string) bool {
		return slices.ContainsFunc(res.Lanes, func(l result.Lane) bool { return !l.Baseline && scenario.VariantOf(l.Server) == variant })
	}
	return has(p.candidate) && has(p.production)
}

// exactly says whether a result is of the trees themselves.
func (p pair) exactly(res *result.Result) bool {
	return res.Trees[p.candidate] == p.trees[p.candidate] && res.Trees[p.production] == p.trees[p.production]
}

// judge holds a result against what is wanted and the limits.
func (p pair) judge(res *result.Result, want Comparison, limits Limits) *outcome {
	o := &outcome{}
	for _, name := range []string{p.candidate, p.production} {
		switch tree := res.Trees[name]; {
		case tree == "":
			o.fault("it does not say which tree of %s it is of: its files were changed then, or bench was an older one", name)
		case tree != p.trees[name]:
			o.fault("it is of another %s: of tree %.12s, and this is %.12s", name, tree, p.trees[name])
		}
	}
	if res.Scenario.Name != want.Scenario || res.Scenario.Connections < want.Connections {
		o.fault("it is of %s with %d clients, and wanted is %s with %d at least", res.Scenario.Name, res.Scenario.Connections, want.Scenario, want.Connections)
	}
	for _, r := range res.Refusals {
		o.fault("it refused to judge: %s", r.Text)
	}
	switch {
	case len(res.Refusals) > 0:
	case res.Interrupted || res.Verdict == result.Refused:
		o.fault("it refused to judge")
	case res.Verdict == result.Undecided:
		o.undecided(res)
	}
	if len(o.faults) > 0 {
		return o // its figures are not worth looking at
	}
	p.figures(o, res, limits)
	return o
}

// undecided says what a comparison left open.
func (o *outcome) undecided(res *result.Result) {
	for _, j := range res.Judgements {
		if j.Verdict == result.Undecided {
			more := ""
			if j.Needed > 0 {
				more = fmt.Sprintf("; --rounds %d may decide it", j.Pairs+j.Needed)
			}
			o.fault("it stayed undecided: %s, %s, 95%% between %s and %s, and its limit is %s%s", j.Text, digits(j.Value), digits(j.Low), digits(j.High), digits(j.AtMost), more)
		}
	}
	if len(o.faults) == 0 {
		o.fault("it stayed undecided")
	}
}

// figures judges each lane of the candidate beside the same one of the variant in production.
func (p pair) figures(o *outcome, res *result.Result, limits Limits) {
	pairs := 0
	for i := range res.Lanes {
		for k := range res.Lanes {
			of, over := &res.Lanes[i], &res.Lanes[k]
			if of.Baseline || over.Baseline || scenario.VariantOf(of.Server) != p.candidate || scenario.VariantOf(over.Server) != p.production {
				continue
			}
			if strings.TrimPrefix(of.Name, of.Server) != strings.TrimPrefix(over.Name, over.Server) {
				continue // another use of the server
			}
			pairs++
			o.lanes(res, of, over, limits)
		}
	}
	if pairs == 0 {
		o.fault("it has no lane of %s beside one of %s", p.candidate, p.production)
	}
}

func (o *outcome) lanes(res *result.Result, of, over *result.Lane, limits Limits) {
	before := len(o.faults)
	for _, l := range []*result.Lane{of, over} {
		o.fit(res, l)
	}
	if len(o.faults) > before {
		return
	}
	var words []string
	for _, f := range []struct {
		what   string
		limit  float64
		figure func(result.Slice) float64
	}{
		{"CPU per delivery", limits.CPU, func(s result.Slice) float64 { return s.CPUMicros / float64(s.Received) }},
		{"p99 latency", limits.P99, func(s result.Slice) float64 { return s.P99MS }},
		{"memory", limits.Memory, func(s result.Slice) float64 { return float64(s.RSS) }},
	} {
		in := judge.Ratio(perRound(res, of, f.figure), perRound(res, over, f.figure))
		d := judge.Decide(in, f.limit)
		said := fmt.Sprintf("%s %s (95%% between %s and %s, limit %s)", f.what, digits(in.Value), digits(in.Low), digits(in.High), digits(f.limit))
		switch d.Verdict {
		case result.Holds:
			words = append(words, said)
		case result.Worse:
			o.fault("%s over %s: %s: it is worse than the limit", of.Name, over.Name, said)
		default:
			more := ""
			if d.Needed > 0 {
				more = fmt.Sprintf(" (--rounds %d)", in.N+d.Needed)
			}
			o.fault("%s over %s: %s: undecided, %s%s", of.Name, over.Name, f.what, d.Text, more)
		}
	}
	reach := 0.0
	if of.Totals.Expected > 0 {
		reach = float64(of.Totals.Received) / float64(of.Totals.Expected)
	}
	if reach < limits.Reach {
		o.fault("%s: %d of %d deliveries arrived, and the limit is a share of %s", of.Name, of.Totals.Received, of.Totals.Expected, digits(limits.Reach))
	}
	o.figures = append(o.figures, fmt.Sprintf("%s over %s: %s; of %s's deliveries %s%% arrived", of.Name, over.Name, strings.Join(words, ", "), of.Name, digits(100*reach)))
}

// fit says why a lane tells nothing of the variant as it is deployed.
func (o *outcome) fit(res *result.Result, l *result.Lane) {
	c, err := scenario.ParseCandidate(l.Server)
	if err != nil {
		o.fault("its server %s is not known: %v", l.Server, err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		if !slices.Contains(sizes, name) {
			o.fault("%s was measured with %s, which nobody deploys", l.Name, name)
		}
	}
	switch {
	case l.Given:
		o.fault("the program of %s was given by name, not built from the tree", l.Name)
	case l.Processes > 1:
		o.fault("%s was %d processes on one port, which does not show what one costs", l.Name, l.Processes)
	case len(l.Shared) > 0:
		o.fault("%s shared cores with the load, so its latency is not its own: give it fewer (such as %s@shards=1), or measure on a machine with more", l.Name, c.Variant)
	case l.Connections < res.Scenario.Connections:
		o.fault("%s had %d clients of %d", l.Name, l.Connections, res.Scenario.Connections)
	}
}

// perRound is a figure of each round that counts, in order: one in which every lane had its turn and none was disturbed. So
// the two lists of a pair of lanes have the same rounds.
func perRound(res *result.Result, l *result.Lane, figure func(result.Slice) float64) []float64 {
	turns, disturbed := map[int]int{}, map[int]bool{}
	for _, lane := range res.Lanes {
		for _, s := range lane.Slices {
			turns[s.Round]++
			disturbed[s.Round] = disturbed[s.Round] || s.Disturbed != ""
		}
	}
	own := map[int]float64{}
	for _, s := range l.Slices {
		own[s.Round] = figure(s)
	}
	var figures []float64
	for _, round := range slices.Sorted(maps.Keys(own)) {
		if turns[round] == len(res.Lanes) && !disturbed[round] {
			figures = append(figures, own[round])
		}
	}
	return figures
}

// digits are three that matter, and all of a larger number.
func digits(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
