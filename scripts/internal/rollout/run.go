package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// lookEvery is how often it looks: the servers publish their gauges each second.
	lookEvery = time.Second
	// patience is how long the watched side may take no clients before that is a reason to halt.
	patience = 10 * time.Second
	// firstLook is how long the first look may see too little: Prometheus may not have scraped yet.
	firstLook = 30 * time.Second
	// longestLook is how much of the time since the last look counts as watched: a program that was stopped (Ctrl-Z) watched nothing.
	longestLook = 10 * time.Second
	// keepHeld is how much of a held time a crash may cost, or a hundredth of it where that is more.
	keepHeld = 5 * time.Second
)

var (
	// ErrHalted is returned by Run when the watched side was worse than the limits and it went back, or when clients cannot be moved;
	// the error says where it is and why.
	ErrHalted = errors.New("halted")
	// ErrStopped is returned by Run when its context ended before the plan.
	ErrStopped = errors.New("stopped")
)

// Options are what a rollout needs.
type Options struct {
	Plan      *Plan
	Limits    Limits
	Site      Site
	Store     *Store
	StateFile string            // the store's path, for words
	Resume    bool              // go on with the state that is there
	Tell      func(Event) error // gets each event, in order; an error ends the rollout as a stop does
}

// runner is one rollout. All of it belongs to Run's goroutine.
type runner struct {
	Options
	state *State
	mover *mover

	sight    Sight
	figures  Figures
	verdict  Verdict
	judged   time.Time // when the verdict was made
	weights  *Weights  // that HAProxy is to have; nil: none was set yet
	pid      int
	stepAt   time.Time // since when the figures are about this step
	lastLook time.Time
	saved    time.Duration     // held time in the file
	notTaken time.Time         // since when the watched side takes no clients
	troubles map[string]string // by what they are about
	told     error             // of Tell
	instance [2]int            // how many each side has
}

// Run carries the plan out, and returns when it is done (nil), was halted ([ErrHalted]), was stopped by ctx ([ErrStopped],
// nil when the last step is held forever and has been reached), or could not begin. Whatever the end, new connections go by
// the weights of the share that was aimed at last.
func Run(ctx context.Context, o Options) error {
	there, err := o.Store.Read()
	if err != nil {
		return err
	}
	state, err := start(there, o.Plan, o.Resume, o.StateFile)
	if err != nil {
		return err
	}
	r := &runner{
		Options: o, state: state, weights: state.Weights, troubles: map[string]string{},
		instance: [2]int{len(o.Plan.Incumbent.Instances), len(o.Plan.Challenger.Instances)},
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		over, err := r.moment(ctx)
		if over || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
			r.look(ctx)
		}
		if ctx.Err() != nil || r.told != nil {
			return errors.Join(r.stop(), r.told)
		}
	}
}

// begin looks until all can be seen, and refuses when it cannot: nothing has been touched yet.
func (r *runner) begin(ctx context.Context) error {
	var trouble error
	for until, told := time.Now().Add(firstLook), false; ; {
		r.look(ctx)
		if trouble = r.unseen(ctx); trouble == nil {
			break
		}
		if time.Now().After(until) {
			return fmt.Errorf("begin: %w", trouble)
		}
		if !told { // the user waits, and is to know what for
			told = true
			r.tell(Event{Kind: Trouble, Text: fmt.Sprintf("cannot begin yet, and tries for %s: %v", short(firstLook), trouble)})
		}
		select {
		case <-ctx.Done():
			return errors.Join(ErrStopped, trouble)
		case <-time.After(lookEvery):
		}
	}
	r.pid = r.sight.PID
	r.mover = newMover(r.state.Target, r.Plan.Tolerance/100, r.Plan.Pace, r.instance)
	r.stepAt = time.Now()
	words := "begins"
	if r.state.Before < 0 {
		r.state.Before = r.sight.Live.Share()
	} else {
		words = "goes on"
		r.mover.resume(r.stepAt)
	}
	r.saved = r.state.Held
	if err := r.Store.Write(r.state); err != nil {
		return err
	}
	r.tell(Event{Kind: Began, Text: fmt.Sprintf("%s at step %d of %d, %s: %s has %d connections, %s %d",
		words, r.state.Step+1, len(r.Plan.Steps), r.aim(), r.Plan.Incumbent.Name, r.sight.Live[Incumbent], r.Plan.Challenger.Name, r.sight.Live[Challenger])})
	return nil
}

