package front

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
)

// reportPause is the shortest time between two lines about refusals: a storm refuses
// thousands a second.
const reportPause = 10 * time.Second

// refusals counts the refused, and writes a line about them now and then. Handshakes
// on all cores add at once, in a storm before all: so there is no lock.
type refusals struct {
	log      *slog.Logger
	start    time.Time
	byReason map[string]*atomic.Uint64 // the map does not change

	silent   atomic.Uint64 // since the last line
	nextLine atomic.Int64  // nanoseconds after start; none before
}

func newRefusals(log *slog.Logger) *refusals {
	f := &refusals{log: log, start: time.Now(), byReason: make(map[string]*atomic.Uint64)}
	for _, reason := range metric.Rejects() {
		f.byReason[reason] = new(atomic.Uint64)
	}
	return f
}

// add counts one refusal. The first one is reported at once, those of the next
// reportPause by the first that comes after it, which stands for them.
func (f *refusals) add(reason, message string) {
	if n := f.byReason[reason]; n != nil {
		n.Add(1)
	}
	f.silent.Add(1)
	now, due := int64(time.Since(f.start)), f.nextLine.Load()
	if now < due || !f.nextLine.CompareAndSwap(due, now+int64(reportPause)) {
		return
	}
	f.log.Warn("connections refused", "count", f.silent.Swap(0), "latest_reason", reason, "latest", message)
}

func (f *refusals) counts() map[string]uint64 {
	counts := make(map[string]uint64, len(f.byReason))
	for reason, n := range f.byReason {
		counts[reason] = n.Load()
	}
	return counts
}
