package rollout

import (
	"math"
	"time"
)

const (
	// batchTime is the longest that one request to shed lasts: what was asked for cannot be called back, and a halt must not have
	// to wait for more than this.
	batchTime = 5 * time.Second
	// gaugeLag is how long after a close the gauges show it: the servers publish a snapshot each second.
	gaugeLag = 1500 * time.Millisecond
	// returnTime is how long a client that was sent away may be on its way: a notice asks it to wait up to a second.
	returnTime = 5 * time.Second
	// settleTime is how long a share must be right before it counts as reached.
	settleTime = 2 * time.Second
	// stuckAfter is how many requests in a row may bring the share no nearer. Whoever was sent away then comes back to the same side,
	// and would be sent away for ever.
	stuckAfter = 5
	// goneAfter is how long those who were sent away may be missing. None follow them meanwhile.
	goneAfter = time.Minute
)

// mover brings a share to its target. It decides, and does nothing: the same looks give the same decisions. Not safe for
// concurrent use.
type mover struct {
	target    float64 // challenger's share, 0 to 1
	tolerance float64 // 0 to 1
	pace      float64 // connections a second
	instances [2]int

	looks   []lookAt  // of the last returnTime
	pid     int       // of the HAProxy that they are of
	nearest float64   // that the share came to the target when something was asked for, in connections
	vain    int       // requests since
	asked   bool      // a request to shed is under way, until
	until   time.Time // about when the gauges show the last of it
	away    away      // those who were sent, until they have arrived
	missing time.Time // since when too many of them are missing; zero: they are not
	right   time.Time // since when the share is right; zero: it is not
	reached bool      // it was right for settleTime, and has not been wrong for as long since
	wrong   time.Time // since when a share that was reached is wrong
}

// away is what is known of clients that were sent away.
type away struct {
	n      int   // how many; 0: none, or they have arrived
	to     Which // the side where they are to arrive
	before Count // the connections when the first of them was
}

type lookAt struct {
	at     time.Time
	total  int
	hidden Count
}

// decision is what is to be done now.
type decision struct {
	Weights Weights
	Shed    int   // so many connections
	From    Which // of this side, in no less than Shed / pace seconds
	Reached bool  // the share is right, and has been for a while
	Drifted bool  // it was, and is not any more: told once
	Stuck   bool  // it does not come nearer
	Gone    int   // so many of those who were sent away do not come back
}

func newMover(target, tolerance, pace float64, instances [2]int) *mover {
	return &mover{target: target, tolerance: tolerance, pace: pace, instances: instances, nearest: math.Inf(1)}
}

// aim gives it another target. What is under way goes on.
func (m *mover) aim(target float64) *mover {
	n := newMover(target, m.tolerance, m.pace, m.instances)
	n.looks, n.pid, n.asked, n.until = m.looks, m.pid, m.asked, m.until
	return n
}

// resume takes it that a request of a rollout that died is still under way.
func (m *mover) resume(now time.Time) {
	m.asked, m.until = true, now.Add(max(batchTime, m.lasts(1))+gaugeLag)
}

// lasts is how long n connections take at the pace.
func (m *mover) lasts(n int) time.Duration {
	return time.Duration(float64(n) / m.pace * float64(time.Second))
}

