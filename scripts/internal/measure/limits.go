package measure

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/judge"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// floorUnit is the floor, in us, for which limits in absolute CPU time are stated; they scale with it.
const floorUnit = 4

// countedRounds are the rounds of which no lane was disturbed and none is missing.
func countedRounds(res *result.Result) []int {
	seen := map[int]int{}
	spoiled := map[int]bool{}
	for _, l := range res.Lanes {
		for _, s := range l.Slices {
			seen[s.Round]++
			spoiled[s.Round] = spoiled[s.Round] || s.Disturbed != ""
		}
	}
	var rounds []int
	for round, n := range seen {
		if n == len(res.Lanes) && !spoiled[round] {
			rounds = append(rounds, round)
		}
	}
	slices.Sort(rounds)
	return rounds
}

// judgeLimits judges each limit of the scenario for each server under test that it is about.
func judgeLimits(res *result.Result) []result.Judgement {
	out := []result.Judgement{}
	for _, limit := range res.Scenario.Limits {
		for _, l := range about(limit, res.Servers) {
			out = append(out, judgeLimit(res, l))
		}
	}
	return out
}

func judgeLimit(res *result.Result, l scenario.Limit) result.Judgement {
	j := result.Judgement{Limit: l, Verdict: result.Undecided}
	of, over := laneOf(res, l.Of), laneOf(res, l.Over+l.Less)
	var in judge.Interval
	switch l.Measure {
	case scenario.CPU:
		j.Text, j.Unit, in = overOrAlone(res, l, "CPU per delivery", "us", cpuPerDelivery)
	case scenario.P99:
		j.Text, j.Unit, in = overOrAlone(res, l, "p99 latency", "ms", p99)
	case scenario.CPURecord:
		j.Text, j.Unit = "CPU per record: "+l.Of+" less "+l.Less+", at a 4 us floor", "us"
		in = scaled(judge.Difference(perRound(res, of, cpuPerRecord), perRound(res, over, cpuPerRecord)), floorUnit/res.Floor.CPUMicros)
	case scenario.Last:
		if l.Over != "" {
			j.Text, j.Unit = "last subscriber of a broadcast, p99 of each round, less Kafka's share: "+l.Of+" over "+l.Over, "x"
			in = judge.Ratio(lastPerRound(res, of), lastPerRound(res, over))
			break
		}
		j.Text, j.Unit = "p99 of a broadcast's last subscriber in "+l.Of+", less Kafka's share, over connections x floor", "x"
		in = lastOver(res, of)
	case scenario.RSS:
		j.Text, j.Unit = "resident memory per idle connection of "+l.Of, "B"
		if res.Scenario.Kind == scenario.Deliver {
			j.Text = "resident memory per connection of " + l.Of
		}
		in = slopes(of)
	case scenario.Sockets:
		j.Text, j.Unit = "kernel memory for sockets per connection of "+l.Of+", both ends", "B"
		if of != nil && len(of.Memory) > 1 {
			in = exactly(slope(of.Memory, func(m result.Memory) int64 { return m.Sockets }))
		}
	case scenario.Goroutine:
		j.Text, j.Unit = "goroutines of "+l.Of+" with all connections idle", ""
		if of != nil && len(of.Memory) > 0 {
			in = exactly(float64(of.Memory[len(of.Memory)-1].Goroutines))
		}
	case scenario.IdleCPU:
		j.Text, j.Unit = "CPU per idle connection of "+l.Of+", at a 4 us floor", "us/s"
		if of != nil {
			in = judge.Mean(idleAtFloor(res, of))
		}
	case scenario.Allocs:
		j.Text, j.Unit = "heap allocations per delivery of "+l.Of, ""
		in = judge.Mean(perRound(res, of, allocs))
	case scenario.CaughtUp:
		j.Text, j.Unit = "cutting all clients of "+l.Of+", and until the last is back with what it missed", "s"
		var took []float64
		if of != nil {
			for _, s := range of.Storms {
				took = append(took, s.CaughtUp)
			}
		}
		in = judge.Mean(took)
	default:
		j.Text = "unknown measure " + l.Measure
	}
	j.Value, j.Low, j.High, j.Pairs = in.Value, in.Low, in.High, in.N
	j.Floor, j.Note = floorsOwn(res, l), sharedNote(res, l)
	if in.N == 0 || math.IsNaN(in.Value) || math.IsInf(in.Value, 0) {
		j.Value, j.Low, j.High = 0, 0, 0
		return j
	}
	if l.Info {
		j.Verdict = result.Stated
		return j
	}
	d := judge.Decide(in, l.AtMost)
	j.Verdict, j.Needed = d.Verdict, d.Needed
	j.Reached = l.Stretch > 0 && in.High <= l.Stretch
	return j
}

