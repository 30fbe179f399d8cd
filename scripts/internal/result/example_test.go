package result_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/adred-codev/ws_poc/scripts/internal/judge"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// examples are results as a run of each kind writes them, with figures that were thought up. They are written anew with
// -update, for whoever reads results to try on.
var examples = map[string]func(*testing.T) *result.Result{
	"example":  peers,    // every lane of a comparison, verdicts of each kind, a disturbed round, and a refusal
	"stalled":  stalled,  // a server in two lanes, undecided
	"idle":     idle,     // memory at two steps
	"storm":    storm,    // cuts and returns
	"capacity": capacity, // a search
}

// dice are the same ones each time.
type dice struct{ *rand.Rand }

func newDice() dice { return dice{rand.New(rand.NewPCG(4, 2))} }

// about is near a value: a share of it off, most of the time.
func (d dice) about(value, share float64) float64 {
	return round(value * math.Exp(share*d.NormFloat64()))
}

// round keeps four digits, so that the files read well.
func round(x float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 4, 64), 64)
	if err != nil {
		return x // no number, which the result's own check tells
	}
	return rounded
}

func begin(t *testing.T, name string) *result.Result {
	t.Helper()
	s, err := scenario.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return &result.Result{
		Command: []string{"bench", "run", name},
		Started: time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC),
		Commit:  "0123456789abcdef0123456789abcdef01234567",
		Versions: map[string]string{
			"go": "1.26.8", "librdkafka": "2.11.1", "kafka": "4.3.0", "ws-single": "v1.0.0", "centrifuge": "v0.40.1",
		},
		Host: result.Host{
			Fingerprint: "amd64/2/6.18/amd-epyc", CPU: "AMD EPYC", CPUs: 2, Kernel: "6.18.44", MemoryBytes: 16 << 30, Somaxconn: 4096, OpenFiles: 20000,
		},
		Cores:    result.Cores{Server: []int{0}, Load: []int{1}},
		Scenario: *s,
		Servers:  []string{"ws-single"},
		Proof:    result.Proof{FramesPerSecond: 412000, Connections: 4000, Seconds: 3, LoadBusy: 0.97},
		Floor:    result.Floor{CPUMicros: 4.04, First: 4.03, Second: 4.05},
	}
}

// shape is how a lane behaves.
type shape struct {
	name, server  string
	cpu           float64 // µs a delivery
	p50MS, spread float64
	rss           int64
	perRead       float64
	frame         float64
	stalled       int
	busy          bool // it tells how busy its loop is
}

