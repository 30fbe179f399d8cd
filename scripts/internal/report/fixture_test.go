package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// The results here are made up, with figures such as a run has them. The same ones are made every time.

// dice are the fixture's chances.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 4))} }

// about is v, give or take a share.
func (d dice) about(v, share float64) float64 { return v * math.Exp(d.NormFloat64()*share) }

// begun is a result of a scenario with what every run has.
func begun(s scenario.Scenario) *result.Result {
	return &result.Result{
		Schema:   "https://example.org/result.schema.json",
		Command:  []string{"/somewhere/scripts/bin/bench", "run", s.Name, "--seconds", "2"},
		Started:  time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC),
		Seconds:  412,
		Commit:   "5a32b9041ef4d2c3e8aa61cc3d9b1a0c7f65e122",
		Versions: map[string]string{"go": "go1.26.8", "librdkafka": "2.11.1", "broker": "4.3.0", "ws-single": "0.1.0", "centrifuge": "v0.40.1", "gorilla/websocket": "v1.5.3"},
		Host: result.Host{
			Fingerprint: "a81d3f09", CPU: "AMD EPYC 7B13", CPUs: 2, Kernel: "6.1.0-28-amd64", MemoryBytes: 8_348_000_000, Somaxconn: 4096, OpenFiles: 20000,
		},
		Cores:    result.Cores{Server: []int{0}, Load: []int{1}},
		Scenario: s,
		Servers:  []string{"ws-single"},
		Proof:    result.Proof{FramesPerSecond: 412_000, Connections: s.Connections, Seconds: 3, LoadBusy: 0.62},
		Floor:    result.Floor{CPUMicros: 4.05, First: 4.03, Second: 4.07},
		Verdict:  result.Holds,
	}
}

// served is one lane of a load in which deliveries take micros of CPU each and p50 milliseconds.
func served(d dice, r *result.Result, name, server string, micros, p50 float64) *result.Lane {
	s := r.Scenario
	l := result.Lane{
		Name: name, Server: server, Baseline: server != "ws-single", Connections: s.Connections, FanOut: float64(s.Connections),
		Settings: map[string]string{"WS_HANDSHAKES_PER_S": "off", "WS_MAX_CONNECTIONS": "off"},
		Connect: &result.Connect{
			Seconds: float64(s.Connections) / 11_400, PerSecond: 11_400, P50MS: 8.2, P99MS: 31, MaxMS: 64, CPUMicros: d.about(52, 0.1),
		},
	}
	if server != "ws-single" {
		l.Settings = nil
	}
	h := hdrhistogram.New(1, 600_000_000, 3)
	for round := range s.Rounds {
		deliveries := int64(s.Publish.Rate * 2 * float64(s.Connections))
		drift := d.about(1, 0.015)
		slice := result.Slice{
			Round: round, At: 20 + float64(round)*10.5 + 2.1*float64(len(r.Lanes)), Seconds: 2,
			Records: int64(s.Publish.Rate * 2), Expected: deliveries, Received: deliveries, Bytes: deliveries * 220, Reads: deliveries,
			CPUMicros: d.about(micros*drift, 0.02) * float64(deliveries), RSS: int64(30e6 + micros*2e3*float64(s.Connections)), Busy: min(micros*float64(deliveries)/2e6*1.02, 1), TurnMaxMS: d.about(1.4, 0.3),
			AckP99MS: d.about(1.8, 0.2), BehindMS: d.about(0.3, 0.3), LoadBusy: d.about(0.31, 0.05), LoadWait: d.about(0.004, 0.4),
		}
		if round == 3 && server == "centrifuge" {
			slice.Disturbed = "others used 9 % of the server's core"
		}
		l.Slices = append(l.Slices, slice)
		for range 4000 {
			// What a broadcast is: the first client of a record has it early, the last late, and now and then Kafka is slow.
			v := p50 * (0.1 + 1.8*d.Float64())
			if d.Float64() < 0.02 {
				v += d.ExpFloat64() * p50
			}
			_ = h.RecordValue(int64(v * 1000))
		}
		l.Totals.Records += slice.Records
		l.Totals.Expected += slice.Expected
		l.Totals.Received += slice.Received
	}
	l.Latency = distribution(h)
	l.Totals.CPUPerDelivery = micros
	l.Totals.FrameBytes, l.Totals.FramesPerRead = 220, 1
	r.Lanes = append(r.Lanes, l)
	return &r.Lanes[len(r.Lanes)-1]
}