// unseen is what the first look lacks. A rollout that goes on needs only HAProxy: a side that is not there is then a reason to
// halt or to wait like any other time.
func (r *runner) unseen(ctx context.Context) error {
	if r.sight.Balancer != "" {
		return errors.New(r.sight.Balancer)
	}
	if r.Resume {
		return nil
	}
	for _, w := range []Which{Incumbent, Challenger} {
		switch name := r.Plan.Side(w).Name; {
		case !r.sight.Read[w] && r.Plan.Drained != nil && *r.Plan.Drained == w:
			return fmt.Errorf("%s cannot be asked to send its clients away: %s; what can be done without it is HAProxy's: set server %s state maint",
				name, r.sight.Why[w], r.Plan.Side(w).Instances[0].Server)
		case !r.sight.Read[w]:
			return fmt.Errorf("%s: %s", name, r.sight.Why[w])
		}
	}
	if err := r.Site.May(ctx); err != nil {
		return err
	}
	figures, err := r.Site.Figures(ctx, r.Limits.Window)
	if err != nil {
		return err
	}
	if blind := judge(r.Limits, figures, r.Plan).Blind; blind != "" {
		return errors.New(blind)
	}
	return nil
}

// look takes a new sight, and tells what of it is missing.
func (r *runner) look(ctx context.Context) {
	s := r.Site.Look(ctx)
	if ctx.Err() != nil {
		return // what is missing is missing because of that
	}
	r.sight = s
	if r.mover == nil {
		return // the first look says what it lacks by itself
	}
	r.trouble("HAProxy", s.Balancer)
	for _, w := range []Which{Incumbent, Challenger} {
		if s.Balancer == "" {
			r.trouble(r.Plan.Side(w).Name, s.Why[w])
		}
	}
}

// stop leaves things so that they can stay: the weights of the target, and a state to go on from.
func (r *runner) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*askTime)
	defer cancel()
	r.setWeights(ctx, WeightsFor(r.state.Target, r.instance), true)
	forever := r.state.Phase == Holding && r.Plan.Steps[r.state.Step].Hold == Forever
	end, words := error(ErrStopped), "stopped at "+r.aim()+"; --resume goes on"
	if forever {
		end, words = nil, "left at "+r.aim()
	}
	err := r.Store.Write(r.state)
	r.tell(Event{Kind: Ended, Text: words})
	return errors.Join(end, err)
}

// aim is the target in words.
func (r *runner) aim() string {
	return fmt.Sprintf("%s for %s", percent(r.state.Target), r.Plan.Challenger.Name)
}

// trouble tells of a trouble once, and when it is over.
func (r *runner) trouble(about, text string) {
	switch was := r.troubles[about]; {
	case text == was:
	case text == "":
		delete(r.troubles, about)
		r.tell(Event{Kind: Cleared, Text: about + " is fine again"})
	default:
		r.troubles[about] = text
		if was == "" { // its words may change while it lasts
			r.tell(Event{Kind: Trouble, Text: about + ": " + text})
		}
	}
}

// tell completes an event with the state of things.
func (r *runner) tell(e Event) {
	e.At = time.Now()
	e.Step, e.Steps, e.Phase, e.Target = r.state.Step+1, len(r.Plan.Steps), r.state.Phase, r.state.Target
	e.Incumbent, e.Challenger, e.Share = r.sight.Live[Incumbent], r.sight.Live[Challenger], r.sight.Live.Share()
	e.HeldS = r.state.Held.Seconds()
	e.Findings = r.verdict.Findings
	if e.Weights == nil {
		e.Weights = r.sight.Weights
	}
	if e.Kind == Held || e.Kind == Halting {
		e.Figures = r.figures.known()
	}
	if err := r.Tell(e); err != nil && r.told == nil {
		r.told = err
	}
}
