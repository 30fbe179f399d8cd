package measure

import (
	"math"
	"slices"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// honest is a result that there is nothing to say against.
func honest() *result.Result {
	res := &result.Result{
		Scenario: scenario.Scenario{
			Name: "test", Kind: scenario.Deliver, Connections: 1000, Channels: 1, Rounds: 10,
			Lanes: []scenario.Lane{{Name: "one"}, {Name: "many", Publish: &scenario.Publish{Rate: 80, Burst: 16}}},
		},
		Servers: []string{"ws-single"},
		Proof:   result.Proof{FramesPerSecond: 200_000, LoadBusy: 0.5},
		Floor:   result.Floor{CPUMicros: 4, First: 4, Second: 4.1},
	}
	for _, name := range []string{"floor", "ws-single/one", "ws-single/many"} {
		l := result.Lane{Name: name, Server: "ws-single", Connections: 1000}
		if name == "floor" {
			l.Server, l.Baseline = "floor", true
		}
		for round := range 10 {
			s := result.Slice{
				Round: round, Seconds: 2, Records: 16, Read: 16, Expected: 16_000, Received: 16_000, Reads: 16_000,
				LoadBusy: 0.3, AckP99MS: 5, P99MS: 40, CPUMicros: 64_000,
			}
			if name == "ws-single/many" {
				s.Reads = 1000
			}
			l.Slices = append(l.Slices, s)
			l.Totals.Received += s.Received
		}
		res.Lanes = append(res.Lanes, l)
	}
	return res
}

func TestRefusals(t *testing.T) {
	// spoil changes every slice of the lane that takes bursts.
	spoil := func(change func(*result.Slice)) func(*result.Result) {
		return func(res *result.Result) {
			for i := range res.Lanes[2].Slices {
				change(&res.Lanes[2].Slices[i])
			}
		}
	}
	once := func(change func(*result.Slice)) func(*result.Result) {
		return func(res *result.Result) { change(&res.Lanes[2].Slices[4]) }
	}
	tests := []struct {
		name  string
		spoil func(*result.Result)
		want  string // "": judged
	}{
		{"honest", func(*result.Result) {}, ""},
		{"generator busy", spoil(func(s *result.Slice) { s.LoadBusy = 0.97 }), result.Starved},
		{"generator without a core", spoil(func(s *result.Slice) { s.LoadWait = 0.6 }), result.Starved},
		{"generator busy once", once(func(s *result.Slice) { s.LoadBusy = 0.97 }), ""},
		{"more than was proved", spoil(func(s *result.Slice) { s.Reads, s.Expected, s.Received = 360_000, 5_760_000, 5_760_000 }), result.Unproven},
		{"slow acknowledgements", spoil(func(s *result.Slice) { s.AckP99MS = 900 }), result.SlowBroker},
		{"late schedule", spoil(func(s *result.Slice) { s.BehindMS = 900 }), result.SlowBroker},
		{"the floor rose", func(res *result.Result) { res.Floor.Second = 5 }, result.FloorMoved},
		{"the floor sank", func(res *result.Result) { res.Floor.Second = 3 }, result.FloorMoved},
		{"others on the core", spoil(func(s *result.Slice) { s.Disturbed = "others used 20% of the server's core" }), result.Foreigners},
		{"one lost", once(func(s *result.Slice) { s.Lost, s.Received = 1, s.Received-1 }), result.Lossy},
		{"one doubled", once(func(s *result.Slice) { s.Doubled = 1 }), result.Lossy},
		{"two swapped", once(func(s *result.Slice) { s.Reordered = 1 }), result.Lossy},
		{"a hole in seq", once(func(s *result.Slice) { s.BadSeq = 1 }), result.Lossy},
		{"a connection that ended", once(func(s *result.Slice) { s.Closed = 1 }), result.Lossy},
		{"garbage", once(func(s *result.Slice) { s.Malformed = 1 }), result.Lossy},
		{"stalled that the server alone calls full", func(res *result.Result) {
			res.Lanes[2].Stalled = 10
			spoil(func(s *result.Slice) { s.Behind = 10 })(res)
		}, result.NotStalled},
		{"one late for good", once(func(s *result.Slice) { s.Received-- }), result.Lossy},
		{"stalled that have room", func(res *result.Result) { res.Lanes[2].Stalled = 10 }, result.NotStalled},
		{"stalled and full", func(res *result.Result) {
			res.Lanes[2].Stalled = 10
			spoil(func(s *result.Slice) { s.Behind, s.Full = 10, 10 })(res)
		}, ""},
		{"bursts in pieces", spoil(func(s *result.Slice) { s.SpreadMS = 80 }), result.NotPending},
		{"a slow broker where latency is judged", func(res *result.Result) {
			res.Scenario.Limits = []scenario.Limit{{Measure: scenario.P99, Of: "ws-single/many", Over: "ws-single/one", AtMost: 100}}
			spoil(func(s *result.Slice) { s.AckP99MS = 30 })(res)
		}, result.SlowBroker},
		{"a slow broker that breaks a limit", func(res *result.Result) {
			res.Scenario.Limits = []scenario.Limit{{Measure: scenario.P99, Of: "ws-single/many", AtMost: 39}}
			spoil(func(s *result.Slice) { s.AckP99MS = 30 })(res)
		}, result.SlowBroker},
		{"a slow broker in spite of which a limit holds", func(res *result.Result) {
			res.Scenario.Limits = []scenario.Limit{{Measure: scenario.P99, Of: "ws-single/many", AtMost: 41}}
			spoil(func(s *result.Slice) { s.AckP99MS = 30 })(res)
		}, ""},
		{"a slow broker where it is not", spoil(func(s *result.Slice) { s.AckP99MS = 30 }), ""},
		{"records that nobody wants, and that were not read", once(func(s *result.Slice) { s.Expected, s.Received, s.Read = 0, 0, 3 }), result.Lossy},
		{"a generator at its end when it was to prove itself", func(res *result.Result) { res.Proof.LoadBusy = 0.96 }, result.Unproven},
		{"a server that gets dearer", func(res *result.Result) {
			for i := range res.Lanes[2].Slices {
				res.Lanes[2].Slices[i].CPUMicros *= 1 + 0.05*float64(i)
			}
		}, result.Unsettled},
		{"a server that varies", func(res *result.Result) {
			for i := range res.Lanes[2].Slices {
				res.Lanes[2].Slices[i].CPUMicros *= 1 + 0.3*float64(i%2)
			}
		}, ""},
		{"disturbed storms", func(res *result.Result) {
			res.Lanes[2].Storms = []result.Storm{{Disturbed: "others"}, {Disturbed: "others"}, {}}
		}, result.Foreigners},
		{"clients missing", func(res *result.Result) { res.Lanes[2].Connections = 900 }, result.NotConnected},
		{"interrupted", func(res *result.Result) { res.Interrupted = true }, result.Incomplete},
		{"two rounds", func(res *result.Result) {
			for i := range res.Lanes {
				res.Lanes[i].Slices = res.Lanes[i].Slices[:2]
			}
		}, result.Incomplete},
		{"latency on shared cores", func(res *result.Result) {
			res.Scenario.Limits = []scenario.Limit{{Measure: scenario.P99, Of: "ws-single/many", AtMost: 100}}
			res.Lanes[2].Shared = []int{1}
		}, result.SharedCores},
		{"cost on shared cores", func(res *result.Result) {
			res.Scenario.Limits = []scenario.Limit{{Measure: scenario.CPU, Of: "ws-single/many", AtMost: 100}}
			res.Lanes[2].Shared = []int{1}
		}, ""},
		{"a resume that was over at once", spoil(func(s *result.Slice) { s.Resume = &result.Resume{Seconds: 0.1} }), result.NotResumed},
		{"a resume", spoil(func(s *result.Slice) { s.Resume = &result.Resume{Seconds: 0.5, Expected: 9, Replayed: 9} }), ""},
		{"a resume that lost", once(func(s *result.Slice) { s.Resume = &result.Resume{Seconds: 0.5, Expected: 9, Replayed: 8} }), result.Lossy},
		{"a storm that lost", func(res *result.Result) {
			res.Lanes[2].Storms = []result.Storm{{Expected: 100, Replayed: 99}}
		}, result.Lossy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := honest()
			tt.spoil(res)
			got := refusals(res)
			has := slices.ContainsFunc(got, func(r result.Refusal) bool { return r.Code == tt.want && r.Text != "" })
			if tt.want == "" && len(got) > 0 || tt.want != "" && !has {
				t.Errorf("refusals %v, want %q", got, tt.want)
			}
			want := result.Refused
			if tt.want == result.Lossy { // by the server under test: that is a finding
				want = result.Worse
			}
			if res.Refusals = got; tt.want != "" && verdict(res) != want {
				t.Errorf("verdict %s with refusals %v, want %s", verdict(res), got, want)
			}
		})
	}
}

