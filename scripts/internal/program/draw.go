package program

import (
	"fmt"

	"pgregory.net/rapid"
)

// Programs draws programs of 2 to 4 clients, of which each server has some, and publishers.
func Programs() *rapid.Generator[Program] { return rapid.Custom(drawProgram) }

// Draw is the program of a seed.
func Draw(seed uint64) Program { return Programs().Example(int(seed)) }

// draw draws steps. rapid's own numbers are mostly small ones; what happens in a program should be even.
type draw struct {
	t       *rapid.T
	clients int
}

var bits = rapid.SliceOfN(rapid.Bool(), 12, 12)

// below is a number from 0 to n-1, each as often as the others.
func (d draw) below(n int) int {
	sum := 0
	for _, b := range bits.Draw(d.t, "bits") {
		sum *= 2
		if b {
			sum++
		}
	}
	return sum % n
}

func (d draw) one(of ...string) string { return of[d.below(len(of))] }

// weighed draws one of the things, each as often as its weight says.
func (d draw) weighed(things []thing) func(draw) []Step {
	sum := 0
	for _, x := range things {
		sum += x.weight
	}
	n := d.below(sum)
	for _, x := range things {
		if n -= x.weight; n < 0 {
			return x.draw
		}
	}
	return things[0].draw
}

type thing struct {
	weight int
	draw   func(draw) []Step
}

func drawProgram(t *rapid.T) Program {
	d := draw{t: t}
	d.clients = 2 + d.below(3)
	var p Program
	for k := range d.clients {
		who := fmt.Sprintf("c%d", k)
		p.Steps = append(p.Steps,
			Step{Who: who, Do: Connect, Server: k % 2, Thin: d.below(2) == 0},
			Step{Who: who, Do: Subscribe, Channels: d.patterns(3)})
	}
	if d.below(3) > 0 {
		p.Steps = append(p.Steps, Step{Who: "all", Do: Meet})
	}
	for range 8 + d.below(25) {
		p.Steps = append(p.Steps, d.weighed([]thing{
			{20, draw.publish}, {8, draw.burst}, {5, draw.transact}, {1, draw.trim},
			{10, draw.subscribe}, {6, draw.unsubscribe}, {4, draw.changeMind}, {4, draw.leaveAndReturn}, {4, draw.heartbeat},
			{4, draw.slow}, {4, draw.cut}, {4, draw.move}, {6, draw.pause}, {2, draw.meet},
		})(d)...)
	}
	return p
}

func (d draw) who() string { return fmt.Sprintf("c%d", d.below(d.clients)) }

func (d draw) patterns(most int) (all []string) {
	for range 1 + d.below(most) {
		symbol, event := d.one(symbols...), d.one(Events...)
		switch d.below(5) {
		case 0:
			symbol = "*"
		case 1:
			event = "*"
		}
		all = append(all, symbol+"."+event)
	}
	return all
}

func (d draw) exact(most int) (all []string) {
	for range 1 + d.below(most) {
		all = append(all, d.one(symbols...)+"."+d.one(Events...))
	}
	return all
}

func (d draw) record() Step {
	s := Step{Who: "pub", Do: Publish, Event: d.one(Events...), Kind: d.one(Plain, Plain, Plain, Plain, Odd, Odd, Raw, Tombstone, Tombstone, NoSymbol, Spread)}
	if d.below(3) > 0 {
		s.Symbol = d.one(symbols...)
	}
	s.N, s.Size = 1+d.below(12), 10+d.below(400)
	return s
}

func (d draw) publish() []Step { return []Step{d.record()} }

func (d draw) burst() []Step {
	s := d.record()
	s.N, s.Size = 40+d.below(200), 200+d.below(1500)
	if s.Kind != Spread {
		s.Kind = Plain
	}
	return []Step{s}
}

func (d draw) transact() []Step {
	s := d.record()
	s.Who, s.Do, s.N, s.MS, s.Commit = "txn", Transact, 1+d.below(30), d.below(80), d.below(2) == 0
	return []Step{s}
}

func (d draw) trim() []Step { return []Step{{Who: "pub", Do: Trim, Event: d.one(Events...)}} }

