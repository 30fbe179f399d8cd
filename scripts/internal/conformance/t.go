package conformance

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// T is a case under way; it is a [stage.TB]. Its methods may be called from any goroutine, Fatal and NotRun from the
// case's own only, and none after the case has returned: a case waits for its goroutines.
type T struct {
	site Site
	name string

	mu       sync.Mutex
	errors   []string
	logs     []string
	notRun   string
	facts    []Fact
	cleanups []func()
	over     bool // all is told and cleaned up
}

// Fact is something seen that must be the same on every variant, though the protocol leaves open what it is.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

var _ stage.TB = (*T)(nil)

// Server is the site's server with its usual settings, on topics of all eight events with twelve partitions. It is shared:
// a case uses symbols of its own and does no harm.
func (t *T) Server() *stage.Server { return t.site.Server(t, nil) }

// ServerWith is a shared server with some settings more. A site that cannot start one leaves the case out.
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

// NotRun ends the case without a judgement.
func (t *T) NotRun(why string) {
	t.mu.Lock()
	t.notRun = why
	t.mu.Unlock()
	runtime.Goexit()
}

// Helper does nothing: a case's failures are told by what they say.
func (t *T) Helper() {}

// Cleanup calls f when the case has ended, the last one first; at once when all that is over, for nobody else would.
func (t *T) Cleanup(f func()) {
	t.mu.Lock()
	over := t.over
	if !over {
		t.cleanups = append(t.cleanups, f)
	}
	t.mu.Unlock()
	if over {
		f()
	}
}

// Error fails the case and goes on.
func (t *T) Error(args ...any) { t.fail(strings.TrimSuffix(fmt.Sprintln(args...), "\n")) }

// Errorf fails the case and goes on.
func (t *T) Errorf(format string, args ...any) { t.fail(fmt.Sprintf(format, args...)) }

// Fatal fails the case and ends it.
func (t *T) Fatal(args ...any) {
	t.Error(args...)
	runtime.Goexit()
}

// Fatalf fails the case and ends it.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

// Logf is told if the case fails.
func (t *T) Logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.logs = append(t.logs, fmt.Sprintf(format, args...))
}

// Failed says whether the case has.
func (t *T) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.errors) > 0
}

// TempDir is a new folder that goes with the case.
func (t *T) TempDir() string {
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// fail panics after the end, as package testing does: the result is out, and a failure that nobody hears of is worse.
func (t *T) fail(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		panic(fmt.Sprintf("%s failed after it had ended, by a goroutine that it did not wait for: %s", t.name, why))
	}
	t.errors = append(t.errors, why)
}

// end runs what was left to Cleanup, each of which may fail the case and may leave more, and returns what became of it.
func (t *T) end() Result {
	for {
		t.mu.Lock()
		n := len(t.cleanups)
		if n == 0 {
			break
		}
		f := t.cleanups[n-1]
		t.cleanups = t.cleanups[:n-1]
		t.mu.Unlock()
		t.on(f)
	}
	defer t.mu.Unlock()
	t.over = true
	// Goroutines of a case note their facts in any order.
	slices.SortStableFunc(t.facts, func(a, b Fact) int { return strings.Compare(a.Name, b.Name) })
	return Result{
		Case: t.name, Passed: len(t.errors) == 0 && t.notRun == "", NotRun: t.notRun, Why: t.errors, Logs: t.logs, Facts: t.facts,
	}
}

// on runs f on a goroutine that Fatal may end, and waits for it.
func (t *T) on(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if p := recover(); p != nil {
				stack := make([]byte, 8<<10)
				t.fail(fmt.Sprintf("panic: %v\n%s", p, stack[:runtime.Stack(stack, false)]))
			}
		}()
		f()
	}()
	<-ended
}