// decide looks at the live counts and at HAProxy's, and at whether each side can take clients.
func (m *mover) decide(now time.Time, s Sight) decision {
	live, takes := s.Live, s.Takes
	total, hidden := m.remember(now, s)
	d := decision{Weights: WeightsFor(m.target, m.instances)}
	if m.asked && !now.Before(m.until) {
		m.asked = false
	}
	// Whoever holds a share that was reached lets a handful come and go; whoever moves to an end goes there wholly.
	ok := within(live, m.target, m.tolerance, !m.reached)
	gone := 0
	if !m.asked {
		gone = m.gone(live)
	}
	d.Drifted = m.keepTime(now, ok && !m.asked && gone == 0)
	d.Reached = m.reached
	if m.reached {
		m.nearest, m.vain, m.away = math.Inf(1), 0, away{}
		return d
	}
	if gone == 0 {
		m.missing = time.Time{}
	} else if m.missing.IsZero() {
		m.missing = now
	} else if now.Sub(m.missing) >= goneAfter {
		d.Gone = gone
		return d
	}
	if ok {
		return d
	}
	d.Weights = weightsToMove(live, hidden, m.target, m.instances)
	from := Incumbent
	if off(live, m.target) > 0 {
		from = Challenger
	}
	// Clients that are on their way will land below: by the largest total of late nobody too many is sent.
	excess := int(math.Floor(float64(live[from]) - wanted(from, m.target, total) + 0.5))
	if m.asked || gone > 0 || excess < 1 || !takes[from.Other()] {
		return d
	}
	if by := math.Abs(off(live, m.target)); by <= m.nearest-0.5 {
		m.nearest, m.vain = by, 0
	} else if m.vain++; m.vain > stuckAfter {
		d.Stuck, d.From = true, from
		return d
	}
	d.Shed, d.From = min(excess, max(1, int(m.pace*batchTime.Seconds()))), from
	return d
}

// gone is how many of those who were sent away have come back to neither side: as many as there are fewer in all, when more than a
// quarter of them is missing on the side where they were to arrive too. It forgets those that have arrived: whoever leaves
// later leaves by himself.
func (m *mover) gone(live Count) int {
	if m.away.n == 0 {
		return 0
	}
	if arrived := live[m.away.to] - m.away.before[m.away.to]; 4*arrived >= 3*m.away.n {
		m.away = away{}
		return 0
	}
	n := min(m.away.n, m.away.before.Total()-live.Total())
	if n > max(1, m.away.n/4) { // of a few, one may have left by himself
		return n
	}
	return 0
}

// shed says that n connections of a side are sent away; those before that have not arrived yet count on.
func (m *mover) shed(now time.Time, n int, from Which, live Count) {
	if m.away.n == 0 || m.away.to == from {
		m.away = away{to: from.Other(), before: live}
	}
	m.away.n += n
	// None also waits: what could not be asked for is not asked for again at once.
	m.asked, m.until = true, now.Add(m.lasts(max(n, 1))+gaugeLag)
}

// keepTime notes since when the share is right or wrong; drifted is told at the moment when a share that was reached has been
// wrong for settleTime.
func (m *mover) keepTime(now time.Time, right bool) (drifted bool) {
	switch {
	case right && m.reached:
		m.wrong = time.Time{}
	case right:
		if m.right.IsZero() {
			m.right = now
		}
		m.reached = now.Sub(m.right) >= settleTime
	case m.reached:
		if m.wrong.IsZero() {
			m.wrong = now
		}
		if now.Sub(m.wrong) >= settleTime {
			m.reached, m.right, m.wrong = false, time.Time{}, time.Time{}
			return true
		}
	default:
		m.right = time.Time{}
	}
	return false
}

// remember returns the largest total of the last returnTime, and the connections that HAProxy does not count. The gauges are
// up to a second older than its count, so that a connection on its way seems hidden for a moment: those count that were so
// all the time. A reload hides all at once.
func (m *mover) remember(now time.Time, s Sight) (total int, hidden Count) {
	if s.PID != m.pid {
		m.pid = s.PID
		for i := range m.looks {
			m.looks[i].hidden = s.Live
		}
	}
	look := lookAt{at: now, total: s.Live.Total()}
	for w := range look.hidden {
		look.hidden[w] = max(0, s.Live[w]-s.Known[w])
	}
	m.looks = append(m.looks, look)
	for now.Sub(m.looks[0].at) > returnTime {
		m.looks = m.looks[1:]
	}
	total, hidden = look.total, look.hidden
	for _, l := range m.looks {
		total = max(total, l.total)
		for w := range hidden {
			hidden[w] = min(hidden[w], l.hidden[w])
		}
	}
	return total, hidden
}
