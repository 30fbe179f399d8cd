package rollout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"
)

// Dry looks once and writes what a rollout would do now, step by step. It changes nothing. The error says what could not
// be seen: a rollout could not begin.
func Dry(ctx context.Context, w io.Writer, p *Plan, l Limits, site Site) error {
	s := site.Look(ctx)
	if s.Balancer != "" {
		return errors.New(s.Balancer)
	}
	for _, side := range []Which{Incumbent, Challenger} {
		if !s.Read[side] {
			return fmt.Errorf("%s: %s", p.Side(side).Name, s.Why[side])
		}
		if s.Why[side] != "" {
			fmt.Fprintf(w, "%s: %s\n", p.Side(side).Name, s.Why[side])
		}
	}
	fmt.Fprintf(w, "%s has %d connections, %s %d: %s. HAProxy counts %d and %d.\n", p.Incumbent.Name, s.Live[Incumbent],
		p.Challenger.Name, s.Live[Challenger], percent(s.Live.Share()), s.Known[Incumbent], s.Known[Challenger])
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\nstep\tshare\tmoves\tin\tis held\tweights\t\n")
	live := s.Live
	instances := [2]int{len(p.Incumbent.Instances), len(p.Challenger.Instances)}
	for i, step := range p.Steps {
		target := float64(step.Share) / 100
		to := int(math.Round(target * float64(live.Total())))
		moves := max(to-live[Challenger], live[Challenger]-to)
		weights := WeightsFor(target, instances)
		fmt.Fprintf(t, "%d\t%d %%\t%d\t%s\t%s\t%d:%d\t\n", i+1, step.Share, moves,
			short(time.Duration(float64(moves)/p.Pace*float64(time.Second))), step.Hold, weights[Incumbent], weights[Challenger])
		live = Count{live.Total() - to, to}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := site.May(ctx); err != nil {
		return err
	}
	figures, err := site.Figures(ctx, l.Window)
	if err != nil {
		return err
	}
	v := judge(l, figures, p)
	if v.Blind != "" {
		return errors.New(v.Blind)
	}
	fmt.Fprintf(w, "\n%s now, over %s:\n", p.Side(p.Watched()).Name, short(l.Window))
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range v.Findings {
		value, mark := f.Value, ""
		if value == "" {
			value = "-"
		}
		if f.Beyond {
			mark = "beyond: it would halt"
		}
		fmt.Fprintf(t, "  %s\t%s\tlimit %s\t%s\n", f.Name, value, f.Limit, mark)
	}
	return t.Flush()
}

// Describe writes what the plan and the limits say. It asks nobody.
func Describe(w io.Writer, p *Plan, l Limits) error {
	steps := ""
	for _, s := range p.Steps {
		steps += fmt.Sprintf("  %d %% held %s", s.Share, s.Hold)
	}
	watched := p.Side(p.Watched()).Name
	_, err := fmt.Fprintf(w, `from %s to %s, %s connections a second, to within %s points
steps:%s
HAProxy at %s, Prometheus at %s
halts when %s, over %s, loses more than %s of resumes, %s records of Kafka's log, closes more than %s as too slow, refuses more than %s,
has a p99 over %s and %s times the other's, or starts anew more than %s times
`, p.Incumbent.Name, p.Challenger.Name, number(p.Pace), number(p.Tolerance), steps, p.HAProxy, p.Prometheus,
		watched, short(l.Window), percent(l.Gaps), number(l.KafkaGaps), percent(l.SlowCloses), percent(l.Rejections),
		milliseconds(l.P99IgnoredBelow.Seconds()), number(l.P99), number(l.Restarts))
	return err
}
