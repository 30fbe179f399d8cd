package measure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const (
	step      = 1.5  // from one rate to the next, until one does not hold
	precision = 1.05 // between the highest that held and the lowest that did not
	confirms  = 3    // times in a row that the rate that was found must hold
	longTrial = 20   // times the bound: what is above the capacity by a twentieth breaks it
	leastRate = 0.1  // records a second
	mostTries = 40   // until a rate is found; twice as many until it is confirmed
	repeats   = 3    // of a trial, the first included, while others are on the server's core
	excuses   = 3    // failures of the rate that was found that are not the server's
)

// Bound says what a rate must hold, and what the settings leave free.
type Bound struct {
	P99      time.Duration
	Headroom float64 // share of the rate found
}

// Capacity searches the highest rate at which all deliveries come and their p99 stays below a bound, with the
// scenario's connections and channels. The result has the settings that follow, or none: see [NoSettings]. Where something
// else than the server ended the search, the result is refused and has the settings of the highest rate that held all
// the same: the capacity is at least that.
func Capacity(ctx context.Context, cfg Config, b Bound) (*result.Result, error) {
	s := &search{short: 2 * time.Duration(cfg.Scenario.Slice), around: time.Second / 2}
	s.long = max(s.short, longTrial*b.P99)
	cfg.Progress = s.watch(cfg.Progress)
	r, err := Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	err = r.finish(ctx, r.capacity(ctx, b, s))
	r.res.Refusals = once(r.res.Refusals)
	if err == nil && NoSettings(r.res) == "" {
		settle(r.res)
	}
	return r.res, errors.Join(err, r.Close())
}

func (r *Rig) capacity(ctx context.Context, b Bound, s *search) error {
	for _, in := range r.instances {
		if err := r.connect(ctx, in); err != nil {
			return err
		}
	}
	if err := r.prove(ctx); err != nil {
		return err
	}
	s.turns, s.turnsLeft = 2*r.cfg.Turns, 2*r.cfg.Turns
	s.mark()
	if err := r.calibrate(ctx, 0); err != nil {
		return err
	}
	s.turnsLeft -= r.cfg.Turns
	s.mark()
	l := r.lanes[len(r.lanes)-1]
	if err := r.warmUp(ctx, []*lane{l}, time.Duration(r.cfg.Scenario.Slice), true); err != nil {
		return err
	}
	c := &result.Capacity{BoundMS: ms(b.P99), Connections: l.in.connections, Headroom: b.Headroom, Trials: []result.Trial{}, Settings: map[string]string{}}
	r.res.Capacity = c
	s.try = func(ctx context.Context, one spell) (finding, error) { return r.try(ctx, l, c, one) }
	rate, err := s.run(ctx, l.publish.Rate)
	if err != nil {
		return fmt.Errorf("search the capacity of %s: %w", l.out.Name, err)
	}
	if s.limit.excused() {
		r.res.Refusals = append(r.res.Refusals, s.refusal(l.out.Name, rate))
	}
	c.Rate = rate
	c.Deliveries = rate * l.in.plan.FanOutOf(l.publish, l.in.connections)
	s.mark()
	return r.calibrate(ctx, r.cfg.Turns)
}

// spell is what a trial is made with: a rate, in records a second, for a time.
type spell struct {
	rate   float64
	length time.Duration
}

// search finds the highest rate that holds. It knows of a server only what try says.
type search struct {
	try         func(context.Context, spell) (finding, error)
	short, long time.Duration // of a trial while a rate is looked for, and while it is confirmed

	low, high float64   // the highest that held, 0: none; the lowest that did not
	held      []float64 // all rates that did
	limit     finding   // why the search did not go higher
	limitRate float64   // where
	confirmed int       // times in a row
	over      bool

	// Of what is left, for who watches.
	tried, turns, turnsLeft int // trials; turns of the floor, in all and to come
	around                  time.Duration
	left                    time.Duration // when marked
	marked                  time.Time
}

