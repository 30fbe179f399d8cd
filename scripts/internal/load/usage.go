package load

import (
	"os"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/machine"
)

// usage is what this process has used up to a moment.
type usage struct {
	at   time.Time
	cpu  time.Duration
	late time.Duration // what naps took longer than they were to, where that was much
}

// lateBy is how much longer a nap may take without being called late: a timer and a switch of tasks.
const lateBy = time.Millisecond

func (w *worker) usedSoFar() (usage, error) {
	cpu, err := machine.ProcessCPU(os.Getpid())
	return usage{at: time.Now(), cpu: cpu, late: w.late}, err
}

// since is the share of a core used, and the share of the time in which it was to be awake and had no core.
func (u usage) since(begin usage) (busy, wait, seconds float64) {
	took := u.at.Sub(begin.at)
	if took <= 0 {
		return 0, 0, 0
	}
	return float64(u.cpu-begin.cpu) / float64(took), float64(u.late-begin.late) / float64(took), took.Seconds()
}