// deliver makes lanes that took turns for some rounds; one of the rounds was disturbed.
func deliver(r *result.Result, rounds, disturbed int, shapes []shape) {
	d := newDice()
	s := r.Scenario
	slice := time.Duration(s.Slice).Seconds()
	at := 24.0
	histograms := make([]*hdrhistogram.Histogram, len(shapes))
	for i, sh := range shapes {
		histograms[i] = hdrhistogram.New(1, 600_000_000, 3)
		r.Lanes = append(r.Lanes, result.Lane{
			Name: sh.name, Server: sh.server, Baseline: sh.server != "ws-single", Settings: s.Settings,
			Connections: s.Connections, Stalled: sh.stalled, FanOut: float64(s.Connections - sh.stalled),
			Connect: &result.Connect{
				Seconds: d.about(6.2, 0.1), PerSecond: d.about(1900, 0.1), Refused: map[string]int{"503": 3},
				P50MS: d.about(40, 0.1), P99MS: d.about(130, 0.1), MaxMS: d.about(160, 0.1), CPUMicros: d.about(95, 0.1),
			},
		})
		r.Timeline = append(r.Timeline, result.Moment{
			At: float64(4 + 5*i), Phase: "connect", Lane: sh.name, Connections: s.Connections, CPU: 0.8, RSS: sh.rss,
		})
	}
	for n := range rounds {
		machine := d.about(1, 0.05) // all of a round have the same luck
		for turn := range shapes {
			i := (turn + n) % len(shapes)
			sh, lane := shapes[i], &r.Lanes[i]
			records := int64(math.Round(s.Publish.Rate * slice))
			deliveries := records * int64(s.Connections-sh.stalled)
			latencies := histograms[i]
			for range 2000 {
				ms := sh.p50MS * machine * math.Exp(sh.spread*d.NormFloat64())
				_ = latencies.RecordValues(int64(ms*1000)+1, deliveries/2000) // in range
			}
			sl := result.Slice{
				Round: n, At: round(at), Seconds: slice, Records: records, Expected: deliveries, Received: deliveries,
				Bytes: int64(float64(deliveries) * sh.frame), Reads: int64(float64(deliveries) / sh.perRead),
				CPUMicros: math.Round(d.about(sh.cpu*machine, 0.02) * float64(deliveries)), Allocs: float64(d.IntN(40)), Read: records,
				RSS: sh.rss + int64(d.IntN(1<<20)), Behind: sh.stalled,
				P50MS: d.about(sh.p50MS*machine, 0.02), P90MS: d.about(sh.p50MS*machine*math.Exp(1.28*sh.spread), 0.03),
				P99MS: d.about(sh.p50MS*machine*math.Exp(2.33*sh.spread), 0.08), P999MS: d.about(sh.p50MS*machine*math.Exp(3.09*sh.spread), 0.1),
				MaxMS:    d.about(sh.p50MS*machine*math.Exp(4*sh.spread), 0.1),
				AckP99MS: d.about(2.2, 0.2), BehindMS: d.about(0.3, 0.4),
				LoadBusy: d.about(0.31, 0.05), LoadWait: d.about(0.02, 0.3), Foreign: d.about(0.006, 0.3),
			}
			if sh.busy {
				sl.Busy, sl.TurnMaxMS = d.about(sh.cpu*machine*0.06, 0.03), d.about(1.1, 0.2)
			}
			if n == disturbed && turn == 1 {
				sl.Foreign, sl.Disturbed = 0.21, "other processes used 21% of the servers' core"
			}
			lane.Slices = append(lane.Slices, sl)
			r.Timeline = append(r.Timeline, result.Moment{
				At: sl.At, Phase: "measure", Lane: sh.name, Connections: s.Connections, PerSecond: round(float64(deliveries) / slice),
				CPU: round(sl.CPUMicros / 1e6 / slice), Busy: sl.Busy, RSS: sl.RSS,
			})
			at += slice + d.about(0.4, 0.1)
		}
	}
	for i := range r.Lanes {
		summarize(&r.Lanes[i], histograms[i], shapes[i])
	}
	r.Seconds = round(at)
}

func summarize(l *result.Lane, h *hdrhistogram.Histogram, sh shape) {
	t := &l.Totals
	var cpu, allocs float64
	for _, sl := range l.Slices {
		t.Records += sl.Records
		t.Expected += sl.Expected
		t.Received += sl.Received
		cpu += sl.CPUMicros
		allocs += sl.Allocs
	}
	t.CPUPerDelivery, t.CPUPerRecord = round(cpu/float64(t.Received)), round(cpu/float64(t.Records))
	t.AllocsPerDelivery = round(allocs / float64(t.Received))
	t.FrameBytes, t.FramesPerRead = sh.frame, sh.perRead
	encoded, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err) // a histogram that was just made
	}
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	l.Latency = &result.Distribution{
		Count: h.TotalCount(), P50MS: at(50), P90MS: at(90), P99MS: at(99), P999MS: at(99.9), MaxMS: float64(h.Max()) / 1000, Hdr: string(encoded),
	}
}

// ratio judges one lane over another by a figure of their slices.
func ratio(r *result.Result, limit scenario.Limit, text string, figure func(result.Slice) float64) {
	of := func(name string) []float64 {
		var out []float64
		for _, l := range r.Lanes {
			if l.Name != name {
				continue
			}
			for _, sl := range l.Slices {
				out = append(out, figure(sl))
			}
		}
		return out
	}
	add(r, limit, text, "x", judge.Ratio(of(limit.Of), of(limit.Over)))
}