// run returns the highest rate that is known to hold, 0 when there is none. limit then says who ended the search: the
// server, or something else, and then the capacity is at least what is returned.
func (s *search) run(ctx context.Context, start float64) (float64, error) {
	defer func() { s.over = true }()
	if err := s.climb(ctx, start); err != nil {
		return 0, err
	}
	if s.low == 0 {
		return 0, nil
	}
	// Also where the climb was not ended by the server: a short trial holds a little more than the capacity.
	return s.confirm(ctx)
}

// climb looks for the highest rate that holds.
func (s *search) climb(ctx context.Context, rate float64) error {
	s.low, s.high = 0, math.Inf(1)
	for s.tried < mostTries {
		f, err := s.attempt(ctx, spell{rate, s.short})
		switch {
		case err != nil:
			return err
		case f.held():
			s.low = rate
		default:
			s.high, s.limit, s.limitRate = rate, f, rate
		}
		switch {
		case s.low == 0:
			rate /= step
		case math.IsInf(s.high, 1):
			rate *= step
		case s.limit.excused(): // rates between would measure what was at its end, not the server
			return nil
		case s.high/s.low < precision:
			return nil
		default:
			rate = math.Sqrt(s.low * s.high)
		}
		if rate < leastRate {
			return s.nothing()
		}
	}
	switch {
	case s.low == 0:
		return s.nothing()
	case math.IsInf(s.high, 1):
		return fmt.Errorf("%s still held after %d trials: begin with a higher rate, in a scenario of your own", perSecond(s.low), s.tried)
	}
	return nil // held, and the server's; only less precise
}

// nothing is the end of a search in which no rate held: the server's failure, or nothing that is known of it.
func (s *search) nothing() error {
	if s.limit.excused() {
		return nil
	}
	return fmt.Errorf("not even %s held: %s. Take fewer connections (--connections), or a bound that is later (--p99)", perSecond(s.limitRate), s.limit)
}

// confirm takes a rate that held once until it holds several times in a row, for longer. The server's failures lower it;
// others' say nothing of the server, so the same rate is tried again, but not for ever.
func (s *search) confirm(ctx context.Context) (float64, error) {
	rate, excused := s.low, 0
	for s.confirmed < confirms {
		if s.tried >= 2*mostTries || rate < leastRate {
			return 0, fmt.Errorf("no rate held %d times in a row: the last was %s, of which %s. Run it again when the machine is quiet, or with longer trials (--slice)",
				confirms, perSecond(s.limitRate), s.limit)
		}
		f, err := s.attempt(ctx, spell{rate, s.long})
		switch {
		case err != nil:
			return 0, err
		case f.held():
			s.confirmed++
		case !f.excused():
			s.high, s.limit, s.limitRate = rate, f, rate
			rate, s.confirmed, excused = rate/precision, 0, 0
		default:
			if excused++; excused == excuses || f.code == result.Foreigners { // which was repeated already
				s.limit, s.limitRate = f, rate
				return s.best(), nil
			}
		}
	}
	return rate, nil
}

// best is the highest rate that held below all at which the server failed. What held once may fail later, and what it was
// lowered to then may never have been tried.
func (s *search) best() float64 {
	var best float64
	for _, rate := range s.held {
		if rate < s.high {
			best = max(best, rate)
		}
	}
	return best
}

// attempt is a trial, repeated while others are in the server's way.
func (s *search) attempt(ctx context.Context, one spell) (finding, error) {
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return finding{}, context.Cause(ctx)
		}
		s.mark()
		began := time.Now()
		f, err := s.try(ctx, one)
		if err != nil {
			return f, err
		}
		s.tried++
		s.around += (time.Since(began) - one.length - s.around) / time.Duration(s.tried)
		if f.held() {
			s.held = append(s.held, one.rate)
		}
		if f.code != result.Foreigners || n == repeats {
			return f, nil
		}
	}
}

