package subscription

import (
	"iter"
	"slices"
	"sort"
	"strings"

	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// Key is what the index is keyed by: a channel, or all of an event.
type Key uint32

const eventBit Key = 1 << 31

func channelKey(id channel.ID) Key { return Key(id) }
func eventKey(event int) Key       { return eventBit | Key(event) }
func (k Key) isEvent() bool        { return k&eventBit != 0 }
func (k Key) event() int           { return int(k &^ eventBit) }
func (k Key) channel() channel.ID  { return channel.ID(k) }
func (k Key) eventOf(x *Index) int {
	if k.isEvent() {
		return k.event()
	}
	return x.table.Event(k.channel())
}

func (k Key) pattern(x *Index) wire.Pattern {
	if k.isEvent() {
		return wire.Pattern{Symbol: "*", Event: x.names[k.event()]}
	}
	symbol, event, _ := strings.Cut(x.table.Name(k.channel()), ".")
	return wire.Pattern{Symbol: symbol, Event: event}
}

// origin says through which patterns a key is held; more than one may be.
type origin uint8

const (
	byName     origin = 1 << iota // the channel, or *.event
	byWildcard                    // symbol.*
)

type sub struct {
	key Key
	at  uint32 // the slot's place in the key's list
	by  origin
}

// Set is one connection's subscriptions: patterns, and the keys they come to,
// sorted. Only the loop's goroutine may use it.
type Set struct {
	index    *Index
	slot     uint32
	subs     []sub
	wild     []string // the symbols of symbol.*
	patterns int
}

// Count is the number of patterns held.
func (s *Set) Count() int { return s.patterns }

func (s *Set) find(k Key) (int, bool) {
	i := sort.Search(len(s.subs), func(i int) bool { return s.subs[i].key >= k })
	return i, i < len(s.subs) && s.subs[i].key == k
}

// Has reports whether exactly this pattern is held.
func (s *Set) Has(p wire.Pattern) bool {
	if p.Event == "*" {
		return slices.Contains(s.wild, p.Symbol)
	}
	i, ok := s.find(s.keyOf(p))
	return ok && s.subs[i].by&byName != 0
}

// Gets reports whether the connection gets the channel, by whatever pattern.
func (s *Set) Gets(symbol, event string) bool {
	e, ok := s.index.events[event]
	if !ok {
		return false
	}
	if _, ok := s.find(eventKey(e)); ok {
		return true
	}
	_, ok = s.find(s.keyOf(wire.Pattern{Symbol: symbol, Event: event}))
	return ok
}

// keyOf is the key of an exact pattern or *.event; noKey when nobody holds the channel.
func (s *Set) keyOf(p wire.Pattern) Key {
	if p.Symbol == "*" {
		if e, ok := s.index.events[p.Event]; ok {
			return eventKey(e)
		}
		return noKey
	}
	if id, ok := s.index.table.Find(s.index.channelName(p.Symbol, p.Event)); ok {
		return channelKey(id)
	}
	return noKey
}

const noKey = ^Key(0)

// HoldsEvent reports whether any channel of the event is held.
func (s *Set) HoldsEvent(event int) bool {
	for i := range s.subs {
		if s.subs[i].key.eventOf(s.index) == event {
			return true
		}
	}
	return false
}

// Events lists the indices of the events of which any channel is held, ascending.
func (s *Set) Events() []int {
	var events []int
	for i := range s.subs {
		if e := s.subs[i].key.eventOf(s.index); !slices.Contains(events, e) {
			events = append(events, e)
		}
	}
	slices.Sort(events)
	return events
}

// Channels yields the channels held by their names or by symbol.*.
func (s *Set) Channels() iter.Seq2[channel.ID, int] {
	return func(yield func(channel.ID, int) bool) {
		for i := range s.subs {
			k := s.subs[i].key
			if !k.isEvent() && !yield(k.channel(), s.index.table.Event(k.channel())) {
				return
			}
		}
	}
}

// WholeEvents yields the events held by *.event.
func (s *Set) WholeEvents() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range s.subs {
			if k := s.subs[i].key; k.isEvent() && !yield(k.event()) {
				return
			}
		}
	}
}

// Patterns yields the patterns held.
func (s *Set) Patterns() iter.Seq[wire.Pattern] {
	return func(yield func(wire.Pattern) bool) {
		for i := range s.subs {
			if s.subs[i].by&byName != 0 && !yield(s.subs[i].key.pattern(s.index)) {
				return
			}
		}
		for _, symbol := range s.wild {
			if !yield(wire.Pattern{Symbol: symbol, Event: "*"}) {
				return
			}
		}
	}
}

// Add subscribes to the patterns; those already held change nothing. Their
// literal events must exist.
func (s *Set) Add(patterns []wire.Pattern) {
	for _, p := range patterns {
		if p.Event == "*" && !slices.Contains(s.wild, p.Symbol) {
			s.wild = append(s.wild, p.Symbol)
			s.patterns++
		}
	}
	wanted := s.index.collect(patterns)
	merged := make([]sub, 0, len(s.subs)+len(wanted))
	i := 0
	for _, w := range wanted {
		for i < len(s.subs) && s.subs[i].key < w.key {
			merged = append(merged, s.subs[i])
			i++
		}
		if i < len(s.subs) && s.subs[i].key == w.key {
			merged = append(merged, s.subs[i])
			i++
		}
		if n := len(merged); n == 0 || merged[n-1].key != w.key {
			merged = append(merged, sub{key: w.key, at: s.index.insert(w.key, s.slot)})
		}
		last := &merged[len(merged)-1]
		if w.by == byName && last.by&byName == 0 {
			s.patterns++
		}
		last.by |= w.by
	}
	s.subs = append(merged, s.subs[i:]...)
	s.index.release(wanted)
}

// Remove unsubscribes one pattern; one that is not held changes nothing.
func (s *Set) Remove(p wire.Pattern) {
	if p.Event != "*" {
		s.drop(s.keyOf(p), byName)
		return
	}
	i := slices.Index(s.wild, p.Symbol)
	if i < 0 {
		return
	}
	s.wild = slices.Delete(s.wild, i, i+1)
	s.patterns--
	for _, e := range s.index.names {
		s.drop(s.keyOf(wire.Pattern{Symbol: p.Symbol, Event: e}), byWildcard)
	}
}

func (s *Set) drop(k Key, by origin) {
	i, ok := s.find(k)
	if !ok || s.subs[i].by&by == 0 {
		return
	}
	if by == byName {
		s.patterns--
	}
	if s.subs[i].by &^= by; s.subs[i].by == 0 {
		at := s.subs[i].at
		s.subs = slices.Delete(s.subs, i, i+1)
		s.index.remove(k, at)
	}
}

// Clear unsubscribes all.
func (s *Set) Clear() {
	for n := len(s.subs); n > 0; n = len(s.subs) {
		last := s.subs[n-1]
		s.subs = s.subs[:n-1]
		s.index.remove(last.key, last.at)
	}
	s.subs, s.wild, s.patterns = nil, nil, 0
}
