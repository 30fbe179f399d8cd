package subscription

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

var (
	names   = []string{"trade", "book", "stat"}
	symbols = []string{"A", "B", "C", "D"}
)

// machine has an Index beside a list of what each slot holds.
type machine struct {
	log   *history.Log
	x     *Index
	sets  []*Set                      // by slot; nil: nobody is there
	held  map[int][]wire.Pattern      // by slot
	other map[string]*history.Channel // held by another shard
	wrote map[string]bool             // channels that the log holds
	next  int64
}

func drawPattern(t *rapid.T) wire.Pattern {
	p := wire.Pattern{
		Symbol: rapid.SampledFrom(append(symbols, "*")).Draw(t, "symbol"),
		Event:  rapid.SampledFrom(append(names, "*")).Draw(t, "event"),
	}
	if p.Symbol == "*" && p.Event == "*" {
		p.Symbol = "A"
	}
	return p
}

func (m *machine) drawSlot(t *rapid.T) int {
	var there []int
	for slot, s := range m.sets {
		if s != nil {
			there = append(there, slot)
		}
	}
	if len(there) == 0 {
		t.Skip("nobody is there")
	}
	return rapid.SampledFrom(there).Draw(t, "slot")
}

func (m *machine) Attach(t *rapid.T) {
	slot := slices.Index(m.sets, nil)
	if slot < 0 {
		slot = len(m.sets)
		m.sets = append(m.sets, nil)
	}
	m.sets[slot] = new(Set)
	m.x.Attach(m.sets[slot], uint32(slot))
}

func (m *machine) Detach(t *rapid.T) {
	slot := m.drawSlot(t)
	m.x.Detach(m.sets[slot])
	m.sets[slot] = nil
	delete(m.held, slot)
}

func (m *machine) Add(t *rapid.T) {
	slot := m.drawSlot(t)
	var patterns []wire.Pattern
	for range rapid.IntRange(1, 5).Draw(t, "patterns") {
		p := drawPattern(t)
		patterns = append(patterns, p) // repeats are harmless
		if !slices.Contains(m.held[slot], p) {
			m.held[slot] = append(m.held[slot], p)
		}
	}
	m.x.Add(m.sets[slot], patterns)
}

func (m *machine) Remove(t *rapid.T) {
	slot, p := m.drawSlot(t), drawPattern(t)
	i := slices.Index(m.held[slot], p)
	if got := m.x.Remove(m.sets[slot], p); got != (i >= 0) {
		t.Fatalf("Remove of %v from %v: %v", p, m.held[slot], got)
	}
	if i >= 0 {
		m.held[slot] = slices.Delete(m.held[slot], i, i+1)
	}
}

func (m *machine) Clear(t *rapid.T) {
	slot := m.drawSlot(t)
	m.x.Clear(m.sets[slot])
	m.held[slot] = nil
}

// Neighbour is another shard that holds and lets go of channels.
func (m *machine) Neighbour(t *rapid.T) {
	symbol := rapid.SampledFrom(symbols).Draw(t, "symbol")
	event := rapid.IntRange(0, len(names)-1).Draw(t, "event")
	key := symbol + "." + names[event]
	if ch := m.other[key]; ch != nil {
		m.log.Channels().Release(ch)
		delete(m.other, key)
		return
	}
	m.other[key] = m.log.Channels().Hold(symbol, names[event], event)
}

// Record has the log hold a channel.
func (m *machine) Record(t *rapid.T) {
	symbol := rapid.SampledFrom(symbols).Draw(t, "symbol")
	event := rapid.IntRange(0, len(names)-1).Draw(t, "event")
	m.log.Append(&history.Record{Event: event, Offset: m.next, Symbol: []byte(symbol), Value: []byte("1")}, 0)
	m.next++
	m.wrote[symbol+"."+names[event]] = true
	if m.next%5 == 0 {
		m.log.Evict(1<<40, m.log.Next(), 1<<30)
		clear(m.wrote)
	}
}

