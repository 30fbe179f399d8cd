package measure

import (
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
		Proof:   result.Proof{FramesPerSecond: 200_000},
		Floor:   result.Floor{CPUMicros: 4, First: 4, Second: 4.1},
	}
	for _, name := range []string{"floor", "ws-single/one", "ws-single/many"} {
		l := result.Lane{Name: name, Server: "ws-single", Connections: 1000}
		if name == "floor" {
			l.Server, l.Baseline = "floor", true
		}
		for round := range 10 {
			s := result.Slice{Round: round, Seconds: 2, Expected: 16_000, Received: 16_000, Reads: 16_000, LoadBusy: 0.3, AckP99MS: 5}
			if name == "ws-single/many" {
				s.Reads = 1000
			}
			l.Slices = append(l.Slices, s)
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
		{"bursts in pieces", spoil(func(s *result.Slice) { s.Reads = 8000 }), result.NotPending},
		{"clients missing", func(res *result.Result) { res.Lanes[2].Connections = 900 }, result.NotConnected},
		{"interrupted", func(res *result.Result) { res.Interrupted = true }, result.Incomplete},
		{"two rounds", func(res *result.Result) {
			for i := range res.Lanes {
				res.Lanes[i].Slices = res.Lanes[i].Slices[:2]
			}
		}, result.Incomplete},
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
			if res.Refusals = got; tt.want != "" && verdict(res) != result.Refused {
				t.Errorf("verdict %s with refusals", verdict(res))
			}
		})
	}
}