func distribution(h *hdrhistogram.Histogram) *result.Distribution {
	encoded, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err)
	}
	ms := func(q float64) float64 { return float64(h.ValueAtPercentile(q)) / 1e3 }
	return &result.Distribution{Count: h.TotalCount(), P50MS: ms(50), P90MS: ms(90), P99MS: ms(99), P999MS: ms(99.9), MaxMS: float64(h.Max()) / 1e3, Hdr: string(encoded)}
}

// timed gives a result the timeline that its slices had.
func timed(d dice, r *result.Result) {
	add := func(m result.Moment) { r.Timeline = append(r.Timeline, m) }
	t := 0.0
	for range 4 {
		t++
		add(result.Moment{At: t, Phase: "prove", Lane: "floor", Connections: 12000, PerSecond: d.about(412_000, 0.02), CPU: 1})
	}
	for i := range r.Lanes {
		l := &r.Lanes[i]
		for n := 0; n <= l.Connections; n += max(l.Connections/6, 1) {
			t += 0.5
			add(result.Moment{At: t, Phase: "connect", Lane: l.Name, Connections: n, CPU: d.about(0.5, 0.1), Busy: 0.45})
		}
	}
	for round := range r.Scenario.Rounds {
		for i := range r.Lanes {
			l := &r.Lanes[(i+round)%len(r.Lanes)]
			if round >= len(l.Slices) {
				continue
			}
			s := l.Slices[round]
			for range 4 {
				t += 0.5
				m := result.Moment{At: t, Phase: "measure", Lane: l.Name, Connections: l.Connections, PerSecond: d.about(float64(s.Received)/2, 0.01), CPU: d.about(s.CPUMicros/2e6, 0.02), RSS: s.RSS}
				if !l.Baseline {
					m.Busy = s.Busy
				}
				add(m)
			}
		}
	}
	r.Seconds = t
}

// broadcast is a whole run that holds: five lanes side by side.
func broadcast(connections int) *result.Result {
	d := newDice(uint64(connections))
	r := begun(scenario.Scenario{
		Name: "broadcast", Title: "Broadcast to everybody",
		About: "Every record goes to every client: a ticker, a score, a price that all look at. Five records a second, one by one.",
		Kind:  scenario.Deliver, Connections: connections, Channels: 1, Subscribe: scenario.Subscribe{Each: 1},
		Publish: scenario.Publish{Rate: 5, Bytes: 104}, Slice: scenario.Duration(2 * time.Second), Rounds: 24, Beside: []string{"gorilla-hub", "centrifuge"},
	})
	scale := 1 + 0.02*math.Log(float64(connections)/12000)
	r.Lanes = make([]result.Lane, 0, 4)
	s := served(d, r, "ws-single", "ws-single", 4.36*scale, 26)
	s.Totals.AllocsPerDelivery = 0.0004
	s.LastP99MS = 61.2
	for range 24 {
		s.LastMS = append(s.LastMS, result.Broadcast{Last: d.about(55, 0.1), Kafka: d.about(2, 0.4)})
	}
	served(d, r, "gorilla-hub", "gorilla-hub", 7.4*scale, 47)
	served(d, r, "centrifuge", "centrifuge", 13.1*scale, 84)
	served(d, r, "floor", "floor", 4.05*scale, 24)
	timed(d, r)
	r.Judgements = []result.Judgement{
		{Limit: scenario.Limit{Goal: "G1", Measure: scenario.CPU, Of: "ws-single", Over: "floor", AtMost: 1.25, Stretch: 1.1}, Text: "ws-single: CPU per delivery / floor's", Unit: "x", Value: 1.076, Low: 1.064, High: 1.088, Pairs: 24, Verdict: result.Holds, Reached: true},
		{Limit: scenario.Limit{Goal: "G3", Measure: scenario.CPU, Of: "ws-single", Over: "gorilla-hub", AtMost: 0.6, Stretch: 0.55}, Text: "ws-single: CPU per delivery / gorilla-hub's", Unit: "x", Value: 0.589, Low: 0.581, High: 0.597, Pairs: 24, Verdict: result.Holds},
		{Limit: scenario.Limit{Goal: "G3", Measure: scenario.CPU, Of: "ws-single", Over: "centrifuge", AtMost: 0.35, Stretch: 0.3}, Text: "ws-single: CPU per delivery / centrifuge's", Unit: "x", Value: 0.333, Low: 0.329, High: 0.337, Pairs: 23, Verdict: result.Holds},
		{Limit: scenario.Limit{Goal: "G6", Measure: scenario.Last, Of: "ws-single", AtMost: 1.3, Stretch: 1.15}, Text: "ws-single: last subscriber's p99, less Kafka's share / (connections x floor)", Unit: "x", Value: 1.26, Low: 1.19, High: 1.34, Pairs: 24, Needed: 31, Verdict: result.Undecided},
		{Limit: scenario.Limit{Goal: "G9", Measure: scenario.Allocs, Of: "ws-single", AtMost: 0.01}, Text: "ws-single: heap allocations per delivery", Unit: "", Value: 0.0004, Low: 0.0004, High: 0.0004, Pairs: 1, Verdict: result.Holds},
	}
	r.Verdict = result.Undecided
	return r
}

