package judge

import (
	"math"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

func TestDecide(t *testing.T) {
	for _, test := range []struct {
		name   string
		in     Interval
		atMost float64
		want   result.Verdict
		text   string
	}{
		{"within", Interval{Value: 1.1, Low: 1.05, High: 1.15, N: 20}, 1.25, result.Holds, "all of the interval, 1.05 to 1.15, is within 1.25"},
		{"to the limit", Interval{Value: 1.2, Low: 1.15, High: 1.25, N: 20}, 1.25, result.Holds, "within"},
		{"beyond", Interval{Value: 1.4, Low: 1.3, High: 1.5, N: 20}, 1.25, result.Worse, "is beyond 1.25"},
		{"from the limit", Interval{Value: 1.3, Low: 1.25, High: 1.35, N: 20}, 1.25, result.Undecided, "lies in the interval"},
		{"around, below", Interval{Value: 1.2, Low: 1.1, High: 1.3, N: 20}, 1.25, result.Undecided, "more samples may settle it"},
		{"around, above", Interval{Value: 1.3, Low: 1.2, High: 1.4, N: 20}, 1.25, result.Undecided, "more samples may settle it"},
		{"exact", Interval{Value: 6000, Low: 6000, High: 6000, N: 1}, 10240, result.Holds, "within"},
		{"nothing", Interval{}, 1, result.Undecided, "too few samples"},
		{"one pair", Ratio([]float64{1}, []float64{2}), 1, result.Undecided, "too few samples"},
	} {
		d := Decide(test.in, test.atMost)
		if d.Verdict != test.want || !strings.Contains(d.Text, test.text) {
			t.Errorf("%s: got %+v, want %s and %q", test.name, d, test.want, test.text)
		}
		if (d.Needed > 0) != (test.want == result.Undecided) {
			t.Errorf("%s: %d more needed", test.name, d.Needed)
		}
	}
}

// With as many samples as are said to be needed the limit is out of the interval, with one fewer it is not.
func TestNeeded(t *testing.T) {
	for _, test := range []struct {
		limit float64
		log   bool
	}{{1.22, false}, {1.22, true}, {1.18, false}, {1.18, true}} {
		in := Interval{Value: 1.2, Low: 1.1, High: 1.3, N: 12}
		if test.log {
			in.Low, in.High, in.log = 1.2/1.1, 1.2*1.1, true
		}
		needed := Decide(in, test.limit).Needed
		if needed < 12 || needed > 500 {
			t.Errorf("%+v: %d more needed", test, needed)
		}
		for _, more := range []int{needed - 1, needed} {
			n := in.N + more
			narrower := student(n) / math.Sqrt(float64(n)) / (student(in.N) / math.Sqrt(float64(in.N)))
			later := Interval{Value: 1.2, Low: 1.2 - 0.1*narrower, High: 1.2 + 0.1*narrower, N: n}
			if test.log {
				factor := math.Pow(1.1, narrower)
				later.Low, later.High = 1.2/factor, 1.2*factor
			}
			if decided := Decide(later, test.limit).Verdict != result.Undecided; decided != (more == needed) {
				t.Errorf("%+v: after %d of %d more, %+v: decided is %v", test, more, needed, later, decided)
			}
		}
	}
}

// No number is told where none would help.
func TestHopeless(t *testing.T) {
	for _, in := range []Interval{
		{Value: 1.25, Low: 1.2, High: 1.3, N: 20},
		{Value: 1.2499, Low: 1.2, High: 1.3, N: 20},
	} {
		d := Decide(in, 1.25)
		if d.Needed != 0 || !strings.Contains(d.Text, "would hardly settle it") {
			t.Errorf("got %+v", d)
		}
	}
}