func (m *machine) subscribers(symbol string, event int) (byName, bySymbol, byEvent []uint32) {
	for slot := range m.sets {
		for _, p := range m.held[slot] {
			switch {
			case !p.Matches(symbol, names[event]):
			case p.Event == "*":
				bySymbol = append(bySymbol, uint32(slot))
			case p.Symbol == "*":
				byEvent = append(byEvent, uint32(slot))
			default:
				byName = append(byName, uint32(slot))
			}
		}
	}
	return byName, bySymbol, byEvent
}

func (m *machine) Check(t *rapid.T) {
	channels := make(map[string]bool) // that are held by somebody
	for key := range m.other {
		channels[key] = true
	}
	for key := range m.wrote {
		channels[key] = true
	}
	for slot, s := range m.sets {
		if s != nil {
			m.checkSet(t, s, m.held[slot])
		}
		for _, p := range m.held[slot] {
			if p.Symbol != "*" && p.Event != "*" {
				channels[p.String()] = true
			}
		}
	}
	if got := m.log.Channels().Len(); got != len(channels) {
		t.Fatalf("%d channels are held instead of %d: %v", got, len(channels), channels)
	}
	for _, symbol := range symbols {
		for event, name := range names {
			ch := m.log.Channels().Find(symbol, name)
			if ch == nil {
				continue // no record can be of it
			}
			gotName, gotSymbol, gotEvent := m.x.Subscribers(ch.ID, event)
			wantName, wantSymbol, wantEvent := m.subscribers(symbol, event)
			if !same(gotName, wantName) || !same(gotSymbol, wantSymbol) || !same(gotEvent, wantEvent) {
				t.Fatalf("%s has the subscribers %v %v %v instead of %v %v %v",
					ch.Name, gotName, gotSymbol, gotEvent, wantName, wantSymbol, wantEvent)
			}
		}
	}
}

func (m *machine) checkSet(t *rapid.T, s *Set, held []wire.Pattern) {
	if s.Count() != len(held) || !same(patternsOf(m.x.Patterns(s)), patternsOf(held)) {
		t.Fatalf("%d are held, %v, instead of %v", s.Count(), m.x.Patterns(s), held)
	}
	present := m.x.Events(s, EventSet{1<<64 - 1, 7}) // what was in it does not matter
	for event, name := range names {
		want := slices.ContainsFunc(held, func(p wire.Pattern) bool { return p.Event == name || p.Event == "*" })
		if present.Has(event) != want {
			t.Fatalf("of %s: %v, holding %v", name, !want, held)
		}
		for _, symbol := range symbols {
			if p := (wire.Pattern{Symbol: symbol, Event: name}); m.x.Has(s, p) != slices.Contains(held, p) {
				t.Fatalf("has %v: %v, holding %v", p, m.x.Has(s, p), held)
			}
			want := slices.ContainsFunc(held, func(p wire.Pattern) bool { return p.Matches(symbol, name) })
			if m.x.Gets(s, symbol, name) != want {
				t.Fatalf("gets %s.%s: %v, holding %v", symbol, name, !want, held)
			}
		}
	}
	if present.Has(len(names)) || present.Has(64) || present.Has(1000) {
		t.Fatal("there are events that do not exist")
	}
	m.checkSources(t, s, held)
}

