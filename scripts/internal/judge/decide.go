package judge

import (
	"fmt"
	"math"
	"sort"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// MostNeeded is the largest number of further pairs that is worth telling: over an hour of slices.
const MostNeeded = 1000

// Decision is what an interval says about a limit.
type Decision struct {
	Verdict result.Verdict
	Needed  int    // undecided: so many more pairs may settle it; 0: no number up to [MostNeeded] is likely to
	Text    string // why
}

// Decide holds an interval against a limit: all of it within passes, all of it beyond fails, and where the limit lies
// inside of it nothing is known yet.
func Decide(in Interval, atMost float64) Decision {
	d := Decision{Verdict: result.Undecided}
	switch {
	case in.N == 0:
		d.Needed = 2
		d.Text = "there are too few samples for an interval"
	case in.High <= atMost:
		d.Verdict = result.Holds
		d.Text = fmt.Sprintf("all of the interval, %.3g to %.3g, is within %.3g", in.Low, in.High, atMost)
	case in.Low > atMost:
		d.Verdict = result.Worse
		d.Text = fmt.Sprintf("all of the interval, %.3g to %.3g, is beyond %.3g", in.Low, in.High, atMost)
	default:
		d.Needed = in.needed(atMost)
		d.Text = fmt.Sprintf("the limit %.3g lies in the interval, %.3g to %.3g: ", atMost, in.Low, in.High)
		if d.Needed > 0 {
			d.Text += fmt.Sprintf("about %d more samples may settle it", d.Needed)
		} else {
			d.Text += fmt.Sprintf("the value, %.3g, is so near the limit, or the samples differ so much, that %d more would hardly settle it; a quieter machine or longer slices may",
				in.Value, MostNeeded)
		}
	}
	return d
}

// needed is how many more samples make the interval so narrow that it ends at the limit, if the value stays where it is
// and the samples vary as they have: half of it is the deviation, times Student's factor, over the root of their number.
func (in Interval) needed(atMost float64) int {
	value, low, high, limit := in.Value, in.Low, in.High, atMost
	if in.log {
		value, low, high, limit = math.Log(value), math.Log(low), math.Log(high), math.Log(limit)
	}
	gap, half := limit-value, high-value
	if gap < 0 {
		gap, half = -gap, value-low
	}
	if in.N < 2 || gap == 0 {
		return 0
	}
	deviation := half * math.Sqrt(float64(in.N)) / student(in.N)
	more := 1 + sort.Search(MostNeeded, func(i int) bool {
		n := in.N + 1 + i
		return student(n)*deviation/math.Sqrt(float64(n)) <= gap
	})
	if more > MostNeeded {
		return 0
	}
	return more
}