// idle is a run of memory with a limit that is missed.
func idle() *result.Result {
	d := newDice(2)
	r := begun(scenario.Scenario{
		Name: "idle", Title: "Idle connections", About: "Clients that are connected and subscribed, and get nothing: what does a connection cost just by being there?",
		Kind: scenario.Idle, Connections: 15000, Steps: []int{4000, 8000, 12000, 15000}, Channels: 1000, Subscribe: scenario.Subscribe{Each: 1, None: true},
		Rest: scenario.Duration(time.Minute), Beside: []string{"gorilla-hub", "centrifuge"},
	})
	for _, l := range []struct {
		name               string
		base, each, kernel float64
	}{{"ws-single", 41e6, 5.7e3, 5.1e3}, {"gorilla-hub", 22e6, 11.6e3, 5.1e3}, {"centrifuge", 30e6, 23.7e3, 5.2e3}, {"floor", 6e6, 220, 5.1e3}} {
		lane := result.Lane{Name: l.name, Server: l.name, Baseline: l.name != "ws-single", Connections: 15000,
			Totals: result.Totals{RSSPerConnection: l.each, SocketsPerConn: l.kernel, IdleCPU: l.each / 20e3},
			Connect: &result.Connect{Seconds: 1.4, PerSecond: 10_900, P50MS: 9, P99MS: 40, MaxMS: 88, CPUMicros: 50,
				Refused: map[string]int{"503": 12, "connection reset": 3}},
		}
		for _, n := range r.Scenario.Steps {
			lane.Memory = append(lane.Memory, result.Memory{Connections: n, RSS: int64(d.about(l.base+l.each*float64(n), 0.01)), Sockets: int64(d.about(l.kernel*float64(n), 0.01))})
		}
		r.Lanes = append(r.Lanes, lane)
	}
	timed(d, r)
	r.Judgements = []result.Judgement{
		{Limit: scenario.Limit{Goal: "G4", Measure: scenario.RSS, Of: "ws-single", AtMost: 10_240, Stretch: 6_144}, Text: "ws-single: memory of an idle connection", Unit: "B", Value: 5_700, Low: 5_600, High: 5_810, Pairs: 4, Verdict: result.Holds, Reached: true},
		{Limit: scenario.Limit{Goal: "G5", Measure: scenario.IdleCPU, Of: "ws-single", AtMost: 0.5, Stretch: 0.25}, Text: "ws-single: CPU of an idle connection, at a floor of 4 µs", Unit: "us/s", Value: 0.71, Low: 0.69, High: 0.73, Pairs: 6, Verdict: result.Worse},
	}
	r.Verdict = result.Worse
	return r
}

