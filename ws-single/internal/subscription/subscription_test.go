package subscription

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// TestAgainstModel subscribes and unsubscribes at random and compares both
// directions of the index with sets of patterns.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := []string{"trade", "social"}
		symbols := []string{"A", "B", "C"}
		table := channel.NewTable()
		x := New(table, events)
		const conns = 4
		sets := make([]*Set, conns)
		model := make([]map[wire.Pattern]bool, conns)
		for i := range sets {
			sets[i], model[i] = x.Attach(uint32(i)), map[wire.Pattern]bool{}
		}
		pattern := rapid.Custom(func(t *rapid.T) wire.Pattern {
			p := wire.Pattern{Symbol: rapid.SampledFrom(symbols).Draw(t, "symbol"), Event: rapid.SampledFrom(events).Draw(t, "event")}
			switch rapid.IntRange(0, 3).Draw(t, "wild") {
			case 0:
				p.Symbol = "*"
			case 1:
				p.Event = "*"
			}
			return p
		})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, conns-1).Draw(t, "conn")
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				ps := rapid.SliceOfN(pattern, 1, 4).Draw(t, "add")
				sets[i].Add(ps)
				for _, p := range ps {
					model[i][p] = true
				}
			case 3, 4:
				p := pattern.Draw(t, "remove")
				sets[i].Remove(p)
				delete(model[i], p)
			case 5:
				if rapid.Bool().Draw(t, "detach") {
					x.Detach(sets[i])
					sets[i] = x.Attach(uint32(i))
				} else {
					sets[i].Clear()
				}
				clear(model[i])
			}
			compare(t, x, table, sets, model, events, symbols)
		}
		for i := range sets {
			x.Detach(sets[i])
		}
		if table.Len() != 0 {
			t.Fatalf("%d channels are held by nobody", table.Len())
		}
	})
}

func compare(t *rapid.T, x *Index, table *channel.Table, sets []*Set, model []map[wire.Pattern]bool, events, symbols []string) {
	for i, s := range sets {
		if s.Count() != len(model[i]) {
			t.Fatalf("conn %d holds %d patterns, want %v", i, s.Count(), model[i])
		}
		got := map[wire.Pattern]bool{}
		for p := range s.Patterns() {
			got[p] = true
			if !s.Has(p) {
				t.Fatalf("conn %d does not have %v, which it lists", i, p)
			}
		}
		if len(got) != len(model[i]) {
			t.Fatalf("conn %d lists %v, want %v", i, got, model[i])
		}
	}
	for e, event := range events {
		for _, symbol := range symbols {
			var got []uint32
			if id, ok := table.Find([]byte(symbol + "." + event)); ok {
				got = append(got, x.Channel(id)...)
			}
			got = append(got, x.Event(e)...)
			slices.Sort(got)
			got = slices.Compact(got)
			var want []uint32
			for i := range sets {
				gets := false
				for p := range model[i] {
					gets = gets || p.Matches(symbol, event)
				}
				if gets {
					want = append(want, uint32(i))
				}
				if sets[i].Gets(symbol, event) != gets {
					t.Fatalf("conn %d gets %s.%s: %v, want %v", i, symbol, event, !gets, gets)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s.%s goes to %v, want %v", symbol, event, got, want)
			}
		}
		for i := range sets {
			holds := false
			for p := range model[i] {
				holds = holds || p.Event == event || p.Event == "*"
			}
			if sets[i].HoldsEvent(e) != holds || slices.Contains(sets[i].Events(), e) != holds {
				t.Fatalf("conn %d holds %s: want %v", i, event, holds)
			}
		}
	}
}