// checkSources: every channel that the set gets, and that may have messages, is
// of a source, and no other is.
func (m *machine) checkSources(t *rapid.T, s *Set, held []wire.Pattern) {
	whole, single := make(map[int]bool), make(map[string]bool)
	m.x.Sources(s, func(ch *history.Channel) {
		if ch.Name != ch.Symbol+"."+names[ch.Event] {
			t.Fatalf("a source is %+v", ch)
		}
		single[ch.Name] = true
	}, func(event int) {
		if whole[event] {
			t.Fatalf("%s comes twice", names[event])
		}
		whole[event] = true
	})
	for event, name := range names {
		if want := slices.Contains(held, wire.Pattern{Symbol: "*", Event: name}); whole[event] != want {
			t.Fatalf("all of %s is a source: %v", name, whole[event])
		}
		for _, symbol := range symbols {
			want := slices.Contains(held, wire.Pattern{Symbol: symbol, Event: name}) ||
				slices.Contains(held, wire.Pattern{Symbol: symbol, Event: "*"})
			if got := single[symbol+"."+name]; got != want {
				t.Fatalf("%s.%s is a source: %v, holding %v", symbol, name, got, held)
			}
		}
	}
}

func patternsOf(all []wire.Pattern) (texts []string) {
	for _, p := range all {
		texts = append(texts, p.String())
	}
	return texts
}

// same compares without regard to order.
func same[T uint32 | string](a, b []T) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

func TestAgainstALinearModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{
			log:   history.New(history.Options{Events: names, Bytes: 1 << 20, Window: 1}),
			held:  make(map[int][]wire.Pattern),
			other: make(map[string]*history.Channel),
			wrote: make(map[string]bool),
		}
		m.x = New(m.log.Channels(), names)
		t.Repeat(map[string]func(*rapid.T){
			"attach": m.Attach, "detach": m.Detach, "add": m.Add, "remove": m.Remove,
			"clear": m.Clear, "neighbour": m.Neighbour, "record": m.Record, "": m.Check,
		})
		for _, s := range m.sets {
			if s != nil {
				m.x.Detach(s)
			}
		}
		for _, ch := range m.other {
			m.log.Channels().Release(ch)
		}
		m.log.Evict(1<<40, m.log.Next(), 1<<30)
		if n := m.log.Channels().Len(); n != 0 {
			t.Fatalf("%d channels are held by nobody", n)
		}
	})
}

func TestMoreThanSixtyFourEvents(t *testing.T) {
	var events []string
	for i := range 130 {
		events = append(events, "e"+string(rune('A'+i/26))+string(rune('a'+i%26)))
	}
	x := New(history.New(history.Options{Events: events}).Channels(), events)
	var s, all Set
	x.Attach(&s, 0)
	x.Attach(&all, 1)
	x.Add(&s, []wire.Pattern{{Symbol: "A", Event: events[3]}, {Symbol: "*", Event: events[64]}, {Symbol: "*", Event: events[129]}})
	x.Add(&all, []wire.Pattern{{Symbol: "A", Event: "*"}})
	some, every := x.Events(&s, nil), x.Events(&all, nil)
	for i := range events {
		if some.Has(i) != (i == 3 || i == 64 || i == 129) || !every.Has(i) {
			t.Errorf("event %d: %v, %v", i, some.Has(i), every.Has(i))
		}
	}
	if i, ok := x.EventIndex(events[99]); !ok || i != 99 {
		t.Errorf("%s is event %d, %v", events[99], i, ok)
	}
	if _, ok := x.EventIndex("none"); ok {
		t.Error("there is an event of another name")
	}
}

// A record's subscribers are looked up without a lock and without garbage.
func TestSubscribersAllocateNothing(t *testing.T) {
	log := history.New(history.Options{Events: names})
	x := New(log.Channels(), names)
	sets := make([]Set, 100)
	for i := range sets {
		x.Attach(&sets[i], uint32(i))
		x.Add(&sets[i], []wire.Pattern{{Symbol: "A", Event: "trade"}, {Symbol: "A", Event: "*"}, {Symbol: "*", Event: "trade"}})
	}
	id := log.Channels().Find("A", "trade").ID
	n := 0
	if got := testing.AllocsPerRun(100, func() {
		a, b, c := x.Subscribers(id, 0)
		n = len(a) + len(b) + len(c)
	}); got != 0 || n != 300 {
		t.Errorf("%v allocations for %d subscribers", got, n)
	}
}
