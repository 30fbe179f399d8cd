package history

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Some look like others at first sight, one needs escapes.
var symbols = []string{"A", "AA", `"`, "é", "B", "C"}

// A log and its views, old ones too, answer as going through everything would.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{events: []string{"trade", "book"}}
		const cost = 250
		limit := int64(rapid.IntRange(5, 60).Draw(t, "entries")) * cost
		l := New(Options{Events: m.events, Window: 100, Bytes: limit})
		views := []*shown{m.show(l.View())}
		next := map[[2]int]int64{} // offsets; absent: not started
		made := 0
		now := func() int64 { return int64(len(m.entries)) } // each entry takes a ms
		add := func(s step) {
			s.number = uint64(len(m.entries))
			m.steps = append(m.steps, s)
			if s.kind == record || s.kind == lost || s.kind == remade {
				m.entries = append(m.entries, s)
			}
		}
		names := map[int]bool{}
		aPartition := func(t *rapid.T) (event int, partition int32, key [2]int) {
			keys := slices.SortedFunc(maps.Keys(next), func(a, b [2]int) int { return a[0]*9 + a[1] - b[0]*9 - b[1] })
			if len(keys) == 0 {
				t.Skip("nothing started")
			}
			key = rapid.SampledFrom(keys).Draw(t, "partition")
			return key[0], int32(key[1]), key
		}
		number := func(t *rapid.T, got uint64) {
			if want := uint64(len(m.entries)); got != want {
				t.Fatalf("number %d, want %d", got, want)
			}
		}
		appendOne := func(t *rapid.T) {
			e, p, key := aPartition(t)
			s := step{
				kind: record, event: e, partition: p, offset: next[key] + int64(rapid.IntRange(0, 2).Draw(t, "jump")),
				symbol: rapid.SampledFrom(symbols).Draw(t, "symbol"),
				value:  rapid.SampledFrom([][]byte{[]byte("1"), []byte(`{"a":[1,2]}`), {}, {0xff, 1, 2}, nil}).Draw(t, "value"),
			}
			s.tombstone = s.value == nil
			next[key] = s.offset + 1
			value := s.value
			if len(value) == 0 { // only Tombstone makes one
				value = rapid.SampledFrom([][]byte{nil, {}}).Draw(t, "no value")
			}
			number(t, l.Append(&Record{
				Event: e, Partition: p, Offset: s.offset, Timestamp: s.offset * 2, Tombstone: s.tombstone,
				Symbol: []byte(s.symbol), Value: value,
			}, now()))
			add(s)
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": appendOne,
			"many": func(t *rapid.T) {
				for range rapid.IntRange(2, 30).Draw(t, "so many") {
					appendOne(t)
				}
			},
			"start": func(t *rapid.T) {
				e, p := rapid.IntRange(0, 1).Draw(t, "event"), rapid.IntRange(0, 3).Draw(t, "partition")
				key := [2]int{e, p}
				from, again := next[key]
				if again && rapid.IntRange(0, 3).Draw(t, "again") > 0 {
					t.Skip("started")
				}
				if !names[e] {
					names[e] = true
					l.Opened(e, "one")
					add(step{kind: opened, event: e, log: "one"})
				}
				next[key] = from + int64(rapid.IntRange(0, 5).Draw(t, "offset"))
				l.Started(e, int32(p), next[key])
				add(step{kind: started, event: e, partition: int32(p), offset: next[key]})
			},
			"pass": func(t *rapid.T) {
				e, p, key := aPartition(t)
				offset := next[key] + int64(rapid.IntRange(-1, 3).Draw(t, "by"))
				next[key] = max(next[key], offset+1)
				l.Passed(e, p, offset)
				add(step{kind: passed, event: e, partition: p, offset: offset})
			},
			"lose": func(t *rapid.T) {
				e, p, key := aPartition(t)
				g := Gap{Event: e, Partition: p, From: next[key], To: next[key] + 3}
				to := g.To + 1
				if rapid.Bool().Draw(t, "cut off") {
					g.From, g.To = max(0, next[key]-2), next[key]
					to = g.From
				}
				next[key] = to
				number(t, l.Lost(e, p, g.From, g.To, to, now()))
				add(step{kind: lost, event: e, partition: p, offset: to, gap: g})
			},
			"remake": func(t *rapid.T) {
				e, _, _ := aPartition(t)
				made++
				log := fmt.Sprint("made ", made)
				maps.DeleteFunc(next, func(key [2]int, _ int64) bool { return key[0] == e })
				number(t, l.Remade(e, log, now()))
				add(step{kind: remade, event: e, log: log, gap: Gap{Event: e, Log: log}})
			},
			"evict": func(t *rapid.T) {
				keep := rapid.Uint64Range(m.first, uint64(len(m.entries))+3).Draw(t, "keep")
				most := rapid.IntRange(0, 40).Draw(t, "most")
				at := now() + int64(rapid.IntRange(0, 80).Draw(t, "later"))
				before := l.Bytes()
				more := l.Evict(at, keep, most)
				gone := l.first - m.first
				end := min(keep, l.next)
				aged := func(n uint64) bool { return at-int64(n) > 100 }
				if gone > uint64(most) || l.first > max(end, m.first) {
					t.Fatalf("evicted [%d,%d) of at most %d below %d", m.first, l.first, most, keep)
				}
				if gone == 0 && (l.Bytes() != before || more != (most == 0 && m.first < end && (l.Full() || aged(m.first)))) {
					t.Fatalf("evicted nothing and says %v, %d bytes, %d before", more, l.Bytes(), before)
				}
				if over := l.first < end && (l.Full() || aged(l.first)); over != more {
					t.Fatalf("more to evict: %v, want %v", more, over)
				}
				if before <= limit && gone > 0 && !aged(l.first-1) {
					t.Fatalf("evicted %d, which is neither old nor over", l.first-1)
				}
				m.first = l.first
			},
			"publish": func(t *rapid.T) {
				v := l.Publish(now())
				if l.View() != v || l.Publish(now()) != v {
					t.Fatal("another view")
				}
				views = append(views, m.show(v))
				if len(views) > 4 {
					views = slices.Delete(views, 0, 1)
				}
			},
			"look": func(t *rapid.T) { rapid.SampledFrom(views).Draw(t, "view").check(t) },
			"": func(t *rapid.T) {
				if l.Len() != len(m.entries)-int(m.first) || l.Next() != uint64(len(m.entries)) {
					t.Fatalf("%d entries up to %d", l.Len(), l.Next())
				}
			},
		})
		for _, s := range views {
			s.check(t)
		}
		l.Evict(0, never, 1<<30)
		for l.Evict(never*2-1, never, 7) {
		}
		if l.Len() != 0 || l.Channels().Len() != 0 || l.Bytes() != 0 {
			t.Fatalf("%d entries, %d channels, %d bytes are left", l.Len(), l.Channels().Len(), l.Bytes())
		}
		for _, s := range views {
			s.check(t)
		}
	})
}
