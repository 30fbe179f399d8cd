package loop

import "testing"

// A storm is 20,000 clients within one tick, again and again: each comes, is looked at once and goes. Between the storms
// there are few.
func TestWheelLetsGoOfStorms(t *testing.T) {
	const storm, few = 20_000, 10
	var w wheel
	now := int64(0)
	tick := func(timers int) {
		for i := range timers {
			w.add(ref{slot: uint32(i)}, now+5000)
		}
		now += tickMS
		w.turn(now, func(timer) {})
	}
	for range 100 {
		tick(storm)
		for range 100 {
			tick(few)
		}
	}
	room := 0
	for _, slot := range append(w.ticks[:], w.spare...) {
		room += cap(slot)
	}
	if most := (50 + len(w.spare)) * spareMost; room > most {
		t.Errorf("there is room for %d timers after the storms, want at most %d: %d are in it", room, most, 50*few)
	}
}

// What comes and goes evenly uses the arrays that are there.
func TestWheelReuses(t *testing.T) {
	var w wheel
	now := int64(0)
	tick := func() {
		for i := range 500 {
			w.add(ref{slot: uint32(i)}, now+5000)
		}
		now += tickMS
		w.turn(now, func(timer) {})
	}
	for range 2 * wheelTicks {
		tick()
	}
	if n := testing.AllocsPerRun(wheelTicks, tick); n > 0 {
		t.Errorf("%v allocations a tick, want none", n)
	}
}
