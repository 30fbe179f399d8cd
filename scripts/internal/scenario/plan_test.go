package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func planOf(channels, each int, zipf float64) *Plan {
	return NewPlan(&Scenario{Channels: channels, Subscribe: Subscribe{Each: each, Zipf: zipf}}, 0)
}

// Every connection holds as many channels as it should, none twice, sorted, and the same ones whoever asks.
func TestChannelsOf(t *testing.T) {
	for _, zipf := range []float64{0, 0.7, 1, 3} {
		for range 200 {
			channels := 1 + rand.IntN(60)
			each := 1 + rand.IntN(channels)
			p := planOf(channels, each, zipf)
			var held []int32
			for conn := range 100 {
				held = p.ChannelsOf(conn, held)
				if len(held) != each || !slices.IsSorted(held) || len(slices.Compact(slices.Clone(held))) != each ||
					held[0] < 0 || int(held[each-1]) >= channels {
					t.Fatalf("%d of %d channels, zipf %v: connection %d holds %v", each, channels, zipf, conn, held)
				}
			}
			if again := planOf(channels, each, zipf).ChannelsOf(99, nil); !slices.Equal(again, held) {
				t.Fatalf("another plan of the same scenario: %v, not %v", again, held)
			}
		}
	}
}

// Dealt out evenly, all channels have the same number of subscribers within one, however many connections there are.
func TestDealtEvenly(t *testing.T) {
	for range 500 {
		channels := 1 + rand.IntN(60)
		each := 1 + rand.IntN(channels)
		p := planOf(channels, each, 0)
		counts := make([]int, channels)
		for conn := range 200 {
			for _, ch := range p.ChannelsOf(conn, nil) {
				counts[ch]++
			}
			if least, most := slices.Min(counts), slices.Max(counts); most-least > 1 {
				t.Fatalf("%d of %d channels, %d connections: %d to %d subscribers: %v", each, channels, conn+1, least, most, counts)
			}
		}
	}
}

// Connections hold channels from all over the range, and few hold the same ones.
func TestDealtApart(t *testing.T) {
	p := planOf(1200, 10, 0)
	groups := map[string]int{}
	near := 0
	for conn := range 12000 {
		held := p.ChannelsOf(conn, nil)
		groups[fmt.Sprint(held)]++
		if held[9]-held[0] < 120 {
			near++
		}
	}
	if len(groups) < 11000 {
		t.Errorf("12000 connections hold only %d different sets of channels", len(groups))
	}
	if near > 240 {
		t.Errorf("%d connections hold neighbours", near)
	}
}

// With Zipf 1, what channels are held follows their popularity; a connection's second channel is drawn from what is left.
func TestDrawnByPopularity(t *testing.T) {
	const channels, connections = 50, 40000
	p := planOf(channels, 2, 1)
	weights := newPopularity(channels, 1)
	got := make([]float64, channels)
	for conn := range connections {
		for _, ch := range p.ChannelsOf(conn, nil) {
			got[ch]++
		}
	}
	for ch := range channels {
		// First, or second after any other.
		want := weights.share(ch)
		for other := range channels {
			if other != ch {
				want += weights.share(other) * weights.share(ch) / (1 - weights.share(other))
			}
		}
		deviation := math.Sqrt(want * (1 - want) / connections)
		if seen := got[ch] / connections; math.Abs(seen-want) > 5*deviation {
			t.Errorf("channel %d is held by %.4f of the connections, want %.4f", ch, seen, want)
		}
	}
}

func TestStalled(t *testing.T) {
	for _, test := range []struct {
		share       float64
		connections int
		want        int
	}{
		{0, 12000, 0}, {0.01, 12000, 120}, {0.01, 100, 1}, {0.07, 100, 7}, {0.5, 9, 5}, {1, 3, 3},
	} {
		p := NewPlan(&Scenario{Connections: test.connections, Channels: 1}, test.share)
		var stalled []int
		for conn := range test.connections {
			if p.Stalled(conn) {
				stalled = append(stalled, conn)
			}
		}
		if len(stalled) != test.want || p.StalledOf(test.connections) != test.want {
			t.Errorf("%v of %d: %d stall and %d are told, want %d", test.share, test.connections, len(stalled), p.StalledOf(test.connections), test.want)
		}
		for i := 1; i < len(stalled); i++ {
			if gap := float64(stalled[i] - stalled[i-1]); math.Abs(gap-1/test.share) > 1 {
				t.Errorf("%v: %d and %d stall next to each other", test.share, stalled[i-1], stalled[i])
			}
		}
		if got := p.Subscribers(0, test.connections); got != test.connections-test.want {
			t.Errorf("%v of %d: %d healthy subscribers", test.share, test.connections, got)
		}
	}
}

