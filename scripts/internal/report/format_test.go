package report

import (
	"math"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{number(0), "0"},
		{number(4), "4"},
		{number(4.3449), "4.34"},
		{number(9.999), "10.0"},
		{number(12.96), "13.0"},
		{number(99.97), "100"},
		{number(1234.5), "1,234"},
		{number(0.0713), "0.0713"},
		{number(0.0004), "0.0004"},
		{number(-2.5), "−2.50"},
		{number(math.NaN()), none},
		{exact(1.25), "1.25"},
		{exact(12000), "12,000"},
		{count(1234567), "1,234,567"},
		{count(int64(math.MinInt64)), "−9,223,372,036,854,775,808"},
		{amount(999), "999 B"},
		{amount(10240), "10 KB"},
		{amount(118e6), "113 MB"},
		{percent(1), "100%"},
		{percent(0.99998), "99.998%"},
		{percent(0.99999999999999), "just below 100%"},
		{percent(0.302), "30.2%"},
		{seconds(74.2), "74.2 s"},
		{seconds(200), "3 min 20 s"},
		{seconds(180), "3 min"},
		{milliseconds(0.05), "50 µs"},
		{milliseconds(0.3), "0.3 ms"},
		{milliseconds(2000), "2 s"},
		{in(1.076, "x"), "1.08×"},
		{in(0.31, "us/s"), "0.310 µs/s"},
		{in(6500, "B"), "6.35 KB"},
		{bound(1.1, "x"), "1.1×"},
		{bound(10240, "B"), "10 KB"},
		{bound(0.5, "us/s"), "0.5 µs/s"},
		{bound(0.01, ""), "0.01"},
		{list([]string{"a", "b", "c"}), "a, b and c"},
		{quoted("it's"), `'it'\''s'`},
		{quoted("ws-single=/tmp/new"), "ws-single=/tmp/new"},
		{sentence("it was slow: end it"), "It was slow: end it."},
	} {
		if c.got != c.want {
			t.Errorf("%q, should be %q", c.got, c.want)
		}
	}
}

func TestAxesHoldTheirValues(t *testing.T) {
	for _, high := range []float64{1e-6, 0.03, 0.99, 1, 7, 99, 101, 12000, 4.2e5, 1e12} {
		for n := 2; n < 12; n++ {
			a := stepped(high, n, number, "")
			if a.high < high*0.999 || len(a.ticks) > n+2 || len(a.ticks) < 2 {
				t.Errorf("%v in %d steps: up to %v, %d ticks", high, n, a.high, len(a.ticks))
			}
		}
		for _, low := range []float64{high / 3, high / 50, high / 1e5} {
			a := logarithmic(low, high, milliseconds, "")
			inside := 0
			for _, tick := range a.ticks {
				if tick.Value >= a.low && tick.Value <= a.high {
					inside++
				}
			}
			if a.low > math.Log10(low)+1e-9 || a.high < math.Log10(high)-1e-9 || inside < 2 || inside > 14 {
				t.Errorf("%v to %v: from %v to %v with %d ticks", low, high, a.low, a.high, inside)
			}
		}
	}
}

func TestLoadsInWords(t *testing.T) {
	for _, c := range []struct {
		s    scenario.Scenario
		want string
	}{
		{scenario.Scenario{}, ""},
		{stalled().Scenario, "5,000 connections, each to 20 of 1,000 channels (Zipf 1.1); 600 records/s of 104 bytes, channels by Zipf 1.1; 6 slices of 2 s for each server"},
		{idle().Scenario, "15,000 connections on channels nobody publishes to; memory read at 4,000, 8,000, 12,000 and 15,000; then left alone for 60 s"},
		{stormy().Scenario, "10,000 connections, each to 1 of 1,000 channels; all cut 5 times, 100 records missed by each"},
		{scenario.Scenario{Connections: 1, Channels: 1, Publish: scenario.Publish{Rate: 100, Burst: 1000}}, "1 connection to one channel; 100 records/s, 1,000 at once"},
	} {
		if got := load(c.s); got != c.want {
			t.Errorf("%s\nshould be %s", got, c.want)
		}
	}
}
