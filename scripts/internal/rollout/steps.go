package rollout

import (
	"context"
	"fmt"
	"math"
	"time"
)

// moment is what is done after a look. over says that the rollout has ended; err is then its outcome.
func (r *runner) moment(ctx context.Context) (over bool, err error) {
	now := time.Now()
	passed := min(now.Sub(r.lastLook), longestLook)
	if r.lastLook.IsZero() {
		passed = 0
	}
	r.lastLook = now

	r.guardWeights()
	if r.state.Phase == Moving || r.state.Phase == Holding {
		r.lookAtFigures(ctx, now, false)
		if bad := r.bad(now); bad != "" {
			if err := r.halt(bad); err != nil {
				return true, err
			}
		}
	}
	var stuck string
	seen := r.sight.Balancer == "" && r.sight.Read[Incumbent] && r.sight.Read[Challenger]
	reached := false
	if seen {
		reached, stuck = r.move(ctx, now)
	} else if r.weights != nil && r.sight.Balancer == "" {
		r.setWeights(ctx, *r.weights, true) // also while a side cannot be seen, a reload is made up for
	}
	if stuck != "" {
		if r.state.Why != "" { // it was on its way back
			stuck = r.state.Why + "; " + stuck
		}
		r.state.Why = stuck
		r.setWeights(ctx, WeightsFor(r.state.Target, r.instance), true)
		return true, r.halted()
	}
	switch r.state.Phase {
	case Moving:
		if reached {
			if err := r.enter(Holding); err != nil {
				return true, err
			}
			words := "reached " + percent(r.sight.Live.Share())
			if hold := r.Plan.Steps[r.state.Step].Hold; hold != 0 {
				words += fmt.Sprintf(": it is held for %s", hold)
			}
			r.tell(Event{Kind: Reached, Text: words})
		}
	case Holding:
		if seen && r.mover.reached && r.verdict.Blind == "" {
			r.state.Held += passed
		}
		over, err = r.hold(ctx, now)
	case Back:
		if weights := WeightsFor(r.state.Target, r.instance); r.sight.Balancer == "" && !r.sight.Takes[r.Plan.Watched()] {
			// A side that takes nobody cannot get a share: the weights are all there is to do.
			r.setWeights(ctx, weights, true)
			reached = r.inForce(weights)
		}
		if reached {
			return true, r.halted()
		}
	}
	if hold := r.holdTime(); err == nil && !over && hold > 0 && r.state.Held-r.saved >= max(keepHeld, hold/100) {
		r.saved = r.state.Held
		err = r.Store.Write(r.state)
		over = err != nil
	}
	r.tell(Event{Kind: Looked})
	return over, err
}

// holdTime is that of the present step; what is held forever, or not held, needs no account.
func (r *runner) holdTime() time.Duration {
	if r.state.Phase != Holding {
		return 0
	}
	return time.Duration(r.Plan.Steps[r.state.Step].Hold)
}

// move has the mover decide, and does it. It says whether the share is right, or why it will never be.
func (r *runner) move(ctx context.Context, now time.Time) (reached bool, stuck string) {
	s := r.sight
	if r.state.Phase == Moving && r.verdict.Blind != "" {
		s.Takes = [2]bool{} // nobody is sent where it cannot be seen how they fare
	}
	d := r.mover.decide(now, s)
	if d.Drifted {
		r.tell(Event{Kind: Drifted, Text: fmt.Sprintf("the share has drifted to %s and is brought back to %s", percent(r.sight.Live.Share()), percent(r.state.Target))})
	}
	r.setWeights(ctx, d.Weights, d.Reached)
	if d.Shed > 0 {
		name := r.Plan.Side(d.From).Name
		chosen, err := r.Site.Shed(ctx, d.From, d.Shed, r.Plan.Pace)
		if err != nil {
			r.trouble("moving from "+name, err.Error())
			r.mover.vain = 0 // that it does not come nearer has another reason
		} else {
			r.trouble("moving from "+name, "")
		}
		// What was asked of some instances goes on, whatever the others said.
		r.mover.shed(now, chosen, d.From, s.Live)
		if chosen > 0 {
			r.tell(Event{Kind: Shedding, Asked: chosen, Text: fmt.Sprintf("%s sends %d clients away, %s a second", name, chosen, number(r.Plan.Pace))})
		}
	}
	switch {
	case d.Gone > 0:
		stuck = fmt.Sprintf("of the clients that were sent away %d have not come back within %s: can HAProxy and both servers take them?", d.Gone, short(goneAfter))
	case d.Stuck:
		stuck = fmt.Sprintf("clients that %s sends away come back to it, the share stays at %s: do all come by HAProxy, and has %s room for them (its maxconn there, WS_MAX_CONNECTIONS)?",
			r.Plan.Side(d.From).Name, percent(r.sight.Live.Share()), r.Plan.Side(d.From.Other()).Name)
	}
	return d.Reached, stuck
}