func add(r *result.Result, limit scenario.Limit, text, unit string, in judge.Interval) {
	d := judge.Decide(in, limit.AtMost)
	r.Judgements = append(r.Judgements, result.Judgement{
		Limit: limit, Text: text, Unit: unit, Value: round(in.Value), Low: round(in.Low), High: round(in.High),
		Pairs: in.N, Needed: d.Needed, Verdict: d.Verdict, Reached: limit.Stretch > 0 && in.High <= limit.Stretch,
	})
}

func cpu(s result.Slice) float64 { return s.CPUMicros / float64(s.Received) }

func peers(t *testing.T) *result.Result {
	r := begin(t, "peers")
	deliver(r, 12, 5, []shape{
		{name: "floor", server: "floor", cpu: 4.04, p50MS: 26, spread: 0.35, rss: 9 << 20, perRead: 1, frame: 221},
		{name: "gorilla-hub", server: "gorilla-hub", cpu: 7.3, p50MS: 48, spread: 0.4, rss: 148 << 20, perRead: 1.02, frame: 192},
		{name: "centrifuge", server: "centrifuge", cpu: 12.6, p50MS: 83, spread: 0.45, rss: 292 << 20, perRead: 1.01, frame: 176},
		{name: "ws-single", server: "ws-single", cpu: 4.55, p50MS: 29, spread: 0.37, rss: 118 << 20, perRead: 1, frame: 221, busy: true},
	})
	d := newDice()
	for i := range r.Lanes {
		for range 120 {
			r.Lanes[i].LastMS = append(r.Lanes[i].LastMS, result.Broadcast{Last: d.about(57+float64(i), 0.05), Kafka: d.about(0.9, 0.3)})
		}
	}
	r.Lanes[3].LastP99MS = 63.4
	over := func(goal, lane string, atMost, stretch float64) {
		l := scenario.Limit{Goal: goal, Measure: scenario.CPU, Of: "ws-single", Over: lane, AtMost: atMost, Stretch: stretch}
		ratio(r, l, "CPU per delivery: ws-single over "+lane, cpu)
	}
	over("G1", "floor", 1.25, 1.10)       // holds
	over("G3", "gorilla-hub", 0.60, 0.55) // worse
	over("G3", "centrifuge", 0.36, 0.30)  // undecided, or nearly so
	add(r, scenario.Limit{Goal: "G9", Measure: scenario.Allocs, Of: "ws-single", AtMost: 0.01, Stretch: 0.0005},
		"heap allocations per delivery of ws-single", "", judge.Interval{Value: 0.00016, Low: 0.00012, High: 0.0002, N: 12})
	r.Refusals = []result.Refusal{{
		Code: result.Foreigners,
		Text: "other processes used 21% of the servers' core during round 5: the round was repeated, and more such rounds spoil the figures; end what else runs on the machine and measure again",
	}}
	r.Verdict = result.Refused
	return r
}

func stalled(t *testing.T) *result.Result {
	r := begin(t, "stalled")
	deliver(r, 8, -1, []shape{
		{name: "floor", server: "floor", cpu: 4.04, p50MS: 26, spread: 0.35, rss: 9 << 20, perRead: 1, frame: 221},
		{name: "ws-single/healthy", server: "ws-single", cpu: 4.55, p50MS: 29, spread: 0.37, rss: 118 << 20, perRead: 1, frame: 221, busy: true},
		{name: "ws-single/stalled", server: "ws-single", cpu: 4.6, p50MS: 30, spread: 0.37, rss: 121 << 20, perRead: 1, frame: 221, busy: true, stalled: 120},
	})
	ratio(r, scenario.Limit{Goal: "G8", Measure: scenario.P99, Of: "ws-single/stalled", Over: "ws-single/healthy", AtMost: 1.10, Stretch: 1.05},
		"p99 latency: ws-single/stalled over ws-single/healthy", func(s result.Slice) float64 { return s.P99MS })
	r.Verdict = r.Judgements[0].Verdict
	return r
}

