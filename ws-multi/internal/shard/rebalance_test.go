package shard

import (
	"slices"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

func TestRebalance(t *testing.T) {
	w := newWorld(t, 3, testOptions(), history.Options{})
	var peers []*peer
	for range 24 {
		peers = append(peers, w.join(0))
	}
	since := time.Now()
	const rate = 20
	if n := w.group.Rebalance(12, rate, 5*time.Second); n != 12 {
		t.Fatalf("%d were chosen", n)
	}
	// Who was chosen is not chosen again, and there are no more than there are.
	if n := w.group.Rebalance(100, 1000, 5*time.Second); n != 12 {
		t.Fatalf("%d were chosen of the 12 that were left", n)
	}
	if n := w.group.Rebalance(1, rate, 5*time.Second); n != 0 {
		t.Fatalf("%d were chosen of nobody", n)
	}
	ends := followAll(peers, since)
	var at []time.Duration
	for i, e := range ends {
		if !slices.Equal(e.notices, []string{`"REBALANCE"`}) || !slices.Equal(e.codes, []int{4005, 4005}) || e.err != nil {
			t.Errorf("client %d: %+v", i, e)
		}
		at = append(at, e.at)
	}
	slices.Sort(at)
	// Twelve go at once, and twelve at the rate, all shards together: the first of
	// each shard at the beginning.
	if last := at[23]; last < 12*time.Second/rate/2 {
		t.Errorf("closed at %v", at)
	}
	if n := w.group.Rebalance(5, rate, time.Second); n != 0 {
		t.Errorf("%d were chosen in an empty group", n)
	}
}

func TestSharesAreDrawnByLot(t *testing.T) {
	in := []int{10, 0, 30}
	sums := make([]int, 3)
	for range 2000 {
		shares := drawShares(in, 8)
		total := 0
		for i, n := range shares {
			if n > in[i] {
				t.Fatalf("%v of %v", shares, in)
			}
			sums[i] += n
			total += n
		}
		if total != 8 {
			t.Fatalf("%v are not 8", shares)
		}
	}
	if sums[1] != 0 || sums[0] < 3400 || sums[0] > 4600 {
		t.Errorf("of 16000 they got %v", sums)
	}
	if got := drawShares(in, 100); !slices.Equal(got, in) {
		t.Errorf("100 of %v are %v", in, got)
	}
}
