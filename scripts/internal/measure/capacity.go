package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

const (
	step      = 1.5  // from one rate to the next, until one does not hold
	precision = 1.05 // between the highest that held and the lowest that did not
	confirms  = 3    // times in a row that the rate that was found must hold
	longTrial = 20   // times the bound: what is above the capacity by a twentieth breaks it
	mostTries = 40
)

// Bound says what a rate must hold, and what the settings leave free.
type Bound struct {
	P99      time.Duration
	Headroom float64 // share of the rate found
}

// errStarved ends a search: the next rate would measure the generator.
var errStarved = errors.New("the load generator is at its end")

// Capacity searches the highest rate at which all deliveries come and their p99 stays below a bound, with the
// scenario's connections and channels. The result has the settings that follow.
func Capacity(ctx context.Context, cfg Config, b Bound) (*result.Result, error) {
	r, err := Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	err = r.finish(ctx, r.capacity(ctx, b))
	if err == nil && r.res.Verdict != result.Refused {
		settle(r.res)
	}
	return r.res, errors.Join(err, r.Close())
}

func (r *Rig) capacity(ctx context.Context, b Bound) error {
	for _, in := range r.instances {
		if err := r.connect(ctx, in); err != nil {
			return err
		}
	}
	if err := r.prove(ctx); err != nil {
		return err
	}
	if err := r.calibrate(ctx, 0); err != nil {
		return err
	}
	l := r.lanes[len(r.lanes)-1]
	for range warmups {
		if _, err := r.slice(ctx, l, -1, time.Duration(r.cfg.Scenario.Slice)); err != nil {
			return fmt.Errorf("warm up %s: %w", l.out.Name, err)
		}
	}
	c := &result.Capacity{BoundMS: ms(b.P99), Connections: l.in.connections, Headroom: b.Headroom, Trials: []result.Trial{}, Settings: map[string]string{}}
	r.res.Capacity = c
	low, err := r.search(ctx, l, c)
	if err != nil {
		return err
	}
	for confirmed := 0; confirmed < confirms && ctx.Err() == nil; {
		t, err := r.try(ctx, l, c, low, max(2*time.Duration(r.cfg.Scenario.Slice), longTrial*b.P99))
		switch {
		case err != nil && !errors.Is(err, errStarved):
			return err
		case t.Held:
			confirmed++
		default:
			low, confirmed = low/precision, 0
		}
		if len(c.Trials) > 2*mostTries {
			return fmt.Errorf("search the capacity of %s: no rate holds %d times in a row", l.out.Name, confirms)
		}
	}
	c.Rate = low
	c.Deliveries = low * l.in.plan.FanOut(l.publish.Zipf, l.in.connections)
	return r.calibrate(ctx, r.cfg.Turns)
}

// search finds the highest rate that holds.
func (r *Rig) search(ctx context.Context, l *lane, c *result.Capacity) (float64, error) {
	low, high := 0.0, math.Inf(1)
	rate := l.publish.Rate
	for ctx.Err() == nil && len(c.Trials) < mostTries {
		t, err := r.try(ctx, l, c, rate, 2*time.Duration(r.cfg.Scenario.Slice))
		if errors.Is(err, errStarved) {
			r.res.Refusals = append(r.res.Refusals, result.Refusal{Code: result.Starved, Text: fmt.Sprintf(
				"at %.0f records/s the load generator came to its end before the server did: the capacity is at least what is stated. Give the generator more cores", rate)})
			high = rate
		} else if err != nil {
			return 0, err
		}
		switch {
		case t.Held:
			low = rate
		default:
			high = rate
		}
		switch {
		case low == 0:
			rate /= step
		case math.IsInf(high, 1):
			rate *= step
		case high/low < precision:
			return low, nil
		default:
			rate = math.Sqrt(low * high)
		}
		if rate < 0.1 {
			return 0, fmt.Errorf("search the capacity of %s: not even %.1f records/s hold p99 below %.0f ms", l.out.Name, rate*step, c.BoundMS)
		}
	}
	return low, context.Cause(ctx)
}

// try is one rate for a time. Clients that a rate was too much for come back for the next.
func (r *Rig) try(ctx context.Context, l *lane, c *result.Capacity, rate float64, d time.Duration) (result.Trial, error) {
	trial := *l
	trial.publish.Rate = rate
	r.expect = 0
	slice, err := r.slice(ctx, &trial, len(c.Trials), d)
	if err != nil {
		return result.Trial{}, err
	}
	if slice.Closed > 0 {
		if err := r.raise(ctx, l.in, l.in.connections); err != nil {
			return result.Trial{}, err
		}
	}
	t := result.Trial{
		Rate: rate, P99MS: slice.P99MS, Reach: float64(slice.Received) / float64(max(slice.Expected, 1)),
		CPU: slice.CPUMicros / 1e6 / max(slice.Seconds, 1e-9) / float64(max(len(r.cfg.Server), 1)),
	}
	switch {
	case slice.Lost+slice.Doubled+slice.Reordered+slice.BadSeq+slice.BadPos > 0:
		t.Why = "messages were lost, doubled or out of order"
	case t.Reach < 1 || slice.Closed > 0:
		t.Why = fmt.Sprintf("%.2f%% of the deliveries came", 100*t.Reach)
	case t.P99MS > c.BoundMS:
		t.Why = fmt.Sprintf("p99 was %.0f ms", t.P99MS)
	default:
		t.Held = true
		l.latency = trial.latency
		l.out.Slices = append(l.out.Slices, slice)
	}
	c.Trials = append(c.Trials, t)
	if !t.Held && (slice.LoadBusy > starvedBusy || slice.LoadWait > starvedWait) {
		return t, errStarved
	}
	return t, nil
}

// settle notes what a server is to be given: what it held, less the headroom, and where that was measured.
func settle(res *result.Result) {
	c := res.Capacity
	c.Settings["WS_MAX_CONNECTIONS"] = strconv.Itoa(c.Connections)
	c.Settings["KAFKA_MAX_RATE"] = strconv.Itoa(int(max(1, c.Rate*(1-c.Headroom))))
	c.Settings["WS_MEASURED_ON"] = fmt.Sprintf("%.1fus@%s", res.Floor.CPUMicros, res.Host.Fingerprint)
}