// guardWeights notices that HAProxy has other weights than it was given, or is another process.
func (r *runner) guardWeights() {
	if r.sight.Balancer != "" {
		return
	}
	reloaded := r.sight.PID != r.pid
	r.pid = r.sight.PID
	changed := r.weights != nil && !r.inForce(*r.weights)
	var words string
	switch {
	case reloaded && changed:
		words = "HAProxy was reloaded and has forgotten the weights: they are set again"
	case reloaded:
		words = "HAProxy was reloaded: it does not count the tunnels it had before"
	case changed:
		words = "HAProxy has other weights than were set: somebody changed them, or it was reloaded; they are set again"
	default:
		return
	}
	kind := Reloaded
	if !reloaded {
		kind = Changed
	}
	r.tell(Event{Kind: kind, Text: words})
}

// inForce says whether HAProxy has these weights.
func (r *runner) inForce(weights Weights) bool {
	for _, w := range []Which{Incumbent, Challenger} {
		for _, i := range r.Plan.Side(w).Instances {
			if r.sight.Weights[i.Server] != weights[w] {
				return false
			}
		}
	}
	return true
}

// setWeights makes them HAProxy's. While clients move the weights that are wanted change a little with each look: unless
// exact, it lets them be while those in force are as good.
func (r *runner) setWeights(ctx context.Context, weights Weights, exact bool) {
	if !exact && r.weights != nil && alike(*r.weights, weights) {
		weights = *r.weights
	}
	if r.sight.Balancer != "" || r.inForce(weights) {
		r.weights = &weights
		return
	}
	set := map[string]int{}
	for _, w := range []Which{Incumbent, Challenger} {
		for _, i := range r.Plan.Side(w).Instances {
			if r.sight.Weights[i.Server] == weights[w] {
				continue
			}
			if err := r.Site.SetWeight(ctx, i.Server, weights[w]); err != nil {
				r.trouble("weights", err.Error())
				r.weights = nil // some may be the new ones: nobody else has changed them
				return
			}
			set[i.Server] = weights[w]
			r.sight.Weights[i.Server] = weights[w]
		}
	}
	r.trouble("weights", "")
	r.weights = &weights
	r.state.Weights = &weights
	if err := r.Store.Write(r.state); err != nil {
		r.trouble("state", err.Error())
	}
	r.tell(Event{Kind: Weighted, Weights: set, Text: fmt.Sprintf("weights: %s %d, %s %d",
		r.Plan.Incumbent.Name, weights[Incumbent], r.Plan.Challenger.Name, weights[Challenger])})
}

// alike says that two weights send new clients much the same way.
func alike(a, b Weights) bool {
	for _, w := range []Which{Incumbent, Challenger} {
		if (a[w] == 0) != (b[w] == 0) {
			return false
		}
	}
	share := func(w Weights) float64 { return float64(w[Challenger]) / float64(max(1, w[Incumbent]+w[Challenger])) }
	return math.Abs(share(a)-share(b)) < 0.05
}

// lookAtFigures asks Prometheus, as often as the window is worth it, or now.
func (r *runner) lookAtFigures(ctx context.Context, now time.Time, must bool) {
	every := max(lookEvery, r.Limits.Window/12)
	if !must && now.Sub(r.judged) < every-lookEvery/2 {
		return
	}
	window := min(r.Limits.Window, now.Sub(r.stepAt).Truncate(time.Second))
	if window < max(time.Second, r.Limits.Window/4) {
		r.verdict = Verdict{} // too little of this step has been
		return
	}
	r.judged = now
	figures, err := r.Site.Figures(ctx, window)
	if err != nil {
		r.verdict = Verdict{Blind: err.Error()}
	} else {
		// A side without clients delivers nothing: its last p99 is what it does.
		if p99 := figures[OtherP99]; p99 > 0 {
			r.state.OtherP99 = p99
		} else if r.state.OtherP99 > 0 {
			figures[OtherP99] = r.state.OtherP99
		}
		r.figures, r.verdict = figures, judge(r.Limits, figures, r.Plan)
	}
	r.trouble("Prometheus", r.verdict.Blind)
}

