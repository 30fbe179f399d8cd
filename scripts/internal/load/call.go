package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Times that workers get when nobody wants to wait any more.
const (
	cancelPatience = 2 * time.Second // to tell what a cancelled job came to
	closePatience  = 5 * time.Second // to end
)

// all gives an order to all workers and waits for their reports, of which each hears, progress too. The error is the
// first of a worker's, of each's or of ctx. A cancelled connect or return is still reported.
func (f *Fleet) all(ctx context.Context, o order, each func(worker int, r *report) error) error {
	if f.broken != nil {
		return f.broken
	}
	f.lastID++
	o.ID = f.lastID
	n := o.N
	for i, p := range f.workers {
		o.N = f.share(i, n)
		if o.Do == doSetup {
			o.Setup = f.setup(i)
		}
		if err := p.tell(&o); err != nil {
			// It ends, and how says more than that it does not listen.
			continue
		}
	}
	var first error
	canceled := ctx.Done()
	var patience <-chan time.Time
	for waiting := len(f.workers); waiting > 0; {
		select {
		case e := <-f.events:
			if e.err != nil {
				if o.Do == doQuit {
					waiting--
					continue
				}
				f.broken = e.err
				return e.err
			}
			if e.report.ID != o.ID {
				continue // the late answer to a cancelled order
			}
			if e.report.Error != "" && first == nil {
				first = errors.New(e.report.Error)
				f.cancel() // the others need not go on
			}
			if each != nil {
				if err := each(e.worker, e.report); err != nil && first == nil {
					first = err
				}
			}
			if !e.report.More {
				waiting--
			}
		case <-canceled:
			canceled = nil
			if first == nil {
				first = context.Cause(ctx)
			}
			f.cancel()
			timer := time.NewTimer(cancelPatience)
			defer timer.Stop()
			patience = timer.C
		case <-patience:
			return first
		}
	}
	return first
}

// cancel ends what takes a while. Nothing answers it but the job.
func (f *Fleet) cancel() {
	for _, p := range f.workers {
		_ = p.tell(&order{Do: doCancel}) // one that has ended is heard of
	}
}

func addReasons(sum, more map[string]int) map[string]int {
	if sum == nil && len(more) > 0 {
		sum = map[string]int{}
	}
	for why, n := range more {
		sum[why] += n
	}
	return sum
}

// inWords lists reasons, for an error.
func inWords(refused map[string]int) string {
	if len(refused) == 0 {
		return ""
	}
	var words []string
	for _, why := range slices.Sorted(maps.Keys(refused)) {
		words = append(words, fmt.Sprintf("%s %d times", why, refused[why]))
	}
	return " (refused: " + strings.Join(words, ", ") + ")"
}
