package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// fewest is how many loads a variant's costs are fitted to at least: one more than there are costs on one shard.
const fewest = walks + 1

// ErrTooFew is wrapped by errors of a fit that has too little to go by.
var ErrTooFew = errors.New("too few measured loads")

// Left is a result that a fit did not use, or a lane of one.
type Left struct {
	Result, Why string
	Started     time.Time
}

// Fit makes a model of results of one machine, that of the last, and of one commit of the repository, that of the last that can be
// used. Only where these are too few it takes those of other commits too, and the model says so. It tells of what it did not use.
func Fit(results []*result.Result, now time.Time) (*Model, []Left, error) {
	results = slices.SortedStableFunc(slices.Values(results), func(a, b *result.Result) int { return a.Started.Compare(b.Started) })
	host := ""
	if len(results) > 0 {
		host = results[len(results)-1].Host.Fingerprint
	}
	var used []*result.Result
	var left []Left
	for _, r := range results {
		if why := usable(r, host); why != "" {
			left = append(left, Left{r.Scenario.Name, why, r.Started})
			continue
		}
		used = append(used, r)
	}
	if len(used) == 0 {
		return nil, left, fmt.Errorf("fit a model: %w: there is no result that can be used", ErrTooFew)
	}
	commit := used[len(used)-1].Commit
	var same []*result.Result
	var others []Left
	var commits []string
	for _, r := range used {
		if r.Commit == commit {
			same = append(same, r)
			continue
		}
		others = append(others, Left{r.Scenario.Name, "it is of another commit, " + abbreviated(r.Commit), r.Started})
		if !slices.Contains(commits, abbreviated(r.Commit)) {
			commits = append(commits, abbreviated(r.Commit))
		}
	}
	m, more, err := fit(same, now)
	if errors.Is(err, ErrTooFew) && len(others) > 0 {
		var all []Left
		if m, all, err = fit(used, now); err == nil {
			m.Others = commits
			return m, append(left, all...), nil
		}
	}
	return m, slices.Concat(left, others, more), err
}

// abbreviated is a commit as people write it.
func abbreviated(commit string) string { return commit[:min(len(commit), 10)] }

// fit makes a model of results that can be used, the newest of which is the last.
func fit(used []*result.Result, now time.Time) (*Model, []Left, error) {
	last := used[len(used)-1]
	floors := make([]float64, len(used))
	for i, r := range used {
		floors[i] = r.Floor.CPUMicros
	}
	slices.Sort(floors)
	m := &Model{Fitted: now.UTC(), Host: last.Host, Floor: stat.Quantile(0.5, stat.Empirical, floors, nil), Commit: last.Commit}
	versions := versionsOf(used)
	var left []Left
	var all []Point
	var memory []memoryPoint
	for i, r := range used {
		lanes, strangers := own(r, versions)
		left = append(left, strangers...)
		if len(lanes) == 0 {
			continue
		}
		m.Sources = append(m.Sources, fmt.Sprintf("%s, %s", r.Scenario.Name, r.Started.UTC().Format(time.DateTime)))
		all = append(all, points(r, lanes, m.Floor, i)...)
		memory = append(memory, memoryPoints(lanes, i)...)
	}
	for _, name := range scenario.Variants() {
		own := slices.DeleteFunc(slices.Clone(all), func(p Point) bool { return p.Variant != name })
		if len(own) == 0 {
			continue
		}
		v, err := fitVariant(name, own)
		if err != nil {
			return nil, left, fmt.Errorf("fit a model: %w", err)
		}
		readings := slices.DeleteFunc(slices.Clone(memory), func(p memoryPoint) bool { return p.variant != name })
		v.Memory, v.Error.Memory = fitMemory(readings), memoryOff(readings)
		m.Variants = append(m.Variants, *v)
	}
	if len(m.Variants) == 0 {
		return nil, left, fmt.Errorf("fit a model: %w: the results have no loads", ErrTooFew)
	}
	return m, left, nil
}

// fetches are the times a fetch from Kafka may take, s, of which the one that explains most is taken.
var fetches = []float64{0, 0.00025, 0.0005, 0.001, 0.002, 0.004}

// fitVariant finds the costs, and what they are worth: each load is predicted by a model that was fitted to the others.
func fitVariant(name string, all []Point) (*Variant, error) {
	v := &Variant{Name: name, Points: all}
	if n := len(byLoad(onOne(all))); n < fewest {
		return nil, fmt.Errorf("%w: of %s there are %d, and %d are needed. Measure more: bench fit does, or run broadcast, fanout-100, pending and idle",
			ErrTooFew, name, n, fewest)
	}
	v.costs(all)
	v.Range = rangeOf(all, v.Fetch)
	for i := range v.Points {
		p := &v.Points[i]
		p.Fitted = v.cpu(p.Load, p.Shards)
	}
	v.holdOut()
	return v, nil
}

