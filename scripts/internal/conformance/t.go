package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// T is a case under way: what is seen broken fails it. Its methods may be called from any goroutine, Fatal and NotRun from
// the case's own only, and none after the case has returned: a case waits for its goroutines.
type T struct {
	stage.Scope
	site Site

	mu    sync.Mutex // what follows
	facts []Fact
}

// Fact is something seen that must be the same on every variant, though the protocol leaves open what it is.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Server is the site's server with its usual settings, on topics of all eight events with twelve partitions. It is shared:
// a case uses symbols of its own and does no harm.
func (t *T) Server() *stage.Server { return t.site.Server(t, nil) }

// ServerWith is a shared server with some settings more, on topics of all events with three partitions. A site that cannot start one leaves the case out.
func (t *T) ServerWith(set stage.Settings) *stage.Server { return t.site.Server(t, set) }

// Start starts a server for this case alone, on these topics, and waits until it is ready; StartCold does not wait.
func (t *T) Start(tp *stage.Topics, set stage.Settings) *stage.Server {
	s := t.StartCold(tp, set)
	s.Ready(t)
	return s
}

// StartCold is Start without the wait.
func (t *T) StartCold(tp *stage.Topics, set stage.Settings) *stage.Server {
	return t.site.Start(t, tp, set)
}

// Other starts a server of the other variant for this case alone and waits until it is ready: a client moves from one to
// the other. A site that has none leaves the case out.
func (t *T) Other(tp *stage.Topics, set stage.Settings) *stage.Server {
	s := t.site.Other(t, tp, set)
	s.Ready(t)
	return s
}

// Topics makes topics for this case alone, for a server that it starts.
func (t *T) Topics(partitions int, events ...string) *stage.Topics {
	return stage.MakeTopics(t, t.site.Brokers(), partitions, events...)
}

// Brokers is the Kafka that the site's servers read.
func (t *T) Brokers() string { return t.site.Brokers() }

// Fact notes what was seen, to be compared between the variants.
func (t *T) Fact(name string, value any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.facts = append(t.facts, Fact{name, fmt.Sprint(value)})
}

// end cleans up and returns what became of the case.
func (t *T) end() Result {
	t.End()
	t.mu.Lock()
	defer t.mu.Unlock()
	// Goroutines of a case note their facts in any order.
	slices.SortStableFunc(t.facts, func(a, b Fact) int { return strings.Compare(a.Name, b.Name) })
	why, notRun := t.Errors(), t.WhyNotRun()
	return Result{Case: t.Called, Passed: len(why) == 0 && notRun == "", NotRun: notRun, Why: why, Logs: t.Logs(), Facts: t.facts}
}
