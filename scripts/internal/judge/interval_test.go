package judge

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-4*math.Max(math.Abs(a), math.Abs(b))
}

func same(a, b Interval) bool {
	return near(a.Value, b.Value) && near(a.Low, b.Low) && near(a.High, b.High) && a.N == b.N
}

func TestIntervals(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	five := []float64{1, 2, 3, 4, 5}
	for name, test := range map[string]struct{ got, want Interval }{
		// 2.7764 is Student's 97.5% with four degrees of freedom: 3 ± 2.7764 × 1.5811 / √5.
		"mean":               {Mean(five), Interval{Value: 3, Low: 1.03676, High: 4.96324, N: 5}},
		"mean of nothing":    {Mean(nil), Interval{}},
		"mean of one":        {Mean([]float64{7}), Interval{Value: 7}},
		"mean of equals":     {Mean([]float64{7, 7}), Interval{Value: 7, Low: 7, High: 7, N: 2}},
		"mean without NaN":   {Mean([]float64{1, nan, 2, 3, inf, 4, 5}), Interval{Value: 3, Low: 1.03676, High: 4.96324, N: 5}},
		"difference":         {Difference([]float64{11, 22, 33, 44, 55}, []float64{10, 20, 30, 40, 50}), Interval{Value: 3, Low: 1.03676, High: 4.96324, N: 5}},
		"difference, none":   {Difference(nil, five), Interval{}},
		"ratio":              {Ratio([]float64{2, 40, 600}, []float64{1, 20, 300}), Interval{Value: 2, Low: 2, High: 2, N: 3}},
		"ratio, inverse":     {Ratio([]float64{1, 20, 300}, []float64{2, 40, 600}), Interval{Value: 0.5, Low: 0.5, High: 0.5, N: 3}},
		"ratio of logs":      {Ratio([]float64{math.E, math.Exp(2), math.Exp(3), math.Exp(4), math.Exp(5)}, []float64{1, 1, 1, 1, 1}), Interval{Value: 20.0855, Low: 2.82006, High: 143.056, N: 5}},
		"ratio, unusable":    {Ratio([]float64{2, 0, 4, nan, 6}, []float64{1, 1, 2, 1, 3}), Interval{Value: 2, Low: 2, High: 2, N: 3}},
		"ratio of one":       {Ratio([]float64{2}, []float64{1}), Interval{Value: 2}},
		"ratio of nothing":   {Ratio([]float64{0}, []float64{1}), Interval{}},
		"median":             {QuantileOfGroups(alone([]float64{3, 3, 3}), 0.5, 1), Interval{Value: 3, Low: 3, High: 3, N: 3}},
		"quantile of one":    {QuantileOfGroups(alone([]float64{3}), 0.99, 1), Interval{}},
		"quantile of none":   {QuantileOfGroups(nil, 0.99, 1), Interval{}},
		"quantile, the last": {QuantileOfGroups(alone([]float64{5, 5, 5, 5}), 1, 1), Interval{Value: 5, Low: 5, High: 5, N: 4}},
	} {
		if !same(test.got, test.want) {
			t.Errorf("%s: got %+v, want %+v", name, test.got, test.want)
		}
	}
	if !slices.Equal(five, []float64{1, 2, 3, 4, 5}) {
		t.Error("the samples were changed")
	}
}

// The p99 of 1 to 1000 is 990. Of as many drawn with replacement it is x at most when 990 of them are, which is binomial
// (nearly Poisson of 1000 - x, and at most 10): below 2.5% up to 981, 3.0% at 982; 95.7% at 994, 98.6% at 995.
func TestQuantile(t *testing.T) {
	samples := make([]float64, 1000)
	for i := range samples {
		samples[i] = float64(1000 - i)
	}
	in := QuantileOfGroups(alone(samples), 0.99, 1)
	if in.Value != 990 || math.Abs(in.Low-982) > 1 || math.Abs(in.High-995) > 1 || in.N != 1000 {
		t.Errorf("got %+v", in)
	}
	if again := QuantileOfGroups(alone(samples), 0.99, 1); again != in {
		t.Errorf("the same seed gave %+v and %+v", in, again)
	}
}

// alone makes a group of each sample.
func alone(samples []float64) [][]float64 {
	groups := make([][]float64, len(samples))
	for i := range samples {
		groups[i] = samples[i : i+1]
	}
	return groups
}

// covers is the share of many experiments in which the interval holds the truth.
func covers(truth float64, experiment func() Interval) float64 {
	const experiments = 2000
	held := 0
	for range experiments {
		if in := experiment(); in.Low <= truth && truth <= in.High {
			held++
		}
	}
	return float64(held) / experiments
}

