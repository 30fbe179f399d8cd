package promotion

import (
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// A round counts in which all lanes had an undisturbed turn: then the pairs are of the same moments.
func TestRoundsThatCount(t *testing.T) {
	r := result.Result{Lanes: []result.Lane{
		{Name: "a", Slices: []result.Slice{{Round: 3, P99MS: 4}, {Round: 0, P99MS: 1}, {Round: 1, P99MS: 2}, {Round: 2, P99MS: 3}}},
		{Name: "b", Slices: []result.Slice{{Round: 0, P99MS: 10}, {Round: 2, P99MS: 30, Disturbed: "others"}, {Round: 3, P99MS: 40}}}, // it had no turn in round 1
	}}
	for i, want := range [][]float64{{1, 4}, {10, 40}} {
		if got := perRound(&r, &r.Lanes[i], func(s result.Slice) float64 { return s.P99MS }); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", r.Lanes[i].Name, got, want)
		}
	}
}

// All lanes that both have are looked at, not the first alone.
func TestEachLaneIsJudged(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"ws-multi@shards=1", "ws-single"} {
		l := *w.lane(name)
		l.Slices, l.Name = slices.Clone(l.Slices), name+"/stalled"
		w.result.Lanes = append(w.result.Lanes, l)
	}
	p := pair{candidate: "ws-multi", production: "ws-single", trees: w.result.Trees}
	limits := Limits{P99: 1.15, CPU: 1.1, Memory: 1.25, Reach: 1}
	want := Comparison{Scenario: "broadcast", Connections: 1000}
	if o := p.judge(&w.result, want, limits); len(o.faults) > 0 || len(o.figures) != 2 || !strings.HasPrefix(o.figures[1], "ws-multi@shards=1/stalled over ws-single/stalled: ") {
		t.Errorf("%q, %q", o.faults, o.figures)
	}
	w.scale(&w.result, "ws-multi@shards=1/stalled", 2, 1, 1, 0.01)
	if o := p.judge(&w.result, want, limits); len(o.faults) != 1 || !strings.HasPrefix(o.faults[0], "ws-multi@shards=1/stalled over ws-single/stalled: CPU per delivery ") || !strings.HasSuffix(o.faults[0], "it is worse than the limit") {
		t.Errorf("%q", o.faults)
	}
}
