package subscription

import (
	"slices"

	"github.com/adred-codev/ws_poc/ws-single/internal/channel"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// Index knows every connection's subscriptions. Only the loop's goroutine may
// use it.
type Index struct {
	table    *channel.Table
	names    []string       // of the events
	events   map[string]int // their indices
	channels [][]uint32     // slots by channel.ID
	byEvent  [][]uint32     // slots of *.event
	sets     []*Set         // by slot

	wanted []want // scratch of Add
	name   []byte // scratch of a channel's name
}

// New returns an empty index over these events.
func New(table *channel.Table, events []string) *Index {
	x := &Index{
		table:   table,
		names:   events,
		events:  make(map[string]int, len(events)),
		byEvent: make([][]uint32, len(events)),
	}
	for i, e := range events {
		x.events[e] = i
	}
	return x
}

// EventIndex is the index of an event by its name.
func (x *Index) EventIndex(name string) (int, bool) {
	i, ok := x.events[name]
	return i, ok
}

// Channel returns the slots that want a channel by its name or by symbol.*.
// It is valid until the next change of the index.
func (x *Index) Channel(id channel.ID) []uint32 {
	if int(id) >= len(x.channels) {
		return nil
	}
	return x.channels[id]
}

// Event returns the slots that want all of an event. A slot may be in both
// lists of a record.
func (x *Index) Event(event int) []uint32 { return x.byEvent[event] }

// Find is the number of the channel that an exact pattern names, if it is held.
func (x *Index) Find(p wire.Pattern) (channel.ID, bool) {
	return x.table.Find(x.channelName(p.Symbol, p.Event))
}

// Attach makes room for a connection's subscriptions under its slot.
func (x *Index) Attach(slot uint32) *Set {
	for int(slot) >= len(x.sets) {
		x.sets = append(x.sets, nil)
	}
	s := &Set{index: x, slot: slot}
	x.sets[slot] = s
	return s
}

// Detach drops a connection's subscriptions and its slot.
func (x *Index) Detach(s *Set) {
	s.Clear()
	x.sets[s.slot] = nil
}

// channelName builds symbol.event in the scratch.
func (x *Index) channelName(symbol, event string) []byte {
	x.name = append(x.name[:0], symbol...)
	x.name = append(x.name, '.')
	x.name = append(x.name, event...)
	return x.name
}

// insert puts the slot into the key's list and returns its place there.
func (x *Index) insert(k Key, slot uint32) uint32 {
	l := x.list(k)
	if len(*l) == 0 && !k.isEvent() {
		x.table.Keep(k.channel())
	}
	*l = append(*l, slot)
	return uint32(len(*l) - 1)
}

// remove takes a slot out of the key's list: the last one moves into its place.
func (x *Index) remove(k Key, at uint32) {
	l := x.list(k)
	last := len(*l) - 1
	moved := (*l)[last]
	(*l)[at] = moved
	*l = (*l)[:last]
	if int(at) != last {
		set := x.sets[moved]
		i, _ := set.find(k)
		set.subs[i].at = at
	}
	if last == 0 {
		*l = nil
		if !k.isEvent() {
			x.table.Release(k.channel())
		}
	}
}

func (x *Index) list(k Key) *[]uint32 {
	if k.isEvent() {
		return &x.byEvent[k.event()]
	}
	id := int(k.channel())
	if id >= len(x.channels) {
		x.channels = append(x.channels, make([][]uint32, id+1-len(x.channels))...)
	}
	return &x.channels[id]
}

// want is one key that an Add asks for, and through what.
type want struct {
	key Key
	by  origin
}

// collect turns patterns into keys, sorted. Each channel key is held until the
// caller releases it, so that a number cannot be given away in between.
func (x *Index) collect(patterns []wire.Pattern) []want {
	w := x.wanted[:0]
	for _, p := range patterns {
		switch {
		case p.Symbol == "*":
			w = append(w, want{eventKey(x.events[p.Event]), byName})
		case p.Event == "*":
			for i, e := range x.names {
				w = append(w, want{channelKey(x.table.Hold(x.channelName(p.Symbol, e), i)), byWildcard})
			}
		default:
			e := x.events[p.Event]
			w = append(w, want{channelKey(x.table.Hold(x.channelName(p.Symbol, p.Event), e)), byName})
		}
	}
	slices.SortFunc(w, func(a, b want) int { return int(int64(a.key) - int64(b.key)) })
	x.wanted = w
	return w
}

func (x *Index) release(w []want) {
	for _, k := range w {
		if !k.key.isEvent() {
			x.table.Release(k.key.channel())
		}
	}
}
