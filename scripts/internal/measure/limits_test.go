package measure

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// costs makes a lane of which each slice delivers 1,000 messages at the given cost, in us.
func costs(name string, each ...float64) result.Lane {
	l := result.Lane{Name: name, Server: name, Connections: 100}
	for i, c := range each {
		l.Slices = append(l.Slices, result.Slice{Round: i, Records: 10, Received: 1000, Expected: 1000, CPUMicros: 1000 * c, P99MS: 2 * c, Allocs: 5})
	}
	return l
}

func TestJudgements(t *testing.T) {
	tests := []struct {
		name    string
		limit   scenario.Limit
		value   float64
		verdict result.Verdict
	}{
		{"within", scenario.Limit{Measure: scenario.CPU, Of: "server", Over: "floor", AtMost: 1.5}, 1.25, result.Holds},
		{"beyond", scenario.Limit{Measure: scenario.CPU, Of: "server", Over: "floor", AtMost: 1.1}, 1.25, result.Worse},
		{"in between", scenario.Limit{Measure: scenario.CPU, Of: "server", Over: "floor", AtMost: 1.2501}, 1.25, result.Undecided},
		{"p99", scenario.Limit{Measure: scenario.P99, Of: "server", Over: "floor", AtMost: 1.5}, 1.25, result.Holds},
		{"by itself", scenario.Limit{Measure: scenario.P99, Of: "server", AtMost: 50}, 20, result.Holds},
		{"two baselines", scenario.Limit{Measure: scenario.CPU, Of: "floor", Over: "floor", AtMost: 1}, 1, result.Holds},
		{"a record, less another's, at 4 us", scenario.Limit{Measure: scenario.CPURecord, Of: "server", Less: "floor", AtMost: 110}, 100, result.Holds},
		{"allocations", scenario.Limit{Measure: scenario.Allocs, Of: "server", AtMost: 0.01}, 0.005, result.Holds},
		{"memory", scenario.Limit{Measure: scenario.RSS, Of: "server", AtMost: 6000}, 5000, result.Holds},
		{"idle, at 4 us", scenario.Limit{Measure: scenario.IdleCPU, Of: "server", AtMost: 0.5}, 0.2, result.Holds},
		{"last", scenario.Limit{Measure: scenario.Last, Of: "server", AtMost: 1.3}, 1.25, result.Holds},
		{"last, over another's", scenario.Limit{Measure: scenario.Last, Of: "server", Over: "floor", AtMost: 1.3}, 1.25, result.Holds},
		{"caught up", scenario.Limit{Measure: scenario.CaughtUp, Of: "server", AtMost: 10}, 2, result.Holds},
		{"a lane that is not there", scenario.Limit{Measure: scenario.CPU, Of: "server", Over: "nobody", AtMost: 1}, 0, result.Undecided},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := costs("ws-single", 10, 10.1, 9.9, 10)
			server.Memory = []result.Memory{{Connections: 1000, RSS: 10e6}, {Connections: 3000, RSS: 20e6}}
			for round := range 4 {
				server.Idle = append(server.Idle, result.Rest{Round: round, Seconds: 5, CPUMicros: 200}) // 0.4 us/s at 8 us
			}
			server.Storms = []result.Storm{{CaughtUp: 2}, {CaughtUp: 2.01}, {CaughtUp: 1.99}}
			for i := range 300 {
				server.LastMS = append(server.LastMS, result.Broadcast{Round: i % 4, Last: 3, Kafka: 2})
			}
			floor := costs(scenario.Floor, 8, 8.1, 7.9, 8)
			for i := range 40 {
				floor.LastMS = append(floor.LastMS, result.Broadcast{Round: i % 4, Last: 0.8})
			}
			res := &result.Result{
				Scenario: scenario.Scenario{Kind: scenario.Deliver, Limits: []scenario.Limit{tt.limit}},
				Servers:  []string{"ws-single"}, Lanes: []result.Lane{floor, server},
				Floor: result.Floor{CPUMicros: 8},
			}
			// 3 - 2 ms over 100 connections x 8 us is 1.25.
			all := judgeLimits(res)
			if len(all) != 1 {
				t.Fatalf("%d judgements", len(all))
			}
			j := all[0]
			if math.Abs(j.Value-tt.value) > 0.02*tt.value || j.Verdict != tt.verdict {
				t.Errorf("%g (%g to %g) is %s, want %g and %s", j.Value, j.Low, j.High, j.Verdict, tt.value, tt.verdict)
			}
			if j.Text == "" || Explain(j) == "" {
				t.Error("said nothing")
			}
		})
	}
}

