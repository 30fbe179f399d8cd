package judge

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

const confidence = 0.95

// Interval is a figure and the 95 % confidence interval around it. Of N samples or pairs; where N is 0 there were too
// few for an interval, and Low and High say nothing.
type Interval struct {
	Value, Low, High float64
	N                int

	log bool // it is as wide below as above when logarithms are taken
}

// Ratio is how many times larger a is than b, where a[i] and b[i] are of one round: the geometric mean of their ratios.
// Its interval is Student's of the ratios' logarithms. A pair with a figure that is not above 0 has no ratio and is left
// out, which N tells.
func Ratio(a, b []float64) Interval {
	logs := pairs(a, b, func(a, b float64) float64 {
		if a <= 0 || b <= 0 {
			return math.NaN()
		}
		return math.Log(a / b)
	})
	in := Mean(logs)
	in.log = true
	in.Value = math.Exp(in.Value)
	if in.N > 0 {
		in.Low, in.High = math.Exp(in.Low), math.Exp(in.High)
	} else if len(logs) == 0 {
		in.Value = 0
	}
	return in
}

// Difference is how much more a is than b, where a[i] and b[i] are of one round. Pairs that are no numbers are left out.
func Difference(a, b []float64) Interval {
	return Mean(pairs(a, b, func(a, b float64) float64 { return a - b }))
}

// Mean is the samples' mean with Student's interval. Two samples are the least.
func Mean(samples []float64) Interval {
	samples = finite(samples)
	n := len(samples)
	switch n {
	case 0:
		return Interval{}
	case 1:
		return Interval{Value: samples[0]}
	}
	mean, deviation := stat.MeanStdDev(samples, nil)
	half := student(n) * deviation / math.Sqrt(float64(n))
	return Interval{Value: mean, Low: mean - half, High: mean + half, N: n}
}

// QuantileOfGroups is the q-quantile, the least sample that a share q of them does not exceed, of samples that hang
// together in groups, such as those of one turn. Its interval is a bootstrap's: what the quantile comes to when as many
// groups are drawn of these, with replacement, again and again. The same seed gives the same interval. It cannot reach
// beyond the samples: of fewer than 1/(1-q) the upper end is the largest one seen. N is the number of groups.
func QuantileOfGroups(groups [][]float64, q float64, seed uint64) Interval {
	const draws = 2000
	of := func(all []float64) float64 {
		slices.Sort(all)
		return all[nearest(q, len(all))]
	}
	all := slices.Concat(groups...)
	if len(groups) < 2 || len(all) == 0 {
		return Interval{}
	}
	from := rand.New(rand.NewPCG(seed, uint64(len(all))))
	found := make([]float64, 0, draws)
	var drawn []float64
	for range draws {
		drawn = drawn[:0]
		for range groups {
			drawn = append(drawn, groups[from.IntN(len(groups))]...)
		}
		if len(drawn) > 0 {
			found = append(found, of(drawn))
		}
	}
	slices.Sort(found)
	return Interval{
		Value: of(all),
		Low:   found[nearest((1-confidence)/2, len(found))],
		High:  found[nearest((1+confidence)/2, len(found))],
		N:     len(groups),
	}
}

// nearest is the index of the q-quantile of n sorted values.
func nearest(q float64, n int) int {
	return min(max(int(math.Ceil(q*float64(n)-1e-9))-1, 0), n-1)
}

// student is how many standard errors the interval reaches to each side.
func student(n int) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile((1 + confidence) / 2)
}

func pairs(a, b []float64, figure func(a, b float64) float64) []float64 {
	var out []float64
	for i := range min(len(a), len(b)) {
		out = append(out, figure(a[i], b[i]))
	}
	return finite(out)
}

func finite(samples []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(samples), func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}
