package scenario

import (
	"math"
	"time"
)

// Short is the scenario made small, for tests of the tools: of the same shape, with so many connections and rounds, in
// slices of the given time and at rates that a busy machine bears. Its figures mean nothing.
func (s Scenario) Short(connections int, slice time.Duration, rounds int) Scenario {
	const (
		rate   = 500.0 // records a second at most
		burst  = 50
		missed = 20
	)
	scale := float64(connections) / float64(max(s.Connections, 1))
	scaled := func(n, least int) int { return max(int(math.Round(float64(n)*scale)), least) }

	small := s
	small.Connections = connections
	if len(s.Subscribe.FanOuts) > 0 {
		small.Subscribe.FanOuts = nil
		for _, n := range s.Subscribe.FanOuts {
			small.Subscribe.FanOuts = append(small.Subscribe.FanOuts, min(n, connections))
		}
		small.deal()
	} else if scale < 1 && s.Channels > 1 { // the fan-out stays where so few connections have it
		fanOut := float64(s.Connections*s.Subscribe.Each) / float64(s.Channels)
		fanOut = min(fanOut, max(float64(connections)/10, 1))
		channels := int(float64(connections*s.Subscribe.Each) / fanOut)
		small.Channels = min(s.Channels, max(channels, s.Subscribe.Each, 2))
	}
	small.Steps = nil
	for i, step := range s.Steps {
		// They ascend and the last is connections, however few there are.
		small.Steps = append(small.Steps, min(scaled(step, i+1), connections-(len(s.Steps)-1-i)))
	}
	shrink := func(p Publish) Publish {
		if p.Burst > 1 {
			bursts := p.Rate / float64(p.Burst)
			p.Burst = min(p.Burst, burst)
			p.Rate = float64(p.Burst) * max(min(bursts, rate/float64(p.Burst)), 1/slice.Seconds())
		} else if p.Rate > 0 {
			p.Rate = max(min(p.Rate, rate), 1/slice.Seconds())
		}
		return p
	}
	switch s.Kind {
	case Deliver:
		small.Slice, small.Rounds = Duration(slice), rounds
		if s.Missed > 0 {
			small.Missed = min(s.Missed, missed)
		}
		small.Publish = shrink(s.Publish)
	case Storm:
		small.Rounds = rounds
		small.Missed = min(s.Missed, missed)
	case Idle:
		small.Rest = max(Duration(slice), Duration(time.Second))
	}
	small.Lanes = nil
	for i, lane := range s.AllLanes() {
		if len(s.Lanes) == 0 {
			break
		}
		own := s.Lanes[i]
		if own.Publish != nil {
			publish := shrink(*lane.Publish)
			own.Publish = &publish
		}
		if own.Resume > 0 {
			own.Resume = scaled(own.Resume, 2)
		}
		small.Lanes = append(small.Lanes, own)
	}
	return small
}
