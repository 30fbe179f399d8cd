package measure

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/adred-codev/ws_poc/kit/metric"
	"github.com/adred-codev/ws_poc/scripts/internal/machine"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// sight is what a server says of itself at one moment.
type sight struct {
	rss     int64
	mallocs float64
	records float64
	behind  int
	busy    float64
	turns   map[float64]uint64 // turns up to a bound, in seconds
}

// look asks a server's metrics. It is done between slices, so that its cost is in none.
func (in *instance) look(ctx context.Context) (sight, error) {
	m, err := in.proc.Metrics(ctx)
	if err != nil {
		return sight{}, fmt.Errorf("look at %s: %w", in.name, err)
	}
	rss, err := machine.RSS(in.proc.PID)
	if err != nil {
		return sight{}, err
	}
	return sight{
		rss:     rss,
		mallocs: m.Sum("go_memstats_mallocs_total"),
		records: m.Sum(metric.KafkaRecords.Name) + m.Sum(metric.KafkaRecordsSkipped.Name),
		behind:  int(m.Sum(metric.ConnectionsBehind.Name)),
		busy:    highest(m[metric.LoopBusy.Name]),
		turns:   buckets(m[metric.LoopTurn.Name]),
	}, nil
}

// learnScrape measures what a look itself allocates in the server.
func (in *instance) learnScrape(ctx context.Context) error {
	var seen []float64
	var last float64
	for i := range 6 {
		s, err := in.look(ctx)
		if err != nil {
			return err
		}
		if i > 0 {
			seen = append(seen, s.mallocs-last)
		}
		last = s.mallocs
	}
	slices.Sort(seen)
	in.scrape = seen[len(seen)/2]
	return nil
}

// highest is the largest value of a gauge's series: of several shards, the busiest.
func highest(family *dto.MetricFamily) float64 {
	var most float64
	for _, series := range family.GetMetric() {
		most = max(most, series.GetGauge().GetValue())
	}
	return most
}

// buckets are a histogram's counts, not cumulative, of all series together.
func buckets(family *dto.MetricFamily) map[float64]uint64 {
	out := map[float64]uint64{}
	for _, series := range family.GetMetric() {
		var below uint64
		for _, b := range series.GetHistogram().GetBucket() {
			out[b.GetUpperBound()] += b.GetCumulativeCount() - below
			below = b.GetCumulativeCount()
		}
	}
	return out
}

// longestTurn is the upper bound of the longest turn since an earlier look, in milliseconds, as far as the histogram
// tells; 0 when there was none.
func (s sight) longestTurn(before sight) float64 {
	var longest float64
	for bound, n := range s.turns {
		if n > before.turns[bound] && !math.IsInf(bound, 1) {
			longest = max(longest, bound)
		}
	}
	return longest * 1000
}

// view follows a slice for the timeline and for who watches.
type view struct {
	r        *Rig
	l        *lane
	round    int
	at       time.Time
	received int64
	cpu      time.Duration
}

func (r *Rig) newView(l *lane, round int) *view {
	v := &view{r: r, l: l, round: round, at: time.Now()}
	v.cpu, _ = machine.ProcessCPU(l.in.proc.PID) // a process that is gone is told by the slice
	return v
}

func (v *view) look(ctx context.Context) error {
	now := time.Now()
	seconds := now.Sub(v.at).Seconds()
	moment := result.Moment{At: v.r.since(), Phase: "measure", Lane: v.l.out.Name, Connections: v.l.in.connections}
	p := Progress{
		Phase: "measure", Lane: v.l.out.Name, Round: max(v.round, 0) + 1, Rounds: v.r.cfg.Scenario.Rounds,
		Connections: v.l.in.connections, Left: v.r.left(),
	}
	if v.round < 0 {
		moment.Phase, p.Phase, p.Round = "warm-up", "warm-up", 0
	}
	if v.l.in.fleet != nil {
		c, err := v.l.in.fleet.Counts(ctx)
		if err != nil {
			return err
		}
		moment.PerSecond = float64(c.Received-v.received) / seconds
		v.received = c.Received
		if c.Lost == 0 && c.Closed == 0 {
			p.Reach = 1
		} else {
			p.Reach = float64(c.Received) / float64(c.Received+c.Lost)
		}
	}
	if cpu, err := machine.ProcessCPU(v.l.in.proc.PID); err == nil {
		moment.CPU = (cpu - v.cpu).Seconds() / seconds
		v.cpu = cpu
	}
	moment.RSS, _ = machine.RSS(v.l.in.proc.PID)
	v.at = now
	p.PerSecond = moment.PerSecond
	v.r.res.Timeline = append(v.r.res.Timeline, moment)
	v.r.tell(p)
	return nil
}
