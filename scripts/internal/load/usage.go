package load

import (
	"os"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/machine"
)

// usage is what this process has used up to a moment.
type usage struct {
	at     time.Time
	cpu    time.Duration
	asleep time.Duration // in naps
	late   time.Duration // what naps took longer than they were to, where that was much
}

// lateBy is how much longer a nap may take without being called late: a timer and a switch of tasks.
const lateBy = time.Millisecond

// nap sleeps, and notes how long that took.
func (u *usage) nap() {
	began := time.Now()
	doze(nap)
	took := time.Since(began)
	u.asleep += took
	if over := took - nap; over > lateBy {
		u.late += over
	}
}

// usedSoFar is the usage at this moment.
func (w *worker) usedSoFar() (usage, error) {
	now := w.used
	var err error
	now.cpu, err = machine.ProcessCPU(os.Getpid())
	now.at = time.Now()
	return now, err
}

// since is the share of a core used, and the share of the time in which it was to be awake and had no core: it was woken
// late, or was awake for longer than it computed. A worker that is behind never sleeps, so naps alone do not tell.
func (u usage) since(begin usage) (busy, wait, seconds float64) {
	took := u.at.Sub(begin.at)
	if took <= 0 {
		return 0, 0, 0
	}
	cpu := u.cpu - begin.cpu
	awake := took - (u.asleep - begin.asleep)
	kept := u.late - begin.late + max(0, awake-cpu)
	return float64(cpu) / float64(took), float64(kept) / float64(took), took.Seconds()
}
