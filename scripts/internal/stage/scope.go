package stage

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Scope is a TB outside of go test: what fails is kept in words. Its methods may be called from any goroutine, Fatal, Fatalf
// and NotRun from those that [Scope.Do] runs only, and none that may fail after the End: whoever ends it has waited for its
// goroutines. The zero value is ready.
type Scope struct {
	Called string // what it is, for a failure after the End; set before anything else

	mu       sync.Mutex
	errors   []string
	logs     []string
	notRun   string
	cleanups []func()
	over     bool // all is told and cleaned up
}

var _ TB = (*Scope)(nil)

// Do runs f on a goroutine that Fatal may end, and waits for it. A panic of f is a failure.
func (s *Scope) Do(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if p := recover(); p != nil {
				stack := make([]byte, 8<<10)
				s.Errorf("panic: %v\n%s", p, stack[:runtime.Stack(stack, false)])
			}
		}()
		f()
	}()
	<-ended
}

// End runs the cleanups, the last one first. Each may fail, and may leave more.
func (s *Scope) End() {
	for {
		s.mu.Lock()
		n := len(s.cleanups)
		if n == 0 {
			s.over = true
			s.mu.Unlock()
			return
		}
		f := s.cleanups[n-1]
		s.cleanups = s.cleanups[:n-1]
		s.mu.Unlock()
		s.Do(f)
	}
}

// Errors is what failed so far.
func (s *Scope) Errors() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.errors)
}

// Logs is what was logged so far.
func (s *Scope) Logs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.logs)
}

// NotRun ends what Do runs without a judgement.
func (s *Scope) NotRun(why string) {
	s.mu.Lock()
	s.notRun = cmp.Or(why, "nobody knows why")
	s.mu.Unlock()
	runtime.Goexit()
}

// WhyNotRun is what NotRun was told, or "".
func (s *Scope) WhyNotRun() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notRun
}

// Helper does nothing: failures are told by what they say.
func (s *Scope) Helper() {}

// Cleanup calls f at the End; at once when that is over, for nobody else would.
func (s *Scope) Cleanup(f func()) {
	s.mu.Lock()
	over := s.over
	if !over {
		s.cleanups = append(s.cleanups, f)
	}
	s.mu.Unlock()
	if over {
		f()
	}
}

// Error fails and goes on.
func (s *Scope) Error(args ...any) { s.fail(strings.TrimSuffix(fmt.Sprintln(args...), "\n")) }

// Errorf fails and goes on.
func (s *Scope) Errorf(format string, args ...any) { s.fail(fmt.Sprintf(format, args...)) }

// fail panics after the End, as package testing does: the result is out, and a failure that nobody hears of is worse.
func (s *Scope) fail(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		panic(fmt.Sprintf("%s failed after it had ended, by a goroutine that it did not wait for: %s", cmp.Or(s.Called, "a test"), why))
	}
	s.errors = append(s.errors, why)
}

// Fatal fails and ends what Do runs.
func (s *Scope) Fatal(args ...any) {
	s.Error(args...)
	runtime.Goexit()
}

// Fatalf fails and ends what Do runs.
func (s *Scope) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

// Logf is kept for whoever asks.
func (s *Scope) Logf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, fmt.Sprintf(format, args...))
}

// Failed says whether anything did.
func (s *Scope) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.errors) > 0
}

// TempDir is a new folder that goes at the End.
func (s *Scope) TempDir() string {
	dir, err := os.MkdirTemp("", "ws-test-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
