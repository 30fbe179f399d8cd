package subscription

import (
	"cmp"
	"slices"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// key names what one pattern asks for: its kind, and a number of that kind.
type key uint32

type kind uint32

const (
	ofChannel kind = iota
	ofEvent
	ofSymbol

	kindShift = 30
)

func newKey(k kind, number uint32) key { return key(uint32(k)<<kindShift | number) }

func (k key) kind() kind     { return kind(k >> kindShift) }
func (k key) number() uint32 { return uint32(k) & (1<<kindShift - 1) }

// Set is one connection's subscriptions, a part of it. The zero value is empty;
// Index.Attach makes it ready.
type Set struct {
	held []member // ascending by key; one a pattern
	slot uint32
}

// member is one key of a set, and the slot's place in the key's list.
type member struct {
	key   key
	place uint32
}

// Count is the number of patterns held.
func (s *Set) Count() int { return len(s.held) }

func (s *Set) search(k key) (int, bool) {
	return slices.BinarySearchFunc(s.held, k, func(m member, k key) int { return cmp.Compare(m.key, k) })
}

// lookup is the key of a pattern if somebody in the shard holds it.
func (x *Index) lookup(p wire.Pattern) (key, bool) {
	if p.Event == "*" {
		if s := x.bySymbol[p.Symbol]; s != nil {
			return newKey(ofSymbol, s.number), true
		}
		return 0, false
	}
	event, ok := x.indices[p.Event]
	if !ok {
		return 0, false
	}
	if p.Symbol == "*" {
		return newKey(ofEvent, uint32(event)), true
	}
	ch := x.channels.Find(p.Symbol, p.Event)
	if ch == nil || int(ch.ID) >= len(x.byChannel) || x.byChannel[ch.ID].channel != ch {
		return 0, false
	}
	return newKey(ofChannel, ch.ID), true
}

// Has reports whether exactly this pattern is held.
func (x *Index) Has(s *Set, p wire.Pattern) bool {
	k, ok := x.lookup(p)
	if ok {
		_, ok = s.search(k)
	}
	return ok
}

// Gets reports whether the connection gets the channel, by whatever pattern.
func (x *Index) Gets(s *Set, symbol, event string) bool {
	return x.Has(s, wire.Pattern{Symbol: symbol, Event: event}) ||
		x.Has(s, wire.Pattern{Symbol: symbol, Event: "*"}) ||
		x.Has(s, wire.Pattern{Symbol: "*", Event: event})
}

// Add subscribes to the patterns, whose literal events must exist. Those held
// already change nothing.
func (x *Index) Add(s *Set, patterns []wire.Pattern) {
	for _, p := range patterns {
		var k key
		switch {
		case x.Has(s, p):
			continue
		case p.Event == "*":
			k = x.symbolKey(p.Symbol)
		case p.Symbol == "*":
			k = newKey(ofEvent, uint32(x.indices[p.Event]))
		default:
			k = x.channelKey(p.Symbol, x.indices[p.Event])
		}
		i, _ := s.search(k)
		if s.held == nil {
			s.held = make([]member, 0, len(patterns))
		}
		s.held = slices.Insert(s.held, i, member{key: k, place: x.enter(k, s.slot)})
	}
}

// Remove unsubscribes from a pattern, and reports whether it was held.
func (x *Index) Remove(s *Set, p wire.Pattern) bool {
	k, ok := x.lookup(p)
	if !ok {
		return false
	}
	i, ok := s.search(k)
	if !ok {
		return false
	}
	place := s.held[i].place
	s.held = slices.Delete(s.held, i, i+1)
	x.leave(k, place)
	return true
}

// Clear unsubscribes from everything.
func (x *Index) Clear(s *Set) {
	for n := len(s.held); n > 0; n = len(s.held) {
		m := s.held[n-1]
		s.held = s.held[:n-1]
		x.leave(m.key, m.place)
	}
	s.held = nil
}

// Patterns lists what is held.
func (x *Index) Patterns(s *Set) []wire.Pattern {
	patterns := make([]wire.Pattern, 0, len(s.held))
	for _, m := range s.held {
		p := wire.Pattern{Symbol: "*", Event: "*"}
		switch m.key.kind() {
		case ofChannel:
			ch := x.byChannel[m.key.number()].channel
			p.Symbol, p.Event = ch.Symbol, x.events[ch.Event]
		case ofEvent:
			p.Event = x.events[m.key.number()]
		case ofSymbol:
			p.Symbol = x.symbols[m.key.number()].name
		}
		patterns = append(patterns, p)
	}
	return patterns
}

// EventSet has a bit for each event; there may be more than 64.
type EventSet []uint64

// Has reports whether an event is in the set.
func (e EventSet) Has(event int) bool {
	return event/64 < len(e) && e[event/64]&(1<<(event%64)) != 0
}

// Events are the events of which any channel is held. The result is in dst's
// memory if that is large enough.
func (x *Index) Events(s *Set, dst EventSet) EventSet {
	words := (len(x.events) + 63) / 64
	dst = slices.Grow(dst[:0], words)[:words]
	clear(dst)
	for _, m := range s.held {
		n := int(m.key.number())
		switch m.key.kind() {
		case ofChannel:
			n = x.byChannel[n].channel.Event
		case ofSymbol:
			for i := range x.events {
				dst[i/64] |= 1 << (i % 64)
			}
			return dst
		}
		dst[n/64] |= 1 << (n % 64)
	}
	return dst
}

// Sources calls channel for each channel held, by name or by its symbol, that
// may have messages, and event for each event held whole. A channel held by
// its name and by its symbol comes twice. Those of a symbol are held during the
// call only: one that nobody else holds any more may still have messages in the
// caller's view of the history.
func (x *Index) Sources(s *Set, channel func(*history.Channel), event func(int)) {
	for _, m := range s.held {
		switch n := m.key.number(); m.key.kind() {
		case ofChannel:
			channel(x.byChannel[n].channel)
		case ofEvent:
			event(int(n))
		case ofSymbol:
			for i, name := range x.events {
				ch := x.channels.Hold(x.symbols[n].name, name, i)
				channel(ch)
				x.channels.Release(ch)
			}
		}
	}
}