// bad says why to halt, or "".
func (r *runner) bad(now time.Time) string {
	w := r.Plan.Watched()
	switch {
	case r.sight.Takes[w] || r.sight.Balancer != "":
		r.notTaken = time.Time{}
	case r.notTaken.IsZero():
		r.notTaken = now
	case now.Sub(r.notTaken) >= patience:
		return fmt.Sprintf("it has taken no clients for %s: %s", short(now.Sub(r.notTaken)), r.sight.Why[w])
	}
	return r.verdict.Bad()
}

// hold ends the step when it was held long enough and Prometheus, asked at the end again, has nothing against it.
func (r *runner) hold(ctx context.Context, now time.Time) (over bool, err error) {
	step := r.Plan.Steps[r.state.Step]
	if step.Hold == Forever || r.state.Held < time.Duration(step.Hold) || !r.mover.reached {
		return false, nil
	}
	r.lookAtFigures(ctx, now, true)
	if bad := r.bad(now); bad != "" {
		return false, r.halt(bad)
	}
	if r.verdict.Blind != "" || len(r.verdict.Findings) == 0 {
		return false, nil // it stays until it can be judged
	}
	r.tell(Event{Kind: Held, Text: fmt.Sprintf("held %s for %s", percent(r.sight.Live.Share()), short(r.state.Held))})
	if r.state.Step == len(r.Plan.Steps)-1 {
		if err := r.enter(Done); err != nil {
			return true, err
		}
		r.tell(Event{Kind: Ended, Text: fmt.Sprintf("done: %s has %d connections, %s %d",
			r.Plan.Incumbent.Name, r.sight.Live[Incumbent], r.Plan.Challenger.Name, r.sight.Live[Challenger])})
		return true, nil
	}
	r.state.Step++
	r.aimAt(float64(r.Plan.Steps[r.state.Step].Share) / 100)
	if err := r.enter(Moving); err != nil {
		return true, err
	}
	r.tell(Event{Kind: Stepped, Text: fmt.Sprintf("step %d of %d: %s", r.state.Step+1, len(r.Plan.Steps), r.aim())})
	return false, nil
}

// halt turns back.
func (r *runner) halt(why string) error {
	r.state.Why = fmt.Sprintf("%s is worse than the limits: %s", r.Plan.Side(r.Plan.Watched()).Name, why)
	from := r.state.Target
	r.state.Step, r.state.Target = r.previous()
	r.aimAt(r.state.Target)
	if err := r.enter(Back); err != nil {
		return err
	}
	r.tell(Event{Kind: Halting, Text: fmt.Sprintf("%s; from %s back to %s", r.state.Why, percent(from), r.aim())})
	return nil
}

// previous is the step to go back to: the last one with less for the watched challenger, what was before the rollout, or
// nothing. What was being drained goes back to what it had.
func (r *runner) previous() (step int, target float64) {
	if r.Plan.Drained != nil {
		return -1, r.state.Before
	}
	for i := r.state.Step - 1; i >= 0; i-- {
		if share := float64(r.Plan.Steps[i].Share) / 100; share < r.state.Target {
			return i, share
		}
	}
	if r.state.Before < r.state.Target {
		return -1, r.state.Before
	}
	return -1, 0
}

// halted ends a rollout that went back, or cannot go on.
func (r *runner) halted() error {
	if err := r.enter(Halted); err != nil {
		return err
	}
	r.tell(Event{Kind: Ended, Text: fmt.Sprintf("halted at %s: %s has %d connections, %s %d; when what was wrong is put right, --resume goes on",
		r.aim(), r.Plan.Incumbent.Name, r.sight.Live[Incumbent], r.Plan.Challenger.Name, r.sight.Live[Challenger])})
	return fmt.Errorf("%w at %s: %s", ErrHalted, r.aim(), r.state.Why)
}

// aimAt begins with another target.
func (r *runner) aimAt(target float64) {
	r.state.Target, r.state.Held, r.saved = target, 0, 0
	r.mover = r.mover.aim(target)
	r.stepAt = time.Now()
	r.verdict = Verdict{}
	r.notTaken = time.Time{}
}

// enter changes the phase, and keeps that before anything else is done.
func (r *runner) enter(p Phase) error {
	r.state.Phase = p
	return r.Store.Write(r.state)
}
