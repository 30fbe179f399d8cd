package rollout

import (
	"testing"
	"time"
)

// lookOn has the mover look once a second, ten seconds after it sent n clients from the incumbent, at so many connections.
func lookOn(m *mover, now *time.Time, n int, before, after Count) decision {
	takes := [2]bool{true, true}
	m.decide(*now, Sight{Live: before, Known: before, PID: 1, Takes: takes})
	m.shed(*now, n, Incumbent, before)
	var d decision
	for range 10 {
		*now = now.Add(time.Second)
		d = m.decide(*now, Sight{Live: after, Known: after, PID: 1, Takes: takes})
	}
	return d
}

// Those who were sent away and come back nowhere are missed, also when they are few at a time; those who have arrived, and
// whoever leaves by himself, are not.
func TestAway(t *testing.T) {
	for _, c := range []struct {
		name   string
		counts []Count // from one batch to the next
		batch  int
		want   int // missing at the end
	}{
		{"all arrive", []Count{{1000, 0}, {900, 100}}, 100, 0},
		{"none arrives", []Count{{1000, 0}, {900, 0}}, 100, 100},
		{"half arrive", []Count{{1000, 0}, {900, 50}}, 100, 50},
		{"most arrive", []Count{{1000, 0}, {900, 80}}, 100, 0},
		{"all come back to where they were", []Count{{1000, 0}, {1000, 0}}, 100, 0},
		{"others leave at the same time", []Count{{1000, 0}, {700, 95}}, 100, 0},
		{"most of all leave, and none arrives", []Count{{1000, 0}, {500, 0}}, 100, 100},
		{"one at a time", []Count{{1000, 0}, {999, 0}, {998, 0}}, 1, 2},
		{"of one, one leaves by himself", []Count{{1000, 0}, {999, 0}}, 1, 0},
		{"after the first have arrived", []Count{{1000, 0}, {900, 100}, {800, 100}}, 100, 100},
		{"they left after they had arrived", []Count{{1000, 0}, {900, 100}, {800, 190}}, 100, 0},
	} {
		m := newMover(0.5, 0.01, 20, [2]int{1, 1})
		now := time.Unix(0, 0)
		for i := 1; i < len(c.counts); i++ {
			lookOn(m, &now, c.batch, c.counts[i-1], c.counts[i])
		}
		last := c.counts[len(c.counts)-1]
		if got := m.gone(last); got != c.want {
			t.Errorf("%s: %d are missing, want %d", c.name, got, c.want)
		}
		now = now.Add(goneAfter)
		if d := m.decide(now, Sight{Live: last, Known: last, PID: 1, Takes: [2]bool{true, true}}); d.Gone != c.want || d.Gone > 0 && d.Shed > 0 {
			t.Errorf("%s: a minute later %+v, want %d gone", c.name, d, c.want)
		}
	}
}

// Who cannot be asked is not asked again at once, and a rollout that goes on lets a request of before end.
func TestMoverWaits(t *testing.T) {
	m := newMover(0.5, 0.01, 20, [2]int{1, 1})
	s := Sight{Live: Count{1000, 0}, Known: Count{1000, 0}, PID: 1, Takes: [2]bool{true, true}}
	now := time.Unix(0, 0)
	m.resume(now)
	if d := m.decide(now.Add(batchTime), s); d.Shed != 0 {
		t.Errorf("within the time of a request of before it asks for %d", d.Shed)
	}
	now = now.Add(batchTime + gaugeLag)
	if d := m.decide(now, s); d.Shed != 100 {
		t.Errorf("it asks for %d", d.Shed)
	}
	m.shed(now, 0, Incumbent, s.Live)
	if d := m.decide(now.Add(time.Second), s); d.Shed != 0 {
		t.Errorf("after a failure it asks for %d at once", d.Shed)
	}
	if d := m.decide(now.Add(2*time.Second), s); d.Shed != 100 {
		t.Errorf("after a failure it asks for %d", d.Shed)
	}
}