// sharedNote says what is to be known of a figure of lanes that share cores with the load, or that are several processes.
func sharedNote(res *result.Result, l scenario.Limit) string {
	var notes []string
	for _, name := range []string{l.Of, l.Over, l.Less} {
		lane := laneOf(res, name)
		if lane == nil {
			continue
		}
		if len(lane.Shared) > 0 {
			notes = append(notes, fmt.Sprintf("%s has %s in common with generator, publisher and broker: its CPU time is its own, how late it is is not", name, coresInWords(lane.Shared)))
		}
		if lane.Processes > 1 {
			notes = append(notes, fmt.Sprintf("%s is %d processes on one port: that shows descriptors and memory, not shards", name, lane.Processes))
		}
	}
	return strings.Join(notes, "; ")
}

func coresInWords(cores []int) string {
	words := make([]string, len(cores))
	for i, core := range cores {
		words[i] = strconv.Itoa(core)
	}
	if len(words) == 1 {
		return "core " + words[0]
	}
	return "cores " + strings.Join(words, ", ")
}

// floorsOwn is what the floor itself comes to where a limit is about more than it: where that is beyond the limit, so is
// every server on this machine that sends each message by itself. 0: it has no such figure, or it is the measure.
func floorsOwn(res *result.Result, l scenario.Limit) float64 {
	floor := laneOf(res, scenario.Floor)
	var own judge.Interval
	switch {
	case l.Of == scenario.Floor || l.Over == scenario.Floor:
	case l.Measure == scenario.CPU && laneOf(res, l.Over) != nil && laneOf(res, l.Over).Baseline:
		own = judge.Ratio(perRound(res, floor, cpuPerDelivery), perRound(res, laneOf(res, l.Over), cpuPerDelivery))
	case l.Measure == scenario.Last:
		own = lastOver(res, floor)
	}
	if math.IsNaN(own.Value) || math.IsInf(own.Value, 0) {
		return 0
	}
	return own.Value
}

// overOrAlone judges a figure against another lane's, or by itself where none is named.
func overOrAlone(res *result.Result, l scenario.Limit, what, unit string, figure func(result.Slice) float64) (text, u string, in judge.Interval) {
	of := perRound(res, laneOf(res, l.Of), figure)
	if l.Over == "" {
		return what + " of " + l.Of, unit, judge.Mean(of)
	}
	return what + ": " + l.Of + " over " + l.Over, "x", judge.Ratio(of, perRound(res, laneOf(res, l.Over), figure))
}

func laneOf(res *result.Result, name string) *result.Lane {
	for i := range res.Lanes {
		if res.Lanes[i].Name == name {
			return &res.Lanes[i]
		}
	}
	return nil
}

// perRound is a figure of a lane's slices, one for each round that counts, in the rounds' order.
func perRound(res *result.Result, l *result.Lane, figure func(result.Slice) float64) []float64 {
	if l == nil {
		return nil
	}
	byRound := map[int]result.Slice{}
	for _, s := range l.Slices {
		byRound[s.Round] = s
	}
	var out []float64
	for _, round := range countedRounds(res) {
		out = append(out, figure(byRound[round]))
	}
	return out
}

// idleAtFloor is the CPU of each rest that counts, us a second and connection, at a floor of 4 us: the floor's turn
// after the rest tells what it was then.
func idleAtFloor(res *result.Result, l *result.Lane) []float64 {
	floor := laneOf(res, scenario.Floor)
	if floor == nil || l.Connections == 0 {
		return nil
	}
	send := map[int]float64{}
	for _, s := range floor.Slices {
		if s.Disturbed == "" && s.Received > 0 {
			send[s.Round] = cpuPerDelivery(s)
		}
	}
	var out []float64
	for _, r := range l.Idle {
		if f := send[r.Round]; f > 0 && r.Disturbed == "" {
			out = append(out, idlePerSecond(r, l.Connections)*floorUnit/f)
		}
	}
	return out
}

// idlePerSecond is CPU time, us, a second and connection.
func idlePerSecond(r result.Rest, connections int) float64 {
	return r.CPUMicros / max(r.Seconds, 1e-9) / float64(connections)
}

