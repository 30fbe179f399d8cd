package scenario

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
)

// Plan says which connection holds which channels. Everything follows from the scenario and the connection's number, so
// that processes which share nothing else agree on it. All methods may be called from any goroutine.
type Plan struct {
	channels int
	each     int
	none     bool
	late     bool
	groups   []group
	stalled  int64      // of a million connections
	popular  popularity // empty: channels are dealt out evenly

	mu     sync.Mutex
	counts map[int][]int32 // by number of connections: healthy subscribers of each channel
}

const million = 1_000_000

// NewPlan makes the plan of a scenario of which a share of the connections stalls. The scenario is a valid one.
func NewPlan(s *Scenario, stalled float64) *Plan {
	p := &Plan{
		channels: max(s.Channels, 1),
		each:     max(s.Subscribe.Each, 1),
		none:     s.Subscribe.None,
		late:     s.Subscribe.Late,
		groups:   groupsOf(s.Connections, s.Subscribe.FanOuts),
		stalled:  int64(math.Round(stalled * million)),
		counts:   map[int][]int32{},
	}
	p.each = min(p.each, p.channels)
	if s.Subscribe.Zipf > 0 {
		p.popular = newPopularity(p.channels, s.Subscribe.Zipf)
	}
	return p
}

// Channels is how many channels there are records for.
func (p *Plan) Channels() int { return p.channels }

// ChannelsOf writes the numbers of the channels of a connection into the slice, which may be nil, from its start:
// sorted, none twice. Connections of a scenario that subscribes to nothing hold one quiet channel, the one numbered
// [Plan.Channels].
func (p *Plan) ChannelsOf(conn int, into []int32) []int32 {
	switch {
	case p.none, p.late:
		return append(into[:0], int32(p.channels))
	case len(p.groups) > 0:
		into = into[:0]
		for _, g := range p.groups {
			into = append(into, int32(g.first+conn/g.fanOut%g.channels))
		}
		return into
	case p.popular.upTo != nil:
		var from rand.PCG
		from.Seed(mix(uint64(conn)), uint64(p.channels))
		return p.popular.drawDistinct(&from, p.each, into)
	default:
		return p.dealt(conn, into)
	}
}

// dealt hands out channels as cards are: decks of all channels, each in an order of its own, lie on each other, and the
// connections take their cards from the top in turn. So whatever the number of connections is, the channels'
// subscribers differ by one at most.
func (p *Plan) dealt(conn int, into []int32) []int32 {
	first := conn * p.each
	deck, at := first/p.channels, first%p.channels
	into = into[:0]
	if p.channels < 2*p.each {
		// Most hold most: decks in the same order, so that none can hold a card of two decks twice.
		for i := range p.each {
			into = append(into, p.card(0, (at+i)%p.channels))
		}
	} else if rest := p.channels - at; rest < p.each {
		into = p.across(deck+1, p.each-rest, into)
	} else if before := (p.each - deck*p.channels%p.each) % p.each; at == before && before > 0 {
		// The one before took some of this deck's first cards, not always the topmost.
		held := p.across(deck, before, nil)
		for i := range at + p.each {
			if card := p.card(deck, i); !slices.Contains(held[p.each-before:], card) {
				into = append(into, card)
			}
		}
	} else {
		for i := range p.each {
			into = append(into, p.card(deck, at+i))
		}
	}
	slices.Sort(into)
	return into
}

// across is what the connection holds that takes the last cards of one deck and the first n of the next: of those it
// passes over the ones it has. The cards of the deck before come first.
func (p *Plan) across(deck, n int, into []int32) []int32 {
	for at := p.channels - (p.each - n); at < p.channels; at++ {
		into = append(into, p.card(deck-1, at))
	}
	for at := 0; len(into) < p.each; at++ {
		if card := p.card(deck, at); !slices.Contains(into, card) {
			into = append(into, card)
		}
	}
	return into
}

// card is the channel at a place of a deck. A deck's order is a bijection of the numbers below a power of two; one that
// comes out as no channel goes through it again until one does, so no deck has to be kept.
func (p *Plan) card(deck, at int) int32 {
	width := bits.Len(uint(p.channels - 1))
	mask := uint64(1)<<width - 1
	key := mix(uint64(deck))
	x := uint64(at)
	for {
		for turn := range 3 {
			x = (x*(key>>(8*turn)|1) + key>>32) & mask
			x ^= x >> (width/2 + 1)
		}
		if x < uint64(p.channels) {
			return int32(x)
		}
	}
}

// mix is the last step of SplitMix64: numbers in a row become numbers that have nothing to do with each other.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Stalled says whether a connection is one of those that stop reading; they are spread evenly.
func (p *Plan) Stalled(conn int) bool { return p.StalledOf(conn+1) > p.StalledOf(conn) }

// StalledOf is how many of the first connections stall: their share, rounded.
func (p *Plan) StalledOf(connections int) int {
	return int((int64(connections)*p.stalled + million/2) / million)
}

// Subscribers is how many of the first connections hold a channel and do not stall: so many deliveries a record of it
// makes. It counts once for each number of connections.
func (p *Plan) Subscribers(ch, connections int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := p.counts[connections]
	if counts == nil {
		counts = make([]int32, p.channels+1) // and the quiet one
		var held []int32
		for conn := range connections {
			if p.Stalled(conn) {
				continue
			}
			held = p.ChannelsOf(conn, held)
			for _, ch := range held {
				counts[ch]++
			}
		}
		p.counts[connections] = counts
	}
	return int(counts[ch])
}

// FanOut is how many connections a record reaches on average, of records drawn with the given exponent.
func (p *Plan) FanOut(zipf float64, connections int) float64 {
	drawn := newPopularity(p.channels, zipf)
	var sum float64
	for ch := range p.channels {
		sum += drawn.share(ch) * float64(p.Subscribers(ch, connections))
	}
	return sum
}

// FanOutOf is the same of a lane's records.
func (p *Plan) FanOutOf(publish Publish, connections int) float64 {
	if publish.Group == 0 {
		return p.FanOut(publish.Zipf, connections)
	}
	g := p.groups[publish.Group-1]
	var sum float64
	for ch := range g.channels {
		sum += float64(p.Subscribers(g.first+ch, connections))
	}
	return sum / float64(g.channels)
}

// Symbol is the Kafka key of a channel's records.
func (p *Plan) Symbol(ch int) string {
	if ch >= p.channels && !p.late {
		return fmt.Sprintf("Q%05d", ch-p.channels)
	}
	return fmt.Sprintf("S%05d", ch)
}

// Channel is its name, as clients subscribe to it.
func (p *Plan) Channel(ch int) string { return p.Symbol(ch) + "." + Event }

// group is channels that the same number of connections share each.
type group struct{ first, channels, fanOut int }

// groupsOf deals the connections out to groups; a fan-out of 0 is all of them.
func groupsOf(connections int, fanOuts []int) []group {
	var all []group
	first := 0
	for _, n := range fanOuts {
		if n == 0 {
			n = connections
		}
		g := group{first, max(1, (connections+n-1)/max(n, 1)), max(n, 1)}
		all = append(all, g)
		first += g.channels
	}
	return all
}

func groupsChannels(connections int, fanOuts []int) int {
	sum := 0
	for _, g := range groupsOf(connections, fanOuts) {
		sum += g.channels
	}
	return sum
}

// LateChannel is the number of the channel that those hold who resume: the one behind the scenario's, and a channel as
// any other.
func (p *Plan) LateChannel() int { return p.channels }