// A round of which a lane was disturbed counts for none: pairs are of one time.
func TestDisturbedRoundsDoNotCount(t *testing.T) {
	slow := costs("ws-single", 10, 90, 10, 10)
	slow.Slices[1].Disturbed = "others"
	res := &result.Result{
		Scenario: scenario.Scenario{Kind: scenario.Deliver, Limits: []scenario.Limit{{Measure: scenario.CPU, Of: "server", Over: "floor", AtMost: 2}}},
		Servers:  []string{"ws-single"}, Lanes: []result.Lane{costs("floor", 8, 70, 8, 8), slow},
	}
	j := judgeLimits(res)[0]
	if j.Pairs != 3 || math.Abs(j.Value-1.25) > 1e-9 {
		t.Errorf("%g of %d pairs, want 1.25 of 3", j.Value, j.Pairs)
	}
}

// A limit is judged for the servers that it names, as far as the run has them.
func TestAbout(t *testing.T) {
	two := []string{"ws-single", "ws-multi@shards=1"}
	tests := []struct {
		of, over string
		servers  []string
		want     []string // of/over
	}{
		{"server", "floor", two, []string{"ws-single over floor", "ws-multi@shards=1 over floor"}},
		{"server/x", "server/y", two, []string{"ws-single/x over ws-single/y", "ws-multi@shards=1/x over ws-multi@shards=1/y"}},
		{"ws-multi", "ws-single", two, []string{"ws-multi@shards=1 over ws-single"}},
		{"ws-multi@shards=1", "ws-single", two, []string{"ws-multi@shards=1 over ws-single"}},
		{"ws-multi@shards=2", "ws-single", two, nil},
		{"ws-multi", "ws-single", []string{"ws-single"}, nil},
		{"ws-multi", "ws-single", []string{"ws-multi"}, nil},
		{"ws-multi", "floor", []string{"ws-multi@shards=1", "ws-multi@shards=2"}, []string{"ws-multi@shards=1 over floor", "ws-multi@shards=2 over floor"}},
		{"ws-multi/x", "ws-multi/y", []string{"ws-multi@shards=1"}, []string{"ws-multi@shards=1/x over ws-multi@shards=1/y"}},
		{"ws-multi/x", "ws-multi/y", []string{"ws-multi@shards=1", "ws-multi@shards=2"}, []string{"ws-multi@shards=1/x over ws-multi@shards=1/y", "ws-multi@shards=2/x over ws-multi@shards=2/y"}},
		{"server/x", "ws-multi/y", two, []string{"ws-single/x over ws-multi@shards=1/y", "ws-multi@shards=1/x over ws-multi@shards=1/y"}},
		{"server", "ws-multi", []string{"ws-multi@shards=1", "ws-multi@shards=2"}, []string{"ws-multi@shards=2 over ws-multi@shards=1"}},
		{"server", "ws-single", two, []string{"ws-multi@shards=1 over ws-single"}},
		{"ws-single", "ws-single#2", []string{"ws-single", "ws-single#2"}, []string{"ws-single over ws-single#2"}},
		{"gorilla-hub", "ws-single", []string{"ws-single"}, []string{"gorilla-hub over ws-single"}},
		{"floor", "floor", two, []string{"floor over floor"}},
	}
	for _, tt := range tests {
		var got []string
		for _, l := range about(scenario.Limit{Of: tt.of, Over: tt.over}, tt.servers) {
			got = append(got, l.Of+" over "+l.Over)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s over %s of %v: %q, want %q", tt.of, tt.over, tt.servers, got, tt.want)
		}
	}
}

// A figure without a limit is stated, and decides nothing.
func TestStated(t *testing.T) {
	res := &result.Result{
		Scenario: scenario.Scenario{Kind: scenario.Deliver, Limits: []scenario.Limit{{Measure: scenario.CPU, Of: "server", Over: "floor", Info: true}}},
		Servers:  []string{"ws-single"}, Lanes: []result.Lane{costs(scenario.Floor, 8, 8.1, 7.9), costs("ws-single", 80, 81, 79)},
	}
	j := judgeLimits(res)
	if res.Judgements = j; j[0].Verdict != result.Stated || j[0].Value < 9.9 || verdict(res) != result.Holds || strings.Contains(Explain(j[0]), "limit") {
		t.Errorf("%s: %s, and the run %s", Explain(j[0]), j[0].Verdict, verdict(res))
	}
}
