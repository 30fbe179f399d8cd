package measure

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/adred-codev/ws_poc/kit/metric"
	"github.com/adred-codev/ws_poc/scripts/internal/machine"
	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// sight is what a server says of itself at one moment.
type sight struct {
	rss        int64
	records    float64
	behind     int
	busy       float64
	goroutines int                // of the process that has most
	turns      map[float64]uint64 // turns up to a bound, in seconds
}

// look asks a server's metrics. It is done between slices, so that its cost is in none. Of several processes, each of which
// reads every record, it tells of the one that is furthest behind.
func (in *instance) look(ctx context.Context) (sight, error) {
	all := sight{turns: map[float64]uint64{}}
	for i, proc := range in.procs {
		m, err := proc.Metrics(ctx)
		if err != nil {
			return sight{}, fmt.Errorf("look at %s: %w", in.name, err)
		}
		records := m.Sum(metric.KafkaRecords.Name) + m.Sum(metric.KafkaRecordsSkipped.Name)
		if i == 0 || records < all.records {
			all.records = records
		}
		all.behind += int(m.Sum(metric.ConnectionsBehind.Name))
		all.busy = max(all.busy, highest(m[metric.LoopBusy.Name]))
		all.goroutines = max(all.goroutines, int(m.Sum("go_goroutines")))
		for bound, n := range buckets(m[metric.LoopTurn.Name]) {
			all.turns[bound] += n
		}
	}
	var err error
	all.rss, err = in.rss()
	return all, err
}

// cpu is the CPU time that all its processes have used.
func (in *instance) cpu() (time.Duration, error) {
	var sum time.Duration
	for _, proc := range in.procs {
		cpu, err := machine.ProcessCPU(proc.PID)
		if err != nil {
			return sum, fmt.Errorf("read the CPU clock of %s: %w", in.name, err)
		}
		sum += cpu
	}
	return sum, nil
}

// rss is the resident memory of all its processes.
func (in *instance) rss() (int64, error) {
	var sum int64
	for _, proc := range in.procs {
		rss, err := machine.RSS(proc.PID)
		if err != nil {
			return sum, fmt.Errorf("read the memory of %s: %w", in.name, err)
		}
		sum += rss
	}
	return sum, nil
}

// shardsOf is how many loops a server tells of.
func shardsOf(m variant.Metrics) int { return len(m[metric.LoopBusy.Name].GetMetric()) }

// heapPage has the runtime's count of allocations. What the metrics say is behind it by what each processor's cache of
// the heap has not told yet, which is thousands (runtime.ReadMemStats tells the caches to).
const heapPage = "/debug/pprof/heap?debug=1"

// mallocs is how many objects a server has allocated on its heap.
func (in *instance) mallocs(ctx context.Context) (float64, error) {
	var sum float64
	for _, proc := range in.procs {
		resp, err := proc.Admin(ctx, http.MethodGet, heapPage)
		if err != nil {
			return 0, err
		}
		_, rest, found := strings.Cut(string(resp.Body), "\n# Mallocs = ")
		digits, _, _ := strings.Cut(rest, "\n")
		n, err := strconv.ParseFloat(digits, 64)
		if resp.StatusCode != http.StatusOK || !found || err != nil {
			return 0, fmt.Errorf("ask %s how much it has allocated: %d without a number of allocations", in.name, resp.StatusCode)
		}
		sum += n
	}
	return sum, nil
}

// mallocsAndAsking is the same, and what asking for it allocates itself.
func (in *instance) mallocsAndAsking(ctx context.Context) (now, asking float64, err error) {
	first, err := in.mallocs(ctx)
	if err != nil {
		return 0, 0, err
	}
	now, err = in.mallocs(ctx)
	return now, now - first, err
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
// tells: of one beyond its last bound, that bound. 0 when there was none.
func (s sight) longestTurn(before sight) float64 {
	var longest float64
	for bound, n := range s.turns {
		if n <= before.turns[bound] {
			continue
		}
		if math.IsInf(bound, 1) {
			bound = slices.Max(finiteBounds(s.turns)) // at least
		}
		longest = max(longest, bound)
	}
	return longest * 1000
}

func finiteBounds(turns map[float64]uint64) []float64 {
	bounds := []float64{0}
	for bound := range turns {
		if !math.IsInf(bound, 1) {
			bounds = append(bounds, bound)
		}
	}
	return bounds
}

// view follows a slice for the timeline and for who watches.
type view struct {
	r        *Rig
	l        *lane
	round    int
	at       time.Time
	received int64
	due      int64 // deliveries of what was published at the last look
	cpu      time.Duration
}

func (r *Rig) newView(l *lane, round int) *view {
	v := &view{r: r, l: l, round: round, at: time.Now()}
	v.cpu, _ = l.in.cpu() // a process that is gone is told by the slice
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
		p.Reach = 1 // what was due a look ago should have come
		if v.due > 0 {
			p.Reach = min(1, float64(c.Received)/float64(v.due))
		}
		v.due = v.r.publisher.due.Load()
	}
	if cpu, err := v.l.in.cpu(); err == nil {
		moment.CPU = (cpu - v.cpu).Seconds() / seconds
		v.cpu = cpu
	}
	moment.RSS, _ = v.l.in.rss()
	v.at = now
	p.PerSecond = moment.PerSecond
	v.r.res.Timeline = append(v.r.res.Timeline, moment)
	v.r.tell(p)
	return nil
}
