package shard

import (
	"slices"
	"testing"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

func TestArrivalsAreSpread(t *testing.T) {
	const shards = 4
	w := newWorld(t, shards, testOptions(), history.Options{})
	where := func() (n []int64) {
		for _, s := range w.group.shards {
			n = append(n, s.assigned.Load())
		}
		return n
	}
	var peers []*peer
	for i := range 20 {
		peers = append(peers, w.join(0))
		if n := where(); slices.Max(n)-slices.Min(n) > 1 {
			t.Fatalf("%d clients are spread as %v", i+1, n)
		}
	}
	// One after the other they were given to the shards in turn: all of two leave.
	for i := range peers {
		if i%shards < 2 {
			peers[i].Close()
		}
	}
	waitFor(t, "half of them to be gone", func() bool { return w.group.Connections() == 10 })
	if n := where(); !slices.Equal(n, []int64{0, 0, 5, 5}) {
		t.Fatalf("they are left as %v", n)
	}
	for range 10 {
		w.join(0)
	}
	if n := where(); !slices.Equal(n, []int64{5, 5, 5, 5}) {
		t.Errorf("it has not healed: %v", n)
	}
	sum := 0
	waitFor(t, "snapshots", func() bool {
		sum = 0
		for _, s := range w.group.Snapshots() {
			sum += s.Connections
		}
		return sum == 20
	})
}