func dice(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

// What is said to be 95% is.
func TestCoverage(t *testing.T) {
	d := dice(1)
	for _, n := range []int{3, 10, 40} {
		got := covers(1.2, func() Interval {
			a, b := make([]float64, n), make([]float64, n)
			for i := range n {
				a[i] = 1.2 * math.Exp(0.1*d.NormFloat64())
				b[i] = math.Exp(0.2 * d.NormFloat64())
			}
			return Ratio(a, b)
		})
		if math.Abs(got-0.95) > 0.02 {
			t.Errorf("ratio of %d pairs: %.1f%% of the intervals hold the truth", n, 100*got)
		}
		got = covers(5, func() Interval {
			a := make([]float64, n)
			for i := range n {
				a[i] = 5 + d.NormFloat64()
			}
			return Mean(a)
		})
		if math.Abs(got-0.95) > 0.02 {
			t.Errorf("mean of %d: %.1f%% of the intervals hold the truth", n, 100*got)
		}
	}
}

// A bootstrap of two hundred samples is a little too sure of itself, and not more.
func TestCoverageOfQuantile(t *testing.T) {
	d := dice(2)
	held, experiments := 0, 100
	for range experiments {
		samples := make([]float64, 200)
		for i := range samples {
			samples[i] = d.ExpFloat64()
		}
		if in := QuantileOfGroups(alone(samples), 0.9, d.Uint64()); in.Low <= math.Log(10) && math.Log(10) <= in.High {
			held++
		}
	}
	if got := float64(held) / float64(experiments); got < 0.88 {
		t.Errorf("%.1f%% of the intervals hold the truth", 100*got)
	}
}

// The machine is slower for minutes, then faster again. Its pairs cancel that: their interval is right, and far
// narrower than one that takes the two lanes' samples each for themselves.
func TestPairsCancelMood(t *testing.T) {
	const n = 20
	d := dice(3)
	var paired, apart float64
	got := covers(1.1, func() Interval {
		mood := 0.0
		a, b, logs := make([]float64, n), make([]float64, n), [2][]float64{}
		for i := range n {
			mood = 0.95*mood + 0.1*d.NormFloat64()
			a[i] = 1.1 * math.Exp(mood+0.01*d.NormFloat64())
			b[i] = math.Exp(mood + 0.01*d.NormFloat64())
			logs[0], logs[1] = append(logs[0], math.Log(a[i])), append(logs[1], math.Log(b[i]))
		}
		in, alone, other := Ratio(a, b), Mean(logs[0]), Mean(logs[1])
		paired += math.Log(in.High / in.Low)
		apart += math.Hypot(alone.High-alone.Low, other.High-other.Low)
		return in
	})
	if math.Abs(got-0.95) > 0.02 {
		t.Errorf("%.1f%% of the intervals hold the truth", 100*got)
	}
	if apart < 10*paired {
		t.Errorf("pairing made the interval only %.1f times narrower", apart/paired)
	}
}

// The machine gets slower all the time, so whoever comes second in a round is at a disadvantage. Turns that change
// their order each round cancel that; turns that do not, do not.
func TestTurnsCancelDrift(t *testing.T) {
	const n = 20
	d := dice(4)
	experiment := func(takeTurns bool) func() Interval {
		return func() Interval {
			a, b := make([]float64, n), make([]float64, n)
			turn := 0
			cost := func() float64 {
				turn++
				return math.Exp(0.01*float64(turn) + 0.01*d.NormFloat64())
			}
			for i := range n {
				if takeTurns && i%2 == 1 {
					b[i] = cost()
					a[i] = 1.1 * cost()
				} else {
					a[i] = 1.1 * cost()
					b[i] = cost()
				}
			}
			return Ratio(a, b)
		}
	}
	if got := covers(1.1, experiment(true)); got < 0.94 {
		t.Errorf("in turns: %.1f%% of the intervals hold the truth", 100*got)
	}
	if got := covers(1.1, experiment(false)); got > 0.5 {
		t.Errorf("in one order: %.1f%% of the intervals hold the truth, so the test shows nothing", 100*got)
	}
}

// Samples of one group say the same thing several times: an interval that took them for independent would be too narrow.
func TestQuantileOfGroups(t *testing.T) {
	groups := [][]float64{{1, 1, 1, 1, 1}, {2, 2, 2, 2, 2}, {3, 3, 3, 3, 3}, {4, 4, 4, 4, 4}}
	in := QuantileOfGroups(groups, 0.99, 1)
	if in.Value != 4 || in.High != 4 || in.Low >= 4 || in.N != 4 {
		t.Errorf("%+v, want 4 with a wide interval of 4 groups", in)
	}
	if in := QuantileOfGroups(groups[:1], 0.99, 1); in.N != 0 {
		t.Errorf("%+v of one group: that says nothing of how groups differ", in)
	}
}
