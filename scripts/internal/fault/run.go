package fault

import (
	"context"
	"time"
)

// Target is a variant to harm.
type Target struct {
	Variant, Binary, Other string
}

// Result is what came of a fault for one variant.
type Result struct {
	Fault   string   `json:"fault"`
	Variant string   `json:"variant"`
	Did     string   `json:"did,omitempty"`  // what was done, in words
	Load    string   `json:"load,omitempty"` // what the server had to do meanwhile
	Passed  bool     `json:"passed"`
	NotRun  string   `json:"not_run,omitempty"`
	Figures []Figure `json:"figures,omitempty"`
	Saw     []string `json:"saw,omitempty"`
	Why     []string `json:"why,omitempty"` // what was broken
	Seconds float64  `json:"seconds"`
	Logs    []string `json:"-"`
}

// Run does a fault to a variant. small is for the ordinary tests: see [T].
func Run(ctx context.Context, f Fault, to Target, brokers string, small bool) Result {
	t := &T{fault: f.Name, Context: ctx, Variant: to.Variant, Binary: to.Binary, Other: to.Other, Brokers: brokers, Small: small}
	began := time.Now()
	t.Do(func() { f.Run(t) })
	t.End()
	why, notRun := t.Errors(), t.WhyNotRun()
	return Result{
		Fault: f.Name, Variant: to.Variant, Did: f.Did, Load: f.Load, Passed: len(why) == 0 && notRun == "", NotRun: notRun, Figures: t.figures,
		Saw: t.seen, Why: why, Seconds: time.Since(began).Seconds(), Logs: t.Logs(),
	}
}