// stormy is a run of cuts that holds.
func stormy() *result.Result {
	d := newDice(3)
	r := begun(scenario.Scenario{
		Name: "storm", Title: "Everybody comes back at once", About: "All clients are cut off together and return with their cursors, each to 100 records that it missed.",
		Kind: scenario.Storm, Connections: 10000, Channels: 1000, Subscribe: scenario.Subscribe{Each: 1}, Rounds: 5, Missed: 100,
	})
	l := result.Lane{Name: "ws-single", Server: "ws-single", Connections: 10000, Settings: map[string]string{"WS_HANDSHAKES_PER_S": "off"}}
	for range 5 {
		connected := d.about(1.9, 0.1)
		l.Storms = append(l.Storms, result.Storm{Connected: connected, CaughtUp: connected + d.about(1.3, 0.15), Replayed: 1_000_000, Expected: 1_000_000, CPUMicros: d.about(190, 0.05)})
	}
	r.Lanes = []result.Lane{l}
	r.Judgements = []result.Judgement{{Limit: scenario.Limit{Measure: scenario.CaughtUp, Of: "ws-single", AtMost: 10, Stretch: 5}, Text: "ws-single: from the cut until the last client is caught up", Unit: "s", Value: 3.4, Low: 3.1, High: 3.8, Pairs: 5, Verdict: result.Holds, Reached: true}}
	return r
}

// stalled is a run that was refused and interrupted, of two lanes of one server.
func stalled() *result.Result {
	d := newDice(5)
	r := begun(scenario.Scenario{
		Name: "stalled", Title: "One in a hundred stops reading", About: "Does one client that reads no more make the others wait?",
		Kind: scenario.Deliver, Connections: 5000, Channels: 1000, Subscribe: scenario.Subscribe{Each: 20, Zipf: 1.1},
		Publish: scenario.Publish{Rate: 600, Zipf: 1.1, Bytes: 104}, Slice: scenario.Duration(2 * time.Second), Rounds: 6,
	})
	r.Scenario.Publish.Rate = 12 // deliveries of the fixture
	r.Lanes = make([]result.Lane, 0, 3)
	served(d, r, "ws-single", "ws-single", 5.1, 3.1)
	l := served(d, r, "ws-single/stalled", "ws-single", 5.2, 3.3)
	l.Stalled = 50
	l.Totals.Lost, l.Totals.Received = 12, l.Totals.Received-12
	served(d, r, "floor", "floor", 4.2, 2.4)
	r.Scenario.Publish.Rate = 600
	timed(d, r)
	r.Interrupted, r.Dirty, r.Verdict = true, true, result.Refused
	r.Refusals = []result.Refusal{
		{Code: result.NotStalled, Text: "31 of 50 stalled clients never filled their sockets, so the server was not made to wait for them: publish more, or for longer."},
		{Code: result.Lossy, Text: "12 of 360,000 messages did not arrive in lane ws-single/stalled. A server that drops is not compared with one that delivers: see the server's log."},
	}
	r.Judgements = []result.Judgement{{Limit: scenario.Limit{Goal: "G8", Measure: scenario.P99, Of: "ws-single/stalled", Over: "ws-single", AtMost: 1.1, Stretch: 1.05}, Text: "ws-single/stalled: p99 / ws-single's", Unit: "x", Value: 1.06, Low: 0.97, High: 1.16, Pairs: 6, Verdict: result.Refused}}
	return r
}

