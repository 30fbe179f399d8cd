package loop

import "testing"

func TestBucket(t *testing.T) {
	for _, e := range []struct {
		name        string
		rate, burst int64
		at          []int64 // ms
		taken       int
	}{
		{"a burst at once", 10, 10, make([]int64, 50), 10},
		{"one that does not divide a second", 3, 3, make([]int64, 50), 3},
		{"one a second is exactly the rate", 1, 1, []int64{0, 999, 1000, 1999, 2000}, 3},
		{"filled again", 10, 10, append(make([]int64, 20), 500, 500, 500, 500, 500, 500, 500), 15},
		{"never more than full", 2, 2, []int64{0, 0, 60_000, 60_000, 60_000}, 4},
	} {
		t.Run(e.name, func(t *testing.T) {
			var b bucket
			taken := 0
			for _, ms := range e.at {
				if b.take(60_000+ms, e.rate, e.burst) {
					taken++
				}
			}
			if taken != e.taken {
				t.Errorf("%d of %d taken, want %d", taken, len(e.at), e.taken)
			}
		})
	}
}
