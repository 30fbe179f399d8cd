package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

func TestExitCodes(t *testing.T) {
	tests := []struct {
		verdicts []result.Verdict
		want     int
	}{
		{nil, exitHolds},
		{[]result.Verdict{result.Holds, result.Holds}, exitHolds},
		{[]result.Verdict{result.Holds, result.Undecided}, exitUndecided},
		{[]result.Verdict{result.Undecided, result.Refused}, exitRefused},
		{[]result.Verdict{result.Refused, result.Worse, result.Holds}, exitWorse},
	}
	for _, tt := range tests {
		var all []*result.Result
		for _, v := range tt.verdicts {
			all = append(all, &result.Result{Verdict: v})
		}
		if got := exitCode(all); got != tt.want {
			t.Errorf("%v: exit code %d, want %d", tt.verdicts, got, tt.want)
		}
	}
}

func TestPrintOutcome(t *testing.T) {
	connect := result.Connect{Seconds: 2.5, PerSecond: 4800, P50MS: 1.25, P99MS: 30, MaxMS: 41, Refused: map[string]int{"503": 3, "429": 4}}
	again := connect
	lane := func(name string, c *result.Connect, t result.Totals) result.Lane {
		server, _, _ := strings.Cut(name, "/")
		return result.Lane{Name: name, Server: server, Connections: 12000, Connect: c, Totals: t}
	}
	limit := result.Judgement{Text: "CPU per delivery", Unit: "x", Value: 1.1, Low: 1, High: 1.2, Pairs: 9, Verdict: result.Holds}
	tests := []struct {
		name     string
		res      result.Result
		want     []string
		unwanted []string
	}{
		{
			"no limit", result.Result{Verdict: result.Holds, Lanes: []result.Lane{lane("ws-single", nil, result.Totals{Expected: 9, Received: 9, CPUPerDelivery: 2})}},
			[]string{"measured; no limit to hold; kept in a/file.json\n", "us/delivery"}, []string{"holds", "reach", "B/client", "idle", "handshakes"},
		},
		{"holds", result.Result{Verdict: result.Holds, Judgements: []result.Judgement{limit}}, []string{"holds      CPU", "\nholds; kept"}, []string{"no limit"}},
		{
			"refused", result.Result{Verdict: result.Refused, Judgements: []result.Judgement{limit}, Refusals: []result.Refusal{{Text: "the floor moved"}}},
			[]string{"unjudged   CPU", "refused    the floor moved", "\nrefused; kept"}, []string{"holds"},
		},
		{
			"only stated", result.Result{Verdict: result.Holds, Judgements: []result.Judgement{{Limit: scenario.Limit{Info: true}, Text: "CPU per delivery", Unit: "x", Value: 1.1, Low: 1, High: 1.2, Pairs: 9, Verdict: result.Stated}}},
			[]string{"stated     CPU per delivery: 1.1 x", "measured; no limit to hold"}, []string{"limit 0"},
		},
		{
			"lanes unlike others", result.Result{Verdict: result.Holds, Lanes: []result.Lane{
				{Name: "ws-multi@processes=3", Server: "ws-multi@processes=3", Processes: 3},
				{Name: "ws-multi@shards=2", Server: "ws-multi@shards=2", Shards: 2, Cores: []int{0, 1}, Shared: []int{1}},
				{Name: "ws-multi/back", Server: "ws-multi", Slices: []result.Slice{{Resume: &result.Resume{Clients: 9, Seconds: 1.5, Replayed: 90}}, {}}},
			}},
			[]string{"3 processes on one port: it shows descriptors and memory, not shards", "2 shards on cores [0 1], of which the load has [1] too", "9 others came back with 90 messages that they had missed, in 1.5 s"}, nil,
		},
		{
			"capacity", result.Result{Verdict: result.Holds, Capacity: &result.Capacity{Rate: 1234.5, Deliveries: 5e6, BoundMS: 250}},
			[]string{"\nholds 1234 records/s, 5000000 deliveries/s, with p99 below 250 ms; kept"}, []string{"no limit"},
		},
		{
			"reach", result.Result{Lanes: []result.Lane{
				lane("floor", nil, result.Totals{Expected: 60_000_000, Received: 60_000_000}),
				lane("ws-single", nil, result.Totals{Expected: 60_000_000, Received: 59_999_999}),
				lane("centrifuge", nil, result.Totals{Expected: 100, Received: 104}),
				lane("gorilla-hub", nil, result.Totals{Expected: 100}),
			}}, []string{"reach", "59999999  99.99%", "104    104%", "0      0%"}, []string{"100%"},
		},
		{
			"memory", result.Result{Lanes: []result.Lane{lane("ws-single", nil, result.Totals{RSSPerConnection: 5120, SocketsPerConn: 7345, IdleCPU: 0.31})}},
			[]string{"B/client  sockets B/client  idle us/s", "5120              7345       0.31"}, []string{"us/delivery", "deliveries", "p50"},
		},
		{
			"connect", result.Result{Lanes: []result.Lane{
				lane("floor", &result.Connect{Seconds: 1, PerSecond: 12000, P50MS: 1, P99MS: 2, MaxMS: 3}, result.Totals{}),
				lane("ws-single/one", &connect, result.Totals{}), lane("ws-single/two", &again, result.Totals{}),
			}},
			[]string{
				"floor: 12000 handshakes/s for 1 s; time to connect p50 1 ms, p99 2 ms, max 3 ms\n",
				"ws-single/one and ws-single/two: 4800 handshakes/s for 2.5 s; time to connect p50 1.25 ms, p99 30 ms, max 41 ms; 7 turned away and tried again\n",
			}, []string{"\nws-single/two: "},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			printOutcome(&out, &tt.res, "a/file.json")
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in\n%s", want, out.String())
				}
			}
			for _, unwanted := range tt.unwanted {
				if strings.Contains(out.String(), unwanted) {
					t.Errorf("%q in\n%s", unwanted, out.String())
				}
			}
		})
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{
		0: "0%", 0.29: "29%", 0.5: "50%", 0.99994: "99.99%", 1 - 1e-8: "99.99%", 1: "100%", 1 + 1e-8: "100.01%", 1.5: "150%",
	} {
		if got := percent(share); got != want {
			t.Errorf("%v: %s, want %s", share, got, want)
		}
	}
}