// What a baseline loses says nothing of the server.
func TestBaselineThatLosesIsNoFinding(t *testing.T) {
	res := honest()
	res.Lanes[0].Slices[3].Lost = 1
	if res.Refusals = refusals(res); verdict(res) != result.Refused {
		t.Errorf("%s, %v", verdict(res), res.Refusals)
	}
}

func TestIdleIsJudgedByTheFloorOfItsRound(t *testing.T) {
	res := &result.Result{
		Scenario: scenario.Scenario{Kind: scenario.Idle},
		Lanes: []result.Lane{
			{Name: "floor", Server: "floor", Baseline: true},
			{Name: "ws-single", Server: "ws-single", Connections: 1000},
		},
	}
	for round, send := range []float64{4, 8, 4, 8} { // a machine that is half as fast every other time
		res.Lanes[0].Slices = append(res.Lanes[0].Slices, result.Slice{Round: round, Received: 1000, CPUMicros: 1000 * send})
		res.Lanes[1].Idle = append(res.Lanes[1].Idle, result.Rest{Round: round, Seconds: 5, CPUMicros: 500 * send})
	}
	res.Lanes[1].Idle = append(res.Lanes[1].Idle, result.Rest{Round: 3, Seconds: 5, CPUMicros: 1e6, Disturbed: "others"})
	j := judgeLimit(res, scenario.Limit{Measure: scenario.IdleCPU, Of: "ws-single", AtMost: 0.5})
	if math.Abs(j.Value-0.4) > 1e-9 || j.Verdict != result.Holds || j.Pairs != 4 {
		t.Errorf("%+v", j)
	}
}