// costs sets what is fitted: what is due on one shard first, then what more of them take besides.
func (v *Variant) costs(all []Point) {
	v.Costs, v.Fetch = solve(onOne(all))
	v.double(all)
}

func onOne(all []Point) []Point {
	return slices.DeleteFunc(slices.Clone(all), func(p Point) bool { return p.Shards > 1 })
}

// solve finds the costs, none below 0, for which the sum of squared relative errors is least, and the time of a fetch.
func solve(all []Point) (Costs, float64) {
	best, at, least := Costs{}, 0.0, math.Inf(1)
	for _, fetch := range fetches {
		if costs, wrong := nonNegative(all, fetch); wrong < least*(1-1e-9) {
			best, at, least = costs, fetch, wrong
		}
	}
	return best, at
}

// nonNegative solves the least squares for each set of costs that may be above 0, and takes the best whose costs all are:
// with so few that is exact. Each row is divided by what was measured, so that a small load counts as much as a large one.
func nonNegative(all []Point, fetch float64) (Costs, float64) {
	var gram [features][features]float64
	var right [features]float64
	for _, p := range all {
		x := p.Load.features(fetch, p.Shards)
		for i := range x {
			x[i] /= p.CPU
		}
		for i := range x {
			right[i] += x[i]
			for j := range x {
				gram[i][j] += x[i] * x[j]
			}
		}
	}
	best, least := Costs{}, float64(len(all)) // of no costs at all
	for set := 1; set < 1<<features; set++ {
		var in []int
		for i := range features {
			if set>>i&1 == 1 && gram[i][i] > 0 {
				in = append(in, i)
			}
		}
		if len(in) != popcount(set) {
			continue // one that no point has
		}
		costs, ok := normal(gram, right, in)
		if !ok {
			continue
		}
		wrong := 0.0
		for _, p := range all {
			e := costs.of(p.Load.features(fetch, p.Shards))/p.CPU - 1
			wrong += e * e
		}
		// Fewer costs are taken where more explain nothing.
		if wrong < least*(1-1e-9) {
			best, least = costs, wrong
		}
	}
	return best, least
}

func popcount(set int) (n int) {
	for ; set > 0; set >>= 1 {
		n += set & 1
	}
	return n
}

// normal solves the normal equations of some of the costs; not ok: they cannot be told apart, or one comes out below 0.
func normal(gram [features][features]float64, right [features]float64, in []int) (Costs, bool) {
	n := len(in)
	a, b := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	for i, fi := range in {
		si := math.Sqrt(gram[fi][fi]) // scaled, so that the condition tells of the points and not of units
		b.SetVec(i, right[fi]/si)
		for j := i; j < n; j++ {
			a.SetSym(i, j, gram[fi][in[j]]/si/math.Sqrt(gram[in[j]][in[j]]))
		}
	}
	const sound = 1e10
	var c mat.Cholesky
	if !c.Factorize(a) || c.Cond() > sound {
		return Costs{}, false
	}
	var x mat.VecDense
	if err := c.SolveVecTo(&x, b); err != nil {
		return Costs{}, false
	}
	var all [features]float64
	for i, f := range in {
		all[f] = x.AtVec(i) / math.Sqrt(gram[f][f])
		if all[f] < 0 {
			return Costs{}, false
		}
	}
	return Costs{all[sends], all[messages], all[records], all[wakes], all[idle], all[base], all[walks]}, true
}

// rangeOf is what was measured, where what comes within fetch seconds goes out together.
func rangeOf(all []Point, fetch float64) Range {
	r := Range{MinConnections: math.Inf(1), MinFanOut: math.Inf(1)}
	for _, p := range all {
		r.MinConnections, r.MaxConnections = min(r.MinConnections, p.Load.Connections), max(r.MaxConnections, p.Load.Connections)
		r.MaxDeliveries, r.MaxRecords = max(r.MaxDeliveries, p.Load.Deliveries()), max(r.MaxRecords, p.Load.Records)
		r.MaxSends = max(r.MaxSends, p.Load.Sends(fetch))
		r.MaxShards = max(r.MaxShards, p.Shards)
		r.MaxCPU = max(r.MaxCPU, p.CPU/1e6/float64(p.Shards))
		if p.Load.Records > 0 && p.Load.FanOut > 0 { // records for nobody have none
			r.MinFanOut, r.MaxFanOut = min(r.MinFanOut, p.Load.FanOut), max(r.MaxFanOut, p.Load.FanOut)
			r.Bytes = p.Load.Bytes
		}
	}
	if math.IsInf(r.MinFanOut, 1) {
		r.MinFanOut = 0
	}
	return r
}
