package shard

import "testing"

// A rush is when all connections want to be looked at within a tenth of a second,
// each second: when all their sockets are full, for instance. What it takes is
// given back.
func TestAWheelKeepsNothingOfARush(t *testing.T) {
	const connections, calm = 20_000, 25_000 / spokeLen
	w := wheel{}
	now := int64(0)
	space := func() (places int) {
		for _, b := range w.spokes {
			places += cap(b)
		}
		for _, b := range w.bins {
			places += cap(b)
		}
		return places
	}
	turn := func(after func(n int64) int64) {
		now += spokeLen
		w.turn(now, func(a appointment) { w.add(a.id, now+after(int64(a.id))) })
	}
	for i := range int64(connections) {
		w.add(ident(i), i*25_000/connections)
	}
	for range 4 * calm {
		turn(func(int64) int64 { return 25_000 })
	}
	before := space()
	for range 1200 {
		turn(func(int64) int64 { return 1000 })
	}
	for range 4 * calm {
		turn(func(n int64) int64 { return 25_000 - n%1000*spokeLen%25_000 })
	}
	for range 4 * calm {
		turn(func(n int64) int64 { return 25_000 })
	}
	if after := space(); after > 3*before {
		t.Errorf("it has places for %d appointments after a rush, %d before, for %d connections", after, before, connections)
	}
}
