package measure

import (
	"fmt"
	"math"
	"slices"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// When a run cannot know. Each bound has room for an honest run on a small machine, where generator, broker and
// publisher share a core, and none for one that measured something else than the server.
const (
	starvedBusy  = 0.90 // of the slice: the generator computes, so it reads late
	starvedWait  = 0.15 // of the slice: it was to read and had no core
	provenShare  = 0.80 // of what it took from the floor
	ackLimitMS   = 250  // p99 of the broker's acknowledgements
	behindMS     = 100  // the publisher's schedule, at worst
	spoiledShare = 0.10 // of the slices
	floorDrift   = 0.10 // between the halves of a run
	fewest       = 3    // rounds that count
	resumeShare  = 0.1  // of a turn that those who resume take at least, or the others' p99 is not of that time
	spreadMS     = 20   // between a burst's first record and its last, at a bare consumer: less than the sends of the first take
	brokersShare = 0.5  // of a p99 that is judged
)

// refuse looks at all samples for reasons not to judge.
func (r *Rig) refuse() []result.Refusal {
	return refusals(r.res)
}

// refusals says what spoils a result's figures.
func refusals(res *result.Result) []result.Refusal {
	var all []result.Refusal
	lane := ""
	add := func(code, format string, args ...any) {
		all = append(all, result.Refusal{Code: code, Text: fmt.Sprintf(format, args...), Lane: lane})
	}
	if res.Interrupted {
		add(result.Incomplete, "the run was interrupted: what was measured until then is kept, and not judged. Run it again to the end")
	}
	if res.Proof.LoadBusy > starvedBusy && res.Capacity == nil { // a search looks at each trial
		add(result.Unproven, "the generator took the floor's frames with %.0f%% of its core: it was at its own end, so nothing says how much more it could take. Give it more cores", 100*res.Proof.LoadBusy)
	}
	for _, l := range res.Lanes {
		lane = l.Name
		want := res.Scenario.Connections
		if l.Server == scenario.Floor && res.Scenario.PlainFloor() {
			want = l.Connections // its load is its own
		}
		if l.Server != scenario.Reader && l.Connections < want && !res.Interrupted {
			add(result.NotConnected, "%s had %d connections, the scenario has %d. Look at the server's limits and the machine's open files", l.Name, l.Connections, want)
		}
		refuseLane(res, l, add)
		refuseDrift(res, l, add)
	}
	lane = ""
	refuseShared(res, add)
	refuseFloor(res, add)
	return all
}

// refuseLane looks at the slices of a lane.
func refuseLane(res *result.Result, l result.Lane, add func(code, format string, args ...any)) {
	shaken := 0
	for i, s := range l.Storms {
		if s.Disturbed != "" {
			shaken++
		}
		if s.Lost+s.Doubled > 0 || s.Replayed != s.Expected {
			add(result.Lossy, "%s, storm %d: %d of %d missed messages were replayed, %d lost, %d doubled", l.Name, i+1, s.Replayed, s.Expected, s.Lost, s.Doubled)
		}
	}
	if shaken > len(l.Storms)/2 {
		add(result.Foreigners, "the server's core was disturbed in %d of %d storms on %s: the times are not its own. Stop what else runs here", shaken, len(l.Storms), l.Name)
	}
	counted := len(l.Slices)
	if counted == 0 {
		return
	}
	late := lateFrom(res)
	tooMany := func(n int) bool { return float64(n) > spoiledShare*float64(counted) }
	var starved, slow, brokers, unproven, disturbed, notFull, notPending, unread int
	var wait, busy, ack, behind float64
	var lost, doubled, reordered, bad, missing, closed int64
	var resumes, brief, unresumed int
	for _, s := range l.Slices {
		if back := s.Resume; back != nil {
			resumes++
			if back.Seconds < resumeShare*s.Seconds {
				brief++
			}
			if back.Replayed != back.Expected || back.Lost+back.Doubled > 0 {
				unresumed++
			}
		}
		if s.LoadBusy > starvedBusy || s.LoadWait > starvedWait {
			starved++
			wait, busy = max(wait, s.LoadWait), max(busy, s.LoadBusy)
		}
		if s.AckP99MS > ackLimitMS || s.BehindMS > behindMS {
			slow++
			ack, behind = max(ack, s.AckP99MS), max(behind, s.BehindMS)
		}
		if s.P99MS > late && s.AckP99MS > brokersShare*s.P99MS {
			brokers++
		}
		if s.Expected == 0 && l.Server != scenario.Floor && s.Read < s.Records {
			unread++
		}
		if float64(s.Reads)/max(s.Seconds, 1e-9) > provenShare*res.Proof.FramesPerSecond && !l.Baseline && res.Capacity == nil { // a search looks at each trial
			unproven++
		}
		if s.Disturbed != "" {
			disturbed++
		}
		if s.Behind < l.Stalled || s.Full < l.Stalled {
			notFull++
		}
		if s.SpreadMS > spreadMS {
			notPending++
		}
		lost, doubled, reordered = lost+s.Lost, doubled+s.Doubled, reordered+s.Reordered
		bad += s.BadSeq + s.BadPos + s.Malformed
		closed += s.Closed
		missing += max(0, s.Expected-s.Received)
	}
	if tooMany(starved) {
		add(result.Starved, "the load generator of %s was short of CPU in %d of %d slices (it computed %.0f%% of the time, and waited for a core %.0f%%): latencies would be its own. Give it more cores, or less load",
			l.Name, starved, counted, 100*busy, 100*wait)
	}
	if tooMany(slow) {
		add(result.SlowBroker, "the broker or the publisher was late for %s in %d of %d slices (acknowledgements p99 up to %.0f ms, schedule up to %.0f ms late): latencies would be theirs. Look at the broker's disk and CPU",
			l.Name, slow, counted, ack, behind)
	}
	if tooMany(brokers) {
		add(result.SlowBroker, "in %d of %d slices more than %.0f%% of %s's p99 was the broker's own (its acknowledgements took as long): a ratio of such times says little of the servers. Look at the broker's disk and CPU",
			brokers, counted, 100*brokersShare, l.Name)
	}
	if unread > 0 {
		add(result.Lossy, "%s had not read all records at the end of %d of %d slices: what it did not read has cost it nothing", l.Name, unread, counted)
	}
	if tooMany(unproven) {
		add(result.Unproven, "%s gave more than %.0f%% of the %.0f frames/s that the generator had proved to take. Use more load processes on more cores",
			l.Name, 100*provenShare, res.Proof.FramesPerSecond)
	}
	if float64(disturbed) > again/(1+again)*float64(counted) { // more than are repeated
		add(result.Foreigners, "the server's core was disturbed in %d of %d slices of %s (%s): its CPU figures are not its own. Stop what else runs here",
			disturbed, counted, l.Name, l.Slices[slices.IndexFunc(l.Slices, func(s result.Slice) bool { return s.Disturbed != "" })].Disturbed)
	}
	if l.Stalled > 0 && notFull > 0 {
		add(result.NotStalled, "in %d of %d slices of %s fewer than its %d stalled clients had a full socket: the stall did not happen. Publish more before measuring, or larger records",
			notFull, counted, l.Name, l.Stalled)
	}
	if tooMany(notPending) {
		add(result.NotPending, "in %d of %d slices of %s a bare consumer had the records of a burst more than %d ms apart: they were not pending at once, and what sending them together saves was not measured. Look at the broker",
			notPending, counted, l.Name, spreadMS)
	}
	if resumes > 0 && brief > resumes/2 {
		add(result.NotResumed, "in %d of %d slices of %s those who resumed had all they missed in less than %.0f%% of the slice: a p99 of the whole says little of that time. Let more of them resume, or more be missed, or take shorter slices (--slice)",
			brief, resumes, l.Name, 100*resumeShare)
	}
	if unresumed > 0 {
		add(result.Lossy, "%s: in %d of %d slices not every message that was missed was replayed, once and in order", l.Name, unresumed, resumes)
	}
	if lost+doubled+reordered+bad+missing+closed > 0 {
		add(result.Lossy, "%s: %d of its deliveries did not come, %d lost, %d doubled, %d out of order, %d malformed or with a wrong seq or pos, %d connections ended. What does not deliver has no cost to compare",
			l.Name, missing, lost, doubled, reordered, bad, closed)
	}
}

// refuseShared looks whether a latency is judged of a server whose cores are not its own. A search judges by nothing else.
func refuseShared(res *result.Result, add func(code, format string, args ...any)) {
	if res.Capacity != nil {
		for _, l := range res.Lanes {
			if !l.Baseline && len(l.Shared) > 0 {
				add(result.SharedCores, "the capacity of %s is how much it takes until messages are late, and it has %s in common with generator, publisher and broker: that would be theirs too. It takes a machine with more cores, or fewer shards", l.Name, coresInWords(l.Shared))
			}
		}
	}
	for _, limit := range res.Scenario.Limits {
		if limit.Info || !slices.Contains([]string{scenario.P99, scenario.Last, scenario.CaughtUp}, limit.Measure) {
			continue
		}
		for _, l := range about(limit, res.Servers) {
			for _, name := range []string{l.Of, l.Over} {
				if lane := laneOf(res, name); lane != nil && len(lane.Shared) > 0 {
					add(result.SharedCores, "%s is judged by how late messages are, and has %s in common with generator, publisher and broker: the times would be theirs too. It takes a machine with more cores, or fewer shards", name, coresInWords(lane.Shared))
				}
			}
		}
	}
}

func refuseFloor(res *result.Result, add func(code, format string, args ...any)) {
	if f := res.Floor; f.First > 0 && f.Second > 0 {
		moved := f.Second - f.First
		if math.Abs(moved) > floorDrift*f.First && math.Abs(moved) > 2*f.Spread {
			add(result.FloorMoved, "the floor cost %.2f us in the first half of the run and %.2f us in the second: the machine changed meanwhile. Run again when it is quiet", f.First, f.Second)
		}
	}
	if res.Scenario.Kind != scenario.Deliver || res.Capacity != nil || res.Interrupted {
		return
	}
	if n := len(countedRounds(res)); n < fewest {
		add(result.Incomplete, "only %d rounds count, %d are the fewest that say anything. Ask for more with --rounds", n, fewest)
	}
}

// lateFrom is the p99, in ms, from which on it matters how much of it is the broker's: any where a ratio of such times is
// judged, what is beyond the limit where they are judged by themselves.
func lateFrom(res *result.Result) float64 {
	from := math.Inf(1)
	for _, limit := range res.Scenario.Limits {
		switch {
		case limit.Measure != scenario.P99 || limit.Info:
		case limit.Over != "":
			from = 0
		default:
			from = min(from, limit.AtMost)
		}
	}
	return from
}

// refuseDrift looks whether a lane's cost was settled: a young broker gives its records in other batches than one that
// has run for a while, which the floor, that reads none, does not show.
func refuseDrift(res *result.Result, l result.Lane, add func(code, format string, args ...any)) {
	if l.Baseline || res.Capacity != nil || res.Interrupted {
		return
	}
	ratios := perRound(res, &l, cpuPerDelivery)
	beside := perRound(res, laneOf(res, scenario.Floor), cpuPerDelivery)
	if l.Totals.Received == 0 {
		ratios = perRound(res, &l, cpuPerRecord)
		beside = perRound(res, laneOf(res, scenario.Reader), cpuPerRecord)
	}
	for i := range min(len(ratios), len(beside)) {
		ratios[i] /= beside[i]
	}
	half := len(ratios) / 2
	if half < fewest {
		return
	}
	first, firstErr := meanAndError(ratios[:half])
	second, secondErr := meanAndError(ratios[half:])
	if moved := math.Abs(second - first); moved > floorDrift*first && moved > 2*math.Hypot(firstErr, secondErr) {
		add(result.Unsettled, "%s cost %.3g times what its baseline did in the first half of the run, and %.3g times in the second: what is measured depends on when. Run it for longer, with --rounds", l.Name, first, second)
	}
}
