package measure

import (
	"context"
	"fmt"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// finding is what came of a trial: whether the rate held, and if not, who was at an end.
type finding struct {
	why    string // it did not hold; "": it held
	code   string // why that is not the server's fault, as a refusal's; "": it is
	others string // the same in words
}

func (f finding) held() bool { return f.why == "" }

// excused says that something else than the server was at its end, so that the trial says nothing of the server.
func (f finding) excused() bool { return f.code != "" }

func (f finding) String() string {
	if f.excused() {
		return f.why + ", and " + f.others
	}
	return f.why
}

// classify says whether a trial's slice held a bound on p99, in ms, and if not, whose fault that is. proven is what the
// generator took from the floor, in frames a second.
//
// What held is never excused: it did so in spite of whatever was late, and the server by itself holds it all the more.
func classify(s result.Slice, boundMS, proven float64) finding {
	f := finding{}
	missing := max(s.Expected-s.Received, s.Lost)
	switch {
	case s.Doubled+s.Reordered+s.BadSeq+s.BadPos+s.Malformed > 0:
		f.why = "messages came twice, out of order or malformed"
		return f // nothing that is late makes a server do that
	case missing > 0 || s.Closed > 0:
		f.why = fmt.Sprintf("%d of %d deliveries did not come, and %d connections ended", missing, s.Expected, s.Closed)
	case s.P99MS > boundMS:
		f.why = fmt.Sprintf("p99 was %.0f ms", s.P99MS)
	default:
		return f
	}
	// Acknowledgements are timed from when a record was due, so they have the publisher's lateness in them where it is that
	// of more than a few records; what they take of the bound, the server does not have.
	ackMS := min(ackLimitMS, brokersShare*boundMS)
	reads := float64(s.Reads) / max(s.Seconds, 1e-9)
	switch {
	case s.Disturbed != "":
		f.code, f.others = result.Foreigners, s.Disturbed
	case s.LoadBusy > starvedBusy || s.LoadWait > starvedWait:
		f.code = result.Starved
		f.others = fmt.Sprintf("the load generator was short of CPU (it computed %.0f%% of the time, and waited for a core %.0f%%)",
			100*s.LoadBusy, 100*s.LoadWait)
	case s.AckP99MS > ackMS || s.BehindMS > behindMS:
		f.code = result.SlowBroker
		f.others = fmt.Sprintf("the broker or the publisher was late (acknowledgements p99 %.0f ms, schedule up to %.0f ms late)", s.AckP99MS, s.BehindMS)
	case reads > provenShare*proven:
		f.code = result.Unproven
		f.others = fmt.Sprintf("the load generator made %.0f reads/s of the %.0f that it had proved to make", reads, proven)
	}
	return f
}

// remedies are the refusals that leave what held as it is: something else than the server came to its end, or was in its
// way, so the capacity may only be higher. Each has what helps.
var remedies = map[string]string{
	result.Starved:    "Give the generator more cores",
	result.SlowBroker: "Look at the broker's disk and CPU",
	result.Unproven:   "Give the generator more cores",
	result.Foreigners: "Stop what else runs on the server's core",
}

// try is one rate, in records a second, for a time. Clients that it was too much for come back for the next.
func (r *Rig) try(ctx context.Context, l *lane, c *result.Capacity, s spell) (finding, error) {
	trial := *l
	trial.publish.Rate = s.rate
	// Its own: what a rate did that does not hold is not to be seen in the server's figures.
	trial.latency, trial.out.LastMS = merged{}, nil
	// The floor's turns are numbered below: a trial belongs to none of them, and is not spoiled with one.
	slice, err := r.slice(ctx, &trial, 2*r.cfg.Turns+len(c.Trials), s.length)
	if ctx.Err() != nil {
		return finding{}, context.Cause(ctx) // cut short: no sample
	}
	if err != nil {
		return finding{}, fmt.Errorf("try %s on %s: %w", perSecond(s.rate), l.out.Name, err)
	}
	clear(l.in.intended) // of a disturbed slice they were not looked at
	f := classify(slice, c.BoundMS, r.res.Proof.FramesPerSecond)
	c.Trials = append(c.Trials, result.Trial{
		Rate: s.rate, P99MS: slice.P99MS, Reach: float64(slice.Received) / float64(max(slice.Expected, 1)),
		CPU:  slice.CPUMicros / 1e6 / max(slice.Seconds, 1e-9) / float64(max(len(l.in.cores), 1)),
		Held: f.held(), Why: f.String(),
	})
	if f.held() {
		l.keep(&trial, slice)
	}
	if slice.Closed > 0 {
		return f, r.raise(ctx, l.in, l.in.connections)
	}
	return f, nil
}

// keep adds a trial that held to the lane. One whose core was disturbed holds too, but its CPU time is not the server's.
func (l *lane) keep(trial *lane, s result.Slice) {
	if s.Disturbed != "" {
		return
	}
	if trial.latency.all != nil {
		l.latency.add(trial.latency.all)
	}
	l.out.LastMS = append(l.out.LastMS, trial.out.LastMS...)
	l.out.Slices = append(l.out.Slices, s)
}