func TestSubscribers(t *testing.T) {
	p := planOf(1000, 20, 1)
	for _, connections := range []int{0, 1, 500, 100, 501} {
		sum := 0
		for ch := range 1000 {
			sum += p.Subscribers(ch, connections)
		}
		if sum != connections*20 {
			t.Errorf("%d connections hold %d channels", connections, sum)
		}
	}
	if got := planOf(1200, 10, 0).FanOut(1, 12000); math.Abs(got-100) > 1e-9 {
		t.Errorf("a record reaches %v connections, want 100", got)
	}
}

func TestQuiet(t *testing.T) {
	p := NewPlan(&Scenario{Channels: 1000, Subscribe: Subscribe{Each: 1, None: true}}, 0)
	held := p.ChannelsOf(7, nil)
	if len(held) != 1 || p.Channel(int(held[0])) != "Q00000.trade" {
		t.Errorf("holds %v", held)
	}
	if p.FanOut(0, 100) != 0 || p.Subscribers(1000, 100) != 100 {
		t.Errorf("a record reaches %v connections, %d hold the quiet channel", p.FanOut(0, 100), p.Subscribers(1000, 100))
	}
	if p.Channel(12) != "S00012.trade" || p.Symbol(999) != "S00999" {
		t.Errorf("got %s, %s", p.Channel(12), p.Symbol(999))
	}
}

func TestSequence(t *testing.T) {
	turns := NewSequence(3, 0, 1)
	for i := range 7 {
		if got := turns.Next(); got != i%3 {
			t.Errorf("record %d is for channel %d", i, got)
		}
	}
	const draws = 100000
	popular, again, other := NewSequence(100, 1, 1), NewSequence(100, 1, 1), NewSequence(100, 1, 2)
	weights := newPopularity(100, 1)
	got := make([]float64, 100)
	same := 0
	for range draws {
		ch := popular.Next()
		got[ch]++
		if again.Next() != ch {
			t.Fatal("the same seed gave other draws")
		}
		if other.Next() == ch {
			same++
		}
	}
	for ch := range got {
		want := weights.share(ch)
		if seen := got[ch] / draws; math.Abs(seen-want) > 5*math.Sqrt(want/draws) {
			t.Errorf("channel %d: %.4f of the records, want %.4f", ch, seen, want)
		}
	}
	if same > draws/5 {
		t.Errorf("another seed gave %d of %d draws again", same, draws)
	}
}

// A worker makes the plan of all its connections when it starts: it must not be what takes the time.
func TestPlanIsFast(t *testing.T) {
	for _, zipf := range []float64{0, 1} {
		p := planOf(1000, 20, zipf)
		held := make([]int32, 0, 20)
		began := time.Now()
		for conn := range 15000 {
			held = p.ChannelsOf(conn, held)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("zipf %v: 15,000 x 20 of 1,000 took %v", zipf, took)
		}
		if allocs := testing.AllocsPerRun(100, func() { held = p.ChannelsOf(51, held) }); allocs > 0 {
			t.Errorf("zipf %v: %v allocations", zipf, allocs)
		}
	}
}

func BenchmarkChannelsOf(b *testing.B) {
	for _, zipf := range []float64{0, 1} {
		b.Run(fmt.Sprintf("zipf=%v", zipf), func(b *testing.B) {
			p := planOf(1000, 20, zipf)
			held := make([]int32, 0, 20)
			b.ReportAllocs()
			for i := range b.N {
				held = p.ChannelsOf(i%15000, held)
			}
		})
	}
}
