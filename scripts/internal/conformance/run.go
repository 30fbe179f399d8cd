package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// Result is what became of a case on one site.
type Result struct {
	Case   string        `json:"case"`
	Passed bool          `json:"passed"`
	NotRun string        `json:"not_run,omitempty"` // why no judgement was possible
	Why    []string      `json:"why,omitempty"`     // what was seen broken
	Logs   []string      `json:"-"`
	Facts  []Fact        `json:"facts,omitempty"`
	Took   time.Duration `json:"-"`
}

// Failed says whether the sentence was seen broken; a case that was not run has neither passed nor failed.
func (r Result) Failed() bool { return len(r.Why) > 0 }

// Run runs the cases, so many (at least one) at once, and returns their results in the same order; told may be nil and is
// called as each ends, one at a time. When ctx is done, cases that have not begun are not run.
func Run(ctx context.Context, site Site, cases []Case, atOnce int, told func(Result)) []Result {
	results := make([]Result, len(cases))
	free := make(chan struct{}, atOnce)
	var telling sync.Mutex
	var running sync.WaitGroup
	for i, c := range cases {
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			if ctx.Err() != nil {
				results[i] = Result{Case: c.ID, NotRun: "the run was ended"}
			} else {
				results[i] = RunOne(site, c)
			}
			telling.Lock()
			defer telling.Unlock()
			if told != nil {
				told(results[i])
			}
		})
	}
	running.Wait()
	return results
}

// RunOne runs one case.
func RunOne(site Site, c Case) Result {
	t := &T{Scope: stage.Scope{Called: c.ID}, site: site}
	began := time.Now()
	t.Do(func() { c.Run(t) })
	r := t.end()
	r.Took = time.Since(began)
	return r
}
