package scenario

import "math/rand/v2"

// Sequence draws the channel of one record after the other.
type Sequence struct {
	first    int
	channels int
	next     int
	popular  popularity // empty: in turn
	from     rand.PCG
}

// NewSequence starts one: in turn from channel 0 where zipf is 0, else by popularity. The same seed gives the same draws.
func NewSequence(channels int, zipf float64, seed uint64) *Sequence {
	s := &Sequence{channels: channels}
	if zipf > 0 {
		s.popular = newPopularity(channels, zipf)
	}
	s.from.Seed(mix(seed), uint64(channels))
	return s
}

// SequenceOf is that of a lane's records: of all channels, or in turn of those of its group.
func SequenceOf(s *Scenario, p Publish, seed uint64) *Sequence {
	if p.Group == 0 {
		return NewSequence(s.Channels, p.Zipf, seed)
	}
	g := groupsOf(s.Connections, s.Subscribe.FanOuts)[p.Group-1]
	in := NewSequence(g.channels, 0, seed)
	in.first = g.first
	return in
}

// Next is the channel of the next record.
func (s *Sequence) Next() int {
	if s.popular.upTo != nil {
		return s.popular.draw(&s.from)
	}
	ch := s.first + s.next
	s.next = (s.next + 1) % s.channels
	return ch
}
