package subscription

import (
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// Index lists a shard's subscribers by key. Only its shard may use it.
type Index struct {
	channels *history.Channels
	events   []string
	indices  map[string]int // of events

	byChannel []listed // by the channel's number
	byEvent   [][]uint32
	bySymbol  map[string]*symbol
	symbols   []*symbol // by number
	unused    []uint32  // numbers of symbols
	sets      []*Set    // by slot
}

// listed are a channel's subscribers; the channel is held while there are any.
type listed struct {
	channel *history.Channel
	slots   []uint32
}

// symbol are the subscribers of symbol.*.
type symbol struct {
	name   string
	number uint32
	slots  []uint32
}

// New returns an empty index over these events.
func New(channels *history.Channels, events []string) *Index {
	x := &Index{
		channels: channels,
		events:   events,
		indices:  make(map[string]int, len(events)),
		byEvent:  make([][]uint32, len(events)),
		bySymbol: make(map[string]*symbol),
	}
	for i, name := range events {
		x.indices[name] = i
	}
	return x
}

// EventIndex is the index of the event of this name.
func (x *Index) EventIndex(name string) (int, bool) {
	i, ok := x.indices[name]
	return i, ok
}

// Subscribers returns the slots of those who want a message of the channel with
// this number, by the channel's name, by its symbol and by its event. The lists are
// valid until the index changes.
func (x *Index) Subscribers(channel uint32, event int) (byName, bySymbol, byEvent []uint32) {
	if int(channel) < len(x.byChannel) {
		byName = x.byChannel[channel].slots
	}
	if len(x.bySymbol) > 0 {
		if ch := x.channels.ByID(channel); ch != nil {
			if s := x.bySymbol[ch.Symbol]; s != nil {
				bySymbol = s.slots
			}
		}
	}
	return byName, bySymbol, x.byEvent[event]
}

// Attach readies s as the subscriptions of the connection in a slot.
func (x *Index) Attach(s *Set, slot uint32) {
	for int(slot) >= len(x.sets) {
		x.sets = append(x.sets, nil)
	}
	s.slot = slot
	x.sets[slot] = s
}

// Detach drops the subscriptions of the connection in s's slot.
func (x *Index) Detach(s *Set) {
	x.Clear(s)
	x.sets[s.slot] = nil
}

// slots is the list of a key.
func (x *Index) slots(k key) *[]uint32 {
	switch k.kind() {
	case ofChannel:
		return &x.byChannel[k.number()].slots
	case ofEvent:
		return &x.byEvent[k.number()]
	default:
		return &x.symbols[k.number()].slots
	}
}

// enter puts a slot into a key's list and returns its place there.
func (x *Index) enter(k key, slot uint32) uint32 {
	l := x.slots(k)
	*l = append(*l, slot)
	return uint32(len(*l) - 1)
}

// leave takes the slot at a place out of a key's list; the last of the list
// takes its place. A key nobody wants any more is given back.
func (x *Index) leave(k key, place uint32) {
	l := x.slots(k)
	end := len(*l) - 1
	if int(place) != end {
		heir := (*l)[end]
		(*l)[place] = heir
		set := x.sets[heir]
		i, _ := set.search(k)
		set.held[i].place = place
	}
	if *l = (*l)[:end]; end == 0 {
		x.forget(k)
	}
}

// forget gives back a key without subscribers.
func (x *Index) forget(k key) {
	switch k.kind() {
	case ofChannel:
		x.channels.Release(x.byChannel[k.number()].channel)
		x.byChannel[k.number()] = listed{}
	case ofEvent:
		x.byEvent[k.number()] = nil
	case ofSymbol:
		s := x.symbols[k.number()]
		delete(x.bySymbol, s.name)
		x.symbols[k.number()] = nil
		x.unused = append(x.unused, s.number)
	}
}

// channelKey is the key of a channel, which is held from here on until it is
// forgotten.
func (x *Index) channelKey(sym string, event int) key {
	ch := x.channels.Hold(sym, x.events[event], event)
	for int(ch.ID) >= len(x.byChannel) {
		x.byChannel = append(x.byChannel, listed{})
	}
	if l := &x.byChannel[ch.ID]; l.channel == nil {
		l.channel = ch
	} else {
		x.channels.Release(ch) // one hold a shard is enough
	}
	return newKey(ofChannel, ch.ID)
}

// symbolKey is the key of a symbol, made if need be.
func (x *Index) symbolKey(name string) key {
	s := x.bySymbol[name]
	if s == nil {
		s = &symbol{name: name}
		if n := len(x.unused); n > 0 {
			s.number, x.unused = x.unused[n-1], x.unused[:n-1]
		} else {
			s.number = uint32(len(x.symbols))
			x.symbols = append(x.symbols, nil)
		}
		x.symbols[s.number] = s
		x.bySymbol[name] = s
	}
	return newKey(ofSymbol, s.number)
}