func cpuPerDelivery(s result.Slice) float64 { return s.CPUMicros / float64(s.Received) }
func cpuPerRecord(s result.Slice) float64   { return s.CPUMicros / float64(s.Records) }
func p99(s result.Slice) float64            { return s.P99MS }
func allocs(s result.Slice) float64         { return s.Allocs / float64(s.Received) }

func exactly(v float64) judge.Interval { return judge.Interval{Value: v, Low: v, High: v, N: 1} }

func scaled(in judge.Interval, by float64) judge.Interval {
	in.Value, in.Low, in.High = in.Value*by, in.Low*by, in.High*by
	return in
}

// fewestLast is how many broadcasts a 99th percentile takes at least.
const fewestLast = 100

// lastOver is the last subscriber's time over what the sends alone take, as the floor of the same round tells it. What is
// of one round hangs together, so rounds are drawn for the interval, not broadcasts.
func lastOver(res *result.Result, l *result.Lane) judge.Interval {
	if l == nil {
		return judge.Interval{}
	}
	floor := map[int]float64{}
	for _, other := range res.Lanes {
		if other.Server == scenario.Floor {
			for _, s := range other.Slices {
				floor[s.Round] = cpuPerDelivery(s)
			}
		}
	}
	var rounds [][]float64
	n := 0
	for _, round := range countedRounds(res) {
		var took []float64
		for _, b := range l.LastMS {
			if f := floor[round]; b.Round == round && f > 0 {
				took = append(took, 1000*(b.Last-b.Kafka)/(float64(l.Connections)*f))
			}
		}
		if n += len(took); len(took) > 0 {
			rounds = append(rounds, took)
		}
	}
	if n < fewestLast {
		return judge.Interval{}
	}
	return judge.QuantileOfGroups(rounds, 0.99, 1)
}

// lastPerRound is the 99th percentile of the last subscribers' times of each round that counts; not a number where a
// round has none.
func lastPerRound(res *result.Result, l *result.Lane) []float64 {
	if l == nil {
		return nil
	}
	of := map[int][]result.Broadcast{}
	for _, b := range l.LastMS {
		of[b.Round] = append(of[b.Round], b)
	}
	var out []float64
	for _, round := range countedRounds(res) {
		if len(of[round]) == 0 {
			out = append(out, math.NaN())
			continue
		}
		out = append(out, lastP99(of[round]))
	}
	return out
}

// slopes are the bytes a connection between the first step and the last.
func slopes(l *result.Lane) judge.Interval {
	if l == nil || len(l.Memory) < 2 || l.Memory[0].Connections == l.Memory[len(l.Memory)-1].Connections {
		return judge.Interval{}
	}
	return exactly(slope(l.Memory, func(m result.Memory) int64 { return m.RSS }))
}

func slope(steps []result.Memory, of func(result.Memory) int64) float64 {
	first, last := steps[0], steps[len(steps)-1]
	if last.Connections == first.Connections {
		return 0
	}
	return float64(of(last)-of(first)) / float64(last.Connections-first.Connections)
}

// verdict is that of the whole run: it is as good as its worst limit. A server under test that loses is worse than any
// limit; that something else was lost, and every other reason, is one not to judge.
func verdict(res *result.Result) result.Verdict {
	if len(res.Refusals) > 0 {
		for _, r := range res.Refusals {
			if r.Code != result.Lossy || !underTest(res, r.Lane) {
				return result.Refused
			}
		}
		return result.Worse
	}
	v := result.Holds
	for _, j := range res.Judgements {
		switch {
		case j.Verdict == result.Worse:
			return result.Worse
		case j.Verdict == result.Undecided:
			v = result.Undecided
		}
	}
	return v
}

func underTest(res *result.Result, lane string) bool {
	l := laneOf(res, lane)
	return l != nil && !l.Baseline
}

// Explain says a judgement in one line.
func Explain(j result.Judgement) string {
	if j.Pairs == 0 {
		return j.Text + ": not measured"
	}
	at := digits(j.Value) + " " + j.Unit
	if j.Low != j.High {
		at += fmt.Sprintf(", 95%% between %s and %s", digits(j.Low), digits(j.High))
	}
	if !j.Info {
		at += ", limit " + digits(j.AtMost)
	}
	if j.Floor > 0 {
		at += "; the floor itself " + digits(j.Floor)
	}
	if j.Note != "" {
		at += " (" + j.Note + ")"
	}
	return j.Text + ": " + strings.ReplaceAll(at, " ,", ",")
}

// digits writes four that matter, and never a power of ten.
func digits(v float64) string {
	if math.Abs(v) >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