// variants is a run of both variants, of one with two shards on a core that the load has too, and of clients that resume.
func variants() *result.Result {
	d := newDice(6)
	r := begun(scenario.Scenario{
		Name: "variants", Title: "Both variants side by side", About: "What the same load costs in each.",
		Kind: scenario.Deliver, Connections: 5000, Channels: 1, Subscribe: scenario.Subscribe{Each: 1}, Missed: 1000,
		Lanes:   []scenario.Lane{{Name: "quiet"}, {Name: "resuming", Resume: 1000}},
		Publish: scenario.Publish{Rate: 5, Bytes: 104}, Slice: scenario.Duration(2 * time.Second), Rounds: 6,
	})
	r.Servers = []string{"ws-single", "ws-multi@shards=1", "ws-multi@shards=2"}
	r.Scenario.Servers = r.Servers
	r.Lanes = make([]result.Lane, 0, 5)
	served(d, r, "ws-single/quiet", "ws-single", 4.4, 14)
	one := served(d, r, "ws-multi@shards=1/quiet", "ws-multi@shards=1", 4.5, 15)
	back := served(d, r, "ws-multi@shards=1/resuming", "ws-multi@shards=1", 21, 18)
	two := served(d, r, "ws-multi@shards=2/quiet", "ws-multi@shards=2", 4.7, 11)
	served(d, r, "floor", "floor", 4.05, 12)
	for i := range r.Lanes {
		r.Lanes[i].Baseline = r.Lanes[i].Server == "floor"
	}
	one.Shards, one.Processes, one.Cores = 1, 1, []int{0}
	back.Shards, back.Processes, back.Cores, back.Resuming = 1, 1, []int{0}, 1000
	two.Shards, two.Processes, two.Cores, two.Shared = 2, 1, []int{0, 1}, []int{1}
	for i := range back.Slices {
		back.Slices[i].Resume = &result.Resume{Clients: 1000, Seconds: d.about(1.3, 0.05), Replayed: 1_000_000, Expected: 1_000_000}
	}
	timed(d, r)
	const note = "ws-multi@shards=2/quiet has core 1 in common with generator, publisher and broker: its CPU time is its own, how late it is is not"
	r.Judgements = []result.Judgement{
		{Limit: scenario.Limit{Goal: "G7", Measure: scenario.CPU, Of: "ws-multi@shards=1/quiet", Over: "ws-single/quiet", AtMost: 1.1, Stretch: 1}, Text: "CPU per delivery: ws-multi@shards=1/quiet over ws-single/quiet", Unit: "x", Value: 1.02, Low: 1.01, High: 1.04, Pairs: 6, Verdict: result.Holds},
		{Limit: scenario.Limit{Measure: scenario.CPU, Of: "ws-multi@shards=2/quiet", Over: "ws-multi@shards=1/quiet", AtMost: 1.11, Stretch: 1.03}, Text: "CPU per delivery: ws-multi@shards=2/quiet over ws-multi@shards=1/quiet", Unit: "x", Value: 1.05, Low: 1.03, High: 1.07, Pairs: 6, Verdict: result.Holds, Note: note},
		{Limit: scenario.Limit{Measure: scenario.P99, Of: "ws-multi@shards=1/resuming", Over: "ws-multi@shards=1/quiet", Info: true}, Text: "p99 latency: ws-multi@shards=1/resuming over ws-multi@shards=1/quiet", Unit: "x", Value: 1.19, Low: 1.15, High: 1.24, Pairs: 6, Verdict: result.Stated},
	}
	return r
}

// examples are all of them.
func examples() map[string][]*result.Result {
	return map[string][]*result.Result{
		"broadcast": {broadcast(12000)},
		"idle":      {idle()},
		"storm":     {stormy()},
		"stalled":   {stalled()},
		"variants":  {variants()},
		"all":       {broadcast(12000), idle(), stormy(), stalled(), broadcast(4000), broadcast(8000)},
		"theirs":    theirs(),
		"nothing":   {},
		"empty":     {{}},
	}
}

// theirs are the examples of the package that defines results.
func theirs() []*result.Result {
	files, err := filepath.Glob("../result/testdata/*.json")
	if err != nil || len(files) == 0 {
		panic(fmt.Sprint("no examples: ", err))
	}
	var all []*result.Result
	for _, f := range files {
		r, err := result.Read(f)
		if err != nil {
			panic(err)
		}
		all = append(all, r)
	}
	return all
}