func idle(t *testing.T) *result.Result {
	r := begin(t, "idle")
	r.Seconds = 118
	r.Lanes = []result.Lane{
		{Name: "floor", Server: "floor", Baseline: true, Connections: 4000, Memory: []result.Memory{}},
		{
			Name: "ws-single", Server: "ws-single", Settings: r.Scenario.Settings, Connections: 15000,
			Memory: []result.Memory{{Connections: 4000, RSS: 63_400_000, Sockets: 49_000_000}, {Connections: 15000, RSS: 134_900_000, Sockets: 184_300_000}},
			Totals: result.Totals{RSSPerConnection: 6500, SocketsPerConn: 12300, IdleCPU: 0.31},
		},
	}
	r.Timeline = []result.Moment{
		{At: 6, Phase: "connect", Lane: "ws-single", Connections: 4000, CPU: 0.4, RSS: 63_400_000},
		{At: 17, Phase: "connect", Lane: "ws-single", Connections: 15000, CPU: 0.4, RSS: 134_900_000},
		{At: 90, Phase: "rest", Lane: "ws-single", Connections: 15000, CPU: 0.005, RSS: 134_900_000},
	}
	exactly := func(v float64) judge.Interval { return judge.Interval{Value: v, Low: v, High: v, N: 1} }
	r.Scenario.Servers = r.Servers
	r.Scenario.Limits = slices.DeleteFunc(r.Scenario.Limits, func(l scenario.Limit) bool { return l.Of == scenario.Multi })
	limits := slices.Clone(r.Scenario.Limits)
	for i := range limits {
		limits[i].Of = "ws-single"
	}
	add(r, limits[0], "resident memory per idle connection of ws-single", "B", exactly(6500))
	add(r, limits[1], "CPU per second and idle connection of ws-single, at a 4 us floor", "us", exactly(0.31))
	r.Verdict = result.Holds
	return r
}

func storm(t *testing.T) *result.Result {
	r := begin(t, "storm")
	r.Seconds = 74
	d := newDice()
	lane := result.Lane{Name: "ws-single", Server: "ws-single", Settings: r.Scenario.Settings, Connections: 10000}
	var took []float64
	for i := range r.Scenario.Rounds {
		connected := d.about(2.6, 0.08)
		s := result.Storm{
			Connected: connected, CaughtUp: round(connected + d.about(0.7, 0.1)), Replayed: 1_000_000, Expected: 1_000_000,
			Refused: d.IntN(3), CPUMicros: d.about(240, 0.05),
		}
		lane.Storms = append(lane.Storms, s)
		took = append(took, s.CaughtUp)
		r.Timeline = append(r.Timeline, result.Moment{
			At: float64(10 + 12*i), Phase: "storm", Lane: "ws-single", Connections: 10000, PerSecond: round(1e6 / s.CaughtUp), CPU: 0.93, RSS: 141_000_000,
		})
	}
	r.Lanes = []result.Lane{lane}
	limit := r.Scenario.Limits[0]
	limit.Of = "ws-single"
	add(r, limit, "from the cut until the last client of ws-single has what it missed", "s", judge.Mean(took))
	r.Verdict = result.Holds
	return r
}

func capacity(t *testing.T) *result.Result {
	r := begin(t, "broadcast")
	r.Command = []string{"bench", "capacity", "broadcast"}
	r.Seconds = 95
	r.Capacity = &result.Capacity{
		BoundMS: 100, Rate: 14.5, Deliveries: 174000, Connections: 12000, Headroom: 0.3,
		Trials: []result.Trial{
			{Rate: 5, P99MS: 58, Reach: 1, CPU: 0.28, Held: true},
			{Rate: 20, P99MS: 2210, Reach: 1, CPU: 0.99, Why: "p99 was 2210 ms"},
			{Rate: 12.5, P99MS: 71, Reach: 1, CPU: 0.69, Held: true},
			{Rate: 16.2, P99MS: 130, Reach: 1, CPU: 0.9, Why: "p99 was 130 ms"},
			{Rate: 14.5, P99MS: 92, Reach: 1, CPU: 0.8, Held: true},
		},
		Settings: map[string]string{"WS_MAX_CONNECTIONS": "12000", "KAFKA_MAX_RATE": "10", "WS_MEASURED_ON": "4.0us@amd64/2/6.18/amd-epyc"},
	}
	r.Verdict = result.Holds
	return r
}
