package rollout

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestWeightsFor(t *testing.T) {
	for _, c := range []struct {
		percent   float64
		instances [2]int
		want      Weights
	}{
		{0, [2]int{1, 1}, Weights{100, 0}},
		{100, [2]int{1, 1}, Weights{0, 100}},
		{50, [2]int{1, 1}, Weights{256, 256}},
		{10, [2]int{1, 1}, Weights{252, 28}},
		{30, [2]int{1, 1}, Weights{252, 108}},
		{80, [2]int{1, 1}, Weights{64, 256}},
		{50, [2]int{3, 1}, Weights{85, 255}},
	} {
		if got := WeightsFor(c.percent/100, c.instances); got != c.want {
			t.Errorf("%v %% of %v: %v, want %v", c.percent, c.instances, got, c.want)
		}
	}
}

// Whatever the share, the weights are ones that HAProxy takes, and what they come to is near it.
func TestWeightsAreNear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.Float64Range(0.05, 0.95).Draw(t, "share")
		n := [2]int{rapid.IntRange(1, 4).Draw(t, "incumbents"), rapid.IntRange(1, 4).Draw(t, "challengers")}
		w := WeightsFor(share, n)
		if min(w[0], w[1]) < 1 || max(w[0], w[1]) > 256 {
			t.Fatalf("weights %v", w)
		}
		i, c := float64(w[Incumbent]*n[Incumbent]), float64(w[Challenger]*n[Challenger])
		if got := c / (i + c); math.Abs(got-share) > 0.003 {
			t.Fatalf("weights %v come to %v, want %v", w, got, share)
		}
	})
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		live   Count
		target float64
		exact  bool
		want   bool
	}{
		{Count{90, 10}, 0.1, true, true},
		{Count{91, 9}, 0.1, true, true},
		{Count{92, 8}, 0.1, true, false},
		{Count{1, 2}, 0.5, true, true}, // as near as it comes
		{Count{1, 3}, 0.5, true, false},
		{Count{0, 0}, 0.5, true, true},
		{Count{199, 1}, 0, true, false}, // an end is an end
		{Count{199, 1}, 0, false, true},
		{Count{1, 199}, 1, true, false},
		{Count{0, 200}, 1, true, true},
	} {
		if got := within(c.live, c.target, 0.01, c.exact); got != c.want {
			t.Errorf("%v at %v: %v", c.live, c.target, got)
		}
	}
}

// The weights while moving are those at which leastconn comes to rest with the right share, when it knows all and when a reload has
// made it forget.
func TestWeightsToMove(t *testing.T) {
	one := [2]int{1, 1}
	for _, c := range []struct {
		name         string
		live, hidden Count
		target       float64
		want         Weights
	}{
		{"it counts all", Count{1000, 0}, Count{0, 0}, 0.1, Weights{252, 28}},
		{"it has forgotten all, and the challenger is to have a tenth", Count{1000, 0}, Count{1000, 0}, 0.1, Weights{1, 256}},
		{"it has forgotten half of one side", Count{1000, 0}, Count{500, 0}, 0.5, Weights{1, 256}}, // the 500 that stay are all hidden
		{"it has forgotten a part", Count{900, 100}, Count{400, 0}, 0.5, Weights{51, 255}},
		{"it has forgotten all, and all is right", Count{500, 500}, Count{500, 500}, 0.5, Weights{256, 256}},
		{"all is moved away", Count{900, 100}, Count{900, 100}, 1, Weights{0, 100}},
	} {
		if got := weightsToMove(c.live, c.hidden, c.target, one); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 6).Draw(t, "weights")
		n := rapid.IntRange(0, 300).Draw(t, "n")
		total, sum := 0, 0
		for i, part := range parts(n, weights) {
			total, sum = total+weights[i], sum+part
			if part < 0 || part > weights[i] {
				t.Fatalf("%d of %v: %v", n, weights, parts(n, weights))
			}
		}
		if sum > n || sum < min(n, total)-1 {
			t.Fatalf("%d of %v: %v", n, weights, parts(n, weights))
		}
	})
}
