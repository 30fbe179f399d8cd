package guard

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// cpuWindow is what is judged: shorter, a collection of garbage would be an
	// overload; longer, an overload would last.
	cpuWindow = 5 * time.Second

	// cpuShortest is the shortest time of which a share says anything: the CPU
	// time of a process is counted in steps of up to 4 ms.
	cpuShortest = 100 * time.Millisecond

	// cpuGap is how many points below its threshold a state ends.
	cpuGap = 10
)

// cpuMeter turns readings into shares of the cores. Run's goroutine only.
type cpuMeter struct {
	cores  float64
	window []cpuReading // ascending; the first is the newest that is cpuWindow old
	ratio  float64
	load   float64
}

type cpuReading struct {
	at         time.Time
	spent      time.Duration // by all threads since the process began
	handshakes time.Duration // of that
}

// add sets ratio to the share since the reading before, and load to that over the
// window without the handshakes. A reading that comes too soon is passed over.
func (m *cpuMeter) add(r cpuReading) {
	if len(m.window) == 0 {
		m.window = append(m.window, r)
		return
	}
	before := m.window[len(m.window)-1]
	if r.at.Sub(before.at) < cpuShortest {
		return
	}
	m.ratio = m.share(r.spent-before.spent, r.at.Sub(before.at))
	keep := 0
	for keep+1 < len(m.window) && r.at.Sub(m.window[keep+1].at) >= cpuWindow {
		keep++
	}
	m.window = append(m.window[:0], m.window[keep:]...)
	m.window = append(m.window, r)
	first := m.window[0]
	// The handshakes' part is an estimate, and may be more than there was.
	work := (r.spent - first.spent) - (r.handshakes - first.handshakes)
	m.load = m.share(max(0, work), r.at.Sub(first.at))
}

func (m *cpuMeter) share(spent, wall time.Duration) float64 {
	return spent.Seconds() / (wall.Seconds() * m.cores)
}

// over is a state with hysteresis: it begins at the threshold and ends below the
// threshold less cpuGap, or less half of it where the threshold is small.
// Percentages; a threshold of 0 is off.
func over(was bool, percent, threshold float64) bool {
	switch {
	case threshold == 0:
		return false
	case was:
		return percent >= threshold-min(cpuGap, threshold/2)
	}
	return percent >= threshold
}

// processCPUTime counts all threads (getrusage(2)), also those that are no
// goroutine's.
func processCPUTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
