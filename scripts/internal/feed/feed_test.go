package feed

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
)

var noon = time.UnixMicro(1_700_000_000_000_123)

func mustNew(t testing.TB, o Options) *Feed {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSameSeedSameRecords(t *testing.T) {
	a, b, other := mustNew(t, Options{Seed: 7}), mustNew(t, Options{Seed: 7}), mustNew(t, Options{Seed: 8})
	differ := false
	for i := range 2000 {
		ra, rb, ro := a.Next(noon), b.Next(noon), other.Next(noon)
		if ra.Symbol != rb.Symbol || ra.Event != rb.Event || !bytes.Equal(ra.Value, rb.Value) {
			t.Fatalf("record %d: %s %s, then %s %s", i, ra.Symbol, ra.Value, rb.Symbol, rb.Value)
		}
		differ = differ || !bytes.Equal(ra.Value, ro.Value)
	}
	if !differ {
		t.Error("another seed made the same records")
	}
}

func TestEveryValueCountsItsChannel(t *testing.T) {
	f := mustNew(t, Options{Seed: 1, StartN: 10, Symbols: Symbols(20)})
	last := map[string]uint64{}
	for i := range 20_000 {
		r := f.Next(noon)
		var v struct {
			N    uint64 `json:"n"`
			Sent int64  `json:"sent"`
		}
		if err := json.Unmarshal(r.Value, &v); err != nil {
			t.Fatalf("%s: %v", r.Value, err)
		}
		if string(r.Key) != r.Symbol {
			t.Fatalf("key %q of symbol %q", r.Key, r.Symbol)
		}
		ch := r.Symbol + "." + r.Event
		want := last[ch] + 1
		if last[ch] == 0 {
			want = 10
		}
		if v.N != want || r.N != want {
			t.Fatalf("record %d of %s: n %d in the value, %d beside it, want %d", i, ch, v.N, r.N, want)
		}
		if v.Sent != noon.UnixMicro() {
			t.Fatalf("sent %d, want %d", v.Sent, noon.UnixMicro())
		}
		last[ch] = v.N
	}
	for i, s := range f.Symbols() {
		for _, e := range Events() {
			if got := f.Last(i, e); got != last[s+"."+e] {
				t.Errorf("Last(%s, %s) = %d, want %d", s, e, got, last[s+"."+e])
			}
		}
	}
}

func TestTheMarketIsBelievable(t *testing.T) {
	f := mustNew(t, Options{Seed: 3, Zipf: 1})
	const records = 60_000
	byEvent, bySymbol := map[string]int{}, map[string]int{}
	size, trades := 0, 0
	prices := map[string][2]float64{}
	for range records {
		r := f.Next(noon)
		byEvent[r.Event]++
		bySymbol[r.Symbol]++
		if r.Event != "trade" {
			continue
		}
		trades++
		size += len(r.Value)
		var v struct{ Price, Size float64 }
		if err := json.Unmarshal(r.Value, &v); err != nil {
			t.Fatal(err)
		}
		if v.Price <= 0 {
			t.Fatalf("price of %s: %s", r.Symbol, r.Value)
		}
		p, ok := prices[r.Symbol]
		if !ok {
			p[0] = v.Price
		}
		if p[1] != 0 && math.Abs(v.Price/p[1]-1) > 0.05 {
			t.Fatalf("%s jumped from %v to %v", r.Symbol, p[1], v.Price)
		}
		p[1] = v.Price
		prices[r.Symbol] = p
	}
	if p := prices["BTC"]; p[0] < 50_000 || p[0] > 200_000 || p[0] == p[1] {
		t.Errorf("BTC went from %v to %v", p[0], p[1])
	}
	for _, e := range events {
		if share := 100 * float64(byEvent[e.name]) / records; math.Abs(share-e.share) > 0.8 {
			t.Errorf("%s: %.2f%% of the records, want %.1f%%", e.name, share, e.share)
		}
	}
	if ratio := float64(bySymbol["BTC"]) / float64(bySymbol["ETH"]); ratio < 1.85 || ratio > 2.15 {
		t.Errorf("with Zipf 1 the first symbol has %.2f times the second's records, want 2", ratio)
	}
	// The frame around a value takes about 112 bytes, and what measuring speaks of is a frame of 220.
	if mean := float64(size) / float64(trades); mean < 95 || mean > 125 {
		t.Errorf("a trade's value has %.0f bytes on average, want about 108", mean)
	}
}

func TestOptions(t *testing.T) {
	f := mustNew(t, Options{Events: []string{"social", "trade"}, Symbols: []string{"X"}})
	seen := map[string]bool{}
	for range 500 {
		r := f.Next(noon)
		seen[r.Symbol+"."+r.Event] = true
	}
	if len(seen) != 2 || !seen["X.trade"] || !seen["X.social"] {
		t.Errorf("channels %v, want X.trade and X.social", seen)
	}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Events: []string{"trade", "weather"}}, `no event "weather": it makes trade, liquidity`},
		{Options{Symbols: []string{"A", "B", "A"}}, `"A" is listed twice`},
		{Options{Zipf: -1}, "zipf exponent -1"},
		{Options{Zipf: math.NaN()}, "zipf exponent NaN"},
	} {
		if _, err := New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%+v): %v, want it to say %q", c.o, err, c.want)
		}
	}
}

func TestSymbolsAreUsable(t *testing.T) {
	names := Symbols(20_000)
	seen := make(map[string]bool, len(names))
	for _, s := range names {
		if seen[s] {
			t.Fatalf("%s twice", s)
		}
		seen[s] = true
		if len(s) == 0 || len(s) > 12 || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsUpper(r) }) {
			t.Fatalf("symbol %q", s)
		}
	}
	if names[0] != "BTC" || names[1] != "ETH" || len(names) != 20_000 {
		t.Errorf("%d names, the first %v", len(names), names[:3])
	}
	if p := basePrice(names[15_000]); p <= 0 || p > 100 {
		t.Errorf("base price of %s: %v", names[15_000], p)
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	f := mustNew(t, Options{Seed: 1})
	if n := testing.AllocsPerRun(2000, func() { f.Next(noon) }); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func BenchmarkNext(b *testing.B) {
	f := mustNew(b, Options{Seed: 1, Zipf: 1})
	b.ReportAllocs()
	for b.Loop() {
		f.Next(noon)
	}
}