func (d draw) subscribe() []Step {
	s := Step{Who: d.who(), Do: Subscribe, Channels: d.patterns(3), Rush: d.below(4) == 0}
	switch d.below(4) {
	case 0:
		s.Cursor = "free"
	case 1:
		if s.Cursor = "free"; d.below(4) == 0 {
			s.Cursor = "all"
		}
	case 2:
		s.Last = 1 + d.below(30)
		if s.Channels = d.exact(3); d.below(4) == 0 {
			s.Channels = append(s.Channels, d.patterns(1)...)
		}
	}
	return []Step{s}
}

func (d draw) unsubscribe() []Step {
	s := Step{Who: d.who(), Do: Unsubscribe, Rush: d.below(4) == 0}
	if d.below(4) > 0 {
		s.Channels = d.patterns(3)
	}
	return []Step{s}
}

// changeMind gives something up while it is being replayed.
func (d draw) changeMind() []Step {
	who, channels := d.who(), d.patterns(3)
	steps := []Step{
		{Who: who, Do: Unsubscribe},
		d.burst()[0],
		{Who: "all", Do: Pause, MS: d.below(60)},
		{Who: who, Do: Subscribe, Channels: channels, Cursor: "free", Rush: true},
		{Who: who, Do: Unsubscribe, Channels: channels[:1], Rush: true},
		{Who: who, Do: Subscribe, Channels: d.patterns(2), Rush: true},
		{Who: who, Do: Heartbeat},
	}
	if d.below(3) == 0 {
		steps[3].Cursor, steps[3].Last, steps[3].Channels = "", 30, d.exact(4)
	}
	return steps
}

// leaveAndReturn gives all up and takes it again from where it was, while there is something new.
func (d draw) leaveAndReturn() []Step {
	who := d.who()
	return []Step{
		{Who: who, Do: Unsubscribe},
		d.record(), d.record(),
		{Who: who, Do: Subscribe, Channels: d.patterns(3), Cursor: "free"},
	}
}

func (d draw) heartbeat() []Step {
	var steps []Step
	who := d.who()
	for range 1 + d.below(3) {
		steps = append(steps, Step{Who: who, Do: Heartbeat, Rush: d.below(2) == 0})
	}
	return steps
}

// slow has a client read nothing while there is much for it; a few are so slow that they are closed.
func (d draw) slow() []Step {
	who, ms := d.who(), 20+d.below(250)
	if d.below(10) == 0 {
		ms = int(stallTimeout.Milliseconds() * 3 / 2)
	}
	steps := []Step{{Who: who, Do: Stall}, d.burst()[0]}
	for range d.below(3) {
		steps = append(steps, d.record(), d.burst()[0])
	}
	if d.below(2) == 0 {
		steps = append(steps, Step{Who: who, Do: Heartbeat, Rush: true}, Step{Who: who, Do: Subscribe, Channels: d.patterns(2), Rush: true})
	}
	steps = append(steps, Step{Who: "all", Do: Pause, MS: ms})
	switch d.below(4) {
	case 0:
		return append(steps, Step{Who: who, Do: Cut}, Step{Who: who, Do: Resume, Server: d.below(2), Thin: d.below(2) == 0})
	case 1:
		return append(steps, Step{Who: who, Do: Resume, Server: d.below(2), Thin: d.below(2) == 0})
	}
	return append(steps, Step{Who: who, Do: GoOn})
}

func (d draw) cut() []Step {
	who := d.who()
	steps := []Step{{Who: who, Do: Cut}}
	for range d.below(3) {
		steps = append(steps, d.record())
	}
	return append(steps, Step{Who: who, Do: Resume, Server: d.below(2), Thin: d.below(2) == 0})
}

func (d draw) move() []Step {
	return []Step{{Who: d.who(), Do: Resume, Server: d.below(2), Thin: d.below(2) == 0}}
}

func (d draw) pause() []Step { return []Step{{Who: "all", Do: Pause, MS: d.below(100)}} }
func (d draw) meet() []Step  { return []Step{{Who: "all", Do: Meet}} }