// refusal says, once, that something else than the server ended the search, and what is known all the same.
func (s *search) refusal(server string, rate float64) result.Refusal {
	known := fmt.Sprintf("nothing is known of the capacity of %s", server)
	if rate > 0 {
		known = fmt.Sprintf("it came to its end before %s did, whose capacity is at least the %s that held", server, perSecond(rate))
		if s.limit.code == result.Foreigners {
			known = fmt.Sprintf("the capacity of %s is at least the %s that held", server, perSecond(rate))
		}
		if s.confirmed < confirms {
			known += fmt.Sprintf(", though not %d times in a row", confirms)
		}
	}
	return result.Refusal{Code: s.limit.code, Lane: server, Text: fmt.Sprintf("at %s %s: %s. %s", perSecond(s.limitRate), s.limit, known, remedies[s.limit.code])}
}

// mark notes how long the rest of the search takes, as far as that can be told.
func (s *search) mark() {
	short, long := s.trialsLeft()
	s.left = time.Duration(short)*(s.short+s.around) + time.Duration(long)*(s.long+s.around) + time.Duration(s.turnsLeft)*floorSlice
	s.marked = time.Now()
}

// trialsLeft is how many trials there will be if the next rate is the last of its direction, with the one at hand.
func (s *search) trialsLeft() (short, long int) {
	halvings := func(ratio float64) int { return max(0, int(math.Ceil(math.Log2(math.Log(ratio)/math.Log(precision))))) }
	switch {
	case s.over:
		return 0, 0
	case s.low == 0 || math.IsInf(s.high, 1):
		short = 1 + halvings(step)
	case s.high/s.low >= precision && !s.limit.excused():
		short = halvings(s.high / s.low)
	}
	return short, confirms - s.confirmed
}

// watch puts into the progress what only the search knows: the trials that there will be, and the time that they take.
func (s *search) watch(show func(Progress)) func(Progress) {
	if show == nil {
		return nil
	}
	return func(p Progress) {
		if p.Phase == "measure" || p.Phase == "warm-up" {
			p.Left = max(0, s.left-time.Since(s.marked))
			switch {
			case p.Lane == scenario.Floor:
				p.Rounds = s.turns
			case p.Round > 0:
				short, long := s.trialsLeft()
				p.Round, p.Rounds = s.tried+1, s.tried+short+long
			}
		}
		show(p)
	}
}

// once leaves out what says again that something else than the server was at its end: the search says it of the trials
// that failed, and who looks at the slices says it of those that held.
func once(all []result.Refusal) []result.Refusal {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(f result.Refusal) bool {
		key := f.Text
		if remedies[f.Code] != "" {
			key = f.Code
		}
		again := seen[key]
		seen[key] = true
		return again
	})
}

// NoSettings says why no settings follow from a search, "" when they do. Refusals for something else than the server that
// came to its end are no reason: the rate held, and the capacity is at least that.
func NoSettings(res *result.Result) string {
	var codes []string
	for _, f := range res.Refusals {
		if remedies[f.Code] == "" && !slices.Contains(codes, f.Code) {
			codes = append(codes, f.Code)
		}
	}
	switch {
	case len(codes) > 0:
		return "refused for " + strings.Join(codes, ", ")
	case res.Capacity == nil || res.Capacity.Rate == 0:
		return "no rate is known to hold"
	case res.Floor.CPUMicros == 0:
		return "what the floor costs is not known, others were on its core all the time"
	}
	return ""
}

// settle notes what a server is to be given: the settings that it was named with, what it held with them, less the headroom, and
// where that was measured.
func settle(res *result.Result) {
	c := res.Capacity
	for _, server := range res.Servers {
		candidate, err := scenario.ParseCandidate(server)
		if err != nil {
			continue // Start would not have taken it
		}
		maps.Copy(c.Settings, candidate.Settings)
		delete(c.Settings, "GOMAXPROCS") // Go's, not the server's
	}
	c.Settings["WS_MAX_CONNECTIONS"] = strconv.Itoa(c.Connections)
	if rate := int(c.Rate * (1 - c.Headroom)); rate > 0 { // it takes no less than one, and that would be more than was held
		c.Settings["KAFKA_MAX_RATE"] = strconv.Itoa(rate)
	}
	c.Settings["WS_MEASURED_ON"] = fmt.Sprintf("%.1fus@%s", res.Floor.CPUMicros, res.Host.Fingerprint)
}

// perSecond is a rate in words.
func perSecond(rate float64) string { return digits(rate) + " records/s" }
